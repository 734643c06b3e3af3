#include "service/write/record_change.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "backends/base/status_macros.h"
#include "backends/convert/record_check.h"
#include "backends/convert/record_metadata.h"
#include "backends/convert/record_write.h"
#include "backends/convert/same_content.h"
#include "service/write/model_record.h"

namespace modelref {
namespace {

std::string TooLarge(size_t size, const WriteLimits& limits) {
  return absl::StrCat("the record has ", size, " bytes; the limit is ", limits.record_bytes);
}

// The record that the document has; null when it has none, or there is no document.
RecordPtr FindRecord(const Root& root, const DocumentKey& key, const std::string& name) {
  const DocumentState* state = root.Find(key);
  const Entry* entry = state == nullptr ? nullptr : state->document->Find(name);
  return entry == nullptr ? nullptr : entry->record;
}

DocumentKey DerivedKey(const WritePlan& plan) { return {plan.key.category, Format::kV2}; }

bool SameRecord(const RecordPtr& a, const RecordPtr& b) {
  if (a == nullptr || b == nullptr) return a == b;
  return a->etag == b->etag;
}

bool IsOfName(const RecordViolation& violation) {
  return violation.field == "name" &&
         (violation.reason == "BAD_MODEL_NAME" || violation.reason == "BACKEND_PREFIXED_NAME");
}

class Preparation {
 public:
  Preparation(const WritePlan& plan, const WriteStep& step, const WriteLimits& limits,
              absl::Time now, PreparedPut* out)
      : plan_(plan), step_(step), limits_(limits), now_(now), out_(*out) {
    if (out->stored != nullptr) stored_ = ObjectOf(*out->stored);
  }

  void Run() {
    if (!Read() || !Complete()) return;
    Finish();
    if (out_.record == nullptr || plan_.key.format != Format::kLegacy) return;
    const JsonObject* before = out_.changed ? &stored_ : json_.AsObject();
    out_.derived = DeriveRecord(plan_, step_.name, json_, out_.stored == nullptr ? nullptr : before,
                                out_.stored_v2, limits_, &out_.warnings);
  }

 private:
  // The content as it came.
  bool Read();
  bool ReadJson();
  bool Complete();
  void Finish();
  WriteViolation Violation(RecordViolation violation) const;
  bool Refuse(absl::string_view reason, std::string description);

  const WritePlan& plan_;
  const WriteStep& step_;
  const WriteLimits& limits_;
  const absl::Time now_;
  PreparedPut& out_;
  JsonObject stored_;
  JsonObject record_;
  Json json_;  // The record in its final form.
};

WriteViolation Preparation::Violation(RecordViolation violation) const {
  std::string request_field = step_.content_field;
  if (!violation.field.empty()) absl::StrAppend(&request_field, ".", violation.field);
  return {absl::StatusCode::kInvalidArgument,
          std::string(violation.reason),
          step_.name,
          std::move(violation.field),
          std::move(violation.description),
          std::move(request_field)};
}

bool Preparation::Refuse(absl::string_view reason, std::string description) {
  RecordViolation violation{"", std::move(description)};
  violation.reason = reason;
  out_.violations.push_back(Violation(std::move(violation)));
  return false;
}

bool Preparation::ReadJson() {
  // A record that is only laid out widely may be larger than the limit of its canonical form.
  constexpr size_t kLayoutAllowance = 4;
  if (step_.json.size() > kLayoutAllowance * limits_.record_bytes) {
    WriteViolation violation = Violation({"", TooLarge(step_.json.size(), limits_)});
    violation.code = absl::StatusCode::kResourceExhausted;
    violation.reason = "RECORD_TOO_LARGE";
    out_.violations.push_back(std::move(violation));
    return false;
  }
  absl::StatusOr<Json> parsed = ParseJson(step_.json, {.depth = limits_.json_depth});
  if (!parsed.ok()) {
    const bool too_deep =
        limits_.json_depth < kMaxJsonDepth && ParseJson(step_.json, {.depth = kMaxJsonDepth}).ok();
    if (too_deep) {
      return Refuse("JSON_TOO_DEEP", absl::StrCat("nested deeper than ", limits_.json_depth));
    }
    return Refuse("BAD_JSON", std::string(parsed.status().message()));
  }
  JsonObject* object = parsed->AsObject();
  if (object == nullptr) return Refuse("BAD_JSON", "a record is a JSON object");
  record_ = std::move(*object);
  return true;
}

bool Preparation::Read() {
  if (step_.model == nullptr) return ReadJson();
  record_ = stored_;
  const absl::Status merged = MergeModel(*step_.model, plan_.key.format, &record_);
  if (merged.ok()) return true;
  for (FieldViolation& from : ExtrasOf(merged).field_violations) {
    RecordViolation violation{std::move(from.field), std::move(from.description)};
    violation.reason = "BAD_FIELD";
    out_.violations.push_back(Violation(std::move(violation)));
  }
  if (out_.violations.empty()) Refuse("BAD_FIELD", std::string(merged.message()));
  return false;
}

bool Preparation::Complete() {
  RecordCheck check = PrepareRecord(*plan_.category, plan_.key.format, step_.name, &record_);
  std::vector<WriteViolation> of_name;
  CheckName(step_, plan_, limits_, "", &of_name);
  for (RecordViolation& violation : check.violations) {
    // The plan has told of the name.
    if (!of_name.empty() && IsOfName(violation)) continue;
    out_.violations.push_back(Violation(std::move(violation)));
  }
  for (RecordViolation& warning : check.warnings) {
    out_.warnings.push_back(Violation(std::move(warning)));
  }
  return check.ok();
}

void Preparation::Finish() {
  const int64_t now = absl::ToUnixSeconds(now_);
  const bool is_v2 = plan_.key.format == Format::kV2;
  if (out_.stored == nullptr) {
    out_.changed = true;
    if (is_v2) FillMissingTimes(&record_, now);
  } else {
    out_.changed = is_v2 ? StampUpdate(stored_, now, &record_) : !SameObject(record_, stored_);
  }
  if (!out_.changed) {
    out_.record = out_.stored;
    json_ = Json(std::move(stored_));
    return;
  }
  json_ = Json(std::move(record_));
  absl::StatusOr<RecordPtr> record = MakeLimited(step_.name, json_, limits_);
  if (record.ok()) {
    out_.record = *std::move(record);
    return;
  }
  WriteViolation violation = Violation({"", std::string(record.status().message())});
  violation.code = record.status().code();
  violation.reason = ReasonOf(record.status());
  out_.violations.push_back(std::move(violation));
}

}  // namespace

JsonObject ObjectOf(const Record& record) {
  absl::StatusOr<Json> json = ParseJson(record.json, {.depth = kMaxJsonDepth});
  JsonObject* object = json.ok() ? json->AsObject() : nullptr;
  return object == nullptr ? JsonObject() : std::move(*object);
}

RecordPtr DeriveRecord(const WritePlan& plan, const std::string& name, const Json& legacy,
                       const JsonObject* before, const RecordPtr& stored_v2,
                       const WriteLimits& limits, std::vector<WriteViolation>* warnings) {
  JsonObject stored;
  if (stored_v2 != nullptr) stored = ObjectOf(*stored_v2);
  const absl::StatusOr<Json> json = DeriveV2Record(
      *plan.category, name, legacy, stored_v2 == nullptr ? nullptr : &stored, nullptr, before);
  absl::StatusOr<RecordPtr> record = json.ok() ? MakeLimited(name, *json, limits) : json.status();
  if (record.ok()) return *std::move(record);
  warnings->push_back({absl::StatusCode::kOk, "NOT_CONVERTED", name, "",
                       absl::StrCat(stored_v2 == nullptr ? "there is no v2 record: "
                                                         : "the v2 record stays as it is: ",
                                    record.status().message()),
                       ""});
  return stored_v2;
}

absl::StatusOr<RecordPtr> MakeLimited(const std::string& name, const Json& json,
                                      const WriteLimits& limits) {
  std::string text = CanonicalJson(json);
  if (text.size() > limits.record_bytes) {
    return Error(absl::StatusCode::kResourceExhausted, "RECORD_TOO_LARGE",
                 TooLarge(text.size(), limits));
  }
  return MakeRecord(name, std::move(text));
}

PreparedPut PreparePut(const Root& root, const WritePlan& plan, const WriteStep& step,
                       const WriteLimits& limits, absl::Time now) {
  PreparedPut put;
  put.stored = FindRecord(root, plan.key, step.name);
  if (plan.key.format == Format::kLegacy) {
    put.stored_v2 = FindRecord(root, DerivedKey(plan), step.name);
  }
  Preparation(plan, step, limits, now, &put).Run();
  return put;
}

bool IsCurrent(const PreparedPut& prepared, const Root& root, const WritePlan& plan,
               const WriteStep& step) {
  if (!SameRecord(prepared.stored, FindRecord(root, plan.key, step.name))) return false;
  return plan.key.format == Format::kV2 ||
         SameRecord(prepared.stored_v2, FindRecord(root, DerivedKey(plan), step.name));
}

}  // namespace modelref
