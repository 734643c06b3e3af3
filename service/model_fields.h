#pragma once

// From a stored record to the message that answers carry.

#include <cstdint>
#include <optional>

#include "backends/base/document_key.h"
#include "backends/document.h"
#include "modelref/v1/reference.pb.h"
#include "service/read_mask.h"

namespace modelref {

// Fills the fields of `mask` in an empty `out`. Total: a field whose member is absent, of another
// type, or text that UTF-8 cannot say (a lone surrogate) stays unset. A list is all or nothing: one
// element of another type leaves it empty, so that a part never looks like the whole.
//
// Numbers must be written as integers that fit into 64 bits. `parameters_count`, which the original
// writes into some records, is read where `parameters` does not say.
//
// Downloads are the entries of config.download. One that has neither a file name nor a URL counts
// as of another type; a SHA-256 that is not 64 hexadecimal digits counts as unknown ("FIXME"). In
// the legacy format the SHA-256 and the purpose come from the entry of config.files whose path is
// the download's file name.
void FillModel(const Entry& entry, Format format, const ReadMask& mask, v1::Model* out);

// The sum of the downloads' sizes when every one declares its size, else size_on_disk_bytes
// (H 1.3). Of a model that was filled with these fields; nothing when it declares none.
std::optional<int64_t> DeclaredSize(const v1::Model& model);

// True when the download's SHA-256 is known.
bool HasSha256(const v1::Download& download);

}  // namespace modelref
