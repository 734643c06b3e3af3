#include "tests/clients/cpp/fake_catalogue.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "backends/base/error.h"
#include "backends/base/etag.h"
#include "tests/testing/event.h"

namespace modelref::testing {
namespace {

std::string BytesOf(const Etag& etag) { return std::string(AsBytes(etag)); }

std::vector<MirrorRecordPtr> MakeRecords(const Records& records) {
  std::vector<MirrorRecordPtr> made;
  for (const auto& [name, json] : records) made.push_back(MakeMirrorRecord(name, json));
  return made;
}

void AddRecord(const MirrorRecord& record, v1::RecordBatch* batch) {
  v1::Record* added = batch->add_records();
  added->set_name(record.name);
  added->set_json(record.json);
  added->set_etag(BytesOf(record.etag));
}

}  // namespace

FakeHandlers FakeCatalogue::Handlers() {
  FakeHandlers handlers;
  handlers.watch = [this](const v1::WatchRequest& request, grpc::ServerContext& context,
                          grpc::ServerWriter<v1::WatchResponse>& writer) {
    return Watch(request, context, writer);
  };
  handlers.get_head = [this](const v1::GetHeadRequest&, v1::GetHeadResponse* response) {
    MutexLock lock(&mutex_);
    *response->mutable_header() = Message(revision_, false).header();
    response->mutable_position()->set_epoch(epoch_);
    response->mutable_position()->set_revision(revision_);
    response->set_digest(DigestLocked());
    return absl::OkStatus();
  };
  handlers.stream_category = [this](const v1::StreamCategoryRequest& request, grpc::ServerContext&,
                                    grpc::ServerWriter<v1::StreamCategoryResponse>& writer) {
    return Stream(request, writer);
  };
  handlers.get_delta = [this](const v1::GetDeltaRequest& request, grpc::ServerContext&,
                              grpc::ServerWriter<v1::GetDeltaResponse>& writer) {
    return Delta(request, writer);
  };
  return handlers;
}

void FakeCatalogue::Commit(const std::string& category, const std::vector<std::string>& deletes,
                           const Records& upserts) {
  MutexLock lock(&mutex_);
  State& state = documents_[category];
  if (state.document == nullptr) state.document = MirrorDocument::Empty();
  Step& step = history_.emplace_back();
  step.category = category;
  step.prev_mod_revision = state.mod_revision;
  step.prev_etag = BytesOf(state.document->etag());
  state.document = state.document->Apply(deletes, MakeRecords(upserts));
  state.mod_revision = ++revision_;
  step.revision = revision_;
  step.etag = BytesOf(state.document->etag());
  step.deletes = deletes;
  step.upserts = upserts;
  changed_.SignalAll();
}

void FakeCatalogue::Remove(const std::string& category) {
  MutexLock lock(&mutex_);
  Step& step = history_.emplace_back();
  step.category = category;
  step.removed = true;
  step.prev_mod_revision = documents_.at(category).mod_revision;
  documents_.erase(category);
  step.revision = ++revision_;
  changed_.SignalAll();
}

void FakeCatalogue::StartEpoch(const std::string& epoch) {
  MutexLock lock(&mutex_);
  epoch_ = epoch;
  revision_ = 10;
  history_.clear();
  for (auto& [category, state] : documents_) state.mod_revision = revision_;
  ++generation_;
  changed_.SignalAll();
}

MirrorDocumentPtr FakeCatalogue::Document(const std::string& category) const {
  MutexLock lock(&mutex_);
  return documents_.at(category).document;
}

uint64_t FakeCatalogue::revision() const {
  MutexLock lock(&mutex_);
  return revision_;
}

void FakeCatalogue::Set(const Faults& faults) {
  MutexLock lock(&mutex_);
  faults_ = faults;
  changed_.SignalAll();
}

void FakeCatalogue::BreakStreams() {
  MutexLock lock(&mutex_);
  ++generation_;
  changed_.SignalAll();
}

FakeCatalogue::Counts FakeCatalogue::counts() const {
  MutexLock lock(&mutex_);
  return counts_;
}

bool FakeCatalogue::WaitForHeld(int count) {
  MutexLock lock(&mutex_);
  while (counts_.held_now < count) {
    if (!changed_.WaitFor(&mutex_, kDeadline)) return counts_.held_now >= count;
  }
  return true;
}

std::string FakeCatalogue::DigestLocked() const {
  DocumentSetDigest digest;
  for (const auto& [category, state] : documents_) {
    digest.Add({category, Format::kV2}, state.document->etag());
  }
  const auto bytes = digest.bytes();
  return std::string(bytes.begin(), bytes.end());
}

v1::WatchResponse FakeCatalogue::Message(uint64_t revision, bool with_token) const {
  v1::WatchResponse message;
  message.mutable_header()->set_epoch(epoch_);
  message.mutable_header()->set_revision(revision);
  if (with_token && faults_.tokens) message.set_resume_token(absl::StrCat("token ", revision));
  return message;
}

std::vector<v1::WatchResponse> FakeCatalogue::Snapshot(const v1::StartSnapshot& known) {
  ++counts_.snapshots;
  std::string unchanged(static_cast<size_t>(known.known_size() + 7) / 8, '\0');
  std::map<std::string, State> sent = documents_;
  for (int i = 0; i < known.known_size(); ++i) {
    const auto found = documents_.find(known.known(i).category());
    if (found == documents_.end() || known.known(i).format() != v1::FORMAT_V2) continue;
    if (BytesOf(found->second.document->etag()) != known.known(i).etag()) continue;
    char& byte = unchanged[static_cast<size_t>(i) / 8];
    byte = static_cast<char>(byte | (1 << (i % 8)));
    sent.erase(found->first);
  }
  std::vector<v1::WatchResponse> messages = {Message(revision_, false)};
  messages[0].mutable_snapshot_begin();
  for (const auto& [category, state] : sent) {
    messages.push_back(Message(revision_, false));
    v1::WatchEvent* event = messages.back().mutable_events()->add_events();
    event->set_type(v1::EVENT_TYPE_INVALIDATED);
    event->set_category(category);
    event->set_format(v1::FORMAT_V2);
    event->set_mod_revision(state.mod_revision);
    event->set_etag(BytesOf(state.document->etag()));
  }
  messages.push_back(Message(revision_, true));
  messages.back().mutable_snapshot_end()->set_digest(DigestLocked());
  messages.back().mutable_snapshot_end()->set_unchanged(unchanged);
  return messages;
}

std::vector<v1::WatchResponse> FakeCatalogue::Opening(const v1::WatchRequest& request,
                                                      uint64_t* cursor) {
  v1::WatchResponse created = Message(revision_, false);
  created.mutable_created()->mutable_progress_interval()->set_seconds(5);
  absl::string_view token = request.resume_token();
  const bool resume = absl::ConsumePrefix(&token, "token ") && absl::SimpleAtoi(token, cursor) &&
                      !faults_.tokens_refused && *cursor <= revision_;
  if (resume) {
    ++counts_.resumes;
    created.mutable_created()->set_resume(v1::RESUME_KIND_EXACT);
    return {created};
  }
  if (request.has_resume_token()) created.mutable_created()->set_resume(v1::RESUME_KIND_RESYNC);
  *cursor = revision_;
  std::vector<v1::WatchResponse> messages = Snapshot(request.snapshot());
  messages.insert(messages.begin(), created);
  return messages;
}

v1::WatchResponse FakeCatalogue::CutOf(const Step& step) {
  v1::WatchResponse message = Message(step.revision, true);
  v1::WatchEvent* event = message.mutable_events()->add_events();
  event->set_type(step.removed ? v1::EVENT_TYPE_DELETE : v1::EVENT_TYPE_INVALIDATED);
  event->set_category(step.category);
  event->set_format(v1::FORMAT_V2);
  event->set_mod_revision(step.revision);
  event->set_prev_mod_revision(step.prev_mod_revision);
  event->set_etag(step.etag);
  if (step.removed || !faults_.inline_deltas) return message;
  event->set_type(v1::EVENT_TYPE_UPSERT);
  event->set_prev_etag(step.prev_etag);
  for (const std::string& name : step.deletes) event->mutable_delta()->add_deletes(name);
  for (const MirrorRecordPtr& record : MakeRecords(step.upserts)) {
    v1::DeltaRecord* upsert = event->mutable_delta()->add_upserts();
    upsert->set_name(record->name);
    upsert->set_json(record->json);
    upsert->set_etag(BytesOf(record->etag));
  }
  if (faults_.wrong_inline_deltas > 0) {
    --faults_.wrong_inline_deltas;
    event->mutable_delta()->clear_deletes();
    event->mutable_delta()->add_deletes("a");
    event->mutable_delta()->clear_upserts();
  }
  return message;
}

absl::Status FakeCatalogue::Watch(const v1::WatchRequest& request, grpc::ServerContext& context,
                                  grpc::ServerWriter<v1::WatchResponse>& writer) {
  MutexLock lock(&mutex_);
  ++counts_.streams;
  const int generation = generation_;
  uint64_t cursor = 0;
  for (const v1::WatchResponse& message : Opening(request, &cursor)) writer.Write(message);
  while (!context.IsCancelled()) {
    if (generation != generation_) return absl::UnavailableError("broken by the test");
    const auto next = std::find_if(history_.begin(), history_.end(),
                                   [cursor](const Step& step) { return step.revision > cursor; });
    if (faults_.silent || next == history_.end()) {
      changed_.WaitFor(&mutex_, absl::Milliseconds(5));
      continue;
    }
    cursor = next->revision;
    if (faults_.lost_cuts > 0) {
      --faults_.lost_cuts;
    } else {
      writer.Write(CutOf(*next));
    }
  }
  return absl::CancelledError("");
}

absl::Status FakeCatalogue::HoldFetch() {
  ++counts_.held_now;
  changed_.SignalAll();
  bool in_time = true;
  while (faults_.hold_fetches && in_time) in_time = changed_.WaitFor(&mutex_, 2 * kDeadline);
  --counts_.held_now;
  if (faults_.fetch_error.ok() || faults_.fetch_errors == 0) return absl::OkStatus();
  if (faults_.fetch_errors > 0) --faults_.fetch_errors;
  return faults_.fetch_error;
}

absl::Status FakeCatalogue::Stream(const v1::StreamCategoryRequest& request,
                                   grpc::ServerWriter<v1::StreamCategoryResponse>& writer) {
  MutexLock lock(&mutex_);
  ++counts_.transfers;
  const auto found = documents_.find(request.category());
  if (found == documents_.end()) {
    return Error(absl::StatusCode::kNotFound, "CATEGORY_NOT_FOUND", "no such category");
  }
  const State state = found->second;
  const v1::ResponseHeader header = Message(revision_, false).header();
  if (absl::Status status = HoldFetch(); !status.ok()) return status;
  v1::StreamCategoryResponse part;
  *part.mutable_header() = header;
  v1::CategoryHeader* category = part.mutable_category_header();
  category->set_category(request.category());
  category->set_format(v1::FORMAT_V2);
  category->set_mod_revision(state.mod_revision);
  category->set_etag(BytesOf(state.document->etag()));
  category->set_record_count(state.document->record_count());
  const bool unchanged = request.if_none_match() == category->etag();
  category->set_not_modified(unchanged);
  writer.Write(part);
  state.document->ForEach([&](const MirrorRecord& record) {
    if (unchanged) return;
    v1::StreamCategoryResponse batch;
    AddRecord(record, batch.mutable_record_batch());
    writer.Write(batch);
  });
  v1::StreamCategoryResponse end;
  end.mutable_category_end()->set_etag(BytesOf(state.document->etag()));
  end.mutable_category_end()->set_record_count(state.document->record_count());
  writer.Write(end);
  return absl::OkStatus();
}

absl::Status FakeCatalogue::Delta(const v1::GetDeltaRequest& request,
                                  grpc::ServerWriter<v1::GetDeltaResponse>& writer) {
  MutexLock lock(&mutex_);
  if (!faults_.deltas) return absl::UnimplementedError("no deltas");
  ++counts_.deltas;
  const State state = documents_.at(request.category());
  std::vector<Step> steps;
  std::string etag = request.base_etag();
  for (const Step& step : history_) {
    if (step.category == request.category() && step.prev_etag == etag &&
        step.revision > request.since().revision()) {
      steps.push_back(step);
      etag = step.etag;
    }
  }
  const std::string target = BytesOf(state.document->etag());
  const bool full = etag != target || request.since().epoch() != epoch_;
  v1::GetDeltaResponse part;
  *part.mutable_header() = Message(revision_, false).header();
  part.mutable_delta_header()->set_mod_revision(state.mod_revision);
  part.mutable_delta_header()->set_etag(target);
  part.mutable_delta_header()->set_full(full);
  const bool wrong = faults_.wrong_deltas > 0;
  if (wrong) --faults_.wrong_deltas;
  if (absl::Status status = HoldFetch(); !status.ok()) return status;
  writer.Write(part);
  part.clear_part();
  for (const Step& step : steps) {
    for (const std::string& name : step.deletes) {
      if (!full) part.mutable_deletes()->add_names(name);
    }
  }
  if (part.has_deletes()) writer.Write(part);
  part.clear_part();
  if (full) {
    state.document->ForEach(
        [&](const MirrorRecord& record) { AddRecord(record, part.mutable_upserts()); });
  } else if (!wrong) {
    state.document->ForEach([&](const MirrorRecord& record) {
      for (const Step& step : steps) {
        const auto named = [&](const auto& upsert) { return upsert.first == record.name; };
        if (std::any_of(step.upserts.begin(), step.upserts.end(), named)) {
          AddRecord(record, part.mutable_upserts());
          return;
        }
      }
    });
  } else {
    part.mutable_deletes()->add_names("a");
  }
  if (part.part_case() != v1::GetDeltaResponse::PART_NOT_SET) writer.Write(part);
  part.mutable_category_end()->set_etag(target);
  writer.Write(part);
  return absl::OkStatus();
}

}  // namespace modelref::testing
