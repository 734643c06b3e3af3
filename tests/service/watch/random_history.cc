#include "tests/service/watch/random_history.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "service/store/prepared_transaction.h"

namespace modelref::testing {
namespace {

constexpr size_t kReaders = 6;
// A stream is closed after so many messages: what continues it is judged together with it.
constexpr size_t kMaxMessages = 60;
// Messages to continue from wait for a while, so that the history has moved on.
constexpr size_t kMaxPartings = 200;

const DocumentKey kControlnet{"controlnet", Format::kV2};

const std::vector<DocumentKey>& Keys() {
  static const auto& keys = *new std::vector<DocumentKey>{kClip, kLegacyClip, kControlnet, kImages};
  return keys;
}

Store::Options Forgetful(const std::string& directory) {
  Store::Options options;
  options.directory = directory;
  options.history_transactions = 4;
  options.history_changes = 60;
  return options;
}

}  // namespace

void RandomHistory::Coverage::Add(const Coverage& other) {
  transactions += other.transactions;
  unlisted += other.unlisted;
  reopened += other.reopened;
  streams += other.streams;
  deltas += other.deltas;
  reads += other.reads;
  folded += other.folded;
  replayed += other.replayed;
  without_history += other.without_history;
  bookmarks += other.bookmarks;
  freshness += other.freshness;
  drained += other.drained;
  unchanged += other.unchanged;
  exact += other.exact;
  coalesced += other.coalesced;
}

RandomHistory::RandomHistory(const Options& options)
    : options_(options),
      random_(options.seed),
      world_(Keys(), clock_, Forgetful(options.directory), HubMaker()) {}

WatchWorld::MakeHub RandomHistory::HubMaker() {
  if (!options_.make_hub) return nullptr;
  return [this](Store& store, PositionWaiter& positions) {
    return options_.make_hub(store, positions, [this] { Commit(); });
  };
}

void RandomHistory::Complain(const Violations& found) {
  for (const std::string& violation : found) {
    if (found_.size() < options_.enough) found_.push_back(violation);
  }
}

// --- Writing -------------------------------------------------------------------------------------

RecordChange RandomHistory::RandomStep() {
  const std::string name = absl::StrCat("model", Pick(14));
  return OneIn(3) ? Remove(name) : Put(name, std::string(1 + 20 * Pick(3), 'x'));
}

std::vector<RecordChange> RandomHistory::RandomSteps() {
  std::vector<RecordChange> steps;
  const bool unlisted = OneIn(200);
  coverage_.unlisted += unlisted;
  // Some of them change nothing.
  const size_t count = unlisted ? 4 * kListedChanges : 1 + Pick(4);
  while (steps.size() < count) steps.push_back(RandomStep());
  return steps;
}

void RandomHistory::Commit() {
  std::vector<DocumentEdit> edits;
  for (const DocumentKey& key : Keys()) {
    if (OneIn(3)) edits.push_back(Edit(key, RandomSteps()));
  }
  world_.CommitAll(std::move(edits));
  ++coverage_.transactions;
}

void RandomHistory::CommitMany() {
  for (size_t left = 1 + Pick(kMaxReplayedTransactions); left > 0; --left) Commit();
}

void RandomHistory::ChangeFreshness() {
  const auto cause = static_cast<FreshnessCause>(Pick(5));
  world_.store().SetFreshness(Keys()[Pick(Keys().size())], cause, "");
}

void RandomHistory::Reopen() {
  if (options_.directory.empty()) return;
  for (auto& reader : readers_) Close(*reader);
  readers_.clear();
  CheckLog();
  world_.Reopen();
  ++coverage_.reopened;
  while (readers_.size() < kReaders) readers_.push_back(Open(nullptr));
}

void RandomHistory::CheckLog() {
  const absl::StatusOr<CommitLog> read = ReadCommitLog(world_.store());
  if (!read.ok()) return Complain({std::string(read.status().message())});
  Complain(CompareLogs(world_.log, *read));
}

// --- Reading -------------------------------------------------------------------------------------

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
  if (!message) return false;
  Complain(reader.client.Apply(*message));
  Count(*message);
  // Before its snapshot is complete a client may hold anything.
  if (reader.client.complete() && !message->has_created()) Complain(reader.client.Compare());
  return true;
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
  Complain(CheckAll(reader.session.trace(), world_.log));
  Complain(CheckMessageSizes(reader.session.trace(), 512 << 10));
  Complain(CheckEnds({&reader.session.trace()}));
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
    Complain(CheckResume(*parting.trace, parting.at, after.trace(), kind, world_.log));
    Complain(CheckAll(after.trace(), world_.log));
    const v1::WatchResponse& newest = after.trace().messages.back();
    const bool arrived = newest.header().revision() == world_.log.head();
    // What touches nothing that is watched is told with the next bookmark.
    if (!arrived && parting.plan.is_relay) Complain({"V15 a stream does not reach the head"});
  }
}

// --- The run -------------------------------------------------------------------------------------

void RandomHistory::Operate() {
  std::unique_ptr<Reader>& reader = readers_[Pick(readers_.size())];
  const size_t dice = Pick(1000);
  if (dice < 400) {
    Commit();
  } else if (dice < 402) {
    CommitMany();
  } else if (dice < 450) {
    ChangeFreshness();
  } else if (dice < 500) {
    clock_.Advance(absl::Seconds(Pick(15)));
  } else if (dice < 505) {
    Reopen();
  } else if (dice < 520 || reader->session.trace().messages.size() > kMaxMessages) {
    Close(*reader);
    reader = Open(reader.get());
  } else if (dice < 560 && !partings_.empty()) {
    ContinueFrom(partings_.back());
    partings_.pop_back();
  } else {
    // The first readers are quick, the last one is slow.
    const bool is_slow = reader == readers_.back();
    ReadSome(*reader, is_slow && !OneIn(10) ? 0 : 1 + Pick(8));
    ReplaceWhenDrained(&reader);
  }
}

Violations RandomHistory::Run() {
  while (readers_.size() < kReaders) readers_.push_back(Open(nullptr));
  for (int i = 0; i < options_.operations && found_.size() < options_.enough; ++i) Operate();
  for (auto& reader : readers_) {
    ReadToHead(*reader);
    if (reader->session.finished()) {
      ReplaceWhenDrained(&reader);
      ReadToHead(*reader);
    }
    // At the latest the bookmark of that minute has told the head.
    if (reader->client.revision() != world_.log.head()) {
      Complain({"V15 a client does not reach the head"});
    }
    Close(*reader);
  }
  while (!partings_.empty() && found_.size() < options_.enough) {
    ContinueFrom(partings_.front());
    partings_.pop_front();
  }
  CheckLog();
  return found_;
}

}  // namespace modelref::testing
