#include "clients/modelrefctl/text.h"

#include <gtest/gtest.h>

#include <optional>

namespace modelref::ctl {
namespace {

TEST(TextTest, TerminalNeverSeesControlCharacters) {
  EXPECT_EQ(TerminalSafe("plain é 漢 ✓"), "plain é 漢 ✓");
  EXPECT_EQ(TerminalSafe("a\033[31mb\x7f"), "a\\x1b[31mb\\x7f");
  EXPECT_EQ(TerminalSafe("line\nbreak\ttab"), "line\\x0abreak\\x09tab");
  EXPECT_EQ(TerminalSafe("\xC2\x9B"
                         "31m"),
            "\\u{9b}31m");
  EXPECT_EQ(TerminalSafe("\u202Eevil"), "\\u{202e}evil");
  EXPECT_EQ(TerminalSafe("\xff\xC3("), "\\xff\\xc3(");
}

TEST(TextTest, TabFieldStaysOnOneLineAndCanBeReadBack) {
  EXPECT_EQ(TabField("a\tb\nc\\d\r"), "a\\tb\\nc\\\\d\\r");
}

TEST(TextTest, WidthCountsColumnsNotBytes) {
  EXPECT_EQ(DisplayWidth("abc"), 3u);
  EXPECT_EQ(DisplayWidth("é"), 1u);
  EXPECT_EQ(DisplayWidth("e\u0301"), 1u);
  EXPECT_EQ(DisplayWidth("漢字"), 4u);
  EXPECT_EQ(DisplayWidth("🎨"), 2u);
}

TEST(TextTest, CutTextNeverExceedsTheWidth) {
  EXPECT_EQ(FitWidth("abcdef", 6), "abcdef");
  EXPECT_EQ(FitWidth("abcdef", 4), "abc…");
  EXPECT_EQ(FitWidth("漢字漢", 4), "漢…");
  EXPECT_EQ(FitWidth("abc", 0), "");
}

TEST(TextTest, BytesAndAgesAreForPeople) {
  EXPECT_EQ(HumanBytes(0), "0 B");
  EXPECT_EQ(HumanBytes(999), "999 B");
  EXPECT_EQ(HumanBytes(1500), "1.5 kB");
  EXPECT_EQ(HumanBytes(999'999), "1.0 MB");
  EXPECT_EQ(HumanBytes(6'938'040'288), "6.9 GB");
  EXPECT_EQ(HumanAge(absl::Seconds(90)), "90s");
  EXPECT_EQ(HumanAge(absl::Minutes(90)), "90m");
  EXPECT_EQ(HumanAge(absl::Hours(30)), "30h");
  EXPECT_EQ(HumanAge(absl::Hours(72)), "3d");
}

TEST(TextTest, TimesAreRfc3339InUtc) {
  EXPECT_EQ(FormatUtc(absl::FromUnixSeconds(1767323045)), "2026-01-02T03:04:05Z");
  EXPECT_EQ(FormatUtc(absl::FromUnixMillis(1767323045600)), "2026-01-02T03:04:05.6Z");
  EXPECT_EQ(FormatSeconds(absl::Milliseconds(1500)), "1.5s");
  EXPECT_EQ(FormatSeconds(absl::Seconds(20)), "20s");
  EXPECT_EQ(FormatSeconds(-absl::Nanoseconds(1)), "-0.000000001s");
}

TEST(TextTest, DurationsAreReadAsUsersWriteThem) {
  EXPECT_EQ(ParseUserDuration("10s"), absl::Seconds(10));
  EXPECT_EQ(ParseUserDuration("1m30s"), absl::Seconds(90));
  EXPECT_EQ(ParseUserDuration("2.5"), absl::Milliseconds(2500));
  for (const char* text : {"", "s", "-1s", "10 parsecs", "nan"}) {
    EXPECT_EQ(ParseUserDuration(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace modelref::ctl
