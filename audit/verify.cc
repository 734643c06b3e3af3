#include "audit/verify.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "audit/chain.h"
#include "audit/line.h"
#include "audit/line_reader.h"
#include "backends/base/digest.h"
#include "backends/base/status_macros.h"

namespace modelref {
namespace {

constexpr size_t kMaxDetailBytes = 512;

// Cut between characters.
std::string Shortened(absl::string_view detail) {
  size_t size = std::min(detail.size(), kMaxDetailBytes);
  while (size > 0 && size < detail.size() && (detail[size] & 0xC0) == 0x80) --size;
  return std::string(detail.substr(0, size));
}

// Follows one series through its segments.
class SeriesVerifier {
 public:
  SeriesVerifier(std::string folder, const DocumentKey& key, AuditVerification* total)
      : folder_(std::move(folder)), total_(total) {
    series_.head.key = key;
  }

  // False: the caller asked to end.
  absl::StatusOr<bool> Run(const std::string& root, const VerifyProgress& progress) {
    ASSIGN_OR_RETURN(const std::vector<std::string> names,
                     ListAuditFiles(absl::StrCat(root, "/", folder_)));
    bool goes_on = true;
    for (size_t i = 0; goes_on && i < names.size(); ++i) {
      file_ = absl::StrCat(folder_, "/", names[i]);
      line_ = 0;
      const absl::Status read =
          CheckFile(absl::StrCat(root, "/", file_), AuditSegmentNumber(names[i]));
      if (absl::IsPermissionDenied(read)) return read;
      if (!read.ok()) Report(LogProblemKind::kUnreadableLine, 0, read.message());
      goes_on = progress == nullptr || progress(*total_);
    }
    series_.head.chain = chain_.head();
    total_->series.push_back(series_);
    return goes_on;
  }

 private:
  void Report(LogProblemKind kind, uint64_t event_id, absl::string_view detail) {
    ++series_.problems;
    if (total_->problem_count++ >= kMaxListedProblems) return;
    total_->problems.push_back({kind, file_, line_, event_id, Shortened(detail)});
  }

  absl::Status CheckFile(const std::string& path, std::optional<uint32_t> number) {
    if (number.has_value()) {
      if (*number != last_number_ + 1) {
        Report(LogProblemKind::kMissing, 0,
               absl::StrCat("no segment between ", last_number_, " and ", *number));
      }
      last_number_ = *number;
      ++series_.segments;
    }
    // The original reads more names than it gives; the chain runs over the segments alone.
    is_segment_ = number.has_value();
    ASSIGN_OR_RETURN(LogFile file, LogFile::Open(path, LogFile::Mode::kRead));
    LineReader reader(std::move(file), 0, std::numeric_limits<uint64_t>::max());
    AuditLinePiece piece;
    while (true) {
      ASSIGN_OR_RETURN(const bool more, reader.Next(&piece));
      if (!more) return absl::OkStatus();
      total_->checked_bytes += piece.end_offset - piece.offset;
      CheckPiece(piece);
    }
  }

  void CheckPiece(const AuditLinePiece& piece) {
    if (piece.begins) ++line_;
    const std::optional<AuditSeal> seal =
        piece.whole() && is_segment_ ? FindAuditSeal(piece.text) : std::optional<AuditSeal>();
    if (seal.has_value()) {
      CheckOurs(piece.text, *seal);
      return;
    }
    if (is_segment_) {
      chain_.Cover(piece.text);
      if (piece.has_lf) chain_.Cover("\n");
    }
    if (piece.begins) CheckForeign(piece);
  }

  void CheckOurs(absl::string_view line, const AuditSeal& seal) {
    const Sha256Digest expected = chain_.Seal(seal.covered);
    if (expected != seal.chain) {
      Report(LogProblemKind::kChainBroken, seal.event_id,
             absl::StrCat("the line says ", ToHex(AsBytes(seal.chain)),
                          ", the bytes up to it give ", ToHex(AsBytes(expected))));
      chain_.Continue(seal.chain);
    }
    if (seal.event_id <= last_event_id_ || seal.txn < seal.event_id) {
      Report(LogProblemKind::kIdOrder, seal.event_id,
             absl::StrCat("event ", seal.event_id, " of transaction ", seal.txn,
                          " stands behind event ", last_event_id_));
    }
    last_event_id_ = seal.event_id;
    series_.head.last_event_id = seal.event_id;
    ++series_.events;
    const absl::StatusOr<AuditEvent> event = ParseAuditLine(line);
    if (!event.ok()) {
      Report(LogProblemKind::kUnreadableLine, seal.event_id, event.status().message());
      return;
    }
    ++total_->checked_events;
    if (event->key() != series_.head.key) {
      Report(LogProblemKind::kUnknownLine, seal.event_id,
             absl::StrCat("the line is of ", AuditSeriesName(event->key())));
    }
  }

  void CheckForeign(const AuditLinePiece& piece) {
    const absl::string_view text = absl::StripAsciiWhitespace(piece.text);
    if (text.empty() && piece.has_lf) return;
    const absl::StatusOr<AuditEvent> event = ParseAuditLine(text);
    ++series_.foreign;
    if (event.ok()) ++total_->checked_events;
    if (series_.events == 0) {
      // Ours go on above every id that was there.
      if (event.ok()) last_event_id_ = std::max(last_event_id_, event->event_id);
    } else if (!piece.has_lf) {
      Report(LogProblemKind::kUnreadableLine, 0, "the line is not complete");
    } else if (!event.ok()) {
      Report(LogProblemKind::kUnreadableLine, 0, event.status().message());
    } else {
      Report(LogProblemKind::kForeignLine, event->event_id, "another program wrote it");
    }
  }

  const std::string folder_;
  AuditVerification* const total_;
  VerifiedSeries series_;
  AuditChain chain_;
  uint64_t last_event_id_ = 0;
  uint32_t last_number_ = 0;
  std::string file_;
  uint64_t line_ = 0;
  bool is_segment_ = true;
};

void CheckIndex(const std::string& root, AuditVerification* total) {
  uint64_t last = 0;
  for (const VerifiedSeries& series : total->series) {
    last = std::max(last, series.head.last_event_id);
  }
  const absl::StatusOr<uint64_t> index = ReadAuditIndex(root);
  if (last == 0 || (index.ok() && *index >= last)) return;
  ++total->problem_count;
  const std::string detail = index.ok()
                                 ? absl::StrCat("says ", *index, ", but there is event ", last)
                                 : std::string(index.status().message());
  const LogProblemKind kind = index.ok() ? LogProblemKind::kIdOrder : LogProblemKind::kMissing;
  total->problems.push_back({kind, "index.json", 0, last, Shortened(detail)});
}

}  // namespace

absl::string_view LogProblemKindName(LogProblemKind kind) {
  switch (kind) {
    case LogProblemKind::kChainBroken:
      return "CHAIN_BROKEN";
    case LogProblemKind::kIdOrder:
      return "ID_ORDER";
    case LogProblemKind::kUnreadableLine:
      return "UNREADABLE_LINE";
    case LogProblemKind::kMissing:
      return "MISSING";
    case LogProblemKind::kUnknownLine:
      return "UNKNOWN_LINE";
    case LogProblemKind::kForeignLine:
      return "FOREIGN_LINE";
    case LogProblemKind::kTrustMismatch:
      return "TRUST_MISMATCH";
  }
  return "";
}

absl::StatusOr<AuditVerification> VerifyAudit(const std::string& root,
                                              const VerifyProgress& progress) {
  AuditVerification total;
  ASSIGN_OR_RETURN(const std::vector<DocumentKey> all, ListAuditSeries(root));
  if (all.empty()) return absl::NotFoundError(absl::StrCat(root, ": no audit trail is there"));
  for (const DocumentKey& key : all) {
    SeriesVerifier verifier(AuditSeriesName(key), key, &total);
    ASSIGN_OR_RETURN(const bool goes_on, verifier.Run(root, progress));
    if (!goes_on) return total;
  }
  CheckIndex(root, &total);
  return total;
}

}  // namespace modelref
