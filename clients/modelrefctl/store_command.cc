// store info, store check, store settle, epoch fork; store repair is in store_repair.cc.

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/digest.h"
#include "backends/base/durable_file.h"
#include "backends/base/error.h"
#include "backends/base/json.h"
#include "backends/base/status_macros.h"
#include "clients/modelrefctl/commands.h"
#include "clients/modelrefctl/invocation.h"
#include "clients/modelrefctl/local_directory.h"
#include "clients/modelrefctl/local_store.h"
#include "clients/modelrefctl/text.h"
#include "service/store/schema.h"
#include "service/store/store_check.h"
#include "service/store/store_identity.h"
#include "service/store/store_reader.h"

namespace modelref::ctl {
namespace {

constexpr char kStoreFolder[] = "/.modelref";

// The database of a data directory that has one already.
absl::StatusOr<std::unique_ptr<Database>> OpenDatabase(const std::string& data_dir,
                                                       bool read_only) {
  const std::string path = absl::StrCat(data_dir, kStoreFolder, kDatabaseFile);
  RETURN_IF_ERROR(Annotated(StatFile(path).status(), "no store in this directory"));
  Database::Options options;
  options.read_only = read_only;
  ASSIGN_OR_RETURN(std::unique_ptr<Database> database, Database::Open(path, options));
  ASSIGN_OR_RETURN(const int version, SchemaVersion(*database));
  if (version > kSchemaVersion) {
    return Error(absl::StatusCode::kFailedPrecondition, "SCHEMA_TOO_NEW",
                 "a newer version made this store: use its modelrefctl");
  }
  return database;
}

Json Number(uint64_t value) { return Json(JsonNumber{absl::StrCat(value)}); }

// An object as JSON, or as a table of its members.
absl::Status Print(Invocation& invocation, const JsonObject& object) {
  if (invocation.output() == OutputMode::kJson || invocation.output() == OutputMode::kYaml) {
    return invocation.PrintValue(object);
  }
  Table table({{"field"}, {"value"}});
  for (const auto& [name, value] : object.members()) {
    const std::string* text = value.AsString();
    table.AddRow({name, text != nullptr ? *text : CanonicalJson(value)});
  }
  return invocation.PrintTable(table);
}

absl::Status RunInfo(Invocation& invocation) {
  ASSIGN_OR_RETURN(const std::string data_dir, FindDataDir(invocation));
  ASSIGN_OR_RETURN(const auto database, OpenDatabase(data_dir, true));
  ASSIGN_OR_RETURN(const StoreFacts facts, ReadStoreFacts(*database));
  const absl::StatusOr<FileVersion> file =
      StatFile(absl::StrCat(data_dir, kStoreFolder, kDatabaseFile));
  JsonObject object;
  object.Set("epoch", ToHex(facts.epoch));
  object.Set("revision", Number(facts.revision));
  object.Set("chain", ToHex(facts.chain));
  object.Set("forks", Number(facts.forks));
  object.Set("documents", Number(facts.documents));
  object.Set("models", Number(facts.models));
  object.Set("transactions", Number(facts.transactions));
  object.Set("events", Number(facts.events));
  object.Set("files_behind", Number(facts.files_behind));
  object.Set("database_bytes", Number(file.ok() ? file->size : 0));
  for (const StoreFacts::Projection& projection : facts.projections) {
    object.Set(absl::StrCat(projection.name, "_position"), Number(projection.position));
  }
  return Print(invocation, object);
}

absl::Status RunCheck(Invocation& invocation) {
  ASSIGN_OR_RETURN(const std::string data_dir, FindDataDir(invocation));
  ASSIGN_OR_RETURN(const auto database, OpenDatabase(data_dir, true));
  ASSIGN_OR_RETURN(const StoreCheck check, CheckStore(*database));
  JsonObject object;
  object.Set("intact", check.problem_count == 0);
  object.Set("problem_count", Number(check.problem_count));
  object.Set("checked_transactions", Number(check.transactions));
  object.Set("checked_events", Number(check.events));
  RETURN_IF_ERROR(Print(invocation, object));
  for (const std::string& problem : check.problems) {
    invocation.host().err->Write(absl::StrCat(TerminalSafe(problem), "\n")).IgnoreError();
  }
  if (check.problem_count == 0) return absl::OkStatus();
  return Error(absl::StatusCode::kDataLoss, "STORE_DAMAGED",
               absl::StrCat(check.problem_count, " problems in the store"));
}

absl::Status RunSettle(Invocation& invocation) {
  ASSIGN_OR_RETURN(const LocalDirectory directory, FindDirectory(invocation));
  RETURN_IF_ERROR(OpenDatabase(directory.path, true).status());
  ASSIGN_OR_RETURN(const auto local, LocalStore::Open(invocation, directory));
  if (!local->data().projector()->is_holder()) {
    return absl::FailedPreconditionError(
        "a server runs on this directory and writes its files: stop it, which settles them");
  }
  RETURN_IF_ERROR(local->data().projector()->Settle());
  const Projector::Status status = local->data().projector()->status();
  RETURN_IF_ERROR(local->Close());
  JsonObject object;
  object.Set("revision", Number(local->data().store().root()->revision));
  object.Set("files_written", Number(status.files.rewrites));
  return Print(invocation, object);
}

absl::Status RunFork(Invocation& invocation) {
  ASSIGN_OR_RETURN(const std::string data_dir, FindDataDir(invocation));
  ASSIGN_OR_RETURN(const auto database, OpenDatabase(data_dir, false));
  ASSIGN_OR_RETURN(const std::string before, ReadMeta(*database, kMetaEpoch));
  ASSIGN_OR_RETURN(WriteTransaction transaction, WriteTransaction::Begin(*database));
  RETURN_IF_ERROR(ForkEpoch(*database, 0));
  RETURN_IF_ERROR(transaction.Commit());
  ASSIGN_OR_RETURN(const StoreFacts facts, ReadStoreFacts(*database));
  JsonObject object;
  object.Set("epoch", ToHex(facts.epoch));
  object.Set("parent_epoch", ToHex(before));
  object.Set("revision", Number(facts.revision));
  return Print(invocation, object);
}

CommandSpec Spec(absl::string_view path, absl::string_view summary, absl::string_view details,
                 absl::Status (*run)(Invocation&)) {
  CommandSpec spec;
  spec.path = path;
  spec.summary = summary;
  spec.details = details;
  spec.flags = {DataDirFlag()};
  spec.outputs = {OutputMode::kTable, OutputMode::kPlain, OutputMode::kWide, OutputMode::kJson,
                  OutputMode::kYaml};
  spec.offline = true;
  spec.run = run;
  return spec;
}

}  // namespace

std::vector<CommandSpec> StoreCommands() {
  CommandSpec info = Spec("store info", "Show what the store of a data directory holds",
                          "Reads the database; a server may run.", &RunInfo);
  info.first_example = "modelrefctl store info --data-dir ./data";
  info.second_example = "modelrefctl store info --data-dir ./data -o json";
  CommandSpec check =
      Spec("store check", "Check the store of a data directory",
           "Reads all of the database: the engine's own check, the etag of every record and\n"
           "document, the chain of all transactions, and whether the events lead to the records.\n"
           "Problems are named on stderr: exit status 9. A server may run.",
           &RunCheck);
  check.first_example = "modelrefctl store check --data-dir ./data";
  check.second_example = "modelrefctl store check --data-dir ./data -o json";
  CommandSpec settle =
      Spec("store settle", "Write all files of a data directory that lag behind its store",
           "Imports hand edits, then writes the category files and the audit trail, so that the\n"
           "original's programs can use the directory. No server may run: stopping one settles\n"
           "its directory as well.",
           &RunSettle);
  settle.flags = DirectoryFlags();
  settle.first_example = "modelrefctl store settle --data-dir ./data";
  settle.second_example = "modelrefctl store settle --data-dir ./data -o json";
  CommandSpec fork =
      Spec("epoch fork", "Begin a new epoch in a data directory",
           "After a directory was copied or restored on a file system that does not tell: clients\n"
           "then read anew instead of mixing two histories. A server may run.",
           &RunFork);
  fork.first_example = "modelrefctl epoch fork --data-dir ./data";
  fork.second_example = "modelrefctl epoch fork --data-dir ./data -o json";
  return {info, check, StoreRepairCommand(), settle, fork};
}

}  // namespace modelref::ctl
