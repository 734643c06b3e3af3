#include "clients/modelrefctl/run.h"

#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "backends/base/status_macros.h"
#include "clients/modelrefctl/category_suggestion.h"
#include "clients/modelrefctl/command_line.h"
#include "clients/modelrefctl/error_report.h"
#include "clients/modelrefctl/exit_codes.h"
#include "clients/modelrefctl/help.h"
#include "clients/modelrefctl/invocation.h"
#include "clients/modelrefctl/version.h"

namespace modelref::ctl {
namespace {

// What is needed to report the outcome, known even when the command line is wrong.
struct Outcome {
  absl::Status status;
  std::optional<int> exit_code;
  bool json_errors = false;
  bool quiet = false;
  bool grpc_exit = false;
};

absl::Status RunCommand(CommandLine line, Host& host, Outcome* outcome) {
  ASSIGN_OR_RETURN(Settings settings, ResolveSettings(line, host));
  // A default that happens to be JSON is read by people too.
  outcome->json_errors = settings.output_given && (settings.output == OutputMode::kJson ||
                                                   settings.output == OutputMode::kJsonl);
  outcome->quiet = settings.quiet;
  outcome->grpc_exit = settings.grpc_exit;
  const CommandSpec& command = *line.command;
  Invocation invocation(std::move(line), std::move(settings), host);
  absl::Status status = WithCategorySuggestion(invocation, command.run(invocation));
  outcome->exit_code = invocation.exit_code();
  const absl::Status flushed = host.out->Flush();
  return status.ok() ? flushed : status;
}

absl::Status RunArguments(const std::vector<std::string>& arguments, Host& host, Outcome* outcome) {
  if (arguments == std::vector<std::string>{"--version"}) {
    RETURN_IF_ERROR(host.out->Write(absl::StrCat("modelrefctl ", Version(), "\n")));
    return host.out->Flush();
  }
  ASSIGN_OR_RETURN(CommandLine line, ParseCommandLine(arguments));
  if (line.command != nullptr) return RunCommand(std::move(line), host, outcome);
  RETURN_IF_ERROR(host.out->Write(HelpFor(line.words)));
  return host.out->Flush();
}

}  // namespace

int Run(const std::vector<std::string>& arguments, Host& host) {
  Outcome outcome;
  const std::string guessed = GuessOutputMode(arguments);
  outcome.json_errors = guessed == "json" || guessed == "jsonl";
  outcome.status = RunArguments(arguments, host, &outcome);
  if (ReasonOf(outcome.status) == kClosedPipe) return kClosedPipeExit;
  const int code = outcome.exit_code.value_or(ProcessExitCode(outcome.status, outcome.grpc_exit));
  if (!outcome.status.ok() && !IsInterrupted(outcome.status)) {
    const std::string report = outcome.json_errors ? FormatErrorJson(outcome.status, code)
                                                   : FormatError(outcome.status, outcome.quiet);
    host.err->Write(report).IgnoreError();
  }
  return code;
}

}  // namespace modelref::ctl
