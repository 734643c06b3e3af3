#include "tests/crash/hand_editor.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/crash/pause.h"

namespace modelref::testing {
namespace {

constexpr char kOwn[] = "edit-";

bool WriteSome(int fd, absl::string_view text) {
  while (!text.empty()) {
    const ssize_t count = write(fd, text.data(), text.size());
    if (count < 0) return false;
    text.remove_prefix(static_cast<size_t>(count));
  }
  return true;
}

bool WriteInPieces(int fd, absl::string_view text, std::mt19937_64& random) {
  while (!text.empty()) {
    const size_t size = std::min<size_t>(text.size(), 1 + random() % (text.size() / 2 + 64));
    if (!WriteSome(fd, text.substr(0, size))) return false;
    text.remove_prefix(size);
    Pause(absl::Milliseconds(random() % 30));
  }
  return true;
}

bool SaveTo(const std::string& path, int flags, bool slowly, const std::string& text,
            std::mt19937_64& random) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0644);
  if (fd < 0) return false;
  bool written = slowly ? WriteInPieces(fd, text, random) : WriteSome(fd, text);
  written = ftruncate(fd, static_cast<off_t>(text.size())) == 0 && written;
  return close(fd) == 0 && written;
}

}  // namespace

bool IsInPlace(SaveStyle style) {
  return style != SaveStyle::kRename && style != SaveStyle::kRenameSlow;
}

bool Save(const std::string& path, SaveStyle style, const std::string& text,
          std::mt19937_64& random) {
  switch (style) {
    case SaveStyle::kCopy:
      return SaveTo(path, O_TRUNC, false, text, random);
    case SaveStyle::kSlow:
      return SaveTo(path, O_TRUNC, true, text, random);
    case SaveStyle::kOverwrite:
      return SaveTo(path, 0, false, text, random);
    case SaveStyle::kRename:
    case SaveStyle::kRenameSlow:
      break;
  }
  const std::string other = absl::StrCat(path, ".editor");
  if (!SaveTo(other, O_TRUNC, style == SaveStyle::kRenameSlow, text, random)) return false;
  return rename(other.c_str(), path.c_str()) == 0;
}

std::string CrashRecord(const std::string& name, uint64_t value) {
  return absl::StrCat("{\"name\":\"", name, "\",\"description\":\"value ", value, "\"}");
}

HandEditor::HandEditor(std::string path, SaveStyle style, absl::Duration think)
    : path_(std::move(path)), style_(style), think_(think) {}

void HandEditor::ReadFile() {
  std::ifstream file(path_, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const absl::StatusOr<Json> json = ParseJson(text);
  // Only this editor leaves the file incomplete, so it never is here.
  if (!json.ok() || json->AsObject() == nullptr) return;
  buffer_ = *json->AsObject();
  has_read_ = true;
}

void HandEditor::Edit() {
  if (!has_read_ || random_() % 4 != 0) ReadFile();
  if (!has_read_) return;
  // People think before they save.
  Pause(think_ * (random_() % 60) / 60);
  std::vector<std::string> alive;
  for (const auto& [name, json] : expected_) {
    if (!json.empty()) alive.push_back(name);
  }
  std::string name;
  if (alive.size() < kOwnRecords && (alive.empty() || random_() % 3 == 0)) {
    name = absl::StrCat(kOwn, ++counter_);
  } else {
    name = alive[random_() % alive.size()];
  }
  std::map<std::string, std::string> next = expected_;
  const bool is_removed = alive.size() > kOwnRecords / 2 && random_() % 8 == 0;
  next[name] = is_removed ? "" : CrashRecord(name, random_());
  for (const auto& [own, json] : next) {
    if (json.empty()) {
      buffer_.Erase(own);
    } else {
      buffer_.Set(own, *ParseJson(json));
    }
  }
  if (Save(path_, style_, FormatJson(Json(buffer_), JsonStyle()) + "\n", random_)) {
    expected_ = std::move(next);
  }
}

}  // namespace modelref::testing
