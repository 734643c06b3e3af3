#include "tests/bench/store_loop.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/clock.h"
#include "tests/bench/bench_data.h"
#include "tests/bench/child_process.h"

namespace modelref::bench {
namespace {

const DocumentKey kKey{"clip", Format::kV2};

}  // namespace

struct StoreLoop::Progress {
  SteadyTime start;
  double seconds = 0;
  Mutex mutex;
  CondVar changed;
  int running ABSL_GUARDED_BY(mutex) = 0;
  LoopResult result ABSL_GUARDED_BY(mutex);
};

StoreLoop::StoreLoop(const std::string& folder, size_t models, size_t record_bytes)
    : models_(models), record_bytes_(record_bytes) {
  Store::Options options;
  options.directory = folder;
  absl::StatusOr<std::unique_ptr<Store>> store = Store::Open({kKey}, RealClock(), options);
  if (!store.ok()) Die(std::string(store.status().message()));
  store_ = *std::move(store);
  std::vector<RecordPtr> records;
  for (size_t model = 0; model < models; ++model) records.push_back(RecordOf(model, 0));
  DocumentEdit edit;
  edit.key = kKey;
  edit.replacement = Document::FromRecords(std::move(records));
  if (!store_->Commit("bench", {std::move(edit)}).ok()) Die("the store takes nothing");
}

StoreLoop::~StoreLoop() = default;

RecordPtr StoreLoop::RecordOf(size_t model, uint64_t version) const {
  std::string name = ModelName(model);
  std::string json = absl::StrCat(R"({"name":")", name, R"(","version":")", version, R"(","x":")");
  json.append(record_bytes_ - std::min(record_bytes_, json.size() + 2), 'x');
  return MakeRecord(std::move(name), json + "\"}");
}

void StoreLoop::Start(const std::shared_ptr<Progress>& progress) {
  const uint64_t version = ++version_;
  DocumentEdit edit;
  edit.key = kKey;
  RecordPtr record = RecordOf(version * 7919 % models_, version);
  edit.changes = {{record->name, record}};
  TransactionRequest request;
  request.caller = "bench";
  request.body = [edit = std::move(edit)](TransactionContext& context) {
    return context.Edit(edit);
  };
  const SteadyTime begun = SteadyClock::now();
  store_->CommitAsync(std::move(request), [=, this](const absl::StatusOr<CommitResult>& result) {
    if (!result.ok()) Die(std::string(result.status().message()));
    const bool goes_on = SecondsSince(progress->start) < progress->seconds;
    {
      MutexLock lock(&progress->mutex);
      ++progress->result.calls;
      progress->result.micros.push_back(1e6 * SecondsSince(begun));
      if (!goes_on && --progress->running == 0) progress->changed.SignalAll();
    }
    if (goes_on) Start(progress);
  });
}

LoopResult StoreLoop::Run(int in_flight, double seconds) {
  const auto progress = std::make_shared<Progress>();
  progress->start = SteadyClock::now();
  progress->seconds = seconds;
  {
    MutexLock lock(&progress->mutex);
    progress->running = in_flight;
  }
  for (int i = 0; i < in_flight; ++i) Start(progress);
  MutexLock lock(&progress->mutex);
  while (progress->running > 0) progress->changed.Wait(&progress->mutex);
  progress->result.seconds = SecondsSince(progress->start);
  progress->result.in_time = progress->result.calls;
  return std::move(progress->result);
}

}  // namespace modelref::bench
