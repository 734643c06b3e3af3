#include "tests/service/watch/client_model.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace modelref::testing {
namespace {

std::string Bytes(const Etag& etag) { return std::string(etag.begin(), etag.end()); }

}  // namespace

Violations ClientModel::Apply(const v1::WatchResponse& message) {
  Violations found;
  if (opened_ == message.has_created()) found.push_back("Created is not exactly the first message");
  if (message.has_freshness()) ApplyFreshness(message, &found);
  // What is stale is named after these, one by one.
  if (message.has_created() || message.has_snapshot_end()) stale_.clear();
  const bool was_in_snapshot = in_snapshot_;
  if (message.has_snapshot_begin()) in_snapshot_ = true;
  if (message.has_snapshot_end()) in_snapshot_ = false;
  if (!message.has_freshness()) in_cut_ = !was_in_snapshot && message.events().more();
  for (const v1::WatchEvent& event : message.events().events()) parts_.push_back(event);
  if (!complete()) return found;
  revision_ = message.header().revision();
  if (message.has_created()) {
    opened_ = true;
    // What the client has from before is as old as it is until a snapshot says otherwise.
    for (const DocumentKey& key : watched_) {
      if (copies_.count(key) == 0) Read(key, &copies_[key]);
    }
  }
  if (message.has_snapshot_end()) {
    // Unchanged copies are not sent: only their mod_revision may be another.
    for (const DocumentKey& key : watched_) {
      copies_[key].mod_revision = log_.At(revision_)->at(key)->mod_revision;
    }
  }
  for (const v1::WatchEvent& event : parts_) ApplyEvent(event, &found);
  parts_.clear();
  return found;
}

void ClientModel::ApplyFreshness(const v1::WatchResponse& message, Violations* found) {
  const v1::Freshness& freshness = message.freshness();
  const DocumentKey key{freshness.category(), static_cast<Format>(freshness.format())};
  if (!complete()) found->push_back("freshness between the parts of a cut or snapshot");
  if (!message.resume_token().empty()) found->push_back("freshness with a token");
  if (freshness.stale()) {
    stale_.insert(key);
  } else {
    stale_.erase(key);
  }
}

void ClientModel::ApplyEvent(const v1::WatchEvent& event, Violations* found) {
  const DocumentKey key = KeyOf(event);
  Copy& copy = copies_[key];
  if (event.has_delta()) {
    ++deltas_;
    if (event.prev_etag() != Bytes(copy.etag)) {
      found->push_back(absl::StrCat(key.ToString(), ": the delta starts elsewhere"));
    }
    if (!FollowDelta(event, &copy)) {
      found->push_back(absl::StrCat(key.ToString(), ": the delta removes what is not there"));
    }
  } else {
    ++reads_;
    Read(key, &copy);
  }
  copy.mod_revision = event.mod_revision();
  if (event.etag() != Bytes(EtagOf(copy.records))) {
    found->push_back(absl::StrCat(key.ToString(), ": the result has another etag"));
  }
  copy.etag = EtagOf(copy.records);
}

bool ClientModel::FollowDelta(const v1::WatchEvent& event, Copy* copy) {
  const auto find = [copy](const std::string& name) {
    return std::find_if(copy->records.begin(), copy->records.end(),
                        [&](const auto& record) { return record.first == name; });
  };
  bool all_found = true;
  for (const std::string& name : event.delta().deletes()) {
    const auto at = find(name);
    if (at == copy->records.end()) {
      all_found = false;
    } else {
      copy->records.erase(at);
    }
  }
  for (const v1::DeltaRecord& record : event.delta().upserts()) {
    if (const auto at = find(record.name()); at != copy->records.end()) {
      at->second = record.json();
    } else {
      copy->records.emplace_back(record.name(), record.json());
    }
    all_found = all_found && record.etag() == Bytes(Sha256(record.json()));
  }
  return all_found;
}

void ClientModel::Read(const DocumentKey& key, Copy* copy) {
  const LoggedState* state = log_.At(revision_);
  if (state == nullptr) return;  // CheckCuts says so.
  const LoggedDocument& document = *state->at(key);
  copy->records = document.records;
  copy->etag = document.etag;
  copy->mod_revision = document.mod_revision;
}

Violations ClientModel::Compare() const {
  const LoggedState* state = log_.At(revision_);
  if (state == nullptr) return {absl::StrCat("revision ", revision_, " is no cut")};
  Violations found;
  for (const DocumentKey& key : watched_) {
    const Copy& copy = copies_.at(key);
    const LoggedDocument& truth = *state->at(key);
    if (copy.records == truth.records && copy.etag == truth.etag &&
        copy.mod_revision == truth.mod_revision) {
      continue;
    }
    found.push_back(absl::StrCat(key.ToString(), " differs from the store at ", revision_));
  }
  return found;
}

}  // namespace modelref::testing
