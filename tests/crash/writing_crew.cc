#include "tests/crash/writing_crew.h"

#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "backends/base/durable_file.h"
#include "backends/base/etag.h"
#include "backends/base/status_macros.h"
#include "backends/convert/text_csv.h"
#include "service/store/database.h"
#include "tests/crash/history_check.h"

namespace modelref::testing {
namespace {

using Records = std::map<std::string, std::string>;

constexpr char kText[] = "text_generation";
const char* const kRepeated[] = {"Twice/Alike", "Twice/Apart", "Twice/Adjacent", "Thrice/Apart"};

// Documents that everybody writes to, and in the end one of the user's own.
std::vector<DocumentKey> KeysOf(int user, Format canonical) {
  std::vector<DocumentKey> keys = {{"clip", canonical}, {"lora", Format::kV2}};
  if (canonical == Format::kLegacy) keys.push_back({kText, canonical});
  keys.push_back(user == 0 ? DocumentKey{"miscellaneous", canonical}
                           : DocumentKey{"video_generation", Format::kV2});
  return keys;
}

// Whether the record says the value; "" means that it must not be there.
std::string CheckRecord(const Records& served, const std::string& name, const std::string& value) {
  const auto found = served.find(name);
  const std::string json = found == served.end() ? "" : found->second;
  const bool fits = value.empty()
                        ? json.empty()
                        : absl::StrContains(json, absl::StrCat("\"description\":\"", value, "\""));
  return fits ? "" : absl::StrCat(name, " is '", json, "' and not '", value, "'");
}

std::string CheckDocument(const WritingUser& user, const DocumentKey& key, const Records& expected,
                          const Records& served, const Records& v2) {
  for (const auto& [name, value] : expected) {
    std::string wrong = CheckRecord(served, name, value);
    if (wrong.empty() && key.category == kText) {
      const std::string model = name.substr(name.rfind('/') + 1);
      wrong = CheckRecord(served, "aphrodite/" + name, value);
      // Another model claims it, too.
      if (model != "Apart") wrong += CheckRecord(served, "koboldcpp/" + model, value);
    }
    if (wrong.empty() && !user.IsAsGiven(key, name)) {
      wrong = CheckRecord(v2, name, value);
      if (!wrong.empty()) wrong += " in v2";
    }
    if (!wrong.empty()) return absl::StrCat(key.ToString(), ", a write is lost: ", wrong);
  }
  return "";
}

// The event of the model in the transaction is what the note says.
absl::Status CheckConditions(Database& database, const WriteNote& note, uint64_t first_event) {
  ASSIGN_OR_RETURN(Statement query,
                   database.Prepare("SELECT operation, before FROM events WHERE id BETWEEN ? AND ? "
                                    "AND name = ? ORDER BY id LIMIT 1"));
  query.Bind(1, first_event).Bind(2, note.revision).Bind(3, note.name);
  ASSIGN_OR_RETURN(const bool found, query.Step());
  if (!found) return absl::DataLossError(note.id + " did not touch " + note.name);
  if (note.creates && query.Int(0) != 1) {
    return absl::DataLossError(note.id + " was to create and found a model");
  }
  if (note.if_match.empty() || AsBytes(RecordEtag(query.Bytes(1))) == note.if_match) {
    return absl::OkStatus();
  }
  return absl::DataLossError(note.id + " met another record than it was told to");
}

struct Transaction {
  uint64_t revision = 0;
  uint64_t first_event = 0;
};

// Of the writes of the service, by the ids of their requests; none may come twice.
absl::StatusOr<std::map<std::string, Transaction>> ReadTransactions(Database& database) {
  std::map<std::string, Transaction> transactions;
  ASSIGN_OR_RETURN(Statement query,
                   database.Prepare("SELECT request, revision, first_event FROM transactions WHERE "
                                    "caller = 'anonymous'"));
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) return transactions;
    const Transaction transaction{query.Unsigned(1), query.Unsigned(2)};
    const std::string id(query.Bytes(0));
    if (transactions.emplace(id, transaction).second) continue;
    return absl::DataLossError(id + " was done twice");
  }
}

absl::Status CheckNotes(const std::string& data_dir, const std::vector<WritingUser>& users) {
  Database::Options options;
  options.read_only = true;
  ASSIGN_OR_RETURN(const std::unique_ptr<Database> database,
                   Database::Open(data_dir + "/.modelref/store.db", options));
  ASSIGN_OR_RETURN(const auto transactions, ReadTransactions(*database));
  for (const WritingUser& user : users) {
    for (const WriteNote& note : user.notes()) {
      const auto found = transactions.find(note.id);
      const bool is_there = found != transactions.end();
      if (is_there == (note.is_refused || !note.changed)) {
        return absl::DataLossError(absl::StrCat(
            note.id, is_there ? " was refused and done" : " was acknowledged, is lost"));
      }
      if (!is_there) continue;
      if (found->second.revision != note.revision) {
        return absl::DataLossError(note.id + " is at another revision");
      }
      if (note.name.empty()) continue;
      RETURN_IF_ERROR(CheckConditions(*database, note, found->second.first_event));
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::string TableWithRepeatedNames() {
  return "name,parameters_bn,display_name,url,baseline,description,style,tags,instruct_format,"
         "settings\n"
         "Twice/Alike,7,,,,value 1,,,,\nTwice/Alike,7,,,,value 1,,,,\n"
         "Twice/Apart,7,,,,value 8,,,,\nThrice/Apart,7,,,,value 9,chat,,,\n"
         "Some/Other,3,,,,nobody's,,,,\nTwice/Adjacent,7,,,,value 7,,,,\n"
         "Twice/Adjacent,8,,,,value 1,,,,\nThrice/Apart,7,,,,value 8,,,,\n"
         "Twice/Apart,70,,,,value 1,,,,\nSome/More,3,,,,nobody's,,,,\n"
         "Thrice/Apart,9,,,,value 1,,,,\n";
}

WritingCrew::WritingCrew(std::string data_dir, Format canonical, Sightings& sightings)
    : data_dir_(std::move(data_dir)), canonical_(canonical) {
  for (int i = 0; i < 2; ++i) {
    users_.emplace_back(i, KeysOf(i, canonical), servers_, sightings);
  }
  if (canonical_ == Format::kV2) return;
  for (const char* name : kRepeated) {
    users_[0].Own({kText, Format::kLegacy}, name, "value 1");
  }
}

void WritingCrew::Reseed(uint64_t seed) {
  for (WritingUser& user : users_) user.Reseed(seed++);
}

std::string WritingCrew::Settle(Client& client) {
  for (WritingUser& user : users_) {
    if (!user.Settle(client)) return "a write gets no answer";
  }
  return "";
}

std::string WritingCrew::CheckServed(Client& client) const {
  for (const WritingUser& user : users_) {
    for (const auto& [key, expected] : user.expected()) {
      const auto served = ServedRecords(client, key);
      if (!served.ok()) return absl::StrCat(key.ToString(), ": ", served.status().ToString());
      const auto v2 = ServedRecords(client, {key.category, Format::kV2});
      if (!v2.ok()) return absl::StrCat(key.ToString(), ": ", v2.status().ToString());
      const std::string wrong = CheckDocument(user, key, expected, *served, *v2);
      if (!wrong.empty()) return wrong;
    }
    const std::string wrong = CheckTable(user);
    if (!wrong.empty()) return wrong;
  }
  return "";
}

std::string WritingCrew::CheckTable(const WritingUser& user) const {
  const auto own = user.expected().find({kText, Format::kLegacy});
  if (own == user.expected().end()) return "";
  const auto text = ReadFileToString(data_dir_ + "/legacy/models.csv", 1 << 30);
  if (!text.ok()) return text.status().ToString();
  const auto table = ParseModelsCsv(*text);
  if (!table.ok()) return table.status().ToString();
  Records rows;
  for (const TextModelRow& row : table->rows) rows[row.name] = row.description;
  for (const auto& [name, value] : own->second) {
    const auto row = rows.find(name);
    const std::string is = row == rows.end() ? "" : row->second;
    if (is != value) return absl::StrCat("models.csv has '", is, "' for ", name, ", not ", value);
  }
  return "";
}

std::string WritingCrew::CheckHistory() const {
  const absl::Status status = CheckNotes(data_dir_, users_);
  return status.ok() ? "" : status.ToString();
}

std::string WritingCrew::Summary() const {
  uint64_t acknowledged = 0, lost = 0, replayed = 0;
  for (const WritingUser& user : users_) {
    acknowledged += user.acknowledged();
    lost += user.lost();
    replayed += user.replayed();
  }
  return absl::StrCat(acknowledged, " writes acknowledged, ", lost, " answers lost and ", replayed,
                      " of them found");
}

}  // namespace modelref::testing
