#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "audit/log_file.h"

namespace modelref {

// Longer lines come in pieces; nothing that we write is nearly as long.
inline constexpr size_t kMaxAuditLineBytes = size_t{64} << 20;

// A line, or a piece of one that is too long.
struct AuditLinePiece {
  absl::string_view text;   // Without its LF; valid until the next one is read.
  bool begins = true;       // False: goes on with the line of the piece before.
  bool has_lf = false;      // False: the line goes on, or the file ends here.
  uint64_t offset = 0;      // Where it begins in the file.
  uint64_t end_offset = 0;  // Behind it and its LF.

  bool whole() const { return begins && has_lf; }
};

// Reads a file line by line, never more of it in memory than one line. Single-threaded.
class LineReader {
 public:
  // Reads from `offset` up to `end` or the end of the file.
  LineReader(LogFile file, uint64_t offset, uint64_t end, size_t max_line = kMaxAuditLineBytes)
      : file_(std::move(file)), read_to_(offset), end_(end), max_line_(max_line) {}

  // False: there is nothing (more). Errors as LogFile.
  absl::StatusOr<bool> Next(AuditLinePiece* piece);

 private:
  // Appends more of the file to the buffer; false at its end.
  absl::StatusOr<bool> Fill();
  void Take(size_t length, bool has_lf, AuditLinePiece* piece);

  LogFile file_;
  uint64_t read_to_;  // In the file: the end of what is in the buffer.
  const uint64_t end_;
  const size_t max_line_;
  std::string buffer_;
  size_t begin_ = 0;  // In the buffer: what is not returned yet.
  bool line_begins_ = true;
};

}  // namespace modelref
