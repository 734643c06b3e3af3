#include "tests/service/write_model_random.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "backends/base/status_macros.h"

namespace modelref::testing {
namespace {

constexpr uint64_t kNames = 14;
// Few, so that a write often finds its content there already.
constexpr uint64_t kValues = 3;
constexpr uint64_t kManySteps = 5;

template <typename Put>
void FillPut(const DocumentKey& key, const ModelStep& step, Put* put) {
  put->set_name(step.name);
  put->set_json(ContentOf(key, step));
  put->set_mode(step.mode);
  put->set_if_match(step.if_match);
}

template <typename Request>
void FillDocument(const ModelWrite& write, Request* request) {
  request->set_category(write.key.category);
  request->set_format(static_cast<v1::Format>(write.key.format));
}

v1::WriteModelsRequest ManyRequest(const ModelWrite& write) {
  v1::WriteModelsRequest request;
  FillDocument(write, &request);
  request.set_if_match(write.if_match);
  for (const ModelStep& step : write.steps) {
    v1::WriteOperation& operation = *request.add_operations();
    if (step.is_delete) {
      operation.mutable_delete_()->set_name(step.name);
      operation.mutable_delete_()->set_if_match(step.if_match);
    } else {
      FillPut(write.key, step, operation.mutable_put());
    }
  }
  return request;
}

absl::StatusOr<WritePlan> ImportPlan(const CategoryRegistry& registry, Format canonical,
                                     const ModelWrite& write) {
  ASSIGN_OR_RETURN(WritePlan plan, StartPlan(registry, canonical, write.key.category,
                                             static_cast<v1::Format>(write.key.format)));
  ASSIGN_OR_RETURN(plan.if_match, ReadIfMatch(write.if_match, "if_match"));
  plan.replaces = write.replaces;
  plan.skip_invalid = write.skip_invalid;
  plan.allow_mass_removal = write.allow_mass_removal;
  for (const ModelStep& step : write.steps) {
    WriteStep planned;
    planned.name = step.name;
    planned.json = ContentOf(write.key, step);
    planned.content_field = "json";
    CheckName(planned, plan, WriteLimits(), "name", &plan.violations);
    plan.steps.push_back(std::move(planned));
  }
  return plan;
}

}  // namespace

RandomWrites::RandomWrites(uint64_t seed, Format canonical) : random_(seed) {
  keys_ = {{"clip", canonical}, {"lora", Format::kV2}};
  if (canonical == Format::kLegacy) keys_.push_back({"text_generation", canonical});
}

std::string RandomWrites::Name(const DocumentKey& key) {
  const uint64_t number = random_() % kNames;
  if (!IsTextTable(key)) return absl::StrCat("m", number);
  // Two authors with models of the same names, which claim the same entries.
  return absl::StrCat(number % 2 == 0 ? "A" : "B", "/M", number / 2);
}

std::string RandomWrites::SomeEtag(const DocumentKey& key, const std::string& name,
                                   const Root& root) {
  if (IsTextTable(key)) return "";
  const Document& document = *root.Find(key)->document;
  const Entry* entry = document.Find(name);
  if (name.empty() && !OneIn(3)) return std::string(AsBytes(document.etag()));
  if (entry != nullptr && !OneIn(3)) return std::string(AsBytes(entry->record->etag));
  return std::string(AsBytes(Sha256(absl::StrCat(random_()))));
}

ModelStep RandomWrites::Step(const ModelWrite& write, const Root& root) {
  ModelStep step;
  step.name = Name(write.key);
  step.value = 1 + random_() % kValues;
  step.is_delete = OneIn(3);
  if (OneIn(20)) step.content = ModelStep::Content::kInvalid;
  if (OneIn(40)) step.content = ModelStep::Content::kNoJson;
  if (OneIn(3)) {
    step.mode = OneIn(2) ? v1::WRITE_MODE_CREATE_ONLY : v1::WRITE_MODE_UPDATE_ONLY;
  }
  if (OneIn(3)) step.if_match = SomeEtag(write.key, step.name, root);
  return step;
}

void RandomWrites::AddManySteps(ModelWrite* write, const Root& root) {
  std::set<std::string> names;
  const uint64_t count = 1 + random_() % kManySteps;
  for (uint64_t i = 0; i < count; ++i) {
    ModelStep step = Step(*write, root);
    // Else one of many steps nearly always fails all of them.
    if (!OneIn(6)) {
      step.is_delete = step.is_delete && root.Find(write->key)->document->Find(step.name);
      step.mode = v1::WRITE_MODE_UPSERT;
      step.if_match.clear();
    }
    if (names.insert(step.name).second) write->steps.push_back(std::move(step));
  }
  if (OneIn(4)) write->if_match = SomeEtag(write->key, "", root);
}

void RandomWrites::AddImport(ModelWrite* write, const Root& root) {
  write->replaces = OneIn(2);
  write->skip_invalid = OneIn(2);
  write->allow_mass_removal = OneIn(2);
  if (OneIn(4)) write->if_match = SomeEtag(write->key, "", root);
  // Mostly what is there, in its order or in another one.
  root.Find(write->key)->document->ForEach([&](const Entry& entry) {
    if (OneIn(6) || absl::StrContains(entry.record->name, "koboldcpp/") ||
        absl::StrContains(entry.record->name, "aphrodite/")) {
      return;
    }
    write->steps.emplace_back().name = entry.record->name;
  });
  for (uint64_t i = random_() % 4; i > 0; --i) {
    const std::string name = Name(write->key);
    const bool is_listed = std::any_of(write->steps.begin(), write->steps.end(),
                                       [&](const ModelStep& step) { return step.name == name; });
    if (!is_listed) write->steps.emplace_back().name = name;
  }
  if (OneIn(3)) std::shuffle(write->steps.begin(), write->steps.end(), random_);
  for (ModelStep& step : write->steps) {
    step.value = 1 + random_() % kValues;
    if (OneIn(write->skip_invalid ? 8 : 80)) step.content = ModelStep::Content::kInvalid;
  }
}

ModelWrite RandomWrites::Next(const Root& root) {
  ModelWrite write;
  write.number = ++number_;
  write.caller = absl::StrCat("user-", random_() % 3);
  write.key = keys_[random_() % keys_.size()];
  if (!OneIn(3)) {
    write.request_id = absl::StrFormat("%08x-0000-4000-8000-%012x", random_() % 0xFFFF, number_);
  }
  switch (random_() % 8) {
    case 0:
      write.method = ModelWrite::Method::kImport;
      AddImport(&write, root);
      return write;
    case 1:
    case 2:
      write.method = ModelWrite::Method::kMany;
      AddManySteps(&write, root);
      return write;
    default:
      write.steps.push_back(Step(write, root));
      write.method =
          write.steps[0].is_delete ? ModelWrite::Method::kDelete : ModelWrite::Method::kPut;
      return write;
  }
}

absl::StatusOr<WritePlan> PlanOf(const CategoryRegistry& registry, Format canonical,
                                 const ModelWrite& write) {
  const WriteLimits limits;
  const ModelStep none;
  const ModelStep& first = write.steps.empty() ? none : write.steps[0];
  if (write.method == ModelWrite::Method::kPut) {
    v1::PutModelRequest request;
    FillDocument(write, &request);
    FillPut(write.key, first, &request);
    return PlanPut(registry, canonical, limits, request);
  }
  if (write.method == ModelWrite::Method::kDelete) {
    v1::DeleteModelRequest request;
    FillDocument(write, &request);
    request.set_name(first.name);
    request.set_if_match(first.if_match);
    return PlanDelete(registry, canonical, limits, request);
  }
  if (write.method == ModelWrite::Method::kImport) return ImportPlan(registry, canonical, write);
  return PlanWrites(registry, canonical, limits, ManyRequest(write));
}

Sha256Digest BodyOf(const ModelWrite& write) {
  return Sha256(absl::StrCat(write.replaces, write.skip_invalid, write.allow_mass_removal,
                             ManyRequest(write).SerializeAsString()));
}

}  // namespace modelref::testing
