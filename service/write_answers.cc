#include "service/write_answers.h"

#include <utility>

#include "backends/convert/record_diff.h"
#include "service/watch/wire.h"

namespace modelref {
namespace {

constexpr size_t kListedViolations = 1000;
constexpr size_t kListedDiffs = 1000;
constexpr size_t kDiffBytes = size_t{1} << 20;

// One number for the field of the four responses that carries `committed`.
constexpr int kCommittedField = v1::PutModelResponse::kCommittedFieldNumber;
static_assert(static_cast<int>(v1::DeleteModelResponse::kCommittedFieldNumber) == kCommittedField);
static_assert(static_cast<int>(v1::WriteModelsResponse::kCommittedFieldNumber) == kCommittedField);
static_assert(static_cast<int>(v1::ImportCategoryResponse::kCommittedFieldNumber) ==
              kCommittedField);

std::string BytesOfEtag(const Etag& etag) { return std::string(AsBytes(etag)); }

v1::NetOperation NetOperationOf(const StepOutcome& step) {
  if (!step.changed) return v1::NET_OPERATION_UNCHANGED;
  if (step.before == nullptr) return v1::NET_OPERATION_ADDED;
  return step.after == nullptr ? v1::NET_OPERATION_DELETED : v1::NET_OPERATION_MODIFIED;
}

void FillField(const FieldDifference& difference, v1::FieldDiff* field) {
  field->set_field_path(difference.path);
  if (difference.before.has_value()) field->set_old_value(CanonicalJson(*difference.before));
  if (difference.after.has_value()) field->set_new_value(CanonicalJson(*difference.after));
  field->set_change_type(!difference.before.has_value()  ? v1::FIELD_CHANGE_TYPE_ADDED
                         : !difference.after.has_value() ? v1::FIELD_CHANGE_TYPE_REMOVED
                                                         : v1::FIELD_CHANGE_TYPE_MODIFIED);
  field->set_critical(difference.critical);
}

v1::ModelDiff MakeDiff(const Category& category, const StepOutcome& step) {
  v1::ModelDiff diff;
  diff.set_model(step.name);
  diff.set_net_operation(NetOperationOf(step));
  if (!step.changed) return diff;
  const JsonObject before = step.before == nullptr ? JsonObject() : ObjectOf(*step.before);
  const JsonObject after = step.after == nullptr ? JsonObject() : ObjectOf(*step.after);
  for (const FieldDifference& difference :
       DiffRecords(category, step.before == nullptr ? nullptr : &before,
                   step.after == nullptr ? nullptr : &after)) {
    FillField(difference, diff.add_fields());
  }
  return diff;
}

void FillDiff(const Category& category, const Evaluation& evaluation, v1::Validated* validated) {
  size_t bytes = 0;
  for (const StepOutcome& step : evaluation.steps) {
    v1::ModelDiff diff = MakeDiff(category, step);
    bytes += diff.ByteSizeLong();
    if (validated->diff_size() == kListedDiffs || bytes > kDiffBytes) {
      validated->set_diff_truncated(true);
      return;
    }
    *validated->add_diff() = std::move(diff);
  }
}

}  // namespace

std::string EncodeOne(const Evaluation& evaluation, const v1::Committed& committed) {
  v1::PutModelResponse response;
  *response.mutable_committed() = committed;
  const StepOutcome& step = evaluation.steps.front();
  if (step.after != nullptr) response.mutable_committed()->set_etag(BytesOfEtag(step.after->etag));
  return response.SerializeAsString();
}

std::string EncodeMany(const Evaluation& evaluation, const v1::Committed& committed) {
  v1::WriteModelsResponse response;
  *response.mutable_committed() = committed;
  response.mutable_committed()->set_etag(committed.document_etag());
  for (const StepOutcome& step : evaluation.steps) {
    v1::OperationResult* result = response.add_operations();
    result->set_name(step.name);
    if (step.after != nullptr) result->set_etag(BytesOfEtag(step.after->etag));
    result->set_changed(step.changed);
  }
  return response.SerializeAsString();
}

std::string EncodeImport(const Evaluation& evaluation, const v1::Committed& committed) {
  v1::ImportCategoryResponse response;
  *response.mutable_committed() = committed;
  response.mutable_committed()->set_etag(committed.document_etag());
  FillCounts(evaluation, &response);
  return response.SerializeAsString();
}

std::string ReplayedMark() {
  v1::PutModelResponse response;
  response.mutable_committed()->set_replayed(true);
  return response.SerializeAsString();
}

v1::Validated MakeValidated(const Root& root, const WritePlan& plan, const Evaluation& evaluation) {
  v1::Validated validated;
  validated.set_violation_count(evaluation.violations.size());
  for (const WriteViolation& violation : evaluation.violations) {
    if (validated.violations_size() == kListedViolations) break;
    *validated.add_violations() = ToProto(violation);
  }
  for (const WriteViolation& warning : evaluation.warnings) {
    if (validated.warnings_size() == kListedViolations) break;
    *validated.add_warnings() = ToProto(warning);
  }
  if (!evaluation.violations.empty()) return validated;
  const bool is_one = evaluation.steps.size() == 1 && !plan.replaces;
  if (is_one && evaluation.steps.front().after != nullptr) {
    validated.set_etag(BytesOfEtag(evaluation.steps.front().after->etag));
  } else if (!is_one) {
    validated.set_etag(BytesOfEtag(DocumentEtagAfter(root, plan, evaluation)));
  }
  FillDiff(*plan.category, evaluation, &validated);
  return validated;
}

void FillCounts(const Evaluation& evaluation, v1::ImportCategoryResponse* response) {
  uint64_t created = 0, updated = 0, deleted = 0, unchanged = 0;
  for (const StepOutcome& step : evaluation.steps) {
    switch (NetOperationOf(step)) {
      case v1::NET_OPERATION_ADDED:
        ++created;
        break;
      case v1::NET_OPERATION_MODIFIED:
        ++updated;
        break;
      case v1::NET_OPERATION_DELETED:
        ++deleted;
        break;
      default:
        ++unchanged;
    }
  }
  response->set_created(created);
  response->set_updated(updated);
  response->set_deleted(deleted);
  response->set_unchanged(unchanged);
  response->set_skipped(evaluation.skipped_steps);
  for (const WriteViolation& violation : evaluation.skipped) {
    if (response->skipped_records_size() == kListedViolations) break;
    *response->add_skipped_records() = ToProto(violation);
  }
}

}  // namespace modelref
