#pragma once

// Short words for what tests commit to a store.

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "service/store/store.h"

namespace modelref::testing {

inline const DocumentKey kClip{"clip", Format::kV2};
inline const DocumentKey kImages{"image_generation", Format::kV2};
inline const DocumentKey kLegacyClip{"clip", Format::kLegacy};

// {"v":"value"}: canonical.
inline std::string RecordJson(absl::string_view value) {
  return absl::StrCat("{\"v\":\"", value, "\"}");
}

inline RecordChange Put(const std::string& name, absl::string_view value) {
  return {name, MakeRecord(name, RecordJson(value))};
}

inline RecordChange Remove(const std::string& name) { return {name, nullptr}; }

inline DocumentEdit Edit(const DocumentKey& key, std::vector<RecordChange> changes) {
  DocumentEdit edit;
  edit.key = key;
  edit.changes = std::move(changes);
  return edit;
}

// One transaction; returns the revision after it, 0 when it failed.
template <typename... Edits>
uint64_t CommitTo(Store& store, Edits... edits) {
  std::vector<DocumentEdit> all;
  (all.push_back(std::move(edits)), ...);
  const absl::StatusOr<CommitResult> result = store.Commit("test", std::move(all));
  return result.ok() ? result->root->revision : 0;
}

// "name0", "name1", …: `count` of them, each set to `value`.
inline std::vector<RecordChange> PutMany(size_t count, absl::string_view value) {
  std::vector<RecordChange> changes;
  for (size_t i = 0; i < count; ++i) changes.push_back(Put(absl::StrCat("name", i), value));
  return changes;
}

}  // namespace modelref::testing
