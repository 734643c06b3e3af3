#include "tests/service/write_model.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "backends/base/digest.h"

namespace modelref::testing {
namespace {

using Entry = WriteModel::Entry;
using Entries = WriteModel::Entries;

constexpr size_t kMassRemovalMin = 10;

Entries::const_iterator FindIn(const Entries& entries, const std::string& name) {
  return std::find_if(entries.begin(), entries.end(),
                      [&](const Entry& entry) { return entry.name == name; });
}

// The record as it must be stored.
std::string RecordOf(const DocumentKey& key, const Entry& entry) {
  if (key.format == Format::kLegacy) {
    return absl::StrCat(R"({"name":")", entry.name, R"(","type":")", key.category,
                        R"(","description":"value )", entry.value, "\"}");
  }
  return absl::StrCat(R"({"name":")", entry.name, R"(","description":"value )", entry.value,
                      R"(","metadata":{"created_at":)", entry.created, R"(,"updated_at":)",
                      entry.updated, "}}");
}

// The number behind the last "value " of a record; 0 without one.
uint64_t ValueIn(const std::string& json) {
  const size_t at = json.rfind("value ");
  uint64_t value = 0;
  if (at == std::string::npos) return 0;
  const std::string digits =
      json.substr(at + 6, json.find_first_not_of("0123456789", at + 6) - (at + 6));
  return absl::SimpleAtoi(digits, &value) ? value : 0;
}

using Values = std::map<std::string, uint64_t>;

Values ValuesOf(const Document& document) {
  Values values;
  document.ForEach([&](const modelref::Entry& entry) {
    values[entry.record->name] = ValueIn(entry.record->json);
  });
  return values;
}

// What readers of a table of these models find: of two models that claim a name the later one.
Values TextEntriesOf(const Entries& entries) {
  Values values;
  for (const Entry& entry : entries) {
    const std::vector<std::string> parts = absl::StrSplit(entry.name, '/');
    values[entry.name] = entry.value;
    values[absl::StrCat("koboldcpp/", parts.back())] = entry.value;
    values[absl::StrCat("aphrodite/", entry.name)] = entry.value;
  }
  return values;
}

Values ValuesOf(const Entries& entries) {
  Values values;
  for (const Entry& entry : entries) values[entry.name] = entry.value;
  return values;
}

std::string DifferenceOf(const DocumentKey& key, const Values& is, const Values& expected) {
  if (is == expected) return "";
  std::string text = absl::StrCat(key.ToString(), " has");
  for (const auto& [name, value] : is) absl::StrAppend(&text, " ", name, "=", value);
  absl::StrAppend(&text, " instead of");
  for (const auto& [name, value] : expected) absl::StrAppend(&text, " ", name, "=", value);
  return text;
}

// Exactly the records, in their order.
std::string DifferenceOf(const DocumentKey& key, const Document& document,
                         const Entries& expected) {
  std::string is, wanted;
  document.ForEach(
      [&](const modelref::Entry& entry) { absl::StrAppend(&is, entry.record->json, "\n"); });
  for (const Entry& entry : expected) absl::StrAppend(&wanted, RecordOf(key, entry), "\n");
  return is == wanted ? "" : absl::StrCat(key.ToString(), " is\n", is, "instead of\n", wanted);
}

const char* ReasonFor(const DocumentKey& key, const ModelStep& step, const Entry* entry) {
  if (entry == nullptr && (step.is_delete || step.mode == v1::WRITE_MODE_UPDATE_ONLY)) {
    return "MODEL_NOT_FOUND";
  }
  if (entry != nullptr && !step.is_delete && step.mode == v1::WRITE_MODE_CREATE_ONLY) {
    return "MODEL_EXISTS";
  }
  if (step.if_match.empty()) return nullptr;
  if (entry == nullptr) return "ETAG_MISMATCH";
  return step.if_match == AsBytes(RecordEtag(RecordOf(key, *entry))) ? nullptr : "ETAG_MISMATCH";
}

bool IsBad(const ModelStep& step) {
  return !step.is_delete && step.content != ModelStep::Content::kGood;
}

// How many of the steps, from the first, find their models where an import has them.
size_t CountKept(const Entries& entries, const std::vector<ModelStep>& steps) {
  size_t kept = 0;
  auto last = entries.begin();
  for (; kept < steps.size(); ++kept) {
    const auto found = FindIn(entries, steps[kept].name);
    if (found == entries.end() || (kept > 0 && found <= last)) break;
    last = found;
  }
  return kept;
}

// Carries out writes that nothing speaks against.
class Application {
 public:
  Application(const ModelWrite& write, int64_t now, Entries entries)
      : write_(write), now_(now), before_(entries), entries_(std::move(entries)) {}

  Entries Run(WriteModel::Outcome* outcome) {
    const size_t kept = write_.replaces ? CountKept(before_, write_.steps) : write_.steps.size();
    for (size_t i = 0; i < write_.steps.size(); ++i) {
      const ModelStep& step = write_.steps[i];
      if (IsBad(step)) continue;
      if (step.is_delete) {
        Remove(step.name);
        outcome->step_changed.push_back(true);
      } else {
        outcome->step_changed.push_back(Put(step, i >= kept));
      }
    }
    if (write_.replaces) RemoveOthers();
    outcome->changed = events_ > 0;
    if (!IsTextTable(write_.key)) outcome->events = events_ + derived_events_;
    return std::move(entries_);
  }

 private:
  bool derives() const { return write_.key.format == Format::kLegacy; }

  void Remove(const std::string& name) {
    entries_.erase(FindIn(entries_, name));
    ++events_;
    derived_events_ += derives() ? 1 : 0;
  }

  // True when the record changes; its place may, too.
  bool Put(const ModelStep& step, bool moves) {
    const auto found = FindIn(entries_, step.name);
    const bool exists = found != entries_.end();
    Entry entry = exists ? *found : Entry{step.name, step.value, now_, now_};
    const bool changed = !exists || entry.value != step.value;
    if (changed) {
      entry.value = step.value;
      entry.updated = now_;
      derived_events_ += derives() ? 1 : 0;
    }
    events_ += (exists && moves ? 2 : 0) + (changed && !(exists && moves) ? 1 : 0);
    if (exists && !moves) {
      entries_[static_cast<size_t>(found - entries_.cbegin())] = entry;
      return changed;
    }
    if (exists) entries_.erase(found);
    entries_.push_back(std::move(entry));
    return changed;
  }

  void RemoveOthers() {
    std::set<std::string> listed;
    for (const ModelStep& step : write_.steps) listed.insert(step.name);
    for (const Entry& entry : before_) {
      if (listed.count(entry.name) == 0) Remove(entry.name);
    }
  }

  const ModelWrite& write_;
  const int64_t now_;
  const Entries before_;
  Entries entries_;
  uint64_t events_ = 0;
  uint64_t derived_events_ = 0;
};

bool RemovesTooMany(const ModelWrite& write, const Entries& entries) {
  if (!write.replaces || write.allow_mass_removal) return false;
  size_t others = 0;
  for (const Entry& entry : entries) {
    others += std::none_of(write.steps.begin(), write.steps.end(),
                           [&](const ModelStep& step) { return step.name == entry.name; });
  }
  return entries.size() >= kMassRemovalMin && 2 * others > entries.size();
}

}  // namespace

bool IsTextTable(const DocumentKey& key) {
  return key.category == "text_generation" && key.format == Format::kLegacy;
}

std::string ContentOf(const DocumentKey& key, const ModelStep& step) {
  if (step.content == ModelStep::Content::kNoJson) return "{\"name\":";
  if (step.content == ModelStep::Content::kInvalid) return R"({"description":7})";
  const std::string value = absl::StrCat(R"(,"description":"value )", step.value, "\"}");
  const std::string name = absl::StrCat(R"({"name":")", step.name, "\"");
  if (IsTextTable(key)) return absl::StrCat(name, R"(,"parameters":7000000000)", value);
  if (key.format == Format::kV2) return name + value;
  return absl::StrCat(name, R"(,"type":")", key.category, "\"", value);
}

WriteModel::Outcome WriteModel::Evaluate(const ModelWrite& write, int64_t now,
                                         WriteModel* next) const {
  const Entries& before = entries(write.key);
  Outcome outcome;
  const std::optional<Etag> etag = DocumentEtagOf(write.key);
  if (!write.if_match.empty() && (!etag.has_value() || write.if_match != AsBytes(*etag))) {
    outcome.reasons.insert("ETAG_MISMATCH");
  }
  for (const ModelStep& step : write.steps) {
    const auto found = FindIn(before, step.name);
    const char* reason = ReasonFor(write.key, step, found == before.end() ? nullptr : &*found);
    if (reason != nullptr) outcome.reasons.insert(reason);
    if (!IsBad(step) || write.skip_invalid) continue;
    const bool is_json = step.content == ModelStep::Content::kInvalid;
    (reason == nullptr ? outcome.reasons : outcome.asides)
        .insert(is_json ? "INVALID_RECORD" : "BAD_JSON");
  }
  if (RemovesTooMany(write, before)) outcome.reasons.insert("MASS_REMOVAL");
  if (!outcome.reasons.empty()) return outcome;
  Entries after = Application(write, now, before).Run(&outcome);
  if (next == nullptr) return outcome;
  *next = *this;
  next->documents_[write.key] = std::move(after);
  return outcome;
}

std::string WriteModel::DiffersFrom(const Root& root) const {
  for (const auto& [key, entries] : documents_) {
    const Document& document = *root.Find(key)->document;
    std::string wrong = IsTextTable(key)
                            ? DifferenceOf(key, ValuesOf(document), TextEntriesOf(entries))
                            : DifferenceOf(key, document, entries);
    if (wrong.empty() && key.format == Format::kLegacy) {
      const DocumentKey derived{key.category, Format::kV2};
      wrong = DifferenceOf(derived, ValuesOf(*root.Find(derived)->document), ValuesOf(entries));
    }
    if (!wrong.empty()) return wrong;
  }
  return "";
}

std::optional<Etag> WriteModel::DocumentEtagOf(const DocumentKey& key) const {
  if (IsTextTable(key)) return std::nullopt;
  DocumentEtagBuilder builder;
  for (const Entry& entry : entries(key)) {
    builder.Add(entry.name, RecordEtag(RecordOf(key, entry)));
  }
  return builder.Finish();
}

const WriteModel::Entries& WriteModel::entries(const DocumentKey& key) const {
  static const auto& none = *new Entries();
  const auto found = documents_.find(key);
  return found == documents_.end() ? none : found->second;
}

}  // namespace modelref::testing
