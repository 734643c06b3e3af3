#include "service/write/write_violation.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "backends/base/json.h"

namespace modelref {
namespace {

// Proto strings are UTF-8; what came in another form is not repeated.
const std::string& Shown(const std::string& text) {
  static const auto& unreadable = *new std::string("(not UTF-8)");
  return IsValidUtf8(text) ? text : unreadable;
}

}  // namespace

absl::Status ErrorOf(const std::vector<WriteViolation>& violations) {
  if (violations.empty()) return absl::OkStatus();
  const auto of_request = [](const WriteViolation& violation) {
    return violation.code == absl::StatusCode::kInvalidArgument && !violation.is_aside;
  };
  auto first = std::find_if(violations.begin(), violations.end(), of_request);
  ErrorExtras extras;
  if (first == violations.end()) {
    first = violations.begin();
  } else {
    for (const WriteViolation& violation : violations) {
      if (!of_request(violation)) continue;
      extras.field_violations.push_back({Shown(violation.request_field), violation.description});
    }
  }
  if (!first->model.empty()) extras.metadata["model"] = Shown(first->model);
  std::string message = first->description;
  if (!first->model.empty()) message = absl::StrCat("\"", Shown(first->model), "\": ", message);
  if (extras.field_violations.size() > 1) {
    absl::StrAppend(&message, " (and ", extras.field_violations.size() - 1, " more)");
  }
  return Error(first->code, first->reason, message, std::move(extras));
}

v1::Violation ToProto(const WriteViolation& violation) {
  v1::Violation proto;
  proto.set_reason(violation.reason);
  proto.set_model(Shown(violation.model));
  proto.set_field(Shown(violation.field));
  proto.set_description(Shown(violation.description));
  return proto;
}

}  // namespace modelref
