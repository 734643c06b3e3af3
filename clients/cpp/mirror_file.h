#pragma once

// One mirrored document as a file. It is JSON, a record per line in canonical form:
//
//   {"modelref_copy":1,"category":"esrgan","format":"v2","epoch":"…","revision":812,
//    "mod_revision":800,"etag":"…","record_count":2,"records":{          (one line)
//   "Heron x2":{…},
//   "Heron x4":{…}
//   },"sha256":"…"}
//
// `sha256` is over every byte before `,"sha256"`. Numbers keep their lexemes.

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "clients/cpp/mirror_copy.h"

namespace modelref {

// "esrgan.v2.json".
std::string MirrorFileName(const DocumentKey& key);
// The document that a file of this name holds; none for other names.
std::optional<DocumentKey> ParseMirrorFileName(absl::string_view name);

std::string EncodeMirrorFile(const MirrorCopy& copy);

// DATA_LOSS (`DAMAGED_COPY`) unless every byte is as it was written and the records add up to the
// etag.
absl::StatusOr<MirrorCopy> DecodeMirrorFile(absl::string_view bytes);

// The reason of a copy on disk that cannot be trusted.
inline constexpr char kDamagedCopy[] = "DAMAGED_COPY";
absl::Status DamagedCopy(absl::string_view message);

// `,"sha256":"…"}` and a line end: the end of a file whose other bytes are these.
std::string MirrorSeal(absl::string_view bytes);
// The bytes before a seal that is right for them. DATA_LOSS (`DAMAGED_COPY`).
absl::StatusOr<absl::string_view> OpenMirrorSeal(absl::string_view bytes);

}  // namespace modelref
