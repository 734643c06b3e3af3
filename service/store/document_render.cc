#include "service/store/document_render.h"

#include <map>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "backends/base/json.h"
#include "backends/base/json_indent.h"
#include "backends/base/status_macros.h"
#include "backends/convert/text_csv_update.h"
#include "backends/convert/text_legacy_document.h"
#include "backends/convert/text_names.h"
#include "backends/text_source.h"

namespace modelref {
namespace {

constexpr size_t kMemberDepth = 1;

// Writes members one behind the other, each on a line of its own.
class MemberWriter {
 public:
  explicit MemberWriter(std::string* out) : out_(out) { out_->push_back('{'); }

  void Record(const modelref::Record& record) {
    Separate();
    AppendCanonicalString(record.name, out_);
    out_->append(": ");
    AppendIndentedJson(record.json, kMemberDepth, out_);
  }
  // A whole member, its name included.
  void Verbatim(absl::string_view text) {
    Separate();
    out_->append(text.data(), text.size());
  }
  void Close() { out_->append(is_empty_ ? "}" : "\n}"); }

 private:
  void Separate() {
    out_->append(is_empty_ ? "\n  " : ",\n  ");
    is_empty_ = false;
  }

  std::string* const out_;
  bool is_empty_ = true;
};

size_t JsonFileSize(const Document& document) {
  size_t size = 4;
  document.ForEach([&size](const Entry& entry) {
    // Only an estimate for names that need escapes.
    size += entry.record->name.size() + 8 + IndentedJsonSize(entry.record->json, kMemberDepth);
  });
  return size;
}

// The records that cannot be represented, by where they stand and by name.
class Problems {
 public:
  explicit Problems(const std::vector<RecordProblem>& problems) {
    for (const RecordProblem& problem : problems) {
      if (!problem.text.empty()) after_[problem.after_name].push_back(&problem);
      names_.insert(problem.name);
    }
  }
  // Whether the file has other words for the record of this name.
  bool Replaces(const std::string& name) const { return names_.count(name) > 0; }
  const std::set<std::string>& names() const { return names_; }
  // Those that stand behind a record, each once.
  std::vector<const RecordProblem*> TakeBehind(const std::string& name) {
    const auto found = after_.find(name);
    if (found == after_.end()) return {};
    std::vector<const RecordProblem*> behind = std::move(found->second);
    after_.erase(found);
    return behind;
  }
  // Those whose record is gone.
  std::vector<const RecordProblem*> TakeRest() {
    std::vector<const RecordProblem*> rest;
    for (auto& [name, behind] : std::exchange(after_, {})) {
      rest.insert(rest.end(), behind.begin(), behind.end());
    }
    return rest;
  }

 private:
  std::map<std::string, std::vector<const RecordProblem*>> after_;
  std::set<std::string> names_;
};

// The models of the table: the others are made from them when it is read.
std::vector<TextModelRow> RowsOf(const Document& document) {
  std::vector<TextModelRow> rows;
  document.ForEach([&](const Entry& entry) {
    const Record& record = *entry.record;
    if (HasTextBackendPrefix(record.name)) return;
    const absl::StatusOr<Json> json = ParseJson(record.json, {.depth = kMaxJsonDepth});
    if (!json.ok() || json->AsObject() == nullptr) return;
    rows.push_back(TextRowOfLegacyRecord(record.name, *json->AsObject()));
  });
  return rows;
}

// Leaves out the models of which a reader of the table gets nothing because their rows cannot be
// read: they say what their editor wrote. One that has a good row as well keeps it.
void DropReplaced(absl::string_view present, const Problems& problems,
                  std::vector<TextModelRow>* rows) {
  const absl::StatusOr<TextSource> read = ParseTextSource(present, ParseLimits{});
  if (!read.ok()) return;
  std::erase_if(*rows, [&](const TextModelRow& row) {
    return problems.Replaces(row.name) && read->document->Find(row.name) == nullptr;
  });
}

// A table in our layout. What a model has beside a row that cannot be read stands before that row:
// once it can be read, it is the later one and counts.
std::string MakeTable(const std::vector<TextModelRow>& rows, Problems problems) {
  std::string out;
  std::map<absl::string_view, const TextModelRow*> replaced;
  for (const TextModelRow& row : rows) {
    if (problems.Replaces(row.name)) replaced[row.name] = &row;
  }
  const auto add = [&](const std::vector<const RecordProblem*>& behind) {
    for (const RecordProblem* problem : behind) {
      if (const auto row = replaced.extract(problem->name); !row.empty()) {
        AppendCsvRow(ModelsCsvCells(*row.mapped()), &out);
      }
      out += problem->text;
      if (!absl::EndsWith(out, "\n") && !absl::EndsWith(out, "\r")) out += '\n';
    }
  };
  AppendCsvRow(ModelsCsvColumns(), &out);
  add(problems.TakeBehind(""));
  for (const TextModelRow& row : rows) {
    if (!problems.Replaces(row.name)) AppendCsvRow(ModelsCsvCells(row), &out);
    add(problems.TakeBehind(row.name));
  }
  add(problems.TakeRest());
  return out;
}

}  // namespace

RenderedFile RenderJsonFile(const DocumentState& state) {
  RenderedFile file;
  file.document = state.document;
  if (state.source_text != nullptr) {
    file.bytes = *state.source_text;
    return file;
  }
  file.bytes.reserve(JsonFileSize(*state.document));
  MemberWriter writer(&file.bytes);
  Problems problems(state.problems);
  const auto add = [&writer](const std::vector<const RecordProblem*>& behind) {
    for (const RecordProblem* problem : behind) writer.Verbatim(problem->text);
  };
  add(problems.TakeBehind(""));
  state.document->ForEach([&](const Entry& entry) {
    if (!problems.Replaces(entry.record->name)) writer.Record(*entry.record);
    add(problems.TakeBehind(entry.record->name));
  });
  add(problems.TakeRest());
  writer.Close();
  return file;
}

std::string RenderSourceText(const DocumentState& state) {
  if (state.key.category != "text_generation") return RenderJsonFile(state).bytes;
  // The words of its problems are rows of the table.
  DocumentState without_problems = state;
  without_problems.problems.clear();
  return RenderJsonFile(without_problems).bytes;
}

absl::StatusOr<RenderedFile> RenderTableFile(const DocumentState& state,
                                             absl::string_view present) {
  const Problems problems(state.problems);
  std::vector<TextModelRow> rows = RowsOf(*state.document);
  RenderedFile file;
  const absl::StatusOr<ModelsCsv> table = ParseModelsCsv(present);
  if (table.ok()) {
    if (!problems.names().empty()) DropReplaced(present, problems, &rows);
    file.bytes = UpdateModelsCsv(present, *table, rows, problems.names());
  } else {
    file.bytes = MakeTable(rows, problems);
  }
  absl::StatusOr<TextSource> read = ParseTextSource(file.bytes, ParseLimits{});
  if (!read.ok()) {
    return absl::InternalError(
        absl::StrCat(state.key.ToString(), ": its table: ", read.status().message()));
  }
  file.document = std::move(read->document);
  return file;
}

}  // namespace modelref
