#include "tests/service/watch/validator_steps.h"

#include "absl/strings/str_cat.h"
#include "backends/base/etag.h"

namespace modelref::testing {

DocumentKey KeyOf(const v1::WatchEvent& event) {
  return {event.category(), static_cast<Format>(event.format())};
}

std::string DigestAt(const LoggedState& state, const std::set<DocumentKey>& watched) {
  DocumentSetDigest digest;
  for (const DocumentKey& key : watched) digest.Add(key, state.at(key)->etag);
  const auto bytes = digest.bytes();
  return std::string(bytes.begin(), bytes.end());
}

void ForEachStep(const WatchTrace& trace, const std::function<void(const Step&)>& visit) {
  bool in_snapshot = false;
  for (size_t i = 0; i < trace.messages.size(); ++i) {
    const v1::WatchResponse& message = trace.messages[i];
    if (message.has_snapshot_end()) in_snapshot = false;
    const bool is_part = !in_snapshot && message.events().more();
    visit({message, in_snapshot, is_part,
           absl::StrCat("message ", i, " at revision ", message.header().revision(), ": ")});
    if (message.has_snapshot_begin()) in_snapshot = true;
  }
}

void CheckState(const v1::WatchEvent& event, const LoggedDocument& truth, const std::string& at,
                Violations* found) {
  const auto complain = [&](absl::string_view what) {
    found->push_back(absl::StrCat(at, KeyOf(event).ToString(), " has a wrong ", what));
  };
  if (event.mod_revision() != truth.mod_revision) complain("mod_revision");
  if (event.etag() != std::string(truth.etag.begin(), truth.etag.end())) complain("etag");
  // Not known of older states; no document has no size.
  if (event.size_bytes() == 0 && event.model_count() == 0) return;
  if (event.size_bytes() != truth.size_bytes) complain("size");
  if (event.model_count() != truth.records.size()) complain("model count");
}

}  // namespace modelref::testing
