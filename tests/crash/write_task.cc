#include "tests/crash/write_task.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/status_macros.h"

namespace modelref::testing {
namespace {

// A call that takes longer counts as lost, and is made again.
const CallOptions kCall{.timeout = absl::Seconds(3)};

std::string JsonOf(const DocumentKey& key, const std::string& name, const std::string& value) {
  const std::string end = absl::StrCat(R"(,"description":")", value, "\"}");
  const std::string begin = absl::StrCat(R"({"name":")", name, "\"");
  if (key.format == Format::kV2) return begin + end;
  if (key.category == "text_generation") return begin + R"(,"parameters":7000000000)" + end;
  return absl::StrCat(begin, R"(,"type":")", key.category, "\"", end);
}

class Records final : public RecordSource {
 public:
  explicit Records(std::vector<SourceRecord> records) : records_(std::move(records)) {}
  absl::StatusOr<bool> Next(SourceRecord* record) override {
    if (next_ == records_.size()) return false;
    *record = records_[next_++];
    return true;
  }
  absl::Status Rewind() override {
    next_ = 0;
    return absl::OkStatus();
  }

 private:
  const std::vector<SourceRecord> records_;
  size_t next_ = 0;
};

template <typename Request>
void Fill(const WriteTask& task, Request* request) {
  request->set_category(task.key.category);
  request->set_format(static_cast<v1::Format>(task.key.format));
  request->mutable_options()->set_request_id(task.id);
}

absl::StatusOr<TaskAnswer> Put(Client& client, const WriteTask& task) {
  const WriteTask::Step& first = task.steps.front();
  v1::PutModelRequest request;
  Fill(task, &request);
  request.set_name(first.name);
  request.set_json(JsonOf(task.key, first.name, first.value));
  request.set_mode(first.mode);
  request.set_if_match(first.if_match);
  ASSIGN_OR_RETURN(const v1::PutModelResponse response, client.PutModel(request, kCall));
  return TaskAnswer{response.committed(), {response.committed().etag()}};
}

absl::StatusOr<TaskAnswer> Delete(Client& client, const WriteTask& task) {
  const WriteTask::Step& first = task.steps.front();
  v1::DeleteModelRequest request;
  Fill(task, &request);
  request.set_name(first.name);
  request.set_if_match(first.if_match);
  ASSIGN_OR_RETURN(const v1::DeleteModelResponse response, client.DeleteModel(request, kCall));
  return TaskAnswer{response.committed(), {}};
}

absl::StatusOr<TaskAnswer> Import(Client& client, const WriteTask& task) {
  v1::ImportHeader header;
  Fill(task, &header);
  header.set_mode(task.replaces ? v1::IMPORT_MODE_REPLACE : v1::IMPORT_MODE_MERGE);
  std::vector<SourceRecord> records;
  for (const WriteTask::Step& step : task.steps) {
    records.push_back({step.name, JsonOf(task.key, step.name, step.value), true});
  }
  Records source(std::move(records));
  ASSIGN_OR_RETURN(const v1::ImportCategoryResponse response,
                   client.ImportCategory(header, source, kCall));
  return TaskAnswer{response.committed(), {}};
}

absl::StatusOr<TaskAnswer> WriteMany(Client& client, const WriteTask& task) {
  v1::WriteModelsRequest request;
  Fill(task, &request);
  for (const WriteTask::Step& step : task.steps) {
    v1::WriteOperation& operation = *request.add_operations();
    if (step.value.empty()) {
      operation.mutable_delete_()->set_name(step.name);
    } else {
      operation.mutable_put()->set_name(step.name);
      operation.mutable_put()->set_json(JsonOf(task.key, step.name, step.value));
    }
  }
  ASSIGN_OR_RETURN(const v1::WriteModelsResponse response, client.WriteModels(request, kCall));
  TaskAnswer answer{response.committed(), {}};
  for (const v1::OperationResult& result : response.operations()) {
    answer.etags.push_back(result.etag());
  }
  return answer;
}

}  // namespace

absl::StatusOr<TaskAnswer> SendTask(Client& client, const WriteTask& task) {
  switch (task.method) {
    case WriteTask::Method::kPut:
      return Put(client, task);
    case WriteTask::Method::kDelete:
      return Delete(client, task);
    case WriteTask::Method::kImport:
      return Import(client, task);
    case WriteTask::Method::kMany:
      break;
  }
  return WriteMany(client, task);
}

}  // namespace modelref::testing
