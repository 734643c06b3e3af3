#include "clients/cpp/document_scanner.h"

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "backends/base/json.h"
#include "backends/base/status_macros.h"

namespace modelref {
namespace {

class Scanner {
 public:
  explicit Scanner(absl::string_view text) : text_(text) {}

  bool AtEnd() const { return position_ == text_.size(); }
  bool Consume(char c) {
    if (AtEnd() || text_[position_] != c) return false;
    ++position_;
    return true;
  }
  absl::Status Malformed(absl::string_view what) const {
    return absl::InvalidArgumentError(
        absl::StrCat("not a canonical document: ", what, " at byte ", position_));
  }

  // Takes a string literal, quotes included; empty when there is none.
  absl::string_view TakeString() {
    const size_t start = position_;
    if (!Consume('"')) return {};
    while (!AtEnd()) {
      const char c = text_[position_++];
      if (c == '"') return text_.substr(start, position_ - start);
      if (c == '\\' && !AtEnd()) ++position_;
    }
    return {};
  }

  // Takes one value of any kind by its brackets and quotes; empty when it does not end.
  absl::string_view TakeValue() {
    const size_t start = position_;
    size_t depth = 0;
    while (!AtEnd()) {
      const char c = text_[position_];
      if (c == '"') {
        if (TakeString().empty()) return {};
        continue;
      }
      if (depth == 0 && (c == ',' || c == '}')) break;
      if (c == '{' || c == '[') ++depth;
      if (c == '}' || c == ']') --depth;
      ++position_;
    }
    return text_.substr(start, position_ - start);
  }

 private:
  const absl::string_view text_;
  size_t position_ = 0;
};

absl::StatusOr<std::string> Unescape(absl::string_view literal) {
  const absl::string_view inside = literal.substr(1, literal.size() - 2);
  if (inside.find('\\') == absl::string_view::npos) return std::string(inside);
  ASSIGN_OR_RETURN(Json value, ParseJson(literal));
  const std::string* text = value.AsString();
  return text != nullptr ? *text : std::string();
}

}  // namespace

absl::Status ForEachMember(
    absl::string_view document,
    absl::FunctionRef<absl::Status(absl::string_view name, absl::string_view record)> visit) {
  Scanner scanner(document);
  if (!scanner.Consume('{')) return scanner.Malformed("no object");
  if (!scanner.Consume('}')) {
    do {
      const absl::string_view literal = scanner.TakeString();
      if (literal.empty()) return scanner.Malformed("no name");
      ASSIGN_OR_RETURN(const std::string name, Unescape(literal));
      if (!scanner.Consume(':')) return scanner.Malformed("no colon");
      const absl::string_view record = scanner.TakeValue();
      if (record.empty()) return scanner.Malformed("no record");
      RETURN_IF_ERROR(visit(name, record));
    } while (scanner.Consume(','));
    if (!scanner.Consume('}')) return scanner.Malformed("no end of the object");
  }
  if (!scanner.AtEnd()) return scanner.Malformed("text after the document");
  return absl::OkStatus();
}

}  // namespace modelref
