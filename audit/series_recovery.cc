#include "audit/series_recovery.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <optional>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "audit/layout.h"
#include "audit/line.h"
#include "audit/line_reader.h"
#include "audit/log_file.h"
#include "backends/base/durable_file.h"
#include "backends/base/failpoint.h"
#include "backends/base/log.h"
#include "backends/base/status_macros.h"

namespace modelref {
namespace {

constexpr uint64_t kToTheEnd = std::numeric_limits<uint64_t>::max();
constexpr size_t kCopyBytes = size_t{256} << 10;

// The newest line of ours in what stays of a segment.
struct LastSeal {
  uint64_t event_id = 0;
  Sha256Digest chain{};
  uint64_t end_offset = 0;
};

// What a segment holds, and where what may be cut begins.
struct SegmentScan {
  uint64_t size = 0;
  uint64_t keep_end = 0;
  bool ends_ours = true;  // Up to keep_end; true when nothing stays.
  bool unsynced = false;  // A line behind the offset stays, because a foreign one follows it.
  std::optional<LastSeal> seal;  // Up to keep_end.
  // Behind keep_end.
  uint64_t cut_lines = 0;
  uint64_t unknown_lines = 0;
  uint64_t first_unknown_event = 0;
};

// Reads a segment once. A program that appends behind a line of ours began no segment, and we
// append nothing behind a line of another program: so what follows ours, or nothing, and is no
// complete line is a broken write of ours, and what follows a foreign line is foreign.
class SegmentScanner {
 public:
  explicit SegmentScanner(const AuditOffset& offset) : offset_(offset) {}

  absl::StatusOr<SegmentScan> Run(const std::string& path) {
    ASSIGN_OR_RETURN(LogFile file, LogFile::Open(path, LogFile::Mode::kRead));
    LineReader reader(std::move(file), 0, kToTheEnd);
    AuditLinePiece piece;
    while (true) {
      ASSIGN_OR_RETURN(const bool more, reader.Next(&piece));
      if (!more) break;
      Look(piece);
      scan_.size = piece.end_offset;
    }
    return scan_;
  }

 private:
  void Look(const AuditLinePiece& piece) {
    const std::optional<AuditSeal> seal =
        piece.whole() ? FindAuditSeal(piece.text) : std::optional<AuditSeal>();
    if (seal.has_value()) {
      newest_seal_ = LastSeal{seal->event_id, seal->chain, piece.end_offset};
      after_foreign_ = false;
      if (seal->event_id <= offset_.synced) {
        Keep(piece.end_offset, /*ours=*/true);
      } else {
        CountCut(*seal);
      }
      return;
    }
    // A power failure leaves zeros where the middle of a write is missing. Only lines of others are
    // so long that they come in pieces.
    const bool broken = piece.begins && (!piece.has_lf || absl::StrContains(piece.text, '\0'));
    if (broken && !after_foreign_) return;
    after_foreign_ = true;
    Keep(piece.end_offset, /*ours=*/false);
  }

  void Keep(uint64_t end, bool ours) {
    scan_.unsynced |= scan_.cut_lines > 0;
    scan_.keep_end = end;
    scan_.ends_ours = ours;
    scan_.seal = newest_seal_;
    scan_.cut_lines = scan_.unknown_lines = 0;
  }

  void CountCut(const AuditSeal& seal) {
    ++scan_.cut_lines;
    if (offset_.knows == nullptr || offset_.knows(seal)) return;
    if (scan_.unknown_lines++ == 0) scan_.first_unknown_event = seal.event_id;
  }

  const AuditOffset& offset_;
  SegmentScan scan_;
  std::optional<LastSeal> newest_seal_;
  bool after_foreign_ = false;
};

absl::StatusOr<std::string> ReadRange(const std::string& path, uint64_t begin, uint64_t end) {
  ASSIGN_OR_RETURN(const LogFile file, LogFile::Open(path, LogFile::Mode::kRead));
  std::string bytes(end - begin, '\0');
  size_t done = 0;
  while (done < bytes.size()) {
    ASSIGN_OR_RETURN(const size_t count,
                     file.Read(begin + done, bytes.data() + done, bytes.size() - done));
    if (count == 0) break;
    done += count;
  }
  bytes.resize(done);
  return bytes;
}

// Feeds a part of a segment to the chain.
absl::Status CoverRange(const std::string& path, uint64_t begin, uint64_t end, AuditChain* chain) {
  ASSIGN_OR_RETURN(const LogFile file, LogFile::Open(path, LogFile::Mode::kRead));
  std::string buffer(kCopyBytes, '\0');
  while (begin < end) {
    const size_t wanted = static_cast<size_t>(std::min<uint64_t>(buffer.size(), end - begin));
    ASSIGN_OR_RETURN(const size_t count, file.Read(begin, buffer.data(), wanted));
    if (count == 0) break;
    chain->Cover(absl::string_view(buffer).substr(0, count));
    begin += count;
  }
  return absl::OkStatus();
}

class SeriesRecovery {
 public:
  SeriesRecovery(const std::string& root, const DocumentKey& key, const AuditOffset& offset)
      : root_(root),
        key_(key),
        folder_(absl::StrCat(root, "/", AuditSeriesName(key))),
        offset_(offset) {}

  absl::StatusOr<AuditSeriesEnd> Run(AuditChain* chain) {
    ASSIGN_OR_RETURN(numbers_, ListAuditSegments(folder_));
    size_t first = numbers_.size();  // Of the segments that the pending part of the chain covers.
    std::optional<LastSeal> seal;
    std::vector<uint64_t> ends(numbers_.size());
    while (first > 0 && !seal.has_value()) {
      --first;
      const bool may_cut = end_.segment == 0;
      ASSIGN_OR_RETURN(const SegmentScan scan, ScanAndCut(numbers_[first], may_cut));
      ends[first] = scan.keep_end;
      seal = scan.seal;
      if (!may_cut || scan.keep_end == 0) continue;
      end_.segment = numbers_[first];
      end_.size = scan.keep_end;
      end_.ours = scan.ends_ours;
    }
    chain->Continue(seal.has_value() ? seal->chain : Sha256Digest{});
    for (size_t i = first; i < numbers_.size(); ++i) {
      const uint64_t begin = i == first && seal.has_value() ? seal->end_offset : 0;
      if (begin < ends[i]) RETURN_IF_ERROR(CoverRange(PathOf(numbers_[i]), begin, ends[i], chain));
    }
    if (seal.has_value()) end_.last_event_id = seal->event_id;
    return end_;
  }

 private:
  std::string PathOf(uint32_t number) const {
    return absl::StrCat(folder_, "/", AuditSegmentName(number));
  }

  // What stays of the segment; all of it when a newer one has something that stays.
  absl::StatusOr<SegmentScan> ScanAndCut(uint32_t number, bool may_cut) {
    const std::string path = PathOf(number);
    // With everything known to be synced, nothing is cut.
    const AuditOffset everything = {.synced = kToTheEnd};
    ASSIGN_OR_RETURN(SegmentScan scan, SegmentScanner(may_cut ? offset_ : everything).Run(path));
    if (!may_cut) scan.keep_end = scan.size;
    if (scan.unsynced || !may_cut) {
      ASSIGN_OR_RETURN(LogFile file, LogFile::Open(path, LogFile::Mode::kAppend));
      RETURN_IF_ERROR(file.Sync());
    }
    if (scan.keep_end == scan.size && scan.size > 0) return scan;
    if (scan.unknown_lines > 0) RETURN_IF_ERROR(KeepAside(path, scan));
    RETURN_IF_ERROR(Cut(path, scan));
    end_.cut_bytes += scan.size - scan.keep_end;
    end_.cut_lines += scan.cut_lines;
    end_.kept_aside += scan.unknown_lines;
    return scan;
  }

  // A segment without anything that stays goes, so that the one before is continued as if it had
  // never been.
  absl::Status Cut(const std::string& path, const SegmentScan& scan) {
    RETURN_IF_ERROR(FAILPOINT_STATUS("audit.before_cut"));
    if (scan.keep_end == 0) {
      if (unlink(path.c_str()) != 0) return ErrnoStatus(errno, "unlink", path);
      return SyncDirectory(folder_);
    }
    ASSIGN_OR_RETURN(LogFile file, LogFile::Open(path, LogFile::Mode::kAppend));
    return file.Truncate(scan.keep_end);
  }

  // Lines of a history that the store does not have any more, such as before a restored backup.
  absl::Status KeepAside(const std::string& path, const SegmentScan& scan) {
    ASSIGN_OR_RETURN(const std::string bytes, ReadRange(path, scan.keep_end, scan.size));
    const std::string folder = absl::StrCat(root_, "/unknown");
    RETURN_IF_ERROR(CreateDirectories(folder));
    RETURN_IF_ERROR(SyncDirectory(root_));
    const std::string aside = absl::StrCat(folder, "/", FormatName(key_.format), "-", key_.category,
                                           "-", scan.first_unknown_event, "-",
                                           ToHex(AsBytes(Sha256(bytes))).substr(0, 8), ".jsonl");
    Log(LogLevel::kWarning, "audit.unknown_lines",
        {{"series", AuditSeriesName(key_)},
         {"lines", absl::StrCat(scan.unknown_lines)},
         {"kept_in", aside}});
    return WriteFileDurably(aside, bytes);
  }

  const std::string& root_;
  const DocumentKey& key_;
  const std::string folder_;
  const AuditOffset& offset_;
  std::vector<uint32_t> numbers_;
  AuditSeriesEnd end_;
};

}  // namespace

absl::StatusOr<AuditSeriesEnd> RecoverAuditSeries(const std::string& root, const DocumentKey& key,
                                                  const AuditOffset& offset, AuditChain* chain) {
  return SeriesRecovery(root, key, offset).Run(chain);
}

}  // namespace modelref
