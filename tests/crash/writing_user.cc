#include "tests/crash/writing_user.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "backends/base/digest.h"
#include "backends/base/error.h"
#include "tests/crash/pause.h"

namespace modelref::testing {
namespace {

// So many own records in each document at most.
constexpr size_t kWrittenRecords = 6;
constexpr char kRace[] = "race";

// Whether the server may have done it all the same.
bool IsLost(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ||
         absl::IsCancelled(status) || absl::IsUnknown(status);
}

}  // namespace

WritingUser::WritingUser(int number, std::vector<DocumentKey> keys, const ServerList& servers,
                         Sightings& sightings)
    : number_(number),
      keys_(std::move(keys)),
      servers_(servers),
      sightings_(sightings),
      run_(absl::StrFormat("%08x", std::random_device()())) {}

std::string WritingUser::NewId() {
  return absl::StrFormat("%s-%04x-4000-8000-%012x", run_, number_, ++counter_);
}

std::string WritingUser::NewValue() { return absl::StrCat("value ", random_()); }

std::vector<std::string> WritingUser::Alive(const DocumentKey& key) const {
  std::vector<std::string> alive;
  const auto own = expected_.find(key);
  if (own == expected_.end()) return alive;
  for (const auto& [name, value] : own->second) {
    if (!value.empty()) alive.push_back(name);
  }
  return alive;
}

// One that exists, or a new one.
std::string WritingUser::SomeName(const DocumentKey& key) {
  const std::vector<std::string> alive = Alive(key);
  if (alive.size() < kWrittenRecords && (alive.empty() || random_() % 3 == 0)) {
    return absl::StrCat("write-", number_, "-", ++counter_);
  }
  return alive[random_() % alive.size()];
}

// Creates, changes or deletes one own record, with whatever precondition.
void WritingUser::ChooseOne(WriteTask* task) {
  WriteTask::Step step;
  step.name = SomeName(task->key);
  const bool exists = !expected_[task->key][step.name].empty();
  const bool is_delete = exists && random_() % 4 == 0;
  if (!is_delete) step.value = NewValue();
  switch (random_() % 4) {
    case 0:
      if (is_delete) break;
      step.mode = v1::WRITE_MODE_CREATE_ONLY;
      if (exists) task->reason = "MODEL_EXISTS";
      break;
    case 1:
      if (is_delete) break;
      step.mode = v1::WRITE_MODE_UPDATE_ONLY;
      if (!exists) task->reason = "MODEL_NOT_FOUND";
      break;
    case 2:
      step.if_match = etags_[task->key][step.name];
      if (random_() % 3 > 0) break;
      step.if_match = std::string(AsBytes(Sha256(NewValue())));
      task->reason = "ETAG_MISMATCH";
      break;
    default:
      break;
  }
  task->method = is_delete ? WriteTask::Method::kDelete : WriteTask::Method::kPut;
  task->steps.push_back(std::move(step));
}

// A transaction of several own records, or an import of some.
void WritingUser::ChooseMany(WriteTask* task) {
  task->method = random_() % 2 == 0 ? WriteTask::Method::kMany : WriteTask::Method::kImport;
  task->replaces = task->method == WriteTask::Method::kImport && task->key == keys_.back();
  std::set<std::string> names;
  for (uint64_t i = 2 + random_() % 3; i > 0; --i) names.insert(SomeName(task->key));
  for (const std::string& name : names) {
    WriteTask::Step step;
    step.name = name;
    const bool exists = !expected_[task->key][name].empty();
    const bool is_delete = task->method == WriteTask::Method::kMany && exists && random_() % 4 == 0;
    if (!is_delete) step.value = NewValue();
    task->steps.push_back(std::move(step));
  }
}

// Changes the record that all share, if it still is what it was a moment ago.
void WritingUser::ChooseRace(Client& client, WriteTask* task) {
  task->key = keys_.front();
  task->is_race = true;
  v1::GetModelRequest request;
  request.set_category(task->key.category);
  request.set_format(static_cast<v1::Format>(task->key.format));
  request.set_name(kRace);
  const auto present = client.GetModel(request);
  WriteTask::Step step;
  step.name = kRace;
  step.mode = present.ok() ? v1::WRITE_MODE_UPSERT : v1::WRITE_MODE_CREATE_ONLY;
  if (present.ok()) step.if_match = present->etag();
  const bool is_delete = present.ok() && random_() % 4 == 0;
  if (!is_delete) step.value = NewValue();
  task->method = is_delete ? WriteTask::Method::kDelete : WriteTask::Method::kPut;
  task->steps.push_back(std::move(step));
}

WriteTask WritingUser::Choose(Client& client) {
  WriteTask task;
  task.id = NewId();
  task.key = keys_[random_() % keys_.size()];
  const uint64_t choice = random_() % 8;
  if (choice == 0) {
    ChooseRace(client, &task);
  } else if (choice < 4) {
    ChooseMany(&task);
  } else {
    ChooseOne(&task);
  }
  return task;
}

void WritingUser::Complain(const WriteTask& task, const std::string& what) {
  sightings_.Complain(absl::StrCat("user ", number_, ", ", task.key.ToString(), " ",
                                   task.steps.front().name, ", request ", task.id, ": ", what));
}

void WritingUser::Accept(const WriteTask& task, const TaskAnswer& answer) {
  const v1::Committed& committed = answer.committed;
  ++acknowledged_;
  if (committed.replayed()) ++replayed_;
  if (committed.replayed() && !task.was_sent) Complain(task, "a new id was known");
  if (!task.reason.empty()) Complain(task, "was not to be done: " + task.reason);
  if (!committed.changed()) Complain(task, "is said to change nothing");
  const WriteTask::Step& first = task.steps.front();
  WriteNote note{task.id, false, committed.changed(), committed.position().revision(), "",
                 false,   ""};
  if (task.method == WriteTask::Method::kPut || task.method == WriteTask::Method::kDelete) {
    note.name = first.name;
    note.creates = first.mode == v1::WRITE_MODE_CREATE_ONLY;
    note.if_match = first.if_match;
  }
  notes_.push_back(std::move(note));
  newest_ = task;
  newest_answer_ = committed;
  if (task.is_race) return;
  auto& own = expected_[task.key];
  auto& etags = etags_[task.key];
  if (task.replaces) {
    for (auto& [name, value] : own) value.clear();
  }
  for (size_t i = 0; i < task.steps.size(); ++i) {
    const WriteTask::Step& step = task.steps[i];
    own[step.name] = step.value;
    given_.erase({task.key, step.name});
    etags[step.name] = i < answer.etags.size() ? answer.etags[i] : "";
  }
}

void WritingUser::Refuse(const WriteTask& task, const absl::Status& status) {
  const std::string reason(ReasonOf(status));
  const bool is_fair = task.is_race ? reason == "ETAG_MISMATCH" || reason == "MODEL_EXISTS" ||
                                          reason == "MODEL_NOT_FOUND"
                                    : !reason.empty() && reason == task.reason;
  if (!is_fair) Complain(task, status.ToString());
  notes_.push_back({task.id, true, false, 0, "", false, ""});
}

bool WritingUser::Try(Client& client) {
  const absl::StatusOr<TaskAnswer> answer = SendTask(client, *open_);
  if (!answer.ok() && IsLost(answer.status())) {
    ++lost_;
    open_->was_sent = true;
    return false;
  }
  const WriteTask task = *std::exchange(open_, std::nullopt);
  if (answer.ok()) {
    Accept(task, *answer);
  } else {
    Refuse(task, answer.status());
  }
  return true;
}

void WritingUser::Repeat(Client& client) {
  WriteTask task = *newest_;
  WriteTask::Step& first = task.steps.front();
  const bool is_other = !first.value.empty() && random_() % 3 == 0;
  if (is_other) first.value = NewValue();
  const absl::StatusOr<TaskAnswer> answer = SendTask(client, task);
  if (!answer.ok() && IsLost(answer.status())) return;
  if (is_other) {
    if (answer.ok() || ReasonOf(answer.status()) != "REQUEST_ID_REUSED") {
      Complain(task, "an id was taken twice");
    }
    return;
  }
  if (!answer.ok()) return Complain(task, "repeated: " + answer.status().ToString());
  v1::Committed committed = answer->committed;
  if (!committed.replayed()) Complain(task, "was done twice");
  committed.set_replayed(newest_answer_.replayed());
  if (committed.SerializeAsString() != newest_answer_.SerializeAsString()) {
    Complain(task, "has another answer now");
  }
}

void WritingUser::Write() {
  const std::shared_ptr<Client> client = servers_.Any(random_);
  if (client == nullptr) return;
  if (!open_.has_value() && newest_.has_value() && random_() % 8 == 0) return Repeat(*client);
  if (!open_.has_value()) open_ = Choose(*client);
  Try(*client);
}

bool WritingUser::Settle(Client& client) {
  for (int i = 0; i < 20 && open_.has_value(); ++i) {
    if (!Try(client)) Pause(absl::Milliseconds(20));
  }
  return !open_.has_value();
}

}  // namespace modelref::testing
