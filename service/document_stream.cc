#include "service/document_stream.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "backends/base/status_macros.h"
#include "service/watch/wire.h"

namespace modelref {
namespace {

absl::Status BadResume(absl::string_view field, absl::string_view description) {
  return Error(absl::StatusCode::kInvalidArgument, "BAD_RESUME",
               absl::StrCat(field, ": ", description),
               {.field_violations = {{std::string(field), std::string(description)}}});
}

}  // namespace

absl::StatusOr<bool> IsSourceText(v1::Representation representation, Format format) {
  const auto bad = [](absl::string_view description) {
    return Error(absl::StatusCode::kInvalidArgument, "BAD_REPRESENTATION",
                 absl::StrCat("representation: ", description),
                 {.field_violations = {{"representation", std::string(description)}}});
  };
  switch (representation) {
    case v1::REPRESENTATION_UNSPECIFIED:
    case v1::REPRESENTATION_COMPACT:
      return false;
    case v1::REPRESENTATION_SOURCE_TEXT:
      if (format == Format::kLegacy) return true;
      return bad("SOURCE_TEXT exists only for FORMAT_LEGACY");
    default:
      return bad("is not known");
  }
}

DocumentParts::DocumentParts(DocumentView view, Options options, SourceText source)
    : view_(std::move(view)), options_(std::move(options)), source_(std::move(source)) {}

absl::StatusOr<DocumentParts> DocumentParts::Create(DocumentView view, Options options,
                                                    SourceText source) {
  DocumentParts parts(std::move(view), std::move(options), std::move(source));
  RETURN_IF_ERROR(parts.Seek());
  return parts;
}

absl::Status DocumentParts::Seek() {
  if (options_.start_after.empty() && options_.if_etag.empty()) return absl::OkStatus();
  if (options_.source_text)
    return BadResume("start_after", "a transfer of SOURCE_TEXT is not resumed");
  if (options_.if_etag.empty()) return BadResume("if_etag", "is needed with start_after");
  if (absl::string_view(options_.if_etag) != AsBytes(etag())) {
    return Error(absl::StatusCode::kAborted, "ETAG_MISMATCH",
                 "the document changed since the transfer began: start over");
  }
  if (options_.start_after.empty()) return absl::OkStatus();
  const Entry* target = view_.document().Find(options_.start_after);
  if (target == nullptr) return BadResume("start_after", "no such record");
  const auto& chunks = view_.document().chunks();
  const auto chunk = std::partition_point(chunks.begin(), chunks.end(), [&](const auto& candidate) {
    return candidate->entries.back().order < target->order;
  });
  chunk_ = static_cast<size_t>(chunk - chunks.begin());
  while ((*chunk)->entries[entry_].order != target->order) ++entry_;
  Advance();
  return absl::OkStatus();
}

const Etag& DocumentParts::etag() const {
  return options_.source_text ? source_.etag : view_.state->document->etag();
}

const Entry* DocumentParts::Current() const {
  const auto& chunks = view_.document().chunks();
  return chunk_ < chunks.size() ? &chunks[chunk_]->entries[entry_] : nullptr;
}

void DocumentParts::Advance() {
  if (++entry_ < view_.document().chunks()[chunk_]->entries.size()) return;
  entry_ = 0;
  ++chunk_;
}

void DocumentParts::FillHeaderPart(v1::CategoryHeader* header) {
  const DocumentState& state = *view_.state;
  header->set_category(state.key.category);
  header->set_format(ToProto(state.key.format));
  header->set_mod_revision(state.mod_revision);
  header->set_etag(etag().data(), etag().size());
  header->set_record_count(state.document->record_count());
  header->set_size_bytes(options_.source_text ? source_.text->size()
                                              : state.document->size_bytes());
  const bool same = absl::string_view(options_.if_none_match) == AsBytes(etag());
  header->set_not_modified(same);
  const bool nothing_left = options_.source_text ? source_.text->empty() : Current() == nullptr;
  stage_ = same || nothing_left ? Stage::kEnd : Stage::kContent;
}

void DocumentParts::FillBatch(v1::RecordBatch* batch) {
  size_t room = kMaxPartBytes;
  for (const Entry* entry = Current(); entry != nullptr; entry = Current()) {
    if (!batcher_.Add(*entry, &room, batch)) return;
    ++records_;
    Advance();
  }
  stage_ = Stage::kEnd;
}

void DocumentParts::FillChunk(v1::RawChunk* chunk) {
  const absl::string_view rest = absl::string_view(*source_.text).substr(offset_);
  const absl::string_view piece = rest.substr(0, kMaxPartBytes);
  chunk->set_data(piece.data(), piece.size());
  offset_ += piece.size();
  if (piece.size() == rest.size()) stage_ = Stage::kEnd;
}

void DocumentParts::FillEnd(v1::CategoryEnd* end) {
  end->set_record_count(records_);
  end->set_etag(etag().data(), etag().size());
  stage_ = Stage::kDone;
}

}  // namespace modelref
