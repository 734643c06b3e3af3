#include "tests/service/write_model_judge.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "backends/base/error.h"

namespace modelref::testing {
namespace {

// For processes that lag.
constexpr size_t kKeptModels = 3000;

}  // namespace

bool IsOfStore(const absl::Status& status) {
  const std::string reason(ReasonOf(status));
  return status.code() == absl::StatusCode::kUnavailable || reason == "STORE_IO_ERROR" ||
         reason == "STORE_DAMAGED";
}

const WriteModel* WriteJudge::At(uint64_t revision) const {
  const auto found = models_.find(revision);
  return found == models_.end() ? nullptr : &found->second;
}

std::string WriteJudge::Judge(const std::vector<ModelCall>& calls,
                              const std::vector<ModelFact>& facts, int64_t now,
                              bool store_may_fail) {
  Wave wave{now, store_may_fail, {revision()}, {}};
  for (const ModelFact& fact : facts) {
    const std::string wrong = Follow(calls, fact, &wave);
    if (!wrong.empty()) return absl::StrCat("write ", fact.number, " in the history: ", wrong);
  }
  for (const ModelCall& call : calls) {
    const std::string wrong = CheckAnswer(call, wave);
    if (!wrong.empty()) return absl::StrCat("the answer of write ", call.write.number, ": ", wrong);
  }
  while (models_.size() > kKeptModels) models_.erase(models_.begin());
  return "";
}

// What a transaction did, and what those were told who asked for it.
std::string WriteJudge::Follow(const std::vector<ModelCall>& calls, const ModelFact& fact,
                               Wave* wave) {
  const auto of_fact = [&](const ModelCall& call) {
    return call.write.number == fact.number && !call.is_reuse;
  };
  const auto call = std::find_if(calls.begin(), calls.end(), of_fact);
  if (call == calls.end()) return "nobody asked for it";
  if (!revision_of_.emplace(fact.number, fact.revision).second) return "it was done before";
  if (fact.caller != call->write.caller) return "it is of somebody else";
  const uint64_t last = revision();
  WriteModel next;
  const WriteModel::Outcome outcome = newest().Evaluate(call->write, wave->now, &next);
  if (!outcome.reasons.empty()) {
    return absl::StrCat("it was to fail: ", absl::StrJoin(outcome.reasons, " "));
  }
  if (!outcome.changed) return "it was to change nothing";
  if (fact.first_event != last + 1) return "it does not follow the one before";
  const uint64_t events = fact.revision - last;
  if (outcome.events.has_value() && *outcome.events != events) {
    return absl::StrCat("it has ", events, " events and not ", *outcome.events);
  }
  models_[fact.revision] = std::move(next);
  wave->moments.push_back(fact.revision);
  wave->done.insert(fact.number);
  int first = 0;
  for (const ModelCall& one : calls) {
    if (!of_fact(one) || !one.answer.ok() || one.answer->replayed) continue;
    if (!one.answer->changed || ++first > 1) return "it was answered as if it was not done";
    const std::string wrong = CheckCommitted(one, fact, outcome);
    if (!wrong.empty()) return wrong;
  }
  return "";
}

// The first answer of a write that is in the history.
std::string WriteJudge::CheckCommitted(const ModelCall& call, const ModelFact& fact,
                                       const WriteModel::Outcome& outcome) {
  ++counts_.committed;
  answer_of_[call.write.number] = call.answer->bytes;
  v1::WriteModelsResponse response;
  if (!response.ParseFromString(call.answer->bytes)) return "an answer that is none";
  if (response.committed().position().revision() != fact.revision) return "another revision";
  const std::optional<Etag> etag = newest().DocumentEtagOf(call.write.key);
  if (etag.has_value() && response.committed().document_etag() != AsBytes(*etag)) {
    return "another etag of the document";
  }
  for (size_t i = 0; i < outcome.step_changed.size(); ++i) {
    const int index = static_cast<int>(i);
    if (index >= response.operations_size()) return "too few operations";
    if (response.operations(index).changed() != outcome.step_changed[i]) {
      return absl::StrCat("operation ", i, " was to say ", outcome.step_changed[i]);
    }
  }
  return newest().DiffersFrom(*call.answer->root);
}

std::string WriteJudge::CheckAnswer(const ModelCall& call, const Wave& wave) {
  if (!call.answer.ok()) return CheckRefused(call, wave);
  if (call.answer->replayed) return CheckReplayed(call);
  if (call.is_reuse) return "an id was taken twice";
  const bool is_done = wave.done.count(call.write.number) > 0;
  if (call.answer->changed) return is_done ? "" : "it was acknowledged and is lost";
  if (revision_of_.count(call.write.number) > 0) return "it is done and was called unchanged";
  return CheckUnchanged(call, wave);
}

// An answer that was given before, or to a call that nobody heard the answer of.
std::string WriteJudge::CheckReplayed(const ModelCall& call) {
  ++counts_.replayed;
  if (call.is_reuse) return "the answer of another write";
  const auto first = answer_of_.try_emplace(call.write.number, call.answer->bytes).first;
  if (first->second != call.answer->bytes) return "not the first answer";
  v1::WriteModelsResponse response;
  if (!response.ParseFromString(call.answer->bytes)) return "an answer that is none";
  const auto done = revision_of_.find(call.write.number);
  if (response.committed().changed() != (done != revision_of_.end())) {
    return "the answer of something that did not happen";
  }
  const bool fits =
      done == revision_of_.end() || response.committed().position().revision() == done->second;
  return fits ? "" : "the answer of another revision";
}

std::string WriteJudge::CheckUnchanged(const ModelCall& call, const Wave& wave) {
  ++counts_.unchanged;
  // One of several calls at once may be decided behind the one that is remembered.
  answer_of_.try_emplace(call.write.number, call.answer->bytes);
  v1::WriteModelsResponse response;
  if (!response.ParseFromString(call.answer->bytes)) return "an answer that is none";
  for (const uint64_t moment : wave.moments) {
    const WriteModel& model = models_.at(moment);
    const WriteModel::Outcome outcome = model.Evaluate(call.write, wave.now, nullptr);
    const std::optional<Etag> etag = model.DocumentEtagOf(call.write.key);
    const bool fits = !etag.has_value() || response.committed().document_etag() == AsBytes(*etag);
    if (outcome.reasons.empty() && !outcome.changed && fits) return "";
  }
  return "it was to change something";
}

std::string WriteJudge::CheckRefused(const ModelCall& call, const Wave& wave) {
  const absl::Status& status = call.answer.status();
  if (IsOfStore(status)) {
    ++counts_.unknown;
    return wave.store_may_fail ? "" : status.ToString();
  }
  const std::string reason(ReasonOf(status));
  if (reason == "REQUEST_ID_REUSED") {
    ++counts_.reuses;
    return call.is_reuse ? "" : "the id was new";
  }
  ++counts_.refused;
  if (call.is_reuse) return "an id that was used counted as new: " + status.ToString();
  // Refusals are not remembered: the same call at the same time may have succeeded later.
  const auto done = revision_of_.find(call.write.number);
  for (const uint64_t moment : wave.moments) {
    if (done != revision_of_.end() && moment >= done->second) return "it was done before";
    if (models_.at(moment).Evaluate(call.write, wave.now, nullptr).reasons.count(reason) > 0) {
      return "";
    }
  }
  return "it was not to fail: " + status.ToString();
}

}  // namespace modelref::testing
