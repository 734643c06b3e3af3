#pragma once

// One JSON line per happening, written where it is handled, never log-and-return. Keys and
// credentials never appear.

#include <initializer_list>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"

namespace modelref {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// One field of a line. Values are strings; numbers are written by the caller with absl::StrCat.
using LogField = std::pair<absl::string_view, std::string>;

// Writes {"time":…,"level":…,"event":…,fields…} and a newline to stderr in one write. `event` names
// what happened as "area.what_happened". Thread-safe.
void Log(LogLevel level, absl::string_view event, std::initializer_list<LogField> fields = {});

// Lines below `level` are dropped from now on. Default kInfo. Thread-safe.
void SetLogLevel(LogLevel level);

}  // namespace modelref
