#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "service/watch/position.h"

namespace modelref {

// What a resume token says: how far a stream came, and which stream it was. It grants nothing.
struct ResumeToken {
  Position position;
  uint64_t filter_hash = 0;     // Of the filter as it was asked for.
  uint64_t documents_hash = 0;  // Of the documents that it matched.

  bool operator==(const ResumeToken&) const = default;
};

// Opaque bytes, equal for equal tokens.
std::string EncodeResumeToken(const ResumeToken& token);

// INVALID_ARGUMENT (BAD_RESUME_TOKEN)  damaged, cut off, or made by another version.
absl::StatusOr<ResumeToken> DecodeResumeToken(absl::string_view bytes);

// The error for a token that cannot be used; `what` says why.
absl::Status BadResumeToken(absl::string_view what);

}  // namespace modelref
