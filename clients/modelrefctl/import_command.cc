// import legacy.

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "backends/base/json.h"
#include "backends/base/status_macros.h"
#include "backends/convert/import_legacy.h"
#include "clients/modelrefctl/commands.h"
#include "clients/modelrefctl/invocation.h"
#include "clients/modelrefctl/local_store.h"
#include "clients/modelrefctl/text.h"

namespace modelref::ctl {
namespace {

absl::string_view SeverityName(IssueSeverity severity) {
  return severity == IssueSeverity::kError ? "error" : "warning";
}

// "file:12: error: model "x": reason": what editors can jump to.
std::string IssueLine(const ImportedCategory& category, const RecordIssue& issue) {
  const std::string line = issue.line != 0 ? absl::StrCat(":", issue.line) : std::string();
  return absl::StrCat(TerminalSafe(category.source), line, ": ", SeverityName(issue.severity),
                      ": model \"", TerminalSafe(issue.model), "\": ", TerminalSafe(issue.reason),
                      "\n");
}

JsonObject IssueJson(const ImportedCategory& category, const RecordIssue& issue) {
  JsonObject object;
  object.Set("category", category.category);
  object.Set("file", category.source);
  object.Set("line", Json::Number(static_cast<int64_t>(issue.line)));
  object.Set("severity", SeverityName(issue.severity));
  object.Set("model", issue.model);
  object.Set("reason", issue.reason);
  return object;
}

JsonObject ErrorJson(const absl::Status& status) {
  JsonObject object;
  object.Set("code", absl::StatusCodeToString(status.code()));
  object.Set("message", status.message());
  return object;
}

JsonObject CategoryJson(const ImportedCategory& category) {
  JsonObject object;
  object.Set("category", category.category);
  object.Set("file", category.source);
  object.Set("imported", Json::Number(static_cast<int64_t>(category.imported)));
  object.Set("rejected", Json::Number(static_cast<int64_t>(category.rejected)));
  object.Set("legacy_written", category.legacy_written);
  object.Set("v2_written", category.v2_written);
  if (!category.status.ok()) object.Set("error", ErrorJson(category.status));
  return object;
}

bool IsJsonMode(const Invocation& invocation) {
  return invocation.output() == OutputMode::kJson || invocation.output() == OutputMode::kJsonl;
}

// Every record and file that was not taken over, on stderr; --quiet keeps the errors.
void TellIssues(Invocation& invocation, const ImportReport& report) {
  Sink& err = *invocation.host().err;
  for (const ImportedCategory& category : report.categories) {
    for (const RecordIssue& issue : category.issues) {
      if (invocation.settings().quiet && issue.severity == IssueSeverity::kWarning) continue;
      const std::string text = IsJsonMode(invocation)
                                   ? CanonicalJson(IssueJson(category, issue)) + "\n"
                                   : IssueLine(category, issue);
      err.Write(text).IgnoreError();
    }
    if (category.status.ok() || IsJsonMode(invocation)) continue;
    err.Write(absl::StrCat(TerminalSafe(category.source),
                           ": error: ", TerminalSafe(category.status.message()), "\n"))
        .IgnoreError();
  }
  if (IsJsonMode(invocation)) return;
  for (const ImportProblem& problem : report.problems) {
    err.Write(absl::StrCat(TerminalSafe(problem.path),
                           ": error: ", TerminalSafe(problem.status.message()), "\n"))
        .IgnoreError();
  }
}

std::string ResultOf(const ImportedCategory& category, bool dry_run) {
  if (!category.status.ok()) return "failed";
  if (dry_run) return "checked";
  return category.legacy_written || category.v2_written ? "written" : "unchanged";
}

absl::Status PrintReport(Invocation& invocation, const ImportReport& report, bool dry_run) {
  Table table(
      {{"category"}, {"imported", false, true}, {"rejected", false, true}, {"result"}, {"source"}});
  JsonArray categories;
  for (const ImportedCategory& category : report.categories) {
    table.AddRow({category.category, absl::StrCat(category.imported),
                  absl::StrCat(category.rejected), ResultOf(category, dry_run), category.source});
    categories.push_back(CategoryJson(category));
  }
  if (invocation.output() == OutputMode::kJsonl) {
    for (const Json& category : categories) {
      RETURN_IF_ERROR(invocation.Print(CanonicalJson(category) + "\n"));
    }
    return absl::OkStatus();
  }
  if (invocation.output() != OutputMode::kJson && invocation.output() != OutputMode::kYaml) {
    return invocation.PrintTable(table);
  }
  JsonArray problems;
  for (const ImportProblem& problem : report.problems) {
    JsonObject object;
    object.Set("path", problem.path);
    object.Set("error", ErrorJson(problem.status));
    problems.push_back(std::move(object));
  }
  JsonObject root;
  root.Set("categories", std::move(categories));
  root.Set("problems", std::move(problems));
  return invocation.PrintValue(std::move(root));
}

// What the exit status has to say: nothing found, something rejected, or something in the way.
absl::Status Verdict(const ImportReport& report) {
  if (report.categories.empty()) {
    return Error(absl::StatusCode::kNotFound, "NOTHING_TO_IMPORT",
                 "no legacy category files in these directories");
  }
  size_t rejected = 0;
  size_t failed = report.problems.size();
  absl::Status first = report.problems.empty() ? absl::OkStatus() : report.problems[0].status;
  for (const ImportedCategory& category : report.categories) {
    rejected += category.rejected;
    if (category.status.ok()) continue;
    ++failed;
    if (first.ok()) first = category.status;
  }
  const bool invalid = first.ok() || absl::IsInvalidArgument(first);
  if (rejected == 0 && failed == 0) return absl::OkStatus();
  if (rejected > 0 || invalid) {
    return Error(absl::StatusCode::kInvalidArgument, "RECORDS_REJECTED",
                 absl::StrCat(rejected, " records were rejected, and ", failed,
                              " files or directories could not be used; the rest is imported"));
  }
  return first;
}

absl::Status RunImport(Invocation& invocation) {
  ASSIGN_OR_RETURN(const LocalDirectory directory, FindDirectory(invocation));
  ImportOptions options;
  options.dry_run = invocation.line().Has("dry-run");
  std::unique_ptr<LocalStore> local;
  if (!options.dry_run) {
    options.commit = [&](const ImportContent& content) -> absl::StatusOr<ImportEffect> {
      // Opened for the first file that can be used: nothing is made for none.
      if (local == nullptr) {
        ASSIGN_OR_RETURN(local, LocalStore::Open(invocation, directory));
      }
      return CommitImport(local->data(), content);
    };
  }
  const ImportReport report = ImportLegacy(invocation.arguments(), directory.path, options);
  const absl::Status settled = local == nullptr ? absl::OkStatus() : local->Close();
  TellIssues(invocation, report);
  RETURN_IF_ERROR(PrintReport(invocation, report, options.dry_run));
  RETURN_IF_ERROR(Verdict(report));
  return settled;
}

}  // namespace

std::vector<CommandSpec> ImportCommands() {
  CommandSpec legacy;
  legacy.path = "import legacy";
  legacy.arguments = "DIR... --data-dir DIR";
  legacy.min_arguments = 1;
  legacy.max_arguments = -1;
  legacy.argument_kinds = {ArgumentKind::kDirectory};
  legacy.summary = "Convert legacy catalogues into a data directory";
  legacy.details =
      "Every DIR holds files such as stable_diffusion.json or models.csv, or a folder legacy/\n"
      "with them. What cannot be converted is named on stderr with file, line and reason, and\n"
      "the rest is imported: exit status 7. Nothing to import: 3. Running it again changes\n"
      "nothing. A server that runs on the data directory serves the result at once.";
  legacy.first_example = "modelrefctl import legacy ./image-models ./text-models --data-dir ./data";
  legacy.second_example = "modelrefctl import legacy ./image-models --data-dir ./data --dry-run";
  legacy.flags = DirectoryFlags();
  legacy.flags.push_back({"dry-run", "", "Only read and convert; write nothing"});
  legacy.outputs = {OutputMode::kTable, OutputMode::kPlain, OutputMode::kWide,
                    OutputMode::kJson,  OutputMode::kJsonl, OutputMode::kYaml};
  legacy.offline = true;
  legacy.run = &RunImport;
  return {legacy};
}

}  // namespace modelref::ctl
