#include "tests/tidy/size_rules.h"

#include <algorithm>
#include <cctype>
#include <regex>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace modelref::tidy {
namespace {

enum class Scope { kNamespace, kType, kFunction, kOther };

// Follows the braces of blanked C++ text. `head_` is what stands since the last statement or block
// of the same level: it tells what the next brace opens.
class FunctionFinder {
 public:
  std::vector<Function> Run(const std::string& text) {
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '#' && absl::StripAsciiWhitespace(head_).empty()) i = EndOfDirective(text, i);
      Step(text, i);
    }
    return std::move(found_);
  }

 private:
  struct Open {
    Scope scope;
    bool keeps_head;
  };

  size_t EndOfDirective(const std::string& text, size_t i) {
    while (i < text.size() && text[i] != '\n') {
      if (text[i] == '\\' && i + 1 < text.size() && text[i + 1] == '\n') {
        ++line_;
        ++i;
      }
      ++i;
    }
    return std::min(i, text.size() - 1);
  }

  void Step(const std::string& text, size_t i) {
    const char c = text[i];
    if (c == '{') {
      OpenBrace();
    } else if (c == '}') {
      CloseBrace();
    } else if (c == ';' && open_parentheses_ == 0) {
      head_.clear();
    } else {
      open_parentheses_ += (c == '(') - (c == ')');
      head_ += c;
    }
    if (c == '\n') ++line_;
  }

  bool InFunction() const { return function_depth_ > 0; }

  // Members initialised with braces, a_{1}, come before the body and are no block.
  bool OpensMemberInitializer() const {
    static const auto* const list = new std::regex(R"(\)[^:()]*[^:]:[^:])");
    return !head_.empty() && !std::isspace(static_cast<unsigned char>(head_.back())) &&
           std::regex_search(head_, *list);
  }

  Scope Classify() const {
    static const auto* const names = new std::regex(R"((^|\s)namespace(\s|$))");
    static const auto* const types =
        new std::regex(R"(^\s*(template\s*<[^{]*>\s*)?(class|struct|union|enum)\b[^=]*$)");
    if (std::regex_search(head_, *names)) return Scope::kNamespace;
    if (std::regex_search(head_, *types)) return Scope::kType;
    return absl::StrContains(head_, '(') && open_parentheses_ == 0 ? Scope::kFunction
                                                                   : Scope::kOther;
  }

  void OpenBrace() {
    if (InFunction() || open_parentheses_ > 0 || OpensMemberInitializer()) {
      open_.push_back({Scope::kOther, !InFunction()});
      if (InFunction()) ++function_depth_;
      return;
    }
    const Scope scope = Classify();
    open_.push_back({scope, false});
    if (scope == Scope::kFunction) {
      found_.push_back({std::string(absl::StripAsciiWhitespace(head_)), line_, line_});
      function_depth_ = 1;
    }
    head_.clear();
  }

  void CloseBrace() {
    if (open_.empty()) return;
    const Open closed = open_.back();
    open_.pop_back();
    if (InFunction() && --function_depth_ == 0) found_.back().last_line = line_;
    if (!closed.keeps_head) head_.clear();
  }

  std::vector<Function> found_;
  std::vector<Open> open_;
  std::string head_;
  int open_parentheses_ = 0;
  int function_depth_ = 0;  // Braces open since the body of the current function began.
  int line_ = 1;
};

int CountCodePoints(absl::string_view line) {
  return static_cast<int>(std::count_if(line.begin(), line.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

int MaxColumns(absl::string_view path) {
  if (IsCpp(path)) return kMaxCppColumns;
  if (absl::EndsWith(path, ".proto")) return kMaxProtoColumns;
  return 0;
}

void CheckColumns(const SourceFile& file, const std::vector<std::string>& lines,
                  std::vector<Finding>* findings) {
  const int limit = MaxColumns(file.path);
  for (size_t i = 0; limit > 0 && i < lines.size(); ++i) {
    const int columns = CountCodePoints(lines[i]);
    if (columns > limit) {
      findings->push_back({file.path, static_cast<int>(i) + 1,
                           absl::StrCat(columns, " columns; the limit is ", limit)});
    }
  }
}

}  // namespace

std::vector<Function> FindFunctions(absl::string_view cpp) {
  return FunctionFinder().Run(BlankCommentsAndStrings(cpp));
}

std::vector<Finding> CheckSizes(const SourceFile& file) {
  std::vector<Finding> findings;
  const std::vector<std::string> lines = SplitLines(file.text);
  CheckColumns(file, lines, &findings);
  if (!IsCpp(file.path)) return findings;
  const int limit = absl::EndsWith(file.path, ".h") ? kMaxHeaderLines : kMaxSourceLines;
  if (static_cast<int>(lines.size()) > limit) {
    findings.push_back({file.path, 0, absl::StrCat(lines.size(), " lines; the limit is ", limit)});
  }
  for (const Function& function : FindFunctions(file.text)) {
    const int length = function.last_line - function.first_line + 1;
    if (length > kMaxFunctionLines) {
      findings.push_back(
          {file.path, function.first_line,
           absl::StrCat("a function of ", length, " lines; the limit is ", kMaxFunctionLines)});
    }
  }
  return findings;
}

}  // namespace modelref::tidy
