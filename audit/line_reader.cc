#include "audit/line_reader.h"

#include <algorithm>

#include "backends/base/status_macros.h"

namespace modelref {
namespace {

constexpr size_t kReadBytes = size_t{256} << 10;

}  // namespace

absl::StatusOr<bool> LineReader::Next(AuditLinePiece* piece) {
  size_t searched = begin_;
  while (true) {
    if (const size_t end = buffer_.find('\n', searched); end != std::string::npos) {
      Take(end - begin_, /*has_lf=*/true, piece);
      return true;
    }
    if (buffer_.size() - begin_ >= max_line_) break;
    const size_t unsearched = buffer_.size() - begin_;
    ASSIGN_OR_RETURN(const bool more, Fill());
    if (!more) break;
    searched = begin_ + unsearched;
  }
  if (begin_ == buffer_.size()) return false;
  Take(buffer_.size() - begin_, /*has_lf=*/false, piece);
  return true;
}

void LineReader::Take(size_t length, bool has_lf, AuditLinePiece* piece) {
  piece->text = absl::string_view(buffer_).substr(begin_, length);
  piece->begins = line_begins_;
  piece->has_lf = has_lf;
  piece->offset = read_to_ - (buffer_.size() - begin_);
  begin_ += length + (has_lf ? 1 : 0);
  piece->end_offset = read_to_ - (buffer_.size() - begin_);
  line_begins_ = has_lf;
}

absl::StatusOr<bool> LineReader::Fill() {
  buffer_.erase(0, begin_);
  begin_ = 0;
  const size_t kept = buffer_.size();
  const size_t wanted = static_cast<size_t>(std::min<uint64_t>(kReadBytes, end_ - read_to_));
  buffer_.resize(kept + wanted);
  const absl::StatusOr<size_t> count = file_.Read(read_to_, buffer_.data() + kept, wanted);
  buffer_.resize(kept + count.value_or(0));
  if (!count.ok()) return count.status();
  read_to_ += *count;
  return *count > 0;
}

}  // namespace modelref
