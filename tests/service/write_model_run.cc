#include "tests/service/write_model_run.h"

#include <gtest/gtest.h>

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "backends/base/failpoint.h"
#include "backends/base/mutex.h"
#include "backends/base/status_macros.h"
#include "service/store/store_check.h"
#include "service/write_answers.h"
#include "tests/testing/status_matchers.h"

namespace modelref::testing {
namespace {

constexpr char kCause[] = "write-";
// So many answered writes may be repeated.
constexpr size_t kRemembered = 60;
// Of transactions: the files are opened often.
constexpr size_t kHistory = 100;

}  // namespace

WriteModelRun::WriteModelRun(uint64_t seed, Format canonical)
    : canonical_(canonical), random_(seed, canonical) {}

void WriteModelRun::Run(uint64_t calls) {
  OpenAll();
  while (calls_ < calls && !::testing::Test::HasFailure()) RunWave();
  if (!::testing::Test::HasFailure()) ExpectSoundStore();
}

WriteModelRun::Counts WriteModelRun::counts() const {
  return {calls_,
          validated_,
          restarts_,
          static_cast<uint64_t>(vfs_.crashes()),
          judge_.revision(),
          judge_.counts()};
}

bool WriteModelRun::Open(Process* process) {
  Store::Options options;
  options.directory = dir_.path() + "/.modelref";
  options.file_layer = vfs_.name();
  options.history_transactions = kHistory;
  auto store = Store::Open(registry_.DocumentKeys(), clock_, options);
  if (!store.ok()) return false;
  process->store = *std::move(store);
  process->writer = std::make_unique<Writer>(*process->store, clock_, WriteLimits());
  return true;
}

void WriteModelRun::OpenAll() {
  for (Process& process : processes_) {
    for (int i = 0; i < 10 && process.store == nullptr; ++i) {
      if (!Open(&process)) vfs_.Heal();
    }
    ASSERT_NE(process.store, nullptr);
  }
}

void WriteModelRun::Recover() {
  while (seen_crashes_ != vfs_.crashes() && !::testing::Test::HasFatalFailure()) {
    seen_crashes_ = vfs_.crashes();
    for (Process& process : processes_) Close(&process);
    OpenAll();
  }
}

void WriteModelRun::ExpectAllShowTheNewest() {
  for (const Process& process : processes_) {
    const RootPtr root = process.store->root();
    EXPECT_EQ(root->revision, judge_.revision());
    EXPECT_EQ(judge_.newest().DiffersFrom(*root), "");
  }
}

ModelCall WriteModelRun::Repeat() {
  ModelCall call;
  call.write = answered_[random_.random()() % answered_.size()];
  if (random_.OneIn(3)) {
    call.is_reuse = true;
    call.write.skip_invalid = !call.write.skip_invalid;
  }
  return call;
}

ModelCall WriteModelRun::Choose() {
  ModelCall call;
  if (!in_doubt_.empty() && !random_.OneIn(4)) {
    call.write = in_doubt_.back();
    in_doubt_.pop_back();
  } else if (!answered_.empty() && random_.OneIn(6)) {
    call = Repeat();
  } else {
    call.write = random_.Next(*processes_[AnyProcess()].store->root());
  }
  call.process = AnyProcess();
  return call;
}

std::vector<ModelCall> WriteModelRun::ChooseWave() {
  std::vector<ModelCall> calls;
  const uint64_t count = random_.OneIn(2) ? 1 : 2 + random_.random()() % 7;
  while (calls.size() < count) {
    ModelCall call = Choose();
    // The same call twice at once, at another process perhaps.
    const bool is_twice = !call.write.request_id.empty() && random_.OneIn(8);
    calls.push_back(call);
    if (!is_twice) continue;
    call.process = AnyProcess();
    calls.push_back(std::move(call));
  }
  return calls;
}

void WriteModelRun::Start(ModelCall* call, std::function<void()> done) {
  auto plan = PlanOf(registry_, canonical_, call->write);
  ASSERT_THAT(plan, IsOk());
  ++calls_;
  WriteCall how;
  how.caller = call->write.caller;
  how.audit_request_id = absl::StrCat(kCause, call->write.number);
  how.request = {how.caller, absl::StrCat(static_cast<int>(call->write.method)),
                 call->write.request_id};
  how.body = BodyOf(call->write);
  processes_[call->process].writer->Commit(
      std::make_shared<const WritePlan>(*std::move(plan)), std::move(how), EncodeMany,
      [call, done = std::move(done)](absl::StatusOr<WriteAnswer> answer) {
        call->answer = std::move(answer);
        done();
      });
}

// Makes all calls at once and waits for their answers.
void WriteModelRun::Make(std::vector<ModelCall>* calls) {
  Mutex mutex;
  CondVar changed;
  size_t missing = calls->size();
  for (ModelCall& call : *calls) {
    Start(&call, [&] {
      MutexLock lock(&mutex);
      --missing;
      changed.Signal();
    });
    ASSERT_FALSE(::testing::Test::HasFatalFailure());
  }
  MutexLock lock(&mutex);
  while (missing > 0) changed.Wait(&mutex);
}

// The transactions since those that were judged.
std::vector<ModelFact> WriteModelRun::ReadFacts() {
  std::vector<ModelFact> facts;
  const auto read = [&](Database& database) -> absl::Status {
    ASSIGN_OR_RETURN(Statement query,
                     database.Prepare("SELECT revision, first_event, caller, request FROM "
                                      "transactions WHERE revision > ? ORDER BY revision"));
    query.Bind(1, judge_.revision());
    while (true) {
      ASSIGN_OR_RETURN(const bool row, query.Step());
      if (!row) return absl::OkStatus();
      ModelFact fact{query.Unsigned(0), query.Unsigned(1), std::string(query.Bytes(2)), 0};
      absl::string_view number = query.Bytes(3);
      if (!absl::ConsumePrefix(&number, kCause) || !absl::SimpleAtoi(number, &fact.number)) {
        return absl::DataLossError("a transaction of nobody");
      }
      facts.push_back(std::move(fact));
    }
  };
  EXPECT_THAT(processes_[0].store->Query(read), IsOk());
  return facts;
}

void WriteModelRun::Learn(const std::vector<ModelCall>& calls) {
  for (const ModelCall& call : calls) {
    if (call.write.request_id.empty() || call.is_reuse) continue;
    if (call.answer.ok()) {
      answered_.push_back(call.write);
    } else if (IsOfStore(call.answer.status())) {
      in_doubt_.push_back(call.write);
    }
  }
  while (answered_.size() > kRemembered) answered_.pop_front();
}

// A check without a write, at a process that may lag.
void WriteModelRun::Validate() {
  const Process& process = processes_[AnyProcess()];
  const RootPtr root = process.store->root();
  const ModelWrite write = random_.Next(*root);
  const auto plan = PlanOf(registry_, canonical_, write);
  ASSERT_THAT(plan, IsOk());
  const WriteModel* model = judge_.At(root->revision);
  ASSERT_NE(model, nullptr) << "revision " << root->revision << " never was";
  WriteModel next;
  WriteModel::Outcome outcome = model->Evaluate(write, Now(), &next);
  outcome.reasons.merge(outcome.asides);
  const Evaluation evaluation = process.writer->Validate(*root, *plan);
  std::set<std::string> reasons;
  for (const WriteViolation& violation : evaluation.violations) reasons.insert(violation.reason);
  EXPECT_EQ(reasons, outcome.reasons);
  ++validated_;
  if (!reasons.empty()) return;
  EXPECT_EQ(evaluation.changed, outcome.changed);
  const std::optional<Etag> etag = next.DocumentEtagOf(write.key);
  if (etag.has_value()) {
    EXPECT_EQ(DocumentEtagAfter(*root, *plan, evaluation), *etag);
  }
}

void WriteModelRun::Disturb() {
  if (random_.OneIn(3)) clock_.Advance(absl::Seconds(1));
  if (random_.OneIn(40)) {
    vfs_.PowerFailAt(static_cast<int>(1 + random_.random()() % 60),
                     random_.OneIn(3) ? 0 : random_.random()());
  }
  if (!random_.OneIn(50)) return;
  ++restarts_;
  Close(&processes_[AnyProcess()]);
  OpenAll();
  Recover();
}

void WriteModelRun::RunWave() {
  Disturb();
  if (random_.OneIn(4)) Validate();
  ASSERT_FALSE(::testing::Test::HasFailure());
  const int crashes = seen_crashes_;
  std::vector<ModelCall> calls = ChooseWave();
  const bool fails = FailpointsBuilt() && random_.OneIn(60);
  {
    std::unique_ptr<ScopedFailpoint> point;
    const auto unavailable = absl::StatusCode::kUnavailable;
    if (fails) point = std::make_unique<ScopedFailpoint>("store.before_commit", unavailable);
    Make(&calls);
  }
  Recover();
  ASSERT_FALSE(::testing::Test::HasFailure());
  const bool has_crashed = seen_crashes_ != crashes;
  ASSERT_EQ(judge_.Judge(calls, ReadFacts(), Now(), fails || has_crashed), "");
  if (has_crashed) ExpectAllShowTheNewest();
  Learn(calls);
}

void WriteModelRun::ExpectSoundStore() {
  for (Process& process : processes_) Close(&process);
  vfs_.Heal();
  OpenAll();
  ASSERT_FALSE(::testing::Test::HasFailure());
  ExpectAllShowTheNewest();
  StoreCheck check;
  EXPECT_THAT(processes_[0].store->Query([&](Database& database) -> absl::Status {
    ASSIGN_OR_RETURN(check, CheckStore(database));
    return absl::OkStatus();
  }),
              IsOk());
  EXPECT_EQ(absl::StrJoin(check.problems, "\n"), "");
  EXPECT_EQ(check.events, judge_.revision());
}

}  // namespace modelref::testing
