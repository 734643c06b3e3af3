#include "tests/crash/importing_user.h"

#include <signal.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/failpoint.h"
#include "tests/crash/pause.h"

namespace modelref::testing {
namespace {

constexpr int kModels = 5;

}  // namespace

ImportingUser::ImportingUser(std::string data_dir) : data_dir_(std::move(data_dir)) {}

std::string ImportingUser::Import(const std::string& failpoints) {
  std::map<std::string, std::string> next;
  std::string text = "{";
  for (int i = 0; i < kModels; ++i) {
    const std::string name = absl::StrCat("import-", i);
    next[name] = absl::StrCat("value ", random_());
    absl::StrAppend(&text, i == 0 ? "" : ", ", "\"", name, "\": {\"name\": \"", name,
                    "\", \"description\": \"", next[name], "\", \"type\": \"blip\"}");
  }
  source_.Write("blip.json", text + "}\n");
  is_acknowledged_ = false;
  Child child("modelrefctl", {"import", "legacy", source_.path(), "--data-dir", data_dir_},
              {{kFailpointsVariable, failpoints}});
  if (failpoints.empty() && random_() % 4 == 0) {
    Pause(absl::Milliseconds(random_() % 20));
    child.Signal(SIGKILL);
  }
  const int code = child.Wait();
  if (code == 0) {
    expected_ = std::move(next);
    is_acknowledged_ = true;
    ++acknowledged_;
  } else if (code < 128) {
    failure_ = absl::StrCat("import ended with ", code, ": ", child.out(), child.err());
  }
  return child.err();
}

void ImportingUser::Finish() {
  for (int i = 0; i < 20 && !is_acknowledged_ && failure_.empty(); ++i) Import("");
}

}  // namespace modelref::testing
