#include "tests/tidy/source_text.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace modelref::tidy {
namespace {

namespace fs = std::filesystem;

bool IsWordCharacter(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

bool IsLeftOut(const fs::path& folder) {
  const std::string name = folder.filename().string();
  if (name == "node_modules" || name == "__pycache__" || name == "install") {
    // tests/install and the like are ours; an installed tree lies at the top.
    return name != "install" || fs::exists(folder / "bin");
  }
  if (absl::StartsWith(name, ".") && name != ".ci") return true;
  return fs::exists(folder / "CMakeCache.txt");
}

// Walks over a C++ file and blanks what is not code.
class Blanker {
 public:
  explicit Blanker(absl::string_view text) : text_(text), out_(text) {}

  std::string Run() {
    while (at_ < text_.size()) Step();
    return std::move(out_);
  }

 private:
  void Step() {
    const absl::string_view rest = text_.substr(at_);
    if (absl::StartsWith(rest, "//")) {
      BlankUntil(rest.find('\n'));
    } else if (absl::StartsWith(rest, "/*")) {
      const size_t end = rest.find("*/", 2);
      BlankUntil(end == absl::string_view::npos ? end : end + 2);
    } else if (absl::StartsWith(rest, "#include")) {
      at_ += std::min(rest.find('\n'), rest.size());
    } else if (absl::StartsWith(rest, "R\"") && !FollowsWord()) {
      const std::string delimiter(rest.substr(2, rest.find('(') - 2));
      const size_t end = rest.find(absl::StrCat(")", delimiter, "\""));
      BlankUntil(end == absl::string_view::npos ? end : end + delimiter.size() + 2);
    } else if (rest[0] == '"' || (rest[0] == '\'' && !FollowsWord())) {
      BlankUntil(EndOfQuoted(rest));
    } else {
      ++at_;
    }
  }

  // After a word an apostrophe separates digits: 1'000.
  bool FollowsWord() const { return at_ > 0 && IsWordCharacter(text_[at_ - 1]); }

  static size_t EndOfQuoted(absl::string_view rest) {
    for (size_t i = 1; i < rest.size() && rest[i] != '\n'; ++i) {
      if (rest[i] == '\\') {
        ++i;
      } else if (rest[i] == rest[0]) {
        return i + 1;
      }
    }
    return rest.find('\n');
  }

  // Blanks `length` bytes, or everything to the end for npos.
  void BlankUntil(size_t length) {
    const size_t end = length == absl::string_view::npos ? text_.size() : at_ + length;
    for (; at_ < end; ++at_) {
      if (out_[at_] != '\n') out_[at_] = ' ';
    }
  }

  const absl::string_view text_;
  std::string out_;
  size_t at_ = 0;
};

}  // namespace

std::string Describe(const std::vector<Finding>& findings) {
  std::string out;
  for (const Finding& finding : findings) {
    absl::StrAppend(&out, finding.path, ":", finding.line, ": ", finding.what, "\n");
  }
  return out;
}

std::vector<SourceFile> ReadTree(const std::string& root) {
  std::vector<SourceFile> files;
  for (auto it = fs::recursive_directory_iterator(root); it != fs::end(it); ++it) {
    if (it->is_directory() && IsLeftOut(it->path())) it.disable_recursion_pending();
    const bool hidden = absl::StartsWith(it->path().filename().string(), ".");
    if (hidden || !it->is_regular_file() || it->is_symlink()) continue;
    std::ifstream in(it->path(), std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    if (absl::StrContains(text.str(), '\0')) continue;
    files.push_back({fs::relative(it->path(), root).generic_string(), text.str()});
  }
  std::sort(files.begin(), files.end(),
            [](const SourceFile& a, const SourceFile& b) { return a.path < b.path; });
  return files;
}

std::vector<std::string> SplitLines(absl::string_view text) {
  std::vector<std::string> lines = absl::StrSplit(text, '\n');
  if (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

std::string BlankCommentsAndStrings(absl::string_view text) { return Blanker(text).Run(); }

bool IsCpp(absl::string_view path) {
  return absl::EndsWith(path, ".h") || absl::EndsWith(path, ".cc");
}

}  // namespace modelref::tidy
