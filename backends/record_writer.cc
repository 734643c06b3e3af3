#include "backends/record_writer.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "backends/base/json.h"

namespace modelref {
namespace {

// Up to this many member names a pairwise comparison is the fastest check; above it, sorting bounds
// the work.
constexpr size_t kPairwiseMembers = 24;

uint64_t HashKey(absl::string_view key) {
  uint64_t hash = 0x9E3779B97F4A7C15u ^ key.size();
  const char* data = key.data();
  size_t left = key.size();
  while (left >= 8) {
    uint64_t word;
    std::memcpy(&word, data, 8);
    hash = (hash ^ word) * 0xD6E8FEB86659FD93u;
    hash ^= hash >> 32;
    data += 8;
    left -= 8;
  }
  uint64_t tail = 0;
  std::memcpy(&tail, data, left);
  hash = (hash ^ tail) * 0xD6E8FEB86659FD93u;
  return hash ^ (hash >> 32);
}

}  // namespace

void RecordWriter::Reset() {
  depth_ = 0;
  json_.clear();
  refusal_.clear();
  has_duplicates_ = false;
  key_hashes_.clear();
  object_starts_.clear();
}

void RecordWriter::Refuse(std::string reason) {
  if (refusal_.empty()) refusal_ = std::move(reason);
  json_.clear();
}

void RecordWriter::Separate() {
  if (json_.empty()) return;
  const char last = json_.back();
  if (last != '[' && last != '{' && last != ':') json_.push_back(',');
  if (json_.size() > max_bytes_) Refuse(absl::StrCat("larger than ", max_bytes_, " bytes"));
}

void RecordWriter::Raw(absl::string_view lexeme) {
  if (!refusal_.empty()) return;
  Separate();
  json_.append(lexeme.data(), lexeme.size());
}

void RecordWriter::String(absl::string_view text) {
  if (!refusal_.empty()) return;
  Separate();
  AppendCanonicalString(text, &json_);
}

void RecordWriter::Key(absl::string_view name) {
  if (!refusal_.empty()) return;
  Separate();
  AppendCanonicalString(name, &json_);
  json_.push_back(':');
  key_hashes_.push_back(HashKey(name));
}

void RecordWriter::Open(char bracket) {
  ++depth_;
  if (depth_ > max_depth_) Refuse(absl::StrCat("nested more than ", max_depth_, " levels deep"));
  if (!refusal_.empty()) return;
  Separate();
  json_.push_back(bracket);
  if (bracket == '{') object_starts_.push_back(key_hashes_.size());
}

void RecordWriter::Close(char bracket) {
  --depth_;
  if (!refusal_.empty()) return;
  json_.push_back(bracket);
  if (bracket != '}') return;
  CheckDuplicates(object_starts_.back());
  key_hashes_.resize(object_starts_.back());
  object_starts_.pop_back();
  if (depth_ == 0 && json_.size() > max_bytes_) {
    Refuse(absl::StrCat("larger than ", max_bytes_, " bytes"));
  }
}

void RecordWriter::CheckDuplicates(size_t first) {
  const auto begin = key_hashes_.begin() + static_cast<ptrdiff_t>(first);
  const auto end = key_hashes_.end();
  if (static_cast<size_t>(end - begin) > kPairwiseMembers) {
    std::sort(begin, end);
    has_duplicates_ = has_duplicates_ || std::adjacent_find(begin, end) != end;
    return;
  }
  for (auto key = begin; key != end; ++key) {
    if (std::find(begin, key, *key) != key) has_duplicates_ = true;
  }
}

}  // namespace modelref
