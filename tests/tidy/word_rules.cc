#include "tests/tidy/word_rules.h"

#include <regex>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace modelref::tidy {
namespace {

struct Ban {
  // Every match contains it. Searching for it first is much faster than std::regex.
  absl::string_view hint;
  const char* pattern;
  const char* instead;
  std::vector<absl::string_view> allowed_in;
};

const std::vector<Ban>& BanTable() {
  static const auto* const table = new std::vector<Ban>{
      {"absl::Now", R"(\babsl::Now\b)", "an injected Clock", {"backends/base/clock.cc"}},
      {"_clock::now",
       R"(\bstd::chrono::(system|steady|high_resolution)_clock::now\b)",
       "an injected Clock",
       {"backends/base/clock.cc", "tests/"}},
      {"leep",
       R"(\b(sleep_for|sleep_until|SleepFor|usleep|nanosleep)\b)",
       "a CondVar, a Clock or a timer",
       {"backends/base/clock.cc"}},
      {"std::string_view", R"(\bstd::string_view\b)", "absl::string_view", {}},
      {"std::cout",
       R"(\bstd::cout\b)",
       "Log",
       {"clients/modelrefctl/", "service/main.cc", "tests/bench/", "tests/install/"}},
      {"absl::",
       R"(\babsl::(Mutex|MutexLock|CondVar|Notification)\b)",
       "backends/base/mutex.h",
       {}},
      {"absl::", R"(\babsl::(flat_hash|node_hash|btree)_)", "std::map or std::unordered_map", {}},
      {"std::atomic", R"(\bstd::atomic<\s*std::shared_ptr\b)", "SnapshotCell", {}},
      {"root()->",
       R"(for \(.*: .*\broot\(\)->|[*&] ?\w+ = \*?[\w.>-]*\broot\(\)->Find)",
       "a RootPtr that lives as long as what is read of it",
       {"tests/"}},
      {"namespace std", R"(\busing\s+namespace\s+std\b)", "full names", {}},
      {"throw", R"(\bthrow\b)", "absl::Status", {}},
  };
  return *table;
}

bool IsAllowed(const Ban& ban, absl::string_view path) {
  for (const absl::string_view place : ban.allowed_in) {
    if (absl::StartsWith(path, place)) return true;
  }
  return false;
}

}  // namespace

std::vector<Finding> CheckBans(const SourceFile& file) {
  std::vector<Finding> findings;
  if (!IsCpp(file.path)) return findings;
  if (absl::EndsWith(file.path, ".h") && !absl::StrContains(file.text, "#pragma once\n")) {
    findings.push_back({file.path, 0, "no #pragma once"});
  }
  const std::vector<std::string> lines = SplitLines(BlankCommentsAndStrings(file.text));
  for (const Ban& ban : BanTable()) {
    if (IsAllowed(ban, file.path)) continue;
    const std::regex pattern(ban.pattern);
    for (size_t i = 0; i < lines.size(); ++i) {
      std::smatch match;
      if (!absl::StrContains(lines[i], ban.hint)) continue;
      if (!std::regex_search(lines[i], match, pattern)) continue;
      findings.push_back({file.path, static_cast<int>(i) + 1,
                          absl::StrCat(match.str(), " is banned; use ", ban.instead)});
    }
  }
  return findings;
}

std::vector<Finding> CheckText(const SourceFile& file) {
  // Written in parts, so that this file passes its own test.
  static const auto* const home = new std::regex(
      "(^|[^A-Za-z0-9_./$}-])/(ro"
      "ot|wo"
      "rk|home/[a-z]+|Users/[A-Za-z]+)/");
  static const auto* const todo = new std::regex(
      "\\b(TO"
      "DO|XX"
      "X|HA"
      "CK)\\b(?!\\(#[0-9]+\\))");
  std::vector<Finding> findings;
  const std::vector<std::string> lines = SplitLines(file.text);
  for (size_t i = 0; i < lines.size(); ++i) {
    const int number = static_cast<int>(i) + 1;
    if (lines[i].size() > 10'000) continue;  // Data; std::regex recurses once per character.
    if (absl::StrContains(lines[i], '/') && std::regex_search(lines[i], *home)) {
      findings.push_back({file.path, number, "a path of one machine"});
    }
    if (std::regex_search(lines[i], *todo)) {
      findings.push_back({file.path, number, "an open end without an issue"});
    }
  }
  return findings;
}

}  // namespace modelref::tidy
