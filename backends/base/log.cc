#include "backends/base/log.h"

#include <unistd.h>

#include <atomic>

#include "absl/time/time.h"
#include "backends/base/clock.h"
#include "backends/base/json.h"

namespace modelref {
namespace {

std::atomic<LogLevel> g_level{LogLevel::kInfo};

absl::string_view LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "unknown";
}

void AppendField(absl::string_view key, absl::string_view value, std::string* line) {
  AppendCanonicalString(key, line);
  line->push_back(':');
  AppendCanonicalString(value, line);
}

// A value that is not UTF-8 (a file name, say) must not make the line unreadable.
std::string Printable(const std::string& value) {
  if (IsValidUtf8(value)) return value;
  std::string out = value;
  for (char& c : out) {
    if (static_cast<unsigned char>(c) >= 0x80) c = '?';
  }
  return out;
}

}  // namespace

void SetLogLevel(LogLevel level) { g_level = level; }

void Log(LogLevel level, absl::string_view event, std::initializer_list<LogField> fields) {
  if (level < g_level.load(std::memory_order_relaxed)) return;
  std::string line = "{";
  AppendField(
      "time",
      absl::FormatTime("%Y-%m-%d%ET%H:%M:%E3SZ", RealClock().TimeNow(), absl::UTCTimeZone()),
      &line);
  line.push_back(',');
  AppendField("level", LevelName(level), &line);
  line.push_back(',');
  AppendField("event", event, &line);
  for (const LogField& field : fields) {
    line.push_back(',');
    AppendField(field.first, Printable(field.second), &line);
  }
  line.append("}\n");
  // One write keeps lines of several threads whole; nobody can be told when stderr is gone.
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace modelref
