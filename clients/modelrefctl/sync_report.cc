#include "clients/modelrefctl/sync_report.h"

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/digest.h"
#include "backends/base/error.h"
#include "backends/base/status_macros.h"
#include "clients/cpp/mirror_file.h"
#include "clients/modelrefctl/exit_codes.h"
#include "clients/modelrefctl/table.h"

namespace modelref::ctl {
namespace {

Json NumberJson(uint64_t number) { return JsonNumber{absl::StrCat(number)}; }

JsonObject RowJson(const SyncRow& row) {
  JsonObject object;
  object.Set("category", row.key.category);
  object.Set("format", FormatName(row.key.format));
  object.Set("result", row.result);
  object.Set("file", row.file);
  object.Set("epoch", ToHex(row.epoch));
  object.Set("revision", NumberJson(row.revision));
  object.Set("mod_revision", NumberJson(row.mod_revision));
  object.Set("etag", ToHex(row.etag));
  object.Set("record_count", NumberJson(row.record_count));
  if (!row.error.ok()) object.Set("error", row.error.message());
  return object;
}

std::vector<std::string> RowCells(const SyncRow& row) {
  return {row.key.category,
          std::string(FormatName(row.key.format)),
          row.result,
          absl::StrCat(row.record_count),
          absl::StrCat(row.revision),
          row.file,
          ToHex(row.etag),
          std::string(row.error.message())};
}

Table MakeTable() {
  return Table({{"category"},
                {"format"},
                {"result"},
                {"record_count", false, true},
                {"revision", false, true},
                {"file"},
                {"etag", true},
                {"error"}});
}

// What every document of manifest and folder is.
std::map<DocumentKey, SyncRow> CompareCopy(const MirrorContent& content) {
  std::map<DocumentKey, SyncRow> rows;
  for (const MirrorCopy& copy : content.copies) {
    rows.emplace(copy.key, SyncRowOf(ManifestEntryOf(copy), "different"));
  }
  for (const MirrorContent::Refused& refused : content.refused) {
    SyncRow row;
    row.key = refused.key;
    row.result = "damaged";
    row.file = refused.file;
    row.error = refused.why;
    rows.emplace(refused.key, std::move(row));
  }
  if (!content.manifest.ok()) return rows;
  for (const MirrorManifestEntry& entry : content.manifest->documents) {
    const auto [found, is_missing] = rows.try_emplace(entry.key, SyncRowOf(entry, "missing"));
    if (is_missing || found->second.result == "damaged") continue;
    if (found->second.etag == entry.etag) found->second.result = "ok";
  }
  return rows;
}

}  // namespace

SyncRow SyncRowOf(const MirrorManifestEntry& entry, std::string result) {
  SyncRow row;
  row.key = entry.key;
  row.result = std::move(result);
  row.file = entry.file;
  row.epoch = entry.epoch;
  row.revision = entry.revision;
  row.mod_revision = entry.mod_revision;
  row.etag = entry.etag;
  row.record_count = entry.record_count;
  return row;
}

absl::Status PrintSyncRows(Invocation& invocation, const std::vector<SyncRow>& rows) {
  if (invocation.output() == OutputMode::kJsonl || invocation.output() == OutputMode::kName) {
    for (const SyncRow& row : rows) RETURN_IF_ERROR(PrintSyncLine(invocation, row));
    return absl::OkStatus();
  }
  if (invocation.output() == OutputMode::kJson || invocation.output() == OutputMode::kYaml) {
    JsonArray documents;
    for (const SyncRow& row : rows) documents.push_back(RowJson(row));
    JsonObject root;
    root.Set("documents", std::move(documents));
    return invocation.PrintValue(std::move(root));
  }
  Table table = MakeTable();
  for (const SyncRow& row : rows) table.AddRow(RowCells(row));
  return invocation.PrintTable(table);
}

absl::Status PrintSyncLine(Invocation& invocation, const SyncRow& row) {
  switch (invocation.output()) {
    case OutputMode::kJson:
    case OutputMode::kJsonl:
    case OutputMode::kYaml:
      RETURN_IF_ERROR(invocation.Print(CanonicalJson(RowJson(row)) + "\n"));
      break;
    case OutputMode::kName:
      RETURN_IF_ERROR(invocation.Print(row.file + "\n"));
      break;
    default:
      RETURN_IF_ERROR(invocation.Print(PlainLine(RowCells(row))));
  }
  return invocation.host().out->Flush();
}

absl::Status CheckCopy(Invocation& invocation, const std::string& directory) {
  const MirrorContent content = ReadMirrorDirectory(directory);
  const bool no_manifest = absl::IsNotFound(content.manifest.status());
  if (no_manifest && content.copies.empty() && content.refused.empty()) {
    return Error(absl::StatusCode::kNotFound, "NO_COPY",
                 absl::StrCat(directory, ": there is no copy; make one: modelrefctl sync --once ",
                              directory));
  }
  std::vector<SyncRow> rows;
  bool broken = false;
  bool different = no_manifest;
  for (auto& [key, row] : CompareCopy(content)) {
    broken = broken || row.result == "damaged" || row.result == "missing";
    different = different || row.result == "different";
    rows.push_back(std::move(row));
  }
  RETURN_IF_ERROR(PrintSyncRows(invocation, rows));
  if (!content.manifest.ok() && !no_manifest) {
    return Annotated(content.manifest.status(), absl::StrCat(directory, "/manifest.json"));
  }
  if (broken) {
    return Error(absl::StatusCode::kDataLoss, kDamagedCopy,
                 absl::StrCat(directory, ": the copy is damaged or incomplete; run sync again"));
  }
  if (different) {
    invocation.Note(absl::StrCat(directory,
                                 ": the documents are whole, but not those of the "
                                 "manifest: a sync was interrupted; run it again"));
    invocation.set_exit_code(static_cast<int>(ExitCode::kDifferent));
  }
  return absl::OkStatus();
}

}  // namespace modelref::ctl
