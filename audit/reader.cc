#include "audit/reader.h"

#include <algorithm>
#include <limits>
#include <unordered_set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "audit/layout.h"
#include "audit/line.h"
#include "audit/line_reader.h"
#include "backends/base/log.h"
#include "backends/base/status_macros.h"

namespace modelref {
namespace {

template <typename T>
bool Asks(const std::vector<T>& wanted, const T& value) {
  return wanted.empty() || std::find(wanted.begin(), wanted.end(), value) != wanted.end();
}

template <typename T>
bool IsWithin(const std::optional<T>& min, const std::optional<T>& max, T value) {
  return (!min.has_value() || value >= *min) && (!max.has_value() || value <= *max);
}

class Reading {
 public:
  Reading(const AuditFilter& filter, const AuditVisitor& visit)
      : filter_(filter),
        models_(filter.model_names.begin(), filter.model_names.end()),
        visit_(visit) {}

  absl::StatusOr<AuditReadStats> Run(const std::string& root) {
    ASSIGN_OR_RETURN(const std::vector<DocumentKey> all, ListAuditSeries(root));
    for (const DocumentKey& key : all) {
      if (!Asks(filter_.domains, key.format) || !Asks(filter_.categories, key.category)) continue;
      const std::string folder = absl::StrCat(root, "/", AuditSeriesName(key));
      ASSIGN_OR_RETURN(const std::vector<std::string> names, ListAuditFiles(folder));
      for (const std::string& name : names) {
        ReadFile(key, absl::StrCat(folder, "/", name));
        if (ended_) return stats_;
      }
    }
    return stats_;
  }

 private:
  void ReadFile(const DocumentKey& key, const std::string& path) {
    const absl::Status status = ReadLines(key, path);
    if (status.ok()) return;
    ++stats_.unreadable_files;
    Log(LogLevel::kWarning, "audit.file_skipped",
        {{"file", path}, {"error", std::string(status.message())}});
  }

  absl::Status ReadLines(const DocumentKey& key, const std::string& path) {
    ASSIGN_OR_RETURN(LogFile file, LogFile::Open(path, LogFile::Mode::kRead));
    LineReader reader(std::move(file), 0, std::numeric_limits<uint64_t>::max());
    AuditLinePiece piece;
    while (!ended_) {
      ASSIGN_OR_RETURN(const bool more, reader.Next(&piece));
      if (!more) break;
      const absl::string_view line = absl::StripAsciiWhitespace(piece.text);
      // The rest of a line that is too long was counted with its beginning.
      if (!piece.begins || line.empty()) continue;
      ++stats_.lines;
      ReadLine(key, line);
    }
    return absl::OkStatus();
  }

  // A last line without its end is read like any other.
  void ReadLine(const DocumentKey& key, absl::string_view line) {
    const absl::StatusOr<AuditEvent> event = ParseAuditLine(line);
    if (!event.ok()) {
      ++stats_.unreadable_lines;
      return;
    }
    stats_.max_event_id = std::max(stats_.max_event_id, event->event_id);
    if (event->key() != key) {
      ++stats_.misplaced_lines;
      return;
    }
    const bool is_wanted = (models_.empty() || models_.count(event->model_name) != 0) &&
                           IsWithin(filter_.min_event_id, filter_.max_event_id, event->event_id) &&
                           IsWithin(filter_.min_timestamp, filter_.max_timestamp, event->timestamp);
    if (is_wanted) ended_ = !visit_(*event);
  }

  const AuditFilter& filter_;
  const std::unordered_set<std::string> models_;
  const AuditVisitor& visit_;
  AuditReadStats stats_;
  bool ended_ = false;
};

}  // namespace

absl::StatusOr<AuditReadStats> ReadAudit(const std::string& root, const AuditFilter& filter,
                                         const AuditVisitor& visit) {
  return Reading(filter, visit).Run(root);
}

}  // namespace modelref
