#include "tests/crash/history_check.h"

#include <functional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "audit/reader.h"
#include "audit/replay.h"
#include "audit/verify.h"
#include "backends/base/categories.h"
#include "backends/base/durable_file.h"
#include "backends/base/json.h"
#include "backends/base/status_macros.h"
#include "service/store/database.h"
#include "service/store/recent_commits.h"
#include "tests/e2e/modelrefctl_child.h"

namespace modelref::testing {
namespace {

absl::StatusOr<std::unique_ptr<Database>> OpenReader(const std::string& data_dir) {
  Database::Options options;
  options.read_only = true;
  return Database::Open(absl::StrCat(data_dir, "/.modelref/store.db"), options);
}

absl::Status Wrong(const std::string& what) { return absl::DataLossError(what); }

absl::Status CheckIntegrity(Database& database) {
  ASSIGN_OR_RETURN(Statement query, database.Prepare("PRAGMA integrity_check"));
  ASSIGN_OR_RETURN(const bool row, query.Step());
  if (row && query.Bytes(0) == "ok") return absl::OkStatus();
  return Wrong(absl::StrCat("integrity_check: ", row ? query.Bytes(0) : "no answer"));
}

// Also returns the chains by revision.
absl::Status CheckTransactions(Database& database, std::map<uint64_t, std::string>* chains) {
  ASSIGN_OR_RETURN(Statement query,
                   database.Prepare("SELECT t.revision, t.first_event, t.time_us, t.chain, (SELECT "
                                    "count(*) FROM events e WHERE e.revision = t.revision AND e.id "
                                    "BETWEEN t.first_event AND t.revision) FROM transactions t "
                                    "ORDER BY t.revision"));
  uint64_t last = 0;
  int64_t time = 0;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) break;
    const uint64_t revision = query.Unsigned(0);
    const uint64_t first = query.Unsigned(1);
    if (first != last + 1 || query.Unsigned(4) != revision - first + 1) {
      return Wrong(absl::StrCat("transaction ", revision, " has ", query.Int(4), " events from ",
                                first, ", after ", last));
    }
    if (query.Int(2) < time)
      return Wrong(absl::StrCat("transaction ", revision, " goes back in time"));
    last = revision;
    time = query.Int(2);
    (*chains)[revision] = std::string(query.Bytes(3).substr(0, 8));
  }
  ASSIGN_OR_RETURN(const int64_t events, database.QueryInt("SELECT count(*) FROM events"));
  if (static_cast<uint64_t>(events) == last) return absl::OkStatus();
  return Wrong(absl::StrCat(events, " events up to ", last));
}

absl::Status CheckVersions(Database& database, const Sightings& sightings) {
  ASSIGN_OR_RETURN(
      Statement query,
      database.Prepare("SELECT d.category, d.format, v.revision, v.etag FROM versions v "
                       "JOIN documents d ON d.id = v.document"));
  std::map<Sightings::Version, std::string> versions = sightings.versions();
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) break;
    const auto seen = versions.find(
        {std::string(query.Bytes(0)), static_cast<int>(query.Int(1)), query.Unsigned(2)});
    if (seen == versions.end()) continue;
    if (seen->second != query.Bytes(3)) {
      return Wrong(absl::StrCat(query.Bytes(0), " at ", query.Int(2), " is not what was seen"));
    }
    versions.erase(seen);
  }
  if (versions.empty()) return absl::OkStatus();
  const auto& [category, format, revision] = versions.begin()->first;
  return Wrong(absl::StrCat(versions.size(), " versions that were seen are lost, such as ",
                            category, " at ", revision));
}

absl::Status CheckAllHistory(const std::string& data_dir, const Sightings& sightings) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Database> database, OpenReader(data_dir));
  RETURN_IF_ERROR(CheckIntegrity(*database));
  std::map<uint64_t, std::string> chains;
  RETURN_IF_ERROR(CheckTransactions(*database, &chains));
  for (const auto& [revision, chain] : sightings.chains()) {
    if (revision == 0) continue;
    const auto found = chains.find(revision);
    if (found == chains.end()) return Wrong(absl::StrCat("revision ", revision, " is lost"));
    if (found->second != chain)
      return Wrong(absl::StrCat("revision ", revision, " is another one"));
  }
  return CheckVersions(*database, sightings);
}

absl::Status CheckAllAudit(const std::string& data_dir) {
  const std::string root = data_dir + "/audit";
  ASSIGN_OR_RETURN(const AuditVerification verification, VerifyAudit(root));
  if (!verification.intact()) {
    const LogProblem& first = verification.problems.front();
    return Wrong(absl::StrCat(verification.problem_count, " problems in the audit trail, such as ",
                              LogProblemKindName(first.kind), " ", first.file, ":", first.line, " ",
                              first.detail));
  }
  std::set<uint64_t> ids;
  bool is_unique = true;
  RETURN_IF_ERROR(ReadAudit(root, {}, [&](const AuditEvent& event) {
                    // Lines of before an adoption are of no event of the database.
                    if (event.foreign()) return true;
                    is_unique = ids.insert(event.event_id).second && is_unique;
                    return true;
                  }).status());
  if (!is_unique) return Wrong("an audit id came twice");
  ASSIGN_OR_RETURN(const std::unique_ptr<Database> database, OpenReader(data_dir));
  // The entries of the backends follow from those of the models and have no lines (H 3.9).
  ASSIGN_OR_RETURN(const int64_t events,
                   database->QueryInt("SELECT count(*) FROM events e JOIN documents d ON d.id = "
                                      "e.document WHERE NOT (d.category = 'text_generation' AND "
                                      "d.format = 1 AND (e.name LIKE 'koboldcpp/%' OR e.name LIKE "
                                      "'aphrodite/%'))"));
  if (ids.size() == static_cast<size_t>(events)) return absl::OkStatus();
  return Wrong(absl::StrCat("the audit trail has ", ids.size(), " of ", events, " events"));
}

std::string PublicPath(const std::string& data_dir, const Category& category, Format format) {
  return format == Format::kV2 ? absl::StrCat(data_dir, "/", category.v2_file)
                               : absl::StrCat(data_dir, "/legacy/", category.legacy_file);
}

absl::Status CheckFile(const std::string& path, const std::string& served) {
  const absl::StatusOr<std::string> text = ReadFileToString(path, uint64_t{1} << 30);
  if (!text.ok() && served == "{}") return absl::OkStatus();
  if (!text.ok()) return text.status();
  ASSIGN_OR_RETURN(const Json json, ParseJson(*text));
  if (CanonicalJson(json) == served) return absl::OkStatus();
  return Wrong(absl::StrCat(path, " is not what is served"));
}

// Calls `check` with each document and what is served of it, until an error.
absl::Status ForEachServed(Client& client,
                           const std::function<absl::Status(const Category&, const DocumentKey&,
                                                            const std::string&)>& check) {
  for (const Category& category : BuiltInCategories()) {
    for (const Format format : {Format::kV2, Format::kLegacy}) {
      if (format == Format::kLegacy && !category.has_legacy()) continue;
      const DocumentKey key{std::string(category.name), format};
      v1::GetCategoryRequest request;
      request.set_category(key.category);
      request.set_format(static_cast<v1::Format>(format));
      ASSIGN_OR_RETURN(const v1::GetCategoryResponse served, client.GetCategory(request));
      RETURN_IF_ERROR(check(category, key, served.json()));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckAllFiles(const std::string& data_dir, Client& client) {
  return ForEachServed(
      client, [&](const Category& category, const DocumentKey& key, const std::string& served) {
        const bool is_table = key.format == Format::kLegacy && category.legacy_file == "models.csv";
        if (is_table) return absl::OkStatus();
        return CheckFile(PublicPath(data_dir, category, key.format), served);
      });
}

// Without the entries of the backends, which no trail has.
absl::StatusOr<std::string> OnlyModels(const DocumentKey& key, const std::string& served) {
  if (key != DocumentKey{"text_generation", Format::kLegacy}) return served;
  ASSIGN_OR_RETURN(Json json, ParseJson(served));
  std::erase_if(json.AsObject()->members(), [](const JsonObject::Member& member) {
    return absl::StartsWith(member.first, "koboldcpp/") ||
           absl::StartsWith(member.first, "aphrodite/");
  });
  return CanonicalJson(json);
}

absl::Status CheckReplayed(const std::string& data_dir, Client& client) {
  ASSIGN_OR_RETURN(AuditReplay replay, ReplayAudit(data_dir + "/audit", {}));
  return ForEachServed(
      client, [&](const Category&, const DocumentKey& key, const std::string& served) {
        std::string replayed = "{";
        for (const ReplayedRecord& record : replay.documents[key].records) {
          absl::StrAppend(&replayed, replayed.size() > 1 ? "," : "",
                          CanonicalJson(Json(record.name)), ":", record.json);
        }
        ASSIGN_OR_RETURN(const std::string models, OnlyModels(key, served));
        if (replayed + "}" == models) return absl::OkStatus();
        return Wrong(absl::StrCat(key.ToString(), ": the replay is not what is served"));
      });
}

}  // namespace

std::string CheckHistory(const std::string& data_dir, const Sightings& sightings) {
  const absl::Status status = CheckAllHistory(data_dir, sightings);
  return status.ok() ? "" : status.ToString();
}

std::string CheckAudit(const std::string& data_dir) {
  const absl::Status status = CheckAllAudit(data_dir);
  return status.ok() ? "" : status.ToString();
}

std::string CheckFiles(const std::string& data_dir, Client& client) {
  const absl::Status status = CheckAllFiles(data_dir, client);
  return status.ok() ? "" : status.ToString();
}

std::string CheckReplay(const std::string& data_dir, Client& client) {
  const absl::Status status = CheckReplayed(data_dir, client);
  return status.ok() ? "" : status.ToString();
}

std::string CheckByCommands(const std::string& data_dir) {
  std::string wrong;
  for (const std::string command : {"audit verify", "store check"}) {
    const ShellResult result =
        RunShell(absl::StrCat("modelrefctl ", command, " --data-dir '", data_dir, "'"));
    if (result.code != 0) absl::StrAppend(&wrong, command, ": ", result.out, result.err);
  }
  return wrong;
}

std::set<std::string> DisplacedRecords(const std::string& data_dir, const DocumentKey& key) {
  std::set<std::string> names;
  const auto read = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const std::unique_ptr<Database> database, OpenReader(data_dir));
    ASSIGN_OR_RETURN(Statement query,
                     database->Prepare("SELECT e.name FROM events e JOIN transactions t ON "
                                       "t.revision = e.revision JOIN documents d ON d.id = "
                                       "e.document WHERE d.category = ? AND d.format = ? AND "
                                       "t.request = ?"));
    query.Bind(1, key.category).Bind(2, static_cast<int>(key.format)).Bind(3, kDisplacedRequest);
    while (true) {
      ASSIGN_OR_RETURN(const bool row, query.Step());
      if (!row) return absl::OkStatus();
      names.insert(std::string(query.Bytes(0)));
    }
  };
  return read().ok() ? names : std::set<std::string>();
}

absl::StatusOr<std::map<std::string, std::string>> ServedRecords(Client& client,
                                                                 const DocumentKey& key) {
  v1::GetCategoryRequest request;
  request.set_category(key.category);
  request.set_format(static_cast<v1::Format>(key.format));
  ASSIGN_OR_RETURN(const v1::GetCategoryResponse served, client.GetCategory(request));
  ASSIGN_OR_RETURN(const Json json, ParseJson(served.json()));
  std::map<std::string, std::string> records;
  if (json.AsObject() == nullptr) return records;
  for (const auto& [name, record] : json.AsObject()->members()) {
    records[name] = CanonicalJson(record);
  }
  return records;
}

}  // namespace modelref::testing
