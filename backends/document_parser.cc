#include "backends/document_parser.h"

#include <rapidjson/reader.h>

#include <algorithm>
#include <deque>
#include <limits>
#include <unordered_map>
#include <utility>

#include "absl/hash/hash.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "backends/base/categories.h"
#include "backends/base/json.h"
#include "backends/base/json_errors.h"
#include "backends/base/json_huge_numbers.h"
#include "backends/base/json_surrogates.h"
#include "backends/member_text.h"
#include "backends/record_writer.h"

namespace modelref {
namespace {

// In place: strings are decoded where they stand, nothing is copied on the way to the writer.
constexpr unsigned kFlags = rapidjson::kParseInsituFlag | rapidjson::kParseNumbersAsStringsFlag |
                            rapidjson::kParseIterativeFlag | rapidjson::kParseNanAndInfFlag |
                            rapidjson::kParseStopWhenDoneFlag;
constexpr size_t kShownNameBytes = 512;

struct FoundProblem {
  std::string name;
  size_t offset;  // Of the quote before its key.
  std::string reason;
  size_t index = 0;         // Its place among the records.
  bool superseded = false;  // By a later value of the same name.
};

// Where a name first stood, and what is wrong with its last value; null for nothing.
struct Place {
  size_t index;
  FoundProblem* problem;
};

// Receives the events of one document and turns each member of the top object into a record.
class DocumentHandler {
 public:
  // `text` is the begin of what is parsed in place.
  DocumentHandler(const ParseLimits& limits, const char* text, const HugeNumbers& huge_numbers)
      : text_(text),
        huge_numbers_(huge_numbers),
        limits_(limits),
        writer_(limits.record_bytes, limits.record_depth) {}

  bool Null() { return Scalar("null"); }
  bool Bool(bool value) { return Scalar(value ? "true" : "false"); }
  bool Int(int) { return false; }
  bool Uint(unsigned) { return false; }
  bool Int64(int64_t) { return false; }
  bool Uint64(uint64_t) { return false; }
  bool Double(double) { return false; }
  bool RawNumber(const char* text, rapidjson::SizeType size, bool) {
    absl::string_view lexeme(text, size);
    if (!huge_numbers_.empty()) {
      if (const auto it = huge_numbers_.find(numbers_); it != huge_numbers_.end()) {
        lexeme = it->second;
      }
    }
    ++numbers_;
    if (!IsFiniteLexeme(lexeme)) writer_.Refuse(absl::StrCat("holds ", lexeme));
    return Scalar(lexeme);
  }
  bool String(const char* text, rapidjson::SizeType size, bool) {
    if (depth_ < 2) return NotAnObject();
    writer_.String(absl::string_view(text, size));
    return true;
  }
  bool Key(const char* text, rapidjson::SizeType size, bool) {
    if (depth_ > 1) {
      writer_.Key(absl::string_view(text, size));
      return true;
    }
    name_.assign(text, size);
    name_offset_ = static_cast<size_t>(text - text_) - 1;
    writer_.Reset();
    return true;
  }
  bool StartObject() { return Open('{'); }
  bool StartArray() {
    if (depth_ == 1) writer_.Refuse("is not a JSON object");
    return Open('[');
  }
  bool EndObject(rapidjson::SizeType) { return Close('}'); }
  bool EndArray(rapidjson::SizeType) { return Close(']'); }

  bool not_an_object() const { return not_an_object_; }
  std::vector<RecordPtr>& records() { return records_; }
  std::deque<FoundProblem>& problems() { return problems_; }

 private:
  bool Scalar(absl::string_view lexeme) {
    if (depth_ < 2) return NotAnObject();
    writer_.Scalar(lexeme);
    return true;
  }

  bool NotAnObject() {
    if (depth_ == 0) {
      not_an_object_ = true;
      return false;
    }
    writer_.Refuse("is not a JSON object");
    Finish();
    return true;
  }

  bool Open(char bracket) {
    if (depth_ == 0 && bracket == '[') return NotAnObject();
    if (++depth_ > 1) writer_.Open(bracket);
    return true;
  }

  bool Close(char bracket) {
    if (--depth_ == 0) return true;
    writer_.Close(bracket);
    if (depth_ == 1) Finish();
    return true;
  }

  void Finish() {
    RecordPtr record = TakeRecord();
    FoundProblem* problem = nullptr;
    if (record == nullptr) {
      problem = &problems_.emplace_back(FoundProblem{name_, name_offset_, writer_.refusal()});
    }
    size_t index = records_.size();
    // The last value of a repeated name decides, also when it cannot be shown.
    if (const auto it = places_.find(name_); it != places_.end()) {
      index = it->second.index;
      if (it->second.problem != nullptr) it->second.problem->superseded = true;
      places_.erase(it);  // Its key may be in the record that goes.
    } else {
      records_.emplace_back();
    }
    if (problem != nullptr) problem->index = index;
    places_.emplace(problem == nullptr ? record->name : problem->name, Place{index, problem});
    records_[index] = std::move(record);
  }

  // Null when the writer refused.
  RecordPtr TakeRecord() {
    if (const absl::Status status = ValidateModelName(name_); !status.ok()) {
      writer_.Refuse(std::string(status.message()));
    }
    if (!writer_.refusal().empty()) return nullptr;
    if (!writer_.has_duplicates()) return MakeRecord(name_, writer_.json());
    // Rare enough to build a tree for it.
    const absl::StatusOr<Json> tree = ParseJson(writer_.json(), {.depth = limits_.record_depth});
    if (tree.ok()) return MakeRecord(name_, CanonicalJson(*tree));
    writer_.Refuse(std::string(tree.status().message()));
    return nullptr;
  }

  const char* const text_;
  const HugeNumbers& huge_numbers_;
  const ParseLimits& limits_;
  RecordWriter writer_;
  size_t depth_ = 0;
  size_t numbers_ = 0;
  bool not_an_object_ = false;
  std::string name_;
  size_t name_offset_ = 0;
  std::vector<RecordPtr> records_;     // Null for problems.
  std::deque<FoundProblem> problems_;  // Never moves.
  // The keys are the names of the records or problems.
  std::unordered_map<absl::string_view, Place, absl::Hash<absl::string_view>> places_;
};

absl::Status CheckEncoding(absl::string_view text) {
  if (text.size() >= std::numeric_limits<int32_t>::max()) {
    return absl::InvalidArgumentError("line 1, column 1: 2 GiB or more of JSON in one piece");
  }
  if (absl::StartsWith(text, "\xEF\xBB\xBF")) {
    return absl::InvalidArgumentError(
        "line 1, column 1: begins with a UTF-8 byte order mark, which JSON does not allow");
  }
  if (const size_t bad = FindInvalidUtf8(text); bad != text.size()) {
    return absl::InvalidArgumentError(absl::StrCat(DescribeOffset(text, bad), ": not UTF-8"));
  }
  return absl::OkStatus();
}

// The length in the original of a part of the parsed text.
size_t OriginalSize(absl::string_view original, absl::string_view source, absl::string_view part) {
  return original.size() == source.size() ? part.size() : OffsetBeforeWtf8(part, part.size());
}

std::string Shown(absl::string_view name) {
  std::string shown(name.substr(0, kShownNameBytes));
  while (!IsValidUtf8(shown)) shown.pop_back();
  return shown;
}

// For each place of `records`, the name of the record before it; places of problems are null.
std::vector<absl::string_view> NamesBefore(const std::vector<RecordPtr>& records) {
  std::vector<absl::string_view> names(records.size());
  for (size_t i = 1; i < records.size(); ++i) {
    names[i] = records[i - 1] == nullptr ? names[i - 1] : records[i - 1]->name;
  }
  return names;
}

// Lines are counted once from the front, because problems come in source order. The rewritten
// source has the line ends of the original.
std::vector<RecordProblem> Describe(absl::string_view original, absl::string_view source,
                                    const std::vector<RecordPtr>& records,
                                    std::deque<FoundProblem> found) {
  std::vector<RecordProblem> problems;
  if (found.empty()) return problems;
  const std::vector<absl::string_view> names_before = NamesBefore(records);
  size_t line = 1;
  size_t counted = 0;
  size_t original_offset = 0;
  for (FoundProblem& problem : found) {
    const size_t offset = std::clamp(problem.offset, counted, source.size());
    const absl::string_view passed = source.substr(counted, offset - counted);
    line += static_cast<size_t>(std::count(passed.begin(), passed.end(), '\n'));
    original_offset += OriginalSize(original, source, passed);
    counted = offset;
    if (problem.superseded) continue;
    problems.push_back({Shown(problem.name), line, std::move(problem.reason),
                        std::string(MemberTextAt(original, original_offset)),
                        std::string(names_before[problem.index])});
  }
  return problems;
}

struct Attempt {
  absl::StatusOr<ParsedDocument> parsed;
  bool has_huge_number = false;
};

Attempt TryParse(absl::string_view original, absl::string_view source, const ParseLimits& limits,
                 std::string* buffer, const HugeNumbers& huge_numbers) {
  rapidjson::InsituStringStream stream(buffer->data());
  DocumentHandler handler(limits, buffer->data(), huge_numbers);
  rapidjson::Reader reader;
  const rapidjson::ParseResult result = reader.Parse<kFlags>(stream, handler);
  const auto error_at = [&](size_t offset, absl::string_view reason) {
    return absl::InvalidArgumentError(absl::StrCat(
        DescribeOffset(original, OriginalSize(original, source, source.substr(0, offset))), ": ",
        reason));
  };
  if (result.IsError()) {
    return {error_at(result.Offset(), handler.not_an_object()
                                          ? "a JSON object of records by model name is expected"
                                          : JsonErrorReason(result.Code())),
            result.Code() == rapidjson::kParseErrorNumberTooBig};
  }
  const size_t rest = source.find_first_not_of(" \t\r\n", stream.Tell());
  if (rest != absl::string_view::npos) {
    return {error_at(rest, "more text after the JSON value")};
  }
  ParsedDocument parsed;
  std::vector<RecordPtr>& records = handler.records();
  parsed.problems = Describe(original, source, records, std::move(handler.problems()));
  std::erase(records, nullptr);
  parsed.document = Document::FromRecords(std::move(records));
  return {std::move(parsed)};
}

}  // namespace

absl::StatusOr<ParsedDocument> ParseDocument(absl::string_view text, const ParseLimits& limits) {
  if (absl::Status status = CheckEncoding(text); !status.ok()) return status;
  std::string rewritten;
  absl::string_view source = text;
  if (MayHaveLoneSurrogate(text)) {
    rewritten = LoneSurrogatesToWtf8(text);
    source = rewritten;
  }
  std::string buffer(source);
  Attempt attempt = TryParse(text, source, limits, &buffer, {});
  if (!attempt.has_huge_number) return std::move(attempt.parsed);
  buffer.assign(source.data(), source.size());
  const HugeNumbers huge_numbers = HideHugeNumbers(&buffer);
  return TryParse(text, source, limits, &buffer, huge_numbers).parsed;
}

}  // namespace modelref
