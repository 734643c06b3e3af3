#pragma once

// The state of a store that one request answers from.

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "backends/base/digest.h"
#include "backends/base/document_key.h"
#include "backends/document.h"
#include "backends/document_parser.h"
#include "service/store/category_metadata.h"

namespace modelref {

// Why a document is stale; the values are those of the proto enum.
enum class FreshnessCause { kNone = 0, kMarked = 1, kTtl = 2, kRefreshFailed = 3, kEditHeld = 4 };

// Whether a document is known or suspected to be outdated. State, not history: only the newest
// counts.
struct FreshnessState {
  FreshnessCause cause = FreshnessCause::kNone;
  absl::Time since;    // Meaningful while stale.
  std::string detail;  // For people.
  uint64_t sequence =
      0;  // Of the change that led here; ascending through all documents of the store.

  bool stale() const { return cause != FreshnessCause::kNone; }
};

// One document at a revision.
struct DocumentState {
  DocumentKey key;
  DocumentPtr document;  // Never null; empty when nothing good was ever seen.
  std::shared_ptr<const std::string>
      source_text;                      // The exact text of a legacy document; null for v2.
  Etag source_etag{};                   // SHA-256 of the source text.
  uint64_t mod_revision = 0;            // 0: unchanged since the store was created, empty.
  absl::Time commit_time;               // Of mod_revision.
  bool known = false;                   // Good content was seen, be it empty.
  absl::Status damage;                  // Not OK when no good content is known: reads answer it.
  std::vector<RecordProblem> problems;  // Records of the source that cannot be represented.
  CategoryMetadataPtr metadata;         // Null: never any.
  FreshnessState freshness;
};
using DocumentStatePtr = std::shared_ptr<const DocumentState>;

// The states of documents in the order of their keys. An array of pointers: each commit copies it.
class DocumentTable {
 public:
  struct Row {
    const DocumentKey& key;  // Of the state.
    const DocumentStatePtr& state;
  };
  class const_iterator {
   public:
    explicit const_iterator(const DocumentStatePtr* state) : state_(state) {}
    Row operator*() const { return {(*state_)->key, *state_}; }
    const_iterator& operator++() {
      ++state_;
      return *this;
    }
    bool operator==(const const_iterator&) const = default;

   private:
    const DocumentStatePtr* state_;
  };

  const_iterator begin() const { return const_iterator(states_.data()); }
  const_iterator end() const { return const_iterator(states_.data() + states_.size()); }
  size_t size() const { return states_.size(); }
  // Null when there is none.
  const DocumentState* Find(const DocumentKey& key) const;
  // Takes the place of the state of that key, if there is one.
  void Set(DocumentStatePtr state);

 private:
  size_t PlaceOf(const DocumentKey& key) const;

  std::vector<DocumentStatePtr> states_;
};

using Epoch = std::array<uint8_t, 16>;

// A point where a history continues another one: `epoch` begins after `parent_revision` of
// `parent_epoch`, of which everything later belongs to somebody else.
struct Fork {
  Epoch epoch{};
  uint64_t first_revision = 0;
  Epoch parent_epoch{};
  uint64_t parent_revision = 0;
};

// Everything a request may see, from one instant. Immutable; swapped whole.
struct Root {
  Epoch epoch{};
  std::vector<Fork> forks;  // Newest first, at most 16.
  uint64_t revision = 0;
  Sha256Digest chain{};
  absl::Time time;  // Of the newest transaction.
  uint64_t freshness_sequence = 0;
  DocumentTable documents;  // Every known document, empty ones included.

  // Null when the store has no such document.
  const DocumentState* Find(const DocumentKey& key) const { return documents.Find(key); }
};
using RootPtr = std::shared_ptr<const Root>;

}  // namespace modelref
