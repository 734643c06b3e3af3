// Parsing, on RapidJSON's iterative SAX reader: no recursion, whatever the nesting of the input.

#include <rapidjson/reader.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <map>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "backends/base/json.h"
#include "backends/base/json_errors.h"
#include "backends/base/json_huge_numbers.h"
#include "backends/base/json_surrogates.h"

namespace modelref {
namespace {

constexpr unsigned kFlags = rapidjson::kParseInsituFlag | rapidjson::kParseNumbersAsStringsFlag |
                            rapidjson::kParseIterativeFlag | rapidjson::kParseNanAndInfFlag |
                            rapidjson::kParseStopWhenDoneFlag;
constexpr absl::string_view kUtf8Bom = "\xEF\xBB\xBF";
// Below this many members a linear search for duplicates is cheaper than an index.
constexpr size_t kLinearMembers = 16;

// First place, last value.
JsonObject MakeObject(std::vector<JsonObject::Member> members) {
  JsonObject object;
  if (members.size() <= kLinearMembers) {
    for (JsonObject::Member& member : members) object.Set(member.first, std::move(member.second));
    return object;
  }
  std::vector<JsonObject::Member>& out = object.members();
  out.reserve(members.size());
  std::map<absl::string_view, size_t> places;
  for (JsonObject::Member& member : members) {
    const auto [it, is_new] = places.emplace(member.first, out.size());
    if (is_new) {
      // Copied: the index points into `members`.
      out.push_back({member.first, std::move(member.second)});
    } else {
      out[it->second].second = std::move(member.second);
    }
  }
  return object;
}

// Finished values wait on a stack until their container ends and takes them.
class TreeBuilder {
 public:
  TreeBuilder(const JsonLimits& limits, HugeNumbers huge_numbers)
      : limits_(limits), huge_numbers_(std::move(huge_numbers)) {}

  // Called by the reader.
  bool Null() { return Push(Json()); }
  bool Bool(bool value) { return Push(Json(value)); }
  bool Int(int) { return false; }
  bool Uint(unsigned) { return false; }
  bool Int64(int64_t) { return false; }
  bool Uint64(uint64_t) { return false; }
  bool Double(double) { return false; }
  bool RawNumber(const char* text, rapidjson::SizeType size, bool) {
    std::string lexeme(text, size);
    if (const auto it = huge_numbers_.find(numbers_++); it != huge_numbers_.end()) {
      lexeme = it->second;
    }
    return IsAllowed(lexeme) && Push(Json(JsonNumber{std::move(lexeme)}));
  }
  bool String(const char* text, rapidjson::SizeType size, bool) {
    return Push(Json(std::string(text, size)));
  }
  bool Key(const char* text, rapidjson::SizeType size, bool) {
    names_.emplace_back(text, size);
    return true;
  }
  bool StartObject() { return Descend(); }
  bool StartArray() { return Descend(); }
  bool EndObject(rapidjson::SizeType count) {
    --depth_;
    std::vector<JsonObject::Member> members;
    members.reserve(count);
    const auto first_name = names_.end() - count;
    const auto first_value = values_.end() - count;
    for (rapidjson::SizeType i = 0; i < count; ++i) {
      members.emplace_back(std::move(first_name[i]), std::move(first_value[i]));
    }
    names_.erase(first_name, names_.end());
    values_.erase(first_value, values_.end());
    return Push(Json(MakeObject(std::move(members))));
  }
  bool EndArray(rapidjson::SizeType count) {
    --depth_;
    const auto first = values_.end() - count;
    JsonArray array(std::make_move_iterator(first), std::make_move_iterator(values_.end()));
    values_.erase(first, values_.end());
    return Push(Json(std::move(array)));
  }

  Json TakeRoot() { return std::move(values_.back()); }
  // Why this class stopped the reader; empty when it did not.
  const std::string& refusal() const { return refusal_; }

 private:
  bool Push(Json value) {
    values_.push_back(std::move(value));
    return true;
  }

  bool Descend() {
    if (++depth_ <= limits_.depth) return true;
    refusal_ = absl::StrCat("nested more than ", limits_.depth, " levels deep");
    return false;
  }

  bool IsAllowed(absl::string_view lexeme) {
    if (IsFiniteLexeme(lexeme)) return true;
    const bool known = lexeme == "NaN" || lexeme == "Infinity" || lexeme == "-Infinity";
    if (known && limits_.allow_nan_and_infinity) return true;
    refusal_ = absl::StrCat(lexeme, " is not a JSON number");
    return false;
  }

  const JsonLimits limits_;
  const HugeNumbers huge_numbers_;
  size_t numbers_ = 0;
  size_t depth_ = 0;
  std::vector<Json> values_;
  std::vector<std::string> names_;
  std::string refusal_;
};

struct Attempt {
  absl::StatusOr<Json> value;
  bool has_huge_number = false;
};

absl::Status ErrorAt(absl::string_view original, absl::string_view text, size_t offset,
                     absl::string_view reason) {
  // `text` is the original, or the original with surrogates rewritten.
  const size_t place = text.size() == original.size() ? offset : OffsetBeforeWtf8(text, offset);
  return absl::InvalidArgumentError(absl::StrCat(DescribeOffset(original, place), ": ", reason));
}

Attempt TryParse(absl::string_view original, absl::string_view text, const JsonLimits& limits,
                 HugeNumbers huge_numbers) {
  TreeBuilder builder(limits, std::move(huge_numbers));
  std::string buffer(text);
  rapidjson::InsituStringStream stream(buffer.data());
  rapidjson::Reader reader;
  const rapidjson::ParseResult result = reader.Parse<kFlags>(stream, builder);
  if (result.IsError()) {
    const bool refused = !builder.refusal().empty();
    const absl::string_view reason =
        refused ? absl::string_view(builder.refusal()) : JsonErrorReason(result, text);
    return {ErrorAt(original, text, result.Offset(), reason),
            result.Code() == rapidjson::kParseErrorNumberTooBig};
  }
  const size_t rest = text.find_first_not_of(" \t\r\n", stream.Tell());
  if (rest != absl::string_view::npos) {
    return {ErrorAt(original, text, rest, "more text after the JSON value")};
  }
  return {builder.TakeRoot()};
}

}  // namespace

absl::StatusOr<Json> ParseJson(absl::string_view text, const JsonLimits& limits) {
  if (text.size() > std::numeric_limits<int32_t>::max()) {
    return absl::InvalidArgumentError("line 1, column 1: 2 GiB or more of JSON in one piece");
  }
  if (absl::StartsWith(text, kUtf8Bom)) {
    return absl::InvalidArgumentError(
        "line 1, column 1: begins with a UTF-8 byte order mark, which JSON does not allow");
  }
  if (const size_t bad = FindInvalidUtf8(text); bad != text.size()) {
    return absl::InvalidArgumentError(absl::StrCat(DescribeOffset(text, bad), ": not UTF-8"));
  }
  JsonLimits effective = limits;
  effective.depth = std::min(limits.depth, kMaxJsonDepth);
  std::string rewritten;
  absl::string_view source = text;
  if (MayHaveLoneSurrogate(text)) {
    rewritten = LoneSurrogatesToWtf8(text);
    source = rewritten;
  }
  Attempt attempt = TryParse(text, source, effective, {});
  if (!attempt.has_huge_number) return std::move(attempt.value);
  std::string hidden(source);
  HugeNumbers huge_numbers = HideHugeNumbers(&hidden);
  return TryParse(text, hidden, effective, std::move(huge_numbers)).value;
}

}  // namespace modelref
