// store repair.

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "backends/base/digest.h"
#include "backends/base/executor.h"
#include "backends/base/json.h"
#include "backends/base/status_macros.h"
#include "backends/make_backends.h"
#include "clients/modelrefctl/commands.h"
#include "clients/modelrefctl/exit_codes.h"
#include "clients/modelrefctl/invocation.h"
#include "clients/modelrefctl/local_directory.h"
#include "clients/modelrefctl/text.h"
#include "service/store/store_repair.h"

namespace modelref::ctl {
namespace {

constexpr char kStoreFolder[] = "/.modelref";

Json Number(uint64_t value) { return Json(JsonNumber{absl::StrCat(value)}); }

std::string OutcomeName(const RepairReport& report) {
  if (report.outcome == RepairOutcome::kRebuilt) return "rebuilt";
  if (report.lost_transactions) return "continued";
  return report.outcome == RepairOutcome::kCopied ? "copied" : "intact";
}

bool IsExact(const RepairReport& report) {
  for (const auto& [key, content] : report.documents) {
    if (!content.is_exact) return false;
  }
  return true;
}

JsonArray TablesJson(const RepairReport& report) {
  JsonArray tables;
  for (const SalvagedTable& table : report.tables) {
    JsonObject object;
    object.Set("table", table.name);
    object.Set("rows", Number(table.rows));
    object.Set("whole", table.is_whole);
    tables.push_back(std::move(object));
  }
  return tables;
}

JsonArray DocumentsJson(const RepairReport& report) {
  JsonArray documents;
  for (const auto& [key, content] : report.documents) {
    JsonObject object;
    object.Set("document", key.ToString());
    object.Set("models", Number(content.document->record_count()));
    object.Set("from_trail", Number(content.from_trail));
    object.Set("from_file", Number(content.from_file));
    object.Set("stale_in_file", Number(content.stale));
    object.Set("proven", content.is_exact);
    documents.push_back(std::move(object));
  }
  return documents;
}

JsonObject ReportJson(const RepairReport& report, bool dry_run) {
  JsonObject object;
  object.Set("outcome", OutcomeName(report));
  object.Set("dry_run", dry_run);
  object.Set("database_was_missing", report.was_missing);
  object.Set("problem_count", Number(report.problem_count));
  object.Set("history_kept", report.outcome != RepairOutcome::kRebuilt);
  object.Set("lost_transactions", report.lost_transactions);
  object.Set("content_proven", IsExact(report));
  object.Set("epoch", ToHex(report.epoch));
  object.Set("new_epoch", report.new_epoch);
  object.Set("parent_epoch", ToHex(report.parent_epoch));
  object.Set("revision", Number(report.revision));
  object.Set("kept_files", JsonArray(report.kept_files.begin(), report.kept_files.end()));
  object.Set("tables", TablesJson(report));
  object.Set("documents", DocumentsJson(report));
  return object;
}

// What was lost, and where from what is there now, in words.
std::vector<std::string> Remarks(const RepairReport& report) {
  std::vector<std::string> lines;
  for (const std::string& problem : report.problems) lines.push_back("found: " + problem);
  for (const SalvagedTable& table : report.tables) {
    if (table.is_whole) continue;
    lines.push_back(absl::StrCat("lost: a part of the table ", table.name, "; ", table.rows,
                                 " rows could be read"));
  }
  if (report.outcome == RepairOutcome::kRebuilt) {
    lines.emplace_back(
        "lost: the history in the database; positions of clients are answered with a resync");
  }
  if (report.lost_transactions) {
    lines.emplace_back(
        "lost: the newest transactions; what they led to is taken from the audit trail");
  }
  for (const auto& [key, content] : report.documents) {
    const std::string name = key.ToString();
    lines.push_back(
        absl::StrCat("kept: ", name, ": ", content.document->record_count(), " models, of these ",
                     content.from_trail, " changes from the trail and ", content.from_file,
                     " from the file", content.is_exact ? "" : "; not proven to be all of it"));
  }
  for (const std::string& file : report.kept_files) lines.push_back("kept: " + file);
  return lines;
}

absl::Status Print(Invocation& invocation, const RepairReport& report, bool dry_run) {
  JsonObject object = ReportJson(report, dry_run);
  const OutputMode mode = invocation.output();
  if (mode == OutputMode::kJson || mode == OutputMode::kYaml) {
    return invocation.PrintValue(std::move(object));
  }
  Table table({{"field"}, {"value"}});
  for (const auto& [name, value] : object.members()) {
    if (name == "tables" || name == "documents" || name == "kept_files") continue;
    const std::string* text = value.AsString();
    table.AddRow({name, text != nullptr ? *text : CanonicalJson(value)});
  }
  RETURN_IF_ERROR(invocation.PrintTable(table));
  for (const std::string& line : Remarks(report)) {
    invocation.host().err->Write(absl::StrCat(TerminalSafe(line), "\n")).IgnoreError();
  }
  return absl::OkStatus();
}

absl::StatusOr<RepairReport> Repair(Invocation& invocation, bool dry_run) {
  ASSIGN_OR_RETURN(LocalDirectory directory, FindDirectory(invocation));
  ASSIGN_OR_RETURN(const CategoryRegistry registry,
                   CategoryRegistry::Create(directory.extra_categories));
  Executor executor{Executor::Options{}};
  directory.options.backends.create_missing_files = false;
  ASSIGN_OR_RETURN(const Backends backends, MakeBackends(directory.options.backends, registry,
                                                         *invocation.host().clock, executor));
  RepairOptions options;
  options.store_directory = directory.path + kStoreFolder;
  options.audit_root = directory.options.audit_root;
  options.path_of = [&](const DocumentKey& key) { return backends.file_paths->PathOf(key); };
  options.form.document_bytes = directory.options.backends.document_bytes;
  options.form.limits = directory.options.backends.limits;
  options.dry_run = dry_run;
  return RepairStore(registry.DocumentKeys(), *invocation.host().clock, options);
}

absl::Status RunRepair(Invocation& invocation) {
  const bool dry_run = invocation.line().Has("dry-run");
  ASSIGN_OR_RETURN(const RepairReport report, Repair(invocation, dry_run));
  RETURN_IF_ERROR(Print(invocation, report, dry_run));
  const bool is_repaired = report.outcome != RepairOutcome::kIntact || report.lost_transactions;
  if (dry_run && is_repaired) invocation.set_exit_code(static_cast<int>(ExitCode::kDifferent));
  return absl::OkStatus();
}

}  // namespace

CommandSpec StoreRepairCommand() {
  CommandSpec spec;
  spec.path = "store repair";
  spec.summary = "Make a damaged store of a data directory usable again";
  spec.details =
      "Copies what the database still tells into a new one. Where history or content is missing\n"
      "then, the content is taken from the audit trail and the category files, and a new epoch\n"
      "begins: clients read anew. The result is checked before it replaces the old files, which\n"
      "are kept beside it as store.db.damaged-TIME. What was kept and lost is told on stderr. No\n"
      "server may run. --dry-run only tells: exit status 10 when something is to be done.";
  spec.first_example = "modelrefctl store repair --data-dir ./data --dry-run";
  spec.second_example = "modelrefctl store repair --data-dir ./data -o json";
  spec.flags = DirectoryFlags();
  spec.flags.push_back({"dry-run", "", "Only tell what would be done"});
  spec.outputs = {OutputMode::kTable, OutputMode::kPlain, OutputMode::kWide, OutputMode::kJson,
                  OutputMode::kYaml};
  spec.offline = true;
  spec.run = &RunRepair;
  return spec;
}

}  // namespace modelref::ctl
