#include "service/store/repair_content.h"

#include <set>
#include <string>
#include <unordered_map>
#include <utility>

namespace modelref {
namespace {

class Repair {
 public:
  Repair(const SalvagedDocument& salvaged, const TrailDocument& trail)
      : salvaged_(salvaged), trail_(trail), was_exact_(salvaged.IsExact()) {
    for (const Entry& entry : salvaged.entries) {
      revisions_[entry.record->name] = entry.mod_revision;
      Put(entry.record);
    }
  }

  void ApplyTrail() {
    for (const std::string& name : trail_.created) ApplyTrailTo(name);
    for (const auto& [name, value] : trail_.records) {
      if (value.newest == nullptr) ApplyTrailTo(name);
    }
    if (!was_exact_) OrderAsCreated();
    result_.is_exact =
        was_exact_ || (salvaged_.known && !is_newer_ && Build()->etag() == salvaged_.etag);
  }

  void ApplyFile(const Document& file) {
    file.ForEach([this](const Entry& entry) {
      const std::string& name = entry.record->name;
      const auto present = values_.find(name);
      if (present != values_.end() && present->second->etag == entry.record->etag) return;
      if (WasThere(name, entry.record->etag)) {
        ++result_.stale;
        return;
      }
      ++result_.from_file;
      Put(entry.record);
    });
  }

  RepairedContent Finish() {
    result_.document = Build();
    return std::move(result_);
  }

 private:
  void Put(const RecordPtr& record) {
    if (values_.find(record->name) == values_.end()) order_.push_back(record->name);
    values_[record->name] = record;
  }

  // Up to which revision the database knows better.
  uint64_t KnownUpTo(const std::string& name) const {
    if (was_exact_) return salvaged_.mod_revision;
    const auto revision = revisions_.find(name);
    return revision == revisions_.end() ? 0 : revision->second;
  }

  void ApplyTrailTo(const std::string& name) {
    const TrailValue& value = trail_.records.at(name);
    if (value.revision > salvaged_.mod_revision) is_newer_ = true;
    if (value.revision <= KnownUpTo(name)) return;
    const auto present = values_.find(name);
    if (value.newest == nullptr) {
      if (present == values_.end()) return;
      values_.erase(present);
    } else {
      if (present != values_.end() && present->second->etag == value.newest->etag) return;
      Put(value.newest);
    }
    ++result_.from_trail;
  }

  // Where the trail has created every record, it knows their order as well.
  void OrderAsCreated() {
    std::set<std::string> created(trail_.created.begin(), trail_.created.end());
    for (const auto& [name, record] : values_) {
      if (created.count(name) == 0) return;
    }
    order_ = trail_.created;
  }

  bool WasThere(const std::string& name, const Etag& etag) const {
    const auto base = salvaged_.file_base.find(name);
    if (base != salvaged_.file_base.end() && base->second == etag) return true;
    const auto trail = trail_.records.find(name);
    return trail != trail_.records.end() && trail->second.seen.count(etag) > 0;
  }

  DocumentPtr Build() const {
    std::vector<RecordPtr> records;
    std::set<std::string> done;
    for (const std::string& name : order_) {
      const auto value = values_.find(name);
      if (value != values_.end() && done.insert(name).second) records.push_back(value->second);
    }
    return Document::FromRecords(std::move(records));
  }

  const SalvagedDocument& salvaged_;
  const TrailDocument& trail_;
  const bool was_exact_;
  bool is_newer_ = false;  // The trail has something of a later transaction.
  std::unordered_map<std::string, RecordPtr> values_;
  std::unordered_map<std::string, uint64_t> revisions_;
  std::vector<std::string> order_;
  RepairedContent result_;
};

}  // namespace

bool SalvagedDocument::IsExact() const {
  std::vector<RecordPtr> records;
  for (const Entry& entry : entries) records.push_back(entry.record);
  return known && Document::FromRecords(std::move(records))->etag() == etag;
}

RepairedContent RepairContent(const SalvagedDocument& salvaged, const TrailDocument& trail,
                              const Document* file) {
  Repair repair(salvaged, trail);
  repair.ApplyTrail();
  if (file != nullptr) repair.ApplyFile(*file);
  return repair.Finish();
}

}  // namespace modelref
