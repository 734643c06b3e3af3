#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace modelref {

// Where a listing stopped: the last model that was returned, by its place in the order, and enough
// about the query and the snapshot to tell what has changed since.
struct PageToken {
  uint64_t query_hash = 0;   // Of everything that decides which models come in which order.
  uint64_t revision = 0;     // The mod_revision of the document.
  uint64_t etag_prefix = 0;  // The first 8 bytes of the document's etag, big-endian.
  uint64_t order_end = 0;    // One more than the last Entry::order of the document.
  bool key_missing = false;  // Of the last model's OrderKey (model_listing_order.h).
  uint64_t key = 0;
  std::string name;

  bool operator==(const PageToken&) const = default;
};

// Opaque text of the URL-safe base64 alphabet, without padding. It holds nothing secret, and its
// checksum finds damage, not forgery: whoever can forge a token can ask for the page as well.
std::string EncodePageToken(const PageToken& token);

//   INVALID_ARGUMENT BAD_PAGE_TOKEN  not exactly what EncodePageToken returned.
absl::StatusOr<PageToken> DecodePageToken(absl::string_view text);

// The error for a token that cannot be used, for `why`.
absl::Status BadPageToken(absl::string_view why);

}  // namespace modelref
