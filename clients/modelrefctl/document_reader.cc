#include "clients/modelrefctl/document_reader.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "backends/base/json.h"
#include "backends/base/status_macros.h"

namespace modelref::ctl {
namespace {

constexpr size_t kBlockBytes = 256 << 10;

bool IsSpace(int c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

}  // namespace

DocumentReader::DocumentReader(Input input, Options options)
    : input_(std::move(input)), options_(std::move(options)) {}

absl::StatusOr<int> DocumentReader::Peek() {
  if (position_ == block_.size()) {
    block_.resize(kBlockBytes);
    position_ = 0;
    absl::StatusOr<size_t> count = input_.Read(block_.data(), block_.size());
    block_.resize(count.value_or(0));
    RETURN_IF_ERROR(count.status());
    if (options_.on_read) options_.on_read(*count);
    if (*count == 0) return -1;
  }
  return static_cast<unsigned char>(block_[position_]);
}

void DocumentReader::Take() {
  if (block_[position_] == '\n') ++line_;
  ++position_;
}

absl::StatusOr<int> DocumentReader::PeekBehindSpace() {
  for (;;) {
    ASSIGN_OR_RETURN(const int c, Peek());
    if (!IsSpace(c)) return c;
    Take();
  }
}

absl::Status DocumentReader::Malformed(absl::string_view what) const {
  return Error(absl::StatusCode::kInvalidArgument, "BAD_JSON",
               absl::StrCat(input_.name(), ":", line_, ": ", what));
}

absl::Status DocumentReader::CheckSize(const std::string& text) const {
  if (text.size() <= options_.max_record_bytes) return absl::OkStatus();
  return Error(absl::StatusCode::kInvalidArgument, "RECORD_TOO_LARGE",
               absl::StrCat(input_.name(), ":", line_, ": a record of more than ",
                            options_.max_record_bytes, " bytes"));
}

absl::Status DocumentReader::Expect(char c, const char* what) {
  ASSIGN_OR_RETURN(const int next, PeekBehindSpace());
  if (next != c) {
    return Malformed(absl::StrCat(next < 0 ? "the file ends where " : "", what,
                                  next < 0 ? " should follow" : " is expected"));
  }
  Take();
  return absl::OkStatus();
}

absl::Status DocumentReader::TakeString(std::string* out) {
  for (bool escaped = false, open = false;;) {
    ASSIGN_OR_RETURN(const int c, Peek());
    if (c < 0) return Malformed("the file ends in a string");
    Take();
    out->push_back(static_cast<char>(c));
    if (c == '"' && !escaped && std::exchange(open, true)) return absl::OkStatus();
    escaped = c == '\\' && !escaped;
    RETURN_IF_ERROR(CheckSize(*out));
  }
}

absl::Status DocumentReader::TakeValue(std::string* out) {
  for (size_t depth = 0;;) {
    ASSIGN_OR_RETURN(const int c, Peek());
    if (c < 0) return Malformed("the file ends in a record");
    if (c == '"') {
      RETURN_IF_ERROR(TakeString(out));
      continue;
    }
    const bool closes = c == '}' || c == ']';
    if (depth == 0 && (c == ',' || closes)) return absl::OkStatus();
    if (c == '{' || c == '[') ++depth;
    if (closes) --depth;
    Take();
    out->push_back(static_cast<char>(c));
    RETURN_IF_ERROR(CheckSize(*out));
  }
}

absl::StatusOr<bool> DocumentReader::FindMember() {
  if (!std::exchange(begun_, true)) RETURN_IF_ERROR(Expect('{', "a document {\"name\": {…}, …}"));
  ASSIGN_OR_RETURN(const int c, PeekBehindSpace());
  if (c != '}') {
    if (std::exchange(has_members_, true)) RETURN_IF_ERROR(Expect(',', "a comma or }"));
    ASSIGN_OR_RETURN(const int quote, PeekBehindSpace());
    if (quote != '"') return Malformed("the name of a model is expected");
    return true;
  }
  Take();
  ASSIGN_OR_RETURN(const int rest, PeekBehindSpace());
  if (rest >= 0) return Malformed("text behind the document");
  return false;
}

absl::Status DocumentReader::Canonicalise(SourceRecord* record) const {
  absl::StatusOr<Json> json = ParseJson(record->json, {.depth = kMaxJsonDepth});
  record->is_canonical = json.ok();
  if (json.ok()) {
    record->json = CanonicalJson(*json);
  } else if (!options_.keep_invalid) {
    return Malformed(absl::StrCat("the record of \"", record->name,
                                  "\", which ends here: ", json.status().message()));
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> DocumentReader::Next(SourceRecord* record) {
  ASSIGN_OR_RETURN(const bool found, FindMember());
  if (!found) return false;
  std::string literal;
  RETURN_IF_ERROR(TakeString(&literal));
  const absl::StatusOr<Json> name = ParseJson(literal);
  if (!name.ok()) return Malformed(absl::StrCat("a bad name: ", name.status().message()));
  record->name = *name->AsString();
  // Lone surrogates have no place in a message.
  if (!IsValidUtf8(record->name)) return Malformed("a name that is not UTF-8");
  RETURN_IF_ERROR(Expect(':', "a colon"));
  RETURN_IF_ERROR(PeekBehindSpace().status());
  std::string value;
  RETURN_IF_ERROR(TakeValue(&value));
  record->json = std::string(absl::StripTrailingAsciiWhitespace(value));
  RETURN_IF_ERROR(Canonicalise(record));
  return true;
}

absl::Status DocumentReader::Rewind() {
  RETURN_IF_ERROR(input_.Rewind());
  block_.clear();
  position_ = 0;
  line_ = 1;
  begun_ = has_members_ = false;
  return absl::OkStatus();
}

}  // namespace modelref::ctl
