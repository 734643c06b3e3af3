#pragma once

// A write as it was asked for, read from its request: checked as far as that goes without the
// store and its content. Pure functions.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "backends/base/categories.h"
#include "backends/base/etag.h"
#include "backends/category_registry.h"
#include "modelref/v1/write.pb.h"
#include "service/write/write_violation.h"

namespace modelref {

// What writes may hold; the limits of the configuration.
struct WriteLimits {
  size_t model_name_bytes = kMaxModelNameBytes;
  size_t record_bytes = size_t{1} << 20;
  uint64_t document_bytes = uint64_t{512} << 20;
  size_t json_depth = 64;
  size_t operations = 1000;
  // A replacement that removes more than this share of the models must say that it means to.
  size_t mass_removal_percent = 50;
  size_t mass_removal_min_models = 10;  // Of smaller documents anything may be removed.
};

// One model of a write.
struct WriteStep {
  std::string name;
  bool is_delete = false;
  v1::WriteMode mode = v1::WRITE_MODE_UPSERT;
  std::optional<Etag> if_match;
  // The content, unless it deletes: typed, or else a record as JSON, not parsed yet.
  std::shared_ptr<const v1::Model> model;
  std::string json;
  // Where the content is in the request: "json", "operations[3].put.model".
  std::string content_field;
};

struct WritePlan {
  const Category* category = nullptr;  // Of the registry.
  DocumentKey key;
  std::vector<WriteStep> steps;  // Of different models.
  // Operations on models that an earlier one names: judged, never carried out.
  std::vector<WriteStep> repeated;
  std::optional<Etag> if_match;  // Of the document.
  std::vector<WriteViolation> violations;

  // The steps are the whole document: other models are deleted, and the order is theirs.
  bool replaces = false;
  // Steps whose records are invalid are left out; such a model keeps its record.
  bool skip_invalid = false;
  std::vector<WriteViolation> skipped;  // Why records are left out that make no step.
  bool allow_mass_removal = false;
};

// Which document a write is for.
//   NOT_FOUND (CATEGORY_NOT_FOUND)      no such category; aliases are not understood.
//   INVALID_ARGUMENT (UNKNOWN_FORMAT)
//   FAILED_PRECONDITION (WRONG_FORMAT)  writes go to the canonical format, but for categories
//                                       without a legacy form, which take v2.
absl::StatusOr<WritePlan> StartPlan(const CategoryRegistry& registry, Format canonical,
                                    const std::string& category, v1::Format format);

// What is wrong with single models is in the violations of the plan.
//   errors of StartPlan; INVALID_ARGUMENT (BAD_FIELD) for a malformed etag;
//   RESOURCE_EXHAUSTED (TOO_MANY_OPERATIONS).
absl::StatusOr<WritePlan> PlanPut(const CategoryRegistry& registry, Format canonical,
                                  const WriteLimits& limits, const v1::PutModelRequest& request);
absl::StatusOr<WritePlan> PlanDelete(const CategoryRegistry& registry, Format canonical,
                                     const WriteLimits& limits,
                                     const v1::DeleteModelRequest& request);
absl::StatusOr<WritePlan> PlanWrites(const CategoryRegistry& registry, Format canonical,
                                     const WriteLimits& limits,
                                     const v1::WriteModelsRequest& request);

// Checks the name of the step; `field` is where the request has it.
void CheckName(const WriteStep& step, const WritePlan& plan, const WriteLimits& limits,
               const std::string& field, std::vector<WriteViolation>* violations);
// The etag of an if_match: none when empty.
//   INVALID_ARGUMENT (BAD_FIELD)  not 32 bytes.
absl::StatusOr<std::optional<Etag>> ReadIfMatch(const std::string& bytes, const std::string& field);

}  // namespace modelref
