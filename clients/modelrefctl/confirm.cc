#include "clients/modelrefctl/confirm.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "backends/base/status_macros.h"
#include "clients/modelrefctl/input.h"
#include "clients/modelrefctl/text.h"

namespace modelref::ctl {
namespace {

constexpr size_t kLongestAnswer = 100;

}  // namespace

bool MayAsk(Invocation& invocation) {
  const Terminal& terminal = invocation.host().terminal;
  return terminal.in && terminal.err && !invocation.line().Has("yes");
}

absl::Status Confirm(Invocation& invocation, const std::string& question) {
  RETURN_IF_ERROR(invocation.host().err->Write(absl::StrCat(TerminalSafe(question), " [y/N] ")));
  ASSIGN_OR_RETURN(Input input, Input::Open("-", invocation.host()));
  std::string answer;
  while (answer.size() < kLongestAnswer) {
    char c = 0;
    ASSIGN_OR_RETURN(const size_t count, input.Read(&c, 1));
    if (count == 0 || c == '\n') break;
    answer.push_back(c);
  }
  const std::string word = absl::AsciiStrToLower(absl::StripAsciiWhitespace(answer));
  if (word == "y" || word == "yes") return absl::OkStatus();
  return Error(absl::StatusCode::kCancelled, "NOT_CONFIRMED", "nothing was changed");
}

}  // namespace modelref::ctl
