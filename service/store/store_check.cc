#include "service/store/store_check.h"

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/status_macros.h"
#include "service/store/history_reader.h"
#include "service/store/metadata_rows.h"
#include "service/store/schema.h"
#include "service/store/store_reader.h"

namespace modelref {
namespace {

constexpr size_t kListedProblems = 100;

Etag EtagOf(const Statement& row, int column) {
  return row.IsNull(column) ? Etag{} : RecordEtag(row.Bytes(column));
}

class Checker {
 public:
  explicit Checker(Database& database) : database_(database) {}

  absl::StatusOr<StoreCheck> Run() {
    RETURN_IF_ERROR(CheckEngine());
    const absl::StatusOr<LoadedState> state = LoadState(database_, 0, nullptr);
    if (absl::IsDataLoss(state.status())) {
      Tell(state.status().message());
      return std::move(check_);
    }
    RETURN_IF_ERROR(state.status());
    RETURN_IF_ERROR(CheckChain(*state));
    RETURN_IF_ERROR(CheckVersions());
    RETURN_IF_ERROR(Undo(*state));
    RETURN_IF_ERROR(CheckMetadata(*state));
    return std::move(check_);
  }

 private:
  void Tell(absl::string_view problem) {
    ++check_.problem_count;
    if (check_.problems.size() < kListedProblems) check_.problems.emplace_back(problem);
  }

  absl::Status CheckEngine() {
    ASSIGN_OR_RETURN(Statement query, database_.Prepare("PRAGMA integrity_check"));
    while (true) {
      ASSIGN_OR_RETURN(const bool row, query.Step());
      if (!row) return absl::OkStatus();
      if (query.Bytes(0) != "ok") Tell(absl::StrCat("engine: ", query.Bytes(0)));
    }
  }

  // One transaction after the other, each from the chain that the one before it stored.
  absl::Status CheckChain(const LoadedState& state) {
    ASSIGN_OR_RETURN(Statement transactions,
                     database_.Prepare("SELECT revision, first_event, time_us, caller, request, "
                                       "chain FROM transactions ORDER BY revision"));
    Sha256Digest previous{};
    while (true) {
      ASSIGN_OR_RETURN(const bool row, transactions.Step());
      if (!row) return absl::OkStatus();
      ++check_.transactions;
      const Sha256Digest stored = ToArray<32>(transactions.Bytes(5));
      ASSIGN_OR_RETURN(const Sha256Digest chain, ChainOf(state, transactions, previous));
      if (chain != stored) {
        Tell(absl::StrCat("transaction ", transactions.Int(0),
                          ": its chain is not that of its "
                          "events"));
      }
      previous = stored;
    }
  }

  absl::StatusOr<Sha256Digest> ChainOf(const LoadedState& state, const Statement& transaction,
                                       const Sha256Digest& previous) {
    const uint64_t revision = transaction.Unsigned(0);
    const uint64_t first = transaction.Unsigned(1);
    const TransactionOrigin origin{std::string(transaction.Bytes(3)),
                                   std::string(transaction.Bytes(4)),
                                   absl::FromUnixMicros(transaction.Int(2))};
    ChainHasher hasher(previous, revision, origin, revision - first + 1);
    ASSIGN_OR_RETURN(Statement events,
                     database_.Prepare("SELECT id, document, name, operation, before, after FROM "
                                       "events WHERE id >= ? AND id <= ? ORDER BY id"));
    events.Bind(1, first).Bind(2, revision);
    while (true) {
      ASSIGN_OR_RETURN(const bool row, events.Step());
      if (!row) return hasher.Finish();
      ++check_.events;
      const DocumentKey* key = state.ids.Find(events.Int(1));
      if (key == nullptr) {
        Tell(absl::StrCat("event ", events.Int(0), ": is of no document"));
        continue;
      }
      hasher.Add(events.Unsigned(0), *key, events.Bytes(2), static_cast<Operation>(events.Int(3)),
                 EtagOf(events, 4), EtagOf(events, 5));
    }
  }

  absl::Status CheckVersions() {
    ASSIGN_OR_RETURN(
        Statement query,
        database_.Prepare("SELECT d.category, d.format FROM documents d JOIN versions v ON "
                          "v.document = d.id AND v.revision = d.mod_revision WHERE v.etag <> "
                          "d.etag"));
    while (true) {
      ASSIGN_OR_RETURN(const bool row, query.Step());
      if (!row) return absl::OkStatus();
      Tell(absl::StrCat("document ", query.Bytes(0), ", format ", query.Int(1),
                        ": is not its newest version"));
    }
  }

  // From the present back to the oldest event: each must find what it led to.
  absl::Status Undo(const LoadedState& state) {
    std::map<int64_t, std::map<std::string, Etag, std::less<>>> present;
    for (const auto& [key, id] : state.ids.all()) {
      state.root->Find(key)->document->ForEach([&present, id = id](const Entry& entry) {
        present[id].emplace(entry.record->name, entry.record->etag);
      });
    }
    ASSIGN_OR_RETURN(Statement events,
                     database_.Prepare("SELECT id, document, name, before, after FROM events ORDER "
                                       "BY id DESC"));
    while (true) {
      ASSIGN_OR_RETURN(const bool row, events.Step());
      if (!row) return absl::OkStatus();
      auto& records = present[events.Int(1)];
      const std::string name(events.Bytes(2));
      const auto found = records.find(name);
      if ((found == records.end() ? Etag{} : found->second) != EtagOf(events, 4)) {
        Tell(absl::StrCat("event ", events.Int(0), " of \"", name,
                          "\": what it led to is not what came after it"));
      }
      if (events.IsNull(3)) {
        records.erase(name);
      } else {
        records[name] = EtagOf(events, 3);
      }
    }
  }

  absl::Status CheckMetadata(const LoadedState& state) {
    ASSIGN_OR_RETURN(const int version, SchemaVersion(database_));
    if (version < kSchemaWithMetadata) return absl::OkStatus();
    ASSIGN_OR_RETURN(auto expected, MetadataOfHistory(database_));
    ASSIGN_OR_RETURN(const std::vector<MetadataRow> rows, ReadMetadata(database_, -1));
    for (const MetadataRow& row : rows) {
      CategoryMetadata counted = row.metadata;
      const auto found = expected.extract(row.document);
      // Failures make no event, and move the time of the last update.
      if (!found.empty() && counted.errors > found.mapped().errors) {
        counted.errors = found.mapped().errors;
        if (counted.last_updated > found.mapped().last_updated) {
          counted.last_updated = found.mapped().last_updated;
        }
      }
      if (found.empty() || found.mapped() != counted) TellMetadata(state, row.document);
    }
    for (const auto& [document, metadata] : expected) TellMetadata(state, document);
    return absl::OkStatus();
  }

  void TellMetadata(const LoadedState& state, int64_t document) {
    const DocumentKey* key = state.ids.Find(document);
    Tell(absl::StrCat("document ", key == nullptr ? absl::StrCat(document) : key->ToString(),
                      ": its metadata does not follow from its events"));
  }

  Database& database_;
  StoreCheck check_;
};

absl::StatusOr<uint64_t> Count(Database& database, absl::string_view sql) {
  ASSIGN_OR_RETURN(const int64_t count, database.QueryInt(sql));
  return static_cast<uint64_t>(count);
}

// Everything inside sees one instant.
template <typename Read>
auto AtOneInstant(Database& database, Read read) -> decltype(read()) {
  RETURN_IF_ERROR(database.Execute("BEGIN"));
  auto result = read();
  database.Execute("ROLLBACK").IgnoreError();
  return result;
}

absl::StatusOr<StoreFacts> ReadFacts(Database& database) {
  StoreFacts facts;
  ASSIGN_OR_RETURN(facts.epoch, ReadMeta(database, kMetaEpoch));
  {
    ASSIGN_OR_RETURN(Statement head,
                     database.Prepare("SELECT revision, chain FROM transactions ORDER BY revision "
                                      "DESC LIMIT 1"));
    ASSIGN_OR_RETURN(const bool row, head.Step());
    if (row) facts.revision = head.Unsigned(0);
    facts.chain = row ? std::string(head.Bytes(1)) : std::string(32, '\0');
  }
  ASSIGN_OR_RETURN(facts.forks, Count(database, "SELECT count(*) FROM forks"));
  ASSIGN_OR_RETURN(facts.documents, Count(database, "SELECT count(*) FROM documents"));
  ASSIGN_OR_RETURN(facts.models, Count(database, "SELECT count(*) FROM records"));
  ASSIGN_OR_RETURN(facts.transactions, Count(database, "SELECT count(*) FROM transactions"));
  ASSIGN_OR_RETURN(facts.events, Count(database, "SELECT count(*) FROM events"));
  ASSIGN_OR_RETURN(facts.files_behind,
                   Count(database,
                         "SELECT count(*) FROM documents d LEFT JOIN files f ON f.document = d.id "
                         "WHERE d.mod_revision > coalesce(f.revision, 0)"));
  ASSIGN_OR_RETURN(Statement projections,
                   database.Prepare("SELECT name, position FROM projections ORDER BY name"));
  while (true) {
    ASSIGN_OR_RETURN(const bool row, projections.Step());
    if (!row) return facts;
    facts.projections.push_back({std::string(projections.Bytes(0)), projections.Unsigned(1)});
  }
}

}  // namespace

absl::StatusOr<StoreFacts> ReadStoreFacts(Database& database) {
  return AtOneInstant(database, [&] { return ReadFacts(database); });
}

absl::StatusOr<StoreCheck> CheckStore(Database& database) {
  return AtOneInstant(database, [&] { return Checker(database).Run(); });
}

}  // namespace modelref
