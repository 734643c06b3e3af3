#pragma once

// What writes mean, said a second time and simply: documents are lists in memory, and a write looks
// at every model.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "backends/base/etag.h"
#include "modelref/v1/write.pb.h"
#include "service/store/root.h"

namespace modelref::testing {

// One model of a write.
struct ModelStep {
  enum class Content { kGood, kInvalid, kNoJson };

  std::string name;
  bool is_delete = false;
  Content content = Content::kGood;
  uint64_t value = 0;  // What makes one content another one.
  v1::WriteMode mode = v1::WRITE_MODE_UPSERT;
  std::string if_match;
};

// One write, by whichever method.
struct ModelWrite {
  enum class Method { kPut, kDelete, kMany, kImport };

  uint64_t number = 0;  // Each write has its own, which the history names as the cause.
  std::string caller;
  std::string request_id;  // May be empty.
  Method method = Method::kPut;
  DocumentKey key;
  std::vector<ModelStep> steps;
  std::string if_match;  // Of the document.
  // Of imports.
  bool replaces = false;
  bool skip_invalid = false;
  bool allow_mass_removal = false;
};

// What the record of a step is, as it is sent.
std::string ContentOf(const DocumentKey& key, const ModelStep& step);

// All documents that are written, at one moment.
class WriteModel {
 public:
  struct Entry {
    std::string name;
    uint64_t value = 0;
    int64_t created = 0;  // In seconds, as `updated`; only v2 has them.
    int64_t updated = 0;
  };
  using Entries = std::vector<Entry>;

  struct Outcome {
    std::set<std::string> reasons;  // Why it is refused; empty: it is not.
    // What is wrong with records that are not looked at therefore; told where it only validates.
    std::set<std::string> asides;
    bool changed = false;
    std::vector<bool> step_changed;  // Of the steps that are not left out.
    std::optional<uint64_t> events;  // How many it makes, where that is simple to say.
  };
  // What the write does at `now`, in seconds; `next` may be null.
  Outcome Evaluate(const ModelWrite& write, int64_t now, WriteModel* next) const;

  // The first thing in `root` that is not as it should be; empty when all is.
  std::string DiffersFrom(const Root& root) const;
  // Nullopt for text models, whose records the server completes.
  std::optional<Etag> DocumentEtagOf(const DocumentKey& key) const;
  const Entries& entries(const DocumentKey& key) const;

 private:
  std::map<DocumentKey, Entries> documents_;
};

// Whether the document has more entries than models (H 3.9).
bool IsTextTable(const DocumentKey& key);

}  // namespace modelref::testing
