#include "clients/modelrefctl/category_suggestion.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "clients/modelrefctl/suggestion.h"

namespace modelref::ctl {
namespace {

// A suggestion is worth less than a quick answer.
constexpr absl::Duration kPatience = absl::Seconds(1);

}  // namespace

absl::Status WithCategorySuggestion(Invocation& invocation, absl::Status status) {
  if (ReasonOf(status) != "CATEGORY_NOT_FOUND" || invocation.arguments().empty()) return status;
  const absl::StatusOr<Client*> client = invocation.client();
  if (!client.ok()) return status;
  const auto list = (*client)->ListCategories({}, CallOptions{kPatience});
  if (!list.ok()) return status;
  std::vector<std::string> names;
  for (const v1::CategorySummary& category : list->categories()) {
    names.push_back(category.category());
  }
  return Error(status.code(), ReasonOf(status),
               absl::StrCat(status.message(), DidYouMean(invocation.arguments()[0], names)),
               ExtrasOf(status));
}

}  // namespace modelref::ctl
