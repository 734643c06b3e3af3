// What the readers of a random history do.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/service/watch/random_history.h"

namespace modelref::testing {
namespace {

// Messages to continue from wait for a while, so that the history has moved on.
constexpr size_t kMaxPartings = 200;

}  // namespace

WatchPlan RandomHistory::RandomPlan() {
  std::set<DocumentKey> keys;
  for (const DocumentKey& key : Keys()) {
    if (OneIn(2)) keys.insert(key);
  }
  if (keys.empty()) keys.insert(kClip);
  const bool now = OneIn(3);
  WatchPlan plan =
      PlanFor(now ? WatchPlan::Start::kNow : WatchPlan::Start::kSnapshot, std::move(keys));
  plan.inline_delta = OneIn(2);
  plan.max_inline_bytes = OneIn(2) ? 120 : 64 << 10;
  plan.is_relay = OneIn(4);
  return plan;
}

std::unique_ptr<RandomHistory::Reader> RandomHistory::Open(const Reader* earlier) {
  WatchPlan plan = RandomPlan();
  std::map<DocumentKey, ClientModel::Copy> copies;
  const bool now = plan.start == WatchPlan::Start::kNow;
  if (!now && earlier != nullptr && earlier->client.complete()) {
    for (const auto& [key, copy] : earlier->client.copies()) {
      if (plan.watched.keys.count(key) == 0) continue;
      copies[key] = copy;
      plan.known.emplace_back(key, copy.etag);
    }
  }
  ++coverage_.streams;
  WatchSession::Options session;
  if (OneIn(3)) session.max_age = absl::Minutes(1);
  return std::make_unique<Reader>(world_, plan, Now(), session, std::move(copies));
}

bool RandomHistory::ReadOne(Reader& reader) {
  const auto message = reader.session.Read(Now());
  if (!message) {
    // Nothing is left to be told.
    const bool same = reader.session.finished() || reader.client.stale() == StaleFor(reader);
    if (!same) Complain("freshness ", {"a client does not know what is stale"});
    return false;
  }
  Complain("V9 ", reader.client.Apply(*message));
  Count(*message);
  // Before its snapshot is complete a client may hold anything.
  if (reader.client.complete() && !message->has_created()) Complain("V4 ", reader.client.Compare());
  return true;
}

std::set<DocumentKey> RandomHistory::StaleFor(const Reader& reader) {
  std::set<DocumentKey> stale;
  const RootPtr root = world_.store().root();
  for (const DocumentKey& key : reader.session.plan().watched.keys) {
    if (root->Find(key)->freshness.stale()) stale.insert(key);
  }
  return stale;
}

void RandomHistory::ReadSome(Reader& reader, size_t most) {
  for (size_t i = 0; i < most && ReadOne(reader); ++i) {
  }
}

void RandomHistory::ReadToHead(Reader& reader) {
  while (ReadOne(reader)) {
  }
  clock_.Advance(absl::Minutes(1));
  while (ReadOne(reader)) {
  }
}

void RandomHistory::ReplaceWhenDrained(std::unique_ptr<Reader>* reader) {
  if (!(*reader)->session.finished()) return;
  ++coverage_.drained;
  Close(**reader);
  *reader = Open(reader->get());
}

void RandomHistory::Count(const v1::WatchResponse& message) {
  coverage_.bookmarks += message.has_bookmark();
  coverage_.freshness += message.has_freshness();
  for (const char bits : message.snapshot_end().unchanged()) coverage_.unchanged += bits != 0;
  for (const v1::WatchEvent& event : message.events().events()) {
    coverage_.folded += event.coalesced() > 1;
    coverage_.replayed += event.size_bytes() == 0;
    coverage_.without_history += event.keys_truncated() && !event.has_prev_mod_revision();
  }
}

void RandomHistory::Close(Reader& reader) {
  Complain("", CheckAll(reader.session.trace(), world_.log));
  Complain("V17 ", CheckMessageSizes(reader.session.trace(), 512 << 10));
  Complain("V21 ", CheckEnds({&reader.session.trace()}));
  coverage_.deltas += reader.client.deltas();
  coverage_.reads += reader.client.reads();
  const auto trace = std::make_shared<const WatchTrace>(reader.session.trace());
  for (size_t at = 0; at < trace->messages.size(); ++at) {
    if (trace->messages[at].resume_token().empty()) continue;
    partings_.push_back({trace, reader.session.plan(), at});
  }
  // In any order and at any later time.
  std::shuffle(partings_.begin(), partings_.end(), random_);
  while (partings_.size() > kMaxPartings) {
    ContinueFrom(partings_.front());
    partings_.pop_front();
  }
}

void RandomHistory::ContinueFrom(const Parting& parting) {
  const v1::WatchResponse& last = parting.trace->messages[parting.at];
  const bool kept = world_.store().history_floor() <= last.header().revision();
  const v1::ResumeKind kind = kept ? v1::RESUME_KIND_EXACT : v1::RESUME_KIND_COALESCED;
  ++(kept ? coverage_.exact : coverage_.coalesced);
  for (int again = 0; again < 2; ++again) {
    SessionReader after(world_.hub(), ResumePlan(parting.plan, last.resume_token()), Now());
    for (const v1::WatchResponse& message : after.ReadAll(Now())) Count(message);
    Complain("V6 ", CheckResume(*parting.trace, parting.at, after.trace(), kind, world_.log));
    Complain("", CheckAll(after.trace(), world_.log));
    const v1::WatchResponse& newest = after.trace().messages.back();
    const bool arrived = newest.header().revision() == world_.log.head();
    // What touches nothing that is watched is told with the next bookmark.
    if (!arrived && parting.plan.is_relay) Complain("V15 ", {"a stream does not reach the head"});
  }
}

}  // namespace modelref::testing
