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

const DocumentKey kControlnet{"controlnet", Format::kV2};

Store::Options Forgetful(const std::string& directory) {
  Store::Options options;
  options.directory = directory;
  options.history_transactions = 4;
  options.history_changes = 60;
  return options;
}

}  // namespace

const std::vector<DocumentKey>& RandomHistory::Keys() {
  static const auto& keys = *new std::vector<DocumentKey>{kClip, kLegacyClip, kControlnet, kImages};
  return keys;
}

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

void RandomHistory::Complain(absl::string_view number, const Violations& found) {
  for (const std::string& violation : found) {
    if (found_.size() < options_.enough) found_.push_back(absl::StrCat(number, violation));
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
  std::vector<WatchTrace> traces;
  std::vector<const WatchTrace*> told;
  for (auto& reader : readers_) {
    Close(*reader);
    traces.push_back(reader->session.trace());
  }
  for (const WatchTrace& trace : traces) told.push_back(&trace);
  readers_.clear();
  world_.Reopen();
  CheckLog(told);
  ++coverage_.reopened;
  while (readers_.size() < kReaders) readers_.push_back(Open(nullptr));
}

void RandomHistory::CheckLog(const std::vector<const WatchTrace*>& traces) {
  const absl::StatusOr<CommitLog> read = ReadCommitLog(world_.store());
  if (!read.ok()) return Complain("V14 ", {std::string(read.status().message())});
  Complain("V14 ", CompareLogs(world_.log, *read));
  Complain("V14 ", CheckDurableBeforeVisible(traces, *read));
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
      Complain("V15 ", {"a client does not reach the head"});
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
