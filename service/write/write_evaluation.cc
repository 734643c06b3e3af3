#include "service/write/write_evaluation.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "backends/convert/text_names.h"
#include "service/write/derived_document.h"
#include "service/write/text_entries.h"

namespace modelref {
namespace {

// First content of more models than this is stored whole.
constexpr size_t kWholesale = 1024;

class Evaluator {
 public:
  // `rivals` follow the document of the plan.
  Evaluator(const Root& root, const WritePlan& plan, const WriteLimits& limits, absl::Time now,
            const TextRivals& rivals)
      : root_(root),
        plan_(plan),
        limits_(limits),
        now_(now),
        state_(*root.Find(plan.key)),
        text_entries_(*state_.document, rivals),
        derived_key_{plan.key.category, Format::kV2},
        derived_(plan.key.format == Format::kLegacy ? root.Find(derived_key_) : nullptr) {}

  Evaluation Run(const std::vector<PreparedPut>& prepared) &&;

 private:
  void CheckDocument();
  // False when the step may not meet what is stored.
  bool CheckPreconditions(const WriteStep& step, const Entry* entry);
  // Adds what is wrong with the record of a put that is not done, so that all is told at once.
  void Judge(const WriteStep& step, const Entry* entry, const PreparedPut& prepared, bool is_aside);
  // `moves`: the model goes to the end, whatever its record.
  void Put(const WriteStep& step, const Entry* entry, const PreparedPut& prepared, bool moves);
  void Delete(const WriteStep& step, const Entry* entry);
  // Adds the change of the model and what follows from it in the same document.
  void Change(const WriteStep& step, const RecordPtr& after);
  void DeleteOthers();
  // Which steps find their model at its place in the order of a replacement.
  std::vector<bool> FindKept() const;
  void CheckSize();
  void Violate(absl::StatusCode code, absl::string_view reason, const std::string& model,
               std::string description);
  void AddEdits();

  const Root& root_;
  const WritePlan& plan_;
  const WriteLimits& limits_;
  const absl::Time now_;
  const DocumentState& state_;
  TextEntries text_entries_;
  const DocumentKey derived_key_;
  const DocumentState* const derived_;  // Null when nothing is derived.
  Evaluation result_;
  std::vector<RecordChange> changes_;
  std::vector<RecordChange> derived_changes_;
  uint64_t added_bytes_ = 0;
};

void Evaluator::Violate(absl::StatusCode code, absl::string_view reason, const std::string& model,
                        std::string description) {
  result_.violations.push_back({code, std::string(reason), model, "", std::move(description), ""});
}

void Evaluator::CheckDocument() {
  // A derived record in a document that cannot be read would look like all of it.
  for (const DocumentState* state : {&state_, derived_}) {
    if (state == nullptr || state->damage.ok()) continue;
    Violate(absl::StatusCode::kFailedPrecondition, "DOCUMENT_DAMAGED", "",
            absl::StrCat(state->key.ToString(), " is damaged: ", state->damage.message()));
  }
  if (plan_.if_match.has_value() && *plan_.if_match != state_.document->etag()) {
    Violate(absl::StatusCode::kAborted, "ETAG_MISMATCH", "",
            "the document has changed since it was read");
  }
}

bool Evaluator::CheckPreconditions(const WriteStep& step, const Entry* entry) {
  const size_t before = result_.violations.size();
  if (entry == nullptr && (step.is_delete || step.mode == v1::WRITE_MODE_UPDATE_ONLY)) {
    Violate(absl::StatusCode::kNotFound, "MODEL_NOT_FOUND", step.name, "there is no such model");
  } else if (entry != nullptr && !step.is_delete && step.mode == v1::WRITE_MODE_CREATE_ONLY) {
    Violate(absl::StatusCode::kAlreadyExists, "MODEL_EXISTS", step.name, "the model exists");
  } else if (step.if_match.has_value() &&
             (entry == nullptr || entry->record->etag != *step.if_match)) {
    Violate(absl::StatusCode::kAborted, "ETAG_MISMATCH", step.name,
            entry == nullptr ? "the model is gone" : "the model has changed since it was read");
  }
  return result_.violations.size() == before;
}

void Evaluator::Put(const WriteStep& step, const Entry* entry, const PreparedPut& prepared,
                    bool moves) {
  const bool is_current = IsCurrent(prepared, root_, plan_, step);
  const PreparedPut made =
      is_current ? PreparedPut() : PreparePut(root_, plan_, step, limits_, now_);
  const PreparedPut& put = is_current ? prepared : made;
  std::vector<WriteViolation>& violations =
      plan_.skip_invalid ? result_.skipped : result_.violations;
  violations.insert(violations.end(), put.violations.begin(), put.violations.end());
  result_.warnings.insert(result_.warnings.end(), put.warnings.begin(), put.warnings.end());
  if (put.record == nullptr) {
    if (plan_.skip_invalid) ++result_.skipped_steps;
    return;
  }
  if (moves) Change(step, nullptr);
  if (put.changed || moves) Change(step, put.record);
  if (derived_ != nullptr && put.derived != put.stored_v2) {
    derived_changes_.push_back({step.name, put.derived});
  }
  result_.steps.push_back(
      {step.name, put.stored, put.record, put.changed, entry == nullptr ? 0 : entry->mod_revision});
}

void Evaluator::Delete(const WriteStep& step, const Entry* entry) {
  Change(step, nullptr);
  if (derived_ != nullptr && derived_->document->Find(step.name) != nullptr) {
    derived_changes_.push_back({step.name, nullptr});
  }
  result_.steps.push_back({step.name, entry->record, nullptr, true, entry->mod_revision});
}

void Evaluator::Change(const WriteStep& step, const RecordPtr& after) {
  changes_.push_back({step.name, after});
  if (after != nullptr) added_bytes_ += after->name.size() + after->json.size();
  if (!HasTextEntries(plan_.key)) return;
  const absl::Status added = text_entries_.Add(step.name, after, limits_, &changes_);
  if (!added.ok()) {
    Violate(added.code(), ReasonOf(added), step.name, std::string(added.message()));
  }
}

void Evaluator::DeleteOthers() {
  std::set<absl::string_view> listed;
  for (const WriteStep& step : plan_.steps) listed.insert(step.name);
  std::vector<const Entry*> others;
  size_t models = 0;
  state_.document->ForEach([&](const Entry& entry) {
    const std::string& name = entry.record->name;
    if (IsTextEntry(plan_.key, name)) return;
    ++models;
    if (listed.count(name) == 0) others.push_back(&entry);
  });
  if (!plan_.allow_mass_removal && models >= limits_.mass_removal_min_models &&
      others.size() * 100 > models * limits_.mass_removal_percent) {
    Violate(absl::StatusCode::kFailedPrecondition, "MASS_REMOVAL", "",
            absl::StrCat("the import removes ", others.size(), " of ", models,
                         " models and does not say that it means to"));
  }
  for (const Entry* entry : others) {
    WriteStep step;
    step.name = entry->record->name;
    Delete(step, entry);
  }
}

void Evaluator::Judge(const WriteStep& step, const Entry* entry, const PreparedPut& prepared,
                      bool is_aside) {
  // Fields alone say what is to change of a model.
  if (step.is_delete || plan_.skip_invalid || (step.model != nullptr && entry == nullptr)) return;
  // Also when something else is stored by now: it is not worth the time of all other writers.
  for (WriteViolation violation : prepared.violations) {
    violation.is_aside = is_aside;
    result_.violations.push_back(std::move(violation));
  }
}

std::vector<bool> Evaluator::FindKept() const {
  std::vector<bool> kept(plan_.steps.size(), true);
  if (!plan_.replaces) return kept;
  // What comes after the first new or displaced model can only be appended.
  bool in_order = true;
  uint64_t last = 0;
  for (size_t i = 0; i < plan_.steps.size(); ++i) {
    const Entry* entry = state_.document->Find(plan_.steps[i].name);
    in_order = in_order && entry != nullptr && (i == 0 || entry->order > last);
    if (in_order) last = entry->order;
    kept[i] = in_order;
  }
  return kept;
}

void Evaluator::CheckSize() {
  // Exact only when it matters: what is replaced is not subtracted.
  if (added_bytes_ == 0 || state_.document->size_bytes() + added_bytes_ <= limits_.document_bytes) {
    return;
  }
  const uint64_t exact = state_.document->Apply(changes_, 0)->size_bytes();
  if (exact <= limits_.document_bytes) return;
  Violate(absl::StatusCode::kResourceExhausted, "DOCUMENT_TOO_LARGE", "",
          absl::StrCat("the document would have ", exact, " bytes; the limit is ",
                       limits_.document_bytes));
}

// First content may be large, and costs less when it comes whole.
DocumentEdit EditOf(const DocumentKey& key, const Document& before,
                    std::vector<RecordChange> changes) {
  DocumentEdit edit;
  edit.key = key;
  if (before.record_count() > 0 || changes.size() <= kWholesale) {
    edit.changes = std::move(changes);
  } else {
    edit.replacement = before.Apply(changes, 0);
  }
  return edit;
}

void Evaluator::AddEdits() {
  const bool is_first =
      derived_ != nullptr && derived_->mod_revision == 0 && derived_->document->record_count() == 0;
  if (is_first && !changes_.empty()) {
    derived_changes_ = DeriveWhole(plan_, *derived_, *state_.document->Apply(changes_, 0),
                                   derived_changes_, limits_, &result_.warnings);
  }
  if (!changes_.empty()) {
    result_.edits.push_back(EditOf(plan_.key, *state_.document, std::move(changes_)));
  }
  if (!derived_changes_.empty()) {
    result_.edits.push_back(EditOf(derived_key_, *derived_->document, std::move(derived_changes_)));
  }
}

Evaluation Evaluator::Run(const std::vector<PreparedPut>& prepared) && {
  result_.violations = plan_.violations;
  result_.skipped = plan_.skipped;
  result_.skipped_steps = plan_.skipped.size();
  CheckDocument();
  const std::vector<bool> kept = FindKept();
  for (size_t i = 0; i < plan_.steps.size(); ++i) {
    const WriteStep& step = plan_.steps[i];
    const Entry* entry = state_.document->Find(step.name);
    if (!CheckPreconditions(step, entry)) {
      Judge(step, entry, prepared[i], /*is_aside=*/true);
    } else if (step.is_delete) {
      Delete(step, entry);
    } else {
      Put(step, entry, prepared[i], entry != nullptr && !kept[i]);
    }
  }
  for (size_t i = 0; i < plan_.repeated.size(); ++i) {
    const WriteStep& step = plan_.repeated[i];
    Judge(step, state_.document->Find(step.name), prepared[plan_.steps.size() + i],
          /*is_aside=*/false);
  }
  if (plan_.replaces) DeleteOthers();
  if (result_.violations.empty()) CheckSize();
  if (!result_.violations.empty()) {
    result_.steps.clear();
    return std::move(result_);
  }
  result_.changed = !changes_.empty();
  AddEdits();
  return std::move(result_);
}

}  // namespace

std::vector<PreparedPut> PreparePuts(const Root& root, const WritePlan& plan,
                                     const WriteLimits& limits, absl::Time now) {
  std::vector<PreparedPut> prepared;
  prepared.reserve(plan.steps.size() + plan.repeated.size());
  for (const std::vector<WriteStep>* steps : {&plan.steps, &plan.repeated}) {
    for (const WriteStep& step : *steps) {
      prepared.push_back(step.is_delete ? PreparedPut()
                                        : PreparePut(root, plan, step, limits, now));
    }
  }
  return prepared;
}

Evaluation EvaluateWrite(const Root& root, const WritePlan& plan,
                         const std::vector<PreparedPut>& prepared, const WriteLimits& limits,
                         absl::Time now, TextRivals* rivals) {
  TextRivals found;
  if (rivals == nullptr) rivals = &found;
  if (HasTextEntries(plan.key)) rivals->Follow(root.Find(plan.key)->document);
  return Evaluator(root, plan, limits, now, *rivals).Run(prepared);
}

Etag DocumentEtagAfter(const Root& root, const WritePlan& plan, const Evaluation& evaluation) {
  const Document& before = *root.Find(plan.key)->document;
  for (const DocumentEdit& edit : evaluation.edits) {
    if (edit.key != plan.key) continue;
    if (edit.replacement != nullptr) return edit.replacement->etag();
    return before.Apply(edit.changes, 0)->etag();
  }
  return before.etag();
}

}  // namespace modelref
