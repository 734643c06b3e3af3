#include "service/record_batcher.h"

#include <string>

namespace modelref {
namespace {

// What a Record costs beside its name and JSON: tags, lengths, etag and revision.
constexpr size_t kRecordOverhead = 64;
// A piece of a large record is not made smaller than this.
constexpr size_t kMinPieceBytes = 4 << 10;

}  // namespace

bool RecordBatcher::Add(const Entry& entry, size_t* room, v1::RecordBatch* batch) {
  const std::string& json = entry.record->json;
  const size_t cost = entry.record->name.size() + kRecordOverhead;
  const size_t rest = json.size() - offset_;
  const bool fits = cost + rest <= *room;
  if (!fits && (batch->records_size() > 0 || *room < cost + kMinPieceBytes)) return false;
  const size_t piece = fits ? rest : *room - cost;
  v1::Record* record = batch->add_records();
  record->set_name(entry.record->name);
  record->set_json(json.data() + offset_, piece);
  record->set_etag(entry.record->etag.data(), entry.record->etag.size());
  record->set_mod_revision(entry.mod_revision);
  if (!fits) {
    record->set_continues(true);
    offset_ += piece;
    return false;
  }
  *room -= cost + piece;
  offset_ = 0;
  return true;
}

}  // namespace modelref
