#include "tests/service/watch/faulty_hub.h"

#include <algorithm>
#include <utility>

#include "tests/service/watch/watch_harness.h"

namespace modelref::testing {
namespace {

EncodedMessage Encode(const v1::WatchResponse& response) {
  return std::make_shared<const std::string>(response.SerializeAsString());
}

// The cut with something done to each of its messages.
WatchHub::CutPtr Tampered(const WatchHub::CutPtr& cut,
                          const std::function<void(v1::WatchResponse*)>& tamper) {
  auto tampered = std::make_shared<WatchHub::Cut>(*cut);
  for (EncodedMessage& message : tampered->messages) {
    v1::WatchResponse response = Decode(message);
    tamper(&response);
    message = Encode(response);
  }
  return tampered;
}

WatchHub::CutPtr Merged(const WatchHub::CutPtr& cut) {
  auto merged = std::make_shared<WatchHub::Cut>(*cut);
  if (cut->messages.empty()) return merged;
  v1::WatchResponse all = Decode(cut->messages.back());
  v1::WatchEvents events;
  for (const EncodedMessage& message : cut->messages) events.MergeFrom(Decode(message).events());
  all.mutable_events()->mutable_events()->Swap(events.mutable_events());
  merged->messages = {Encode(all)};
  return merged;
}

WatchHub::CutPtr Torn(const WatchHub::CutPtr& cut) {
  auto torn = std::make_shared<WatchHub::Cut>(*cut);
  if (cut->messages.size() != 1) return torn;
  v1::WatchResponse second = Decode(cut->messages.front());
  if (second.events().events_size() < 2) return torn;
  v1::WatchResponse first = second;
  first.mutable_header()->set_revision(first.header().revision() - 1);
  first.mutable_events()->mutable_events()->DeleteSubrange(1, first.events().events_size() - 1);
  second.mutable_events()->mutable_events()->DeleteSubrange(0, 1);
  torn->messages = {Encode(first), Encode(second)};
  return torn;
}

void ForgetFreshness(Root* root) {
  const DocumentTable documents = root->documents;
  for (const auto& [key, state] : documents) {
    auto fresh = std::make_shared<DocumentState>(*state);
    fresh->freshness = {};
    root->documents.Set(std::move(fresh));
  }
}

void DropARecord(v1::WatchResponse* response) {
  for (v1::WatchEvent& event : *response->mutable_events()->mutable_events()) {
    if (event.delta().upserts_size() > 0) {
      event.mutable_delta()->mutable_upserts()->RemoveLast();
    }
  }
}

}  // namespace

FaultyHub::FaultyHub(Store& store, PositionWaiter& positions, Fault fault,
                     std::function<void()> burst)
    : WatchHub(store, positions, "node-1"),
      store_(store),
      fault_(fault),
      burst_(std::move(burst)) {}

RootPtr FaultyHub::root() const {
  auto root = std::make_shared<Root>(*WatchHub::root());
  if (fault_ == Fault::kFutureIsParked) {
    root->revision = std::max(root->revision, believed_.revision);
  }
  if (fault_ == Fault::kForkIsIgnored && believed_.epoch != Epoch{}) {
    root->epoch = believed_.epoch;
    root->revision = std::max(root->revision, believed_.revision);
  }
  if (fault_ == Fault::kFreshnessIsForgotten) ForgetFreshness(root.get());
  return root;
}

void FaultyHub::Await(const Position& position, PositionWaiter::Callback done) {
  WatchHub::Await(position, [&, done = std::move(done)](absl::StatusOr<Standing> standing) {
    if (fault_ == Fault::kFutureIsSilent && *standing == Standing::kAhead) return;
    if (fault_ == Fault::kFutureIsParked && *standing == Standing::kAhead) {
      believed_ = position;
      standing = Standing::kKnown;
    }
    const bool elsewhere =
        *standing == Standing::kForkedTail || *standing == Standing::kUnknownEpoch;
    if (fault_ == Fault::kForkIsIgnored && elsewhere) {
      believed_ = position;
      standing = Standing::kKnown;
    }
    if (fault_ == Fault::kNeedlessResync && position.revision != store_.root()->revision) {
      standing = Standing::kForgotten;
    }
    done(standing);
  });
}

WatchHub::CutPtr FaultyHub::NextCut(const Root& root, const WatchPlan& plan, uint64_t after,
                                    bool whole) {
  if (fault_ == Fault::kLaggingReaderJumps && after < store_.history_floor()) {
    auto nothing = std::make_shared<Cut>();
    nothing->end = modelref::PositionOf(root);
    return nothing;
  }
  const CutPtr cut = WatchHub::NextCut(root, plan, after, whole);
  switch (fault_) {
    case Fault::kCutIsOneMessage:
      return Merged(cut);
    case Fault::kTransactionIsTorn:
      return Torn(cut);
    case Fault::kDeltaLacksARecord:
      return Tampered(cut, DropARecord);
    case Fault::kTokenIsAhead:
      return Tampered(cut, [&](v1::WatchResponse* response) {
        response->set_resume_token(TokenFor(modelref::PositionOf(root), plan.watched));
      });
    case Fault::kChainIsBroken:
      return Tampered(cut, [](v1::WatchResponse* response) {
        for (v1::WatchEvent& event : *response->mutable_events()->mutable_events()) {
          if (event.prev_mod_revision() > 0) {
            event.set_prev_mod_revision(event.prev_mod_revision() - 1);
          }
        }
      });
    case Fault::kFramingIsShared: {
      // Somebody else's cut may end before this one begins: at least it ends.
      auto ended = std::make_shared<Cut>(*cut);
      if (ended->end.revision <= after) ended->end = modelref::PositionOf(root);
      return ended;
    }
    case Fault::kEpochIsOfAnother:
      return Tampered(cut, [](v1::WatchResponse* response) {
        if (response->header().revision() % 5 == 0) {
          response->mutable_header()->set_epoch(std::string(16, '?'));
        }
      });
    case Fault::kEventIsRepeated:
      return Tampered(cut, [&](v1::WatchResponse* response) {
        v1::WatchEvent& last = last_events_[plan.watched.signature];
        v1::WatchEvents* events = response->mutable_events();
        const v1::WatchEvent newest = events->events(events->events_size() - 1);
        if (last.mod_revision() > 0) *events->add_events() = last;
        last = newest;
      });
    case Fault::kExactIsClaimed: {
      auto claimed = std::make_shared<Cut>(*cut);
      claimed->exact = true;
      return claimed;
    }
    default:
      return cut;
  }
}

WatchHub::CutPtr FaultyHub::Snapshot(const Root& root, const WatchPlan& plan,
                                     v1::SnapshotReason reason) {
  const CutPtr cut = WatchHub::Snapshot(root, plan, reason);
  if (fault_ != Fault::kSnapshotLacksADocument) return cut;
  return Tampered(cut, [](v1::WatchResponse* response) {
    // Not the begin and the end.
    if (response->has_events()) response->mutable_events()->mutable_events()->RemoveLast();
  });
}

EncodedMessage FaultyHub::Bookmark(const Root& root, const WatchedSet& watched) {
  if (fault_ == Fault::kBookmarkOvertakesEvents) {
    burst_();
    return WatchHub::Bookmark(*store_.root(), watched);
  }
  const EncodedMessage bookmark = WatchHub::Bookmark(root, watched);
  if (fault_ != Fault::kBookmarkStandsStill) return bookmark;
  if (first_bookmark_ == nullptr) first_bookmark_ = bookmark;
  return first_bookmark_;
}

std::optional<std::vector<CommittedTransactionPtr>> FaultyHub::History(uint64_t after,
                                                                       uint64_t up_to) const {
  auto history = WatchHub::History(after, up_to);
  if (fault_ == Fault::kLeftOverHistoryIsAll && !history.has_value()) {
    return WatchHub::History(store_.history_floor(), up_to);
  }
  if (fault_ == Fault::kFloorIsSkipped && history.has_value() && history->size() > 1 &&
      after == store_.history_floor()) {
    history->erase(history->begin());
  }
  return history;
}

WatchHub::CutPtr FaultyHub::Shared(const std::string& key, const std::function<CutPtr()>& make) {
  const bool is_cut = key.compare(0, 4, "cut ") == 0;
  if (fault_ == Fault::kFramingIsShared && is_cut) {
    // Without the revision that the stream comes from.
    return WatchHub::Shared(key.substr(0, key.rfind(' ', key.rfind(' ') - 1)), make);
  }
  if (fault_ == Fault::kFiltersAreShared && is_cut) {
    // Without the filter.
    const size_t epoch_end = 4 + Epoch().size();
    const size_t options = key.rfind(' ', key.rfind(' ') - 1);
    return WatchHub::Shared(key.substr(0, key.find(' ', epoch_end)) + key.substr(options), make);
  }
  return WatchHub::Shared(key, make);
}

}  // namespace modelref::testing
