#include "clients/modelrefctl/document_writer.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "backends/base/digest.h"
#include "backends/base/error.h"
#include "backends/base/json.h"
#include "backends/base/status_macros.h"
#include "clients/modelrefctl/table.h"
#include "clients/modelrefctl/text.h"
#include "clients/modelrefctl/yaml.h"

namespace modelref::ctl {
namespace {

absl::StatusOr<Json> ParseRecord(const v1::Record& record) {
  absl::StatusOr<Json> json = ParseJson(record.json());
  if (json.ok()) return json;
  return Error(absl::StatusCode::kDataLoss, "DOCUMENT_DAMAGED",
               absl::StrCat("model \"", record.name(), "\": ", json.status().message()));
}

// The canonical document: nothing is parsed, so every byte is the server's.
class CanonicalWriter final : public DocumentWriter {
 public:
  std::string Begin() override { return "{"; }
  absl::StatusOr<std::string> Add(const v1::Record& record) override {
    std::string text = first_ ? "" : ",";
    first_ = false;
    AppendCanonicalString(record.name(), &text);
    absl::StrAppend(&text, ":", record.json());
    return text;
  }
  std::string End() override { return "}\n"; }

 private:
  bool first_ = true;
};

class IndentedWriter final : public DocumentWriter {
 public:
  std::string Begin() override { return "{"; }
  absl::StatusOr<std::string> Add(const v1::Record& record) override {
    ASSIGN_OR_RETURN(const Json json, ParseRecord(record));
    std::string text = first_ ? "\n  " : ",\n  ";
    first_ = false;
    AppendCanonicalString(record.name(), &text);
    // Strings hold no raw line ends, so every one is layout.
    absl::StrAppend(&text, ": ",
                    absl::StrReplaceAll(FormatJson(json, JsonStyle{}), {{"\n", "\n  "}}));
    return text;
  }
  std::string End() override { return first_ ? "}\n" : "\n}\n"; }

 private:
  bool first_ = true;
};

class LinesWriter final : public DocumentWriter {
 public:
  absl::StatusOr<std::string> Add(const v1::Record& record) override {
    std::string text = "{\"name\":";
    AppendCanonicalString(record.name(), &text);
    absl::StrAppend(&text, ",\"mod_revision\":", record.mod_revision(), ",\"etag\":\"",
                    ToHex(record.etag()), "\",\"record\":", record.json(), "}\n");
    return text;
  }
};

class YamlWriter final : public DocumentWriter {
 public:
  absl::StatusOr<std::string> Add(const v1::Record& record) override {
    ASSIGN_OR_RETURN(const Json json, ParseRecord(record));
    empty_ = false;
    return FormatYamlMember(record.name(), json);
  }
  std::string End() override { return empty_ ? "{}\n" : ""; }

 private:
  bool empty_ = true;
};

class NameWriter final : public DocumentWriter {
 public:
  absl::StatusOr<std::string> Add(const v1::Record& record) override {
    return absl::StrCat(record.name(), "\n");
  }
};

class PlainWriter final : public DocumentWriter {
 public:
  absl::StatusOr<std::string> Add(const v1::Record& record) override {
    return PlainLine({record.name(), absl::StrCat(record.json().size()),
                      absl::StrCat(record.mod_revision()), ToHex(record.etag())});
  }
};

// Widths are known at the end only, so rows are kept; they hold no records.
class TableWriter final : public DocumentWriter {
 public:
  TableWriter(TableStyle style, bool wide)
      : style_(style),
        wide_(wide),
        table_({{"name"},
                {"size_bytes", false, true},
                {"mod_revision", false, true},
                {"etag", true}}) {}

  absl::StatusOr<std::string> Add(const v1::Record& record) override {
    table_.AddRow({record.name(), HumanBytes(record.json().size()),
                   absl::StrCat(record.mod_revision()), ToHex(record.etag())});
    return std::string();
  }
  std::string End() override { return table_.Format(style_, wide_); }

 private:
  const TableStyle style_;
  const bool wide_;
  Table table_;
};

}  // namespace

std::unique_ptr<DocumentWriter> MakeDocumentWriter(const Invocation& invocation, bool indented) {
  switch (invocation.output()) {
    case OutputMode::kJson:
      if (indented) return std::make_unique<IndentedWriter>();
      return std::make_unique<CanonicalWriter>();
    case OutputMode::kJsonl:
      return std::make_unique<LinesWriter>();
    case OutputMode::kYaml:
      return std::make_unique<YamlWriter>();
    case OutputMode::kName:
      return std::make_unique<NameWriter>();
    case OutputMode::kPlain:
      return std::make_unique<PlainWriter>();
    case OutputMode::kTable:
    case OutputMode::kWide:
      break;
  }
  return std::make_unique<TableWriter>(invocation.table_style(),
                                       invocation.output() == OutputMode::kWide);
}

}  // namespace modelref::ctl
