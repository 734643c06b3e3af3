#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "backends/base/document_key.h"
#include "clients/cpp/mirror_document.h"

namespace modelref {

// A whole, verified document and the state it is of. Immutable.
struct MirrorCopy {
  DocumentKey key;
  MirrorDocumentPtr document;  // Never null.
  uint64_t mod_revision = 0;   // Of the document's last change; 0 when not known.
  // A position at which the document was exactly this.
  std::string epoch;  // 16 bytes, or empty.
  uint64_t revision = 0;
};
using MirrorCopyPtr = std::shared_ptr<const MirrorCopy>;

}  // namespace modelref
