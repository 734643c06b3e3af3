#include "tests/crash/crash_plan.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/crash/failpoint_names.h"

namespace modelref::testing {
namespace {

constexpr int kFirstGuess = 8;
// When only so many points are left, they are all that matters.
constexpr size_t kFewPoints = 5;

// What else must happen for a point to be met.
struct Setting {
  const char* point;
  const char* crash_before;  // Of the server before, empty for none.
  const char* also;          // Armed beside it.
};
const Setting kSettings[] = {
    {"audit.before_cut", "audit.after_append", ""},
    {"file.after_link", "", "file.no_exchange=error(UNIMPLEMENTED)"},
    {"file.no_links", "", "file.no_exchange=error(UNIMPLEMENTED)"},
    {"projector.after_displaced_import", "", "file.after_fsync=sleep(60)"},
    {"projector.after_displaced_kept", "", "file.after_fsync=sleep(60)"},
};

const Setting* SettingOf(const std::string& point) {
  const auto* it = std::find_if(std::begin(kSettings), std::end(kSettings),
                                [&](const Setting& setting) { return point == setting.point; });
  return it == std::end(kSettings) ? nullptr : it;
}

}  // namespace

CrashPlan::CrashPlan() : names_(FailpointNames()) {}

CrashPlan::Crash CrashPlan::At(const std::string& name) {
  const int limit = greatest_hit_.try_emplace(name, kFirstGuess).first->second;
  Crash crash;
  crash.name = name;
  crash.hit = 1 + static_cast<int>(random_() % static_cast<uint64_t>(limit));
  // The first hit is the surest one.
  if (deaths_.count(name) == 0 && random_() % 2 == 0) crash.hit = 1;
  crash.failpoints = absl::StrCat(name, "=kill@", crash.hit);
  const Setting* setting = SettingOf(name);
  if (setting != nullptr && setting->also[0] != '\0') {
    absl::StrAppend(&crash.failpoints, ";", setting->also);
  } else if (random_() % 8 == 0 && name != "file.no_exchange") {
    absl::StrAppend(&crash.failpoints, ";file.no_exchange=error(UNIMPLEMENTED)");
  } else if (random_() % 4 == 0 && name != "file.after_fsync") {
    absl::StrAppend(&crash.failpoints, ";file.after_fsync=sleep(", 10 + random_() % 80, ")");
  }
  return crash;
}

std::vector<CrashPlan::Crash> CrashPlan::NextRound() {
  const std::set<std::string> missing = Missing();
  std::vector<Crash> crashes;
  const size_t count = 1 + (random_() % 5 < 2 ? 1 : 0) + (random_() % 5 == 0 ? 1 : 0);
  while (crashes.size() < count) {
    if (random_() % 5 == 0) {
      crashes.emplace_back();
      continue;
    }
    std::string name = names_[random_() % names_.size()];
    const bool is_nearly_done = missing.size() <= kFewPoints;
    if (!missing.empty() && (is_nearly_done || random_() % 2 == 0)) {
      name = *std::next(missing.begin(), static_cast<std::ptrdiff_t>(random_() % missing.size()));
    }
    const Setting* setting = SettingOf(name);
    if (setting != nullptr && setting->crash_before[0] != '\0') {
      crashes.push_back(At(setting->crash_before));
    }
    crashes.push_back(At(name));
  }
  return crashes;
}

std::string CrashPlan::NextImport() {
  std::vector<std::string> steps;
  for (const std::string& name : names_) {
    if (absl::StartsWith(name, "file.") || absl::StartsWith(name, "store.")) steps.push_back(name);
  }
  return absl::StrCat(steps[random_() % steps.size()], "=kill@", 1 + random_() % 3);
}

void CrashPlan::Count(const std::string& killed_at) { ++deaths_[killed_at]; }

void CrashPlan::Learn(const Crash& crash, const std::string& killed_at) {
  Count(killed_at);
  if (crash.name.empty()) return;
  int& limit = greatest_hit_[crash.name];
  if (killed_at.empty()) {
    limit = std::max(1, crash.hit / 2);
  } else if (crash.hit * 4 > limit * 3) {
    limit = limit * 3 / 2 + 1;
  }
}

std::set<std::string> CrashPlan::Missing() const {
  std::set<std::string> missing;
  for (const std::string& name : names_) {
    if (deaths_.count(name) == 0 && WhyNotKilled(name).empty()) missing.insert(name);
  }
  return missing;
}

}  // namespace modelref::testing
