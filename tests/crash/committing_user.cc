#include "tests/crash/committing_user.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/category_registry.h"
#include "tests/crash/hand_editor.h"

namespace modelref::testing {
namespace {

// So many own records in each document at most.
constexpr size_t kCommittedRecords = 6;
// A commit is not given up because the machine does a lot beside the rounds.
constexpr absl::Duration kPatience = absl::Minutes(1);

}  // namespace

CommittingUser::CommittingUser(std::string directory, std::vector<DocumentKey> keys,
                               Sightings& sightings)
    : directory_(std::move(directory)), keys_(std::move(keys)), sightings_(sightings) {}

bool CommittingUser::Open() {
  Store::Options options;
  options.directory = directory_;
  options.busy_timeout = kPatience;
  absl::StatusOr<std::unique_ptr<Store>> store =
      Store::Open(CategoryRegistry::Create({})->DocumentKeys(), RealClock(), options);
  failure_ = store.status();
  if (!store.ok()) return false;
  store_ = *std::move(store);
  store_->AddListener([this, store = store_.get()] {
    const RootPtr root = store->root();
    sightings_.SeeChain(root->revision, std::string(AsBytes(root->chain).substr(0, 8)));
  });
  return true;
}

DocumentEdit CommittingUser::MakeEdit(const DocumentKey& key, uint64_t value,
                                      std::map<std::string, std::string>* next) {
  DocumentEdit edit;
  edit.key = key;
  std::vector<std::string> alive;
  for (const auto& [name, json] : *next) {
    if (!json.empty()) alive.push_back(name);
  }
  std::string name;
  if (alive.size() < kCommittedRecords) {
    name = absl::StrCat("commit-", ++counter_);
  } else {
    name = alive[random_() % alive.size()];
  }
  const bool is_removed = alive.size() == kCommittedRecords && random_() % 6 == 0;
  (*next)[name] = is_removed ? "" : CrashRecord(name, value);
  edit.changes.push_back({name, is_removed ? nullptr : MakeRecord(name, (*next)[name])});
  return edit;
}

bool CommittingUser::Commit() {
  if (store_ == nullptr) return false;
  auto next = expected_;
  std::vector<DocumentEdit> edits;
  const uint64_t value = random_();
  const size_t first = random_() % keys_.size();
  const size_t count = 1 + random_() % 2;
  for (size_t i = 0; i < count && i < keys_.size(); ++i) {
    const DocumentKey& key = keys_[(first + i) % keys_.size()];
    edits.push_back(MakeEdit(key, value, &next[key]));
  }
  failure_ = store_->Commit("user", std::move(edits)).status();
  if (!failure_.ok()) return false;
  expected_ = std::move(next);
  ++acknowledged_;
  return true;
}

}  // namespace modelref::testing
