#pragma once

// Text that comes from others, made fit for terminals and for tab-separated lines.

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace modelref::ctl {

// Replaces everything that a terminal could take for a command, or that would disguise the text:
// control characters, direction overrides and ill-formed UTF-8 become \xHH or \u{HHHH}.
std::string TerminalSafe(absl::string_view text);

// One field of a tab-separated line: backslash, tab and line ends are escaped as \\, \t, \n, \r,
// other control characters as TerminalSafe does.
std::string TabField(absl::string_view text);

// How many columns of a terminal the text takes, which must be the result of TerminalSafe: wide
// East Asian characters and emoji take two, combining marks none.
size_t DisplayWidth(absl::string_view text);

// The text cut to `width` columns; the last one is "…" when something was cut.
std::string FitWidth(absl::string_view text, size_t width);

// "1.5 GB", by powers of 1000 as drives and downloads are sold.
std::string HumanBytes(uint64_t bytes);

// "3s", "5m", "7h", "12d": the age of something, for tables.
std::string HumanAge(absl::Duration age);

// RFC 3339 in UTC with as many fractional digits as needed: "2026-01-02T03:04:05.6Z".
std::string FormatUtc(absl::Time time);

// "1.5s", as Protobuf's JSON has it.
std::string FormatSeconds(absl::Duration duration);

// A duration as users write it: "10s", "500ms", "2m30s", or a bare number of seconds. Not negative.
std::optional<absl::Duration> ParseUserDuration(absl::string_view text);

}  // namespace modelref::ctl
