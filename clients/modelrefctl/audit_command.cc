// audit verify.

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "audit/verify.h"
#include "backends/base/digest.h"
#include "backends/base/error.h"
#include "backends/base/json.h"
#include "backends/base/status_macros.h"
#include "clients/modelrefctl/commands.h"
#include "clients/modelrefctl/exit_codes.h"
#include "clients/modelrefctl/invocation.h"
#include "clients/modelrefctl/local_directory.h"
#include "clients/modelrefctl/progress.h"
#include "clients/modelrefctl/text.h"

namespace modelref::ctl {
namespace {

absl::StatusOr<std::string> TrailRoot(Invocation& invocation) {
  if (!invocation.arguments().empty()) {
    const CommandLine& line = invocation.line();
    const bool is_named_twice = line.Value("data-dir").has_value() ||
                                line.Value("config").has_value() ||
                                line.Value("audit-root").has_value();
    if (!is_named_twice) return invocation.arguments()[0];
    return UsageError("give the directory of the trail or --data-dir, not both");
  }
  if (invocation.line().Value("audit-root").has_value()) {
    return *invocation.line().Value("audit-root");
  }
  ASSIGN_OR_RETURN(const LocalDirectory directory, FindDirectory(invocation));
  return directory.options.audit_root;
}

Json Number(uint64_t value) { return Json(JsonNumber{absl::StrCat(value)}); }

std::string ChainOf(const VerifiedSeries& series) {
  return series.events == 0 ? "" : ToHex(AsBytes(series.head.chain));
}

JsonObject SeriesJson(const VerifiedSeries& series) {
  JsonObject object;
  object.Set("domain", FormatName(series.head.key.format));
  object.Set("category", series.head.key.category);
  object.Set("segments", Number(series.segments));
  object.Set("events", Number(series.events));
  object.Set("foreign", Number(series.foreign));
  object.Set("problems", Number(series.problems));
  object.Set("last_event_id", Number(series.head.last_event_id));
  object.Set("chain", ChainOf(series));
  return object;
}

JsonObject ProblemJson(const LogProblem& problem) {
  JsonObject object;
  object.Set("kind", absl::StrCat("LOG_PROBLEM_KIND_", LogProblemKindName(problem.kind)));
  object.Set("file", problem.file);
  object.Set("line", Number(problem.line));
  object.Set("event_id", Number(problem.event_id));
  object.Set("detail", problem.detail);
  return object;
}

JsonObject VerificationJson(const AuditVerification& verified) {
  JsonObject object;
  object.Set("intact", verified.intact());
  object.Set("problem_count", Number(verified.problem_count));
  object.Set("checked_events", Number(verified.checked_events));
  object.Set("checked_bytes", Number(verified.checked_bytes));
  JsonArray series;
  for (const VerifiedSeries& one : verified.series) series.push_back(SeriesJson(one));
  object.Set("series", std::move(series));
  JsonArray problems;
  for (const LogProblem& problem : verified.problems) problems.push_back(ProblemJson(problem));
  object.Set("problems", std::move(problems));
  return object;
}

Table SeriesTable(const AuditVerification& verified) {
  Table table({{"domain"},
               {"category"},
               {"segments", false, true},
               {"events", false, true},
               {"foreign", false, true},
               {"problems", false, true},
               {"last_event_id", false, true},
               {"chain", true}});
  for (const VerifiedSeries& series : verified.series) {
    table.AddRow({std::string(FormatName(series.head.key.format)), series.head.key.category,
                  absl::StrCat(series.segments), absl::StrCat(series.events),
                  absl::StrCat(series.foreign), absl::StrCat(series.problems),
                  absl::StrCat(series.head.last_event_id), ChainOf(series)});
  }
  return table;
}

// "file:12: CHAIN_BROKEN: detail", what editors can jump to.
void TellProblems(Invocation& invocation, const std::string& root,
                  const AuditVerification& verified) {
  Sink& err = *invocation.host().err;
  for (const LogProblem& problem : verified.problems) {
    const std::string line = problem.line != 0 ? absl::StrCat(":", problem.line) : std::string();
    err.Write(absl::StrCat(TerminalSafe(absl::StrCat(root, "/", problem.file)), line, ": ",
                           LogProblemKindName(problem.kind), ": ", TerminalSafe(problem.detail),
                           "\n"))
        .IgnoreError();
  }
  const uint64_t unlisted = verified.problem_count - verified.problems.size();
  if (unlisted > 0) err.Write(absl::StrCat("… and ", unlisted, " more\n")).IgnoreError();
}

absl::Status RunVerify(Invocation& invocation) {
  ASSIGN_OR_RETURN(const std::string root, TrailRoot(invocation));
  AuditVerification verified;
  {
    Progress progress(invocation, 0);
    uint64_t shown = 0;
    ASSIGN_OR_RETURN(
        verified, VerifyAudit(root, [&](const AuditVerification& so_far) {
          progress.Advance(so_far.checked_bytes - std::exchange(shown, so_far.checked_bytes));
          return true;
        }));
  }
  if (invocation.output() == OutputMode::kJson || invocation.output() == OutputMode::kYaml) {
    RETURN_IF_ERROR(invocation.PrintValue(VerificationJson(verified)));
  } else {
    RETURN_IF_ERROR(invocation.PrintTable(SeriesTable(verified)));
    TellProblems(invocation, root, verified);
  }
  if (verified.intact()) return absl::OkStatus();
  return Error(absl::StatusCode::kDataLoss, "AUDIT_DAMAGED",
               absl::StrCat(root, ": ", verified.problem_count, " problems in ",
                            verified.checked_events, " events"));
}

}  // namespace

std::vector<CommandSpec> AuditCommands() {
  CommandSpec verify;
  verify.path = "audit verify";
  verify.arguments = "[DIR]";
  verify.max_arguments = 1;
  verify.argument_kinds = {ArgumentKind::kDirectory};
  verify.summary = "Check the hash chains of audit files";
  verify.details =
      "DIR is the audit trail itself, with index.json and the folders legacy and v2; --data-dir\n"
      "means the folder audit in a data directory. Reads every line of every series; no server\n"
      "is asked, and one may run. Problems are named on stderr with file and line: exit status 9.\n"
      "Lines that other programs wrote before the first of ours are counted as foreign and are\n"
      "no problem. The files cannot tell that their newest lines were taken away: note the chains\n"
      "that -o wide or json prints, and compare.";
  verify.first_example = "modelrefctl audit verify --data-dir ./data";
  verify.second_example = "modelrefctl audit verify ./data/audit -o json";
  verify.flags = DirectoryFlags();
  verify.outputs = {OutputMode::kTable, OutputMode::kPlain, OutputMode::kWide, OutputMode::kJson,
                    OutputMode::kYaml};
  verify.offline = true;
  verify.run = &RunVerify;
  return {verify};
}

}  // namespace modelref::ctl
