#include "tests/clients/cpp/server_model.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "backends/base/etag.h"

namespace modelref::testing {
namespace {

void SetDuration(double seconds, google::protobuf::Duration* duration) {
  duration->set_seconds(static_cast<int64_t>(seconds));
  duration->set_nanos(
      static_cast<int32_t>((seconds - static_cast<double>(duration->seconds())) * 1e9));
}

}  // namespace

std::string ServerModel::Digest() const {
  DocumentSetDigest digest;
  for (const auto& [category, document] : documents_) {
    Etag etag;
    std::copy(document.etag.begin(), document.etag.end(), etag.begin());
    digest.Add({category, Format::kV2}, etag);
  }
  const auto bytes = digest.bytes();
  return std::string(bytes.begin(), bytes.end());
}

std::string ServerModel::Token() const { return absl::StrCat("token ", revision_); }

void ServerModel::Set(const std::string& category, char etag) {
  documents_[category] = {EtagOf(etag), ++revision_};
}

void ServerModel::Remove(const std::string& category) {
  documents_.erase(category);
  ++revision_;
}

void ServerModel::StartEpoch(std::string epoch, uint64_t revision) {
  epoch_ = std::move(epoch);
  revision_ = revision;
  for (auto& [category, document] : documents_) document.mod_revision = revision;
}

v1::WatchResponse ServerModel::Message(bool with_token) const {
  v1::WatchResponse message;
  message.mutable_header()->set_revision(revision_);
  message.mutable_header()->set_epoch(epoch_);
  message.mutable_header()->set_node_id("node");
  if (with_token) message.set_resume_token(Token());
  return message;
}

v1::WatchResponse ServerModel::Created(v1::ResumeKind resume) const {
  v1::WatchResponse message = Message(false);
  message.mutable_created()->set_resume(resume);
  message.mutable_created()->mutable_progress_interval()->set_seconds(20);
  message.mutable_created()->mutable_position()->set_epoch(epoch_);
  message.mutable_created()->mutable_position()->set_revision(revision_);
  return message;
}

v1::WatchEvent ServerModel::EventFor(const std::string& category) const {
  v1::WatchEvent event;
  event.set_type(v1::EVENT_TYPE_INVALIDATED);
  event.set_category(category);
  event.set_format(v1::FORMAT_V2);
  event.set_etag(documents_.at(category).etag);
  event.set_mod_revision(documents_.at(category).mod_revision);
  return event;
}

std::vector<v1::WatchResponse> ServerModel::Snapshot(v1::SnapshotReason reason,
                                                     const v1::StartSnapshot& known) const {
  std::string unchanged(static_cast<size_t>(known.known_size() + 7) / 8, '\0');
  std::map<std::string, Document> sent = documents_;
  for (int i = 0; i < known.known_size(); ++i) {
    const auto found = documents_.find(known.known(i).category());
    if (found == documents_.end() || found->second.etag != known.known(i).etag()) continue;
    char& byte = unchanged[static_cast<size_t>(i) / 8];
    byte = static_cast<char>(byte | (1 << (i % 8)));
    sent.erase(found->first);
  }
  std::vector<v1::WatchResponse> messages = {Message(false)};
  messages[0].mutable_snapshot_begin()->set_reason(reason);
  for (const auto& [category, document] : sent) {
    messages.push_back(Message(false));
    *messages.back().mutable_events()->add_events() = EventFor(category);
    messages.back().mutable_events()->set_more(true);
  }
  messages.push_back(Message(true));
  messages.back().mutable_snapshot_end()->set_digest(Digest());
  messages.back().mutable_snapshot_end()->set_unchanged(unchanged);
  return messages;
}

std::vector<v1::WatchResponse> ServerModel::Opening(const v1::StartSnapshot& known) const {
  std::vector<v1::WatchResponse> messages = Snapshot(v1::SNAPSHOT_REASON_INITIAL, known);
  messages.insert(messages.begin(), Created());
  return messages;
}

v1::WatchResponse ServerModel::Change(const std::string& category, char etag) {
  const auto found = documents_.find(category);
  const uint64_t before = found == documents_.end() ? 0 : found->second.mod_revision;
  Set(category, etag);
  v1::WatchResponse message = Message(true);
  v1::WatchEvent* event = message.mutable_events()->add_events();
  *event = EventFor(category);
  event->set_prev_mod_revision(before);
  return message;
}

v1::WatchResponse ServerModel::Delete(const std::string& category) {
  const uint64_t before = documents_.at(category).mod_revision;
  Remove(category);
  v1::WatchResponse message = Message(true);
  v1::WatchEvent* event = message.mutable_events()->add_events();
  event->set_type(v1::EVENT_TYPE_DELETE);
  event->set_category(category);
  event->set_format(v1::FORMAT_V2);
  event->set_mod_revision(revision_);
  event->set_prev_mod_revision(before);
  return message;
}

v1::WatchResponse ServerModel::Bookmark() const {
  v1::WatchResponse message = Message(true);
  message.mutable_bookmark()->set_digest(Digest());
  return message;
}

v1::WatchResponse ServerModel::Drain(double min_seconds, double max_seconds) const {
  v1::WatchResponse message = Message(false);
  SetDuration(min_seconds, message.mutable_drain()->mutable_reconnect_after_min());
  SetDuration(max_seconds, message.mutable_drain()->mutable_reconnect_after_max());
  return message;
}

v1::WatchResponse ServerModel::Stale(const std::string& category, bool stale) const {
  v1::WatchResponse message = Message(false);
  message.mutable_freshness()->set_category(category);
  message.mutable_freshness()->set_format(v1::FORMAT_V2);
  message.mutable_freshness()->set_stale(stale);
  return message;
}

v1::GetHeadResponse ServerModel::Head() const {
  v1::GetHeadResponse head;
  *head.mutable_header() = Message(false).header();
  head.mutable_position()->set_epoch(epoch_);
  head.mutable_position()->set_revision(revision_);
  head.set_digest(Digest());
  return head;
}

}  // namespace modelref::testing
