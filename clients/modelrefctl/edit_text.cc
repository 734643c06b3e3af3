#include "clients/modelrefctl/edit_text.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace modelref::ctl {
namespace {

bool AreEqual(const Json* a, const Json* b) {
  return a == nullptr || b == nullptr ? a == b : *a == *b;
}

}  // namespace

std::string WithNotes(const std::vector<std::string>& notes, absl::string_view text) {
  std::string out;
  for (const std::string& note : notes) {
    for (const absl::string_view line : absl::StrSplit(note, '\n')) {
      absl::StrAppend(&out, "# ", line, "\n");
    }
  }
  return absl::StrCat(out, text);
}

absl::string_view WithoutNotes(absl::string_view text) {
  for (;;) {
    const size_t end = text.find('\n');
    const absl::string_view line = absl::StripLeadingAsciiWhitespace(text.substr(0, end));
    if (!line.empty() && !absl::StartsWith(line, "#")) return text;
    if (end == absl::string_view::npos) return "";
    text.remove_prefix(end + 1);
  }
}

MergedRecord MergeRecords(const JsonObject& base, const JsonObject& edited,
                          const JsonObject& newest) {
  MergedRecord merged;
  const auto clash = [&](const std::string& name, const Json* mine) {
    const Json* theirs = newest.Find(name);
    const bool moved = !AreEqual(base.Find(name), theirs);
    if (moved && !AreEqual(mine, theirs)) merged.clashes.push_back(name);
  };
  for (const auto& [name, value] : edited.members()) {
    const Json* theirs = newest.Find(name);
    if (!AreEqual(base.Find(name), &value)) {
      clash(name, &value);
      merged.record.Set(name, value);
    } else if (theirs != nullptr) {
      merged.record.Set(name, *theirs);
    }
  }
  for (const auto& [name, value] : newest.members()) {
    if (edited.Find(name) != nullptr) continue;
    if (base.Find(name) == nullptr) {
      merged.record.Set(name, value);
    } else {
      clash(name, nullptr);
    }
  }
  return merged;
}

}  // namespace modelref::ctl
