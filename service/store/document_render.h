#pragma once

// A document as the bytes of its file (H 2.1, 2.2).

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "service/store/root.h"

namespace modelref {

struct RenderedFile {
  std::string bytes;
  // What a reader of the bytes gets. Differs from the document where the form cannot say all of it.
  DocumentPtr document;
};

// JSON with indent 2, UTF-8, no final line end; numbers keep their lexemes. Records that cannot be
// represented stand where they stood, in their own words. A legacy document that did not change
// since it was read is its source text.
RenderedFile RenderJsonFile(const DocumentState& state);

// The text of a legacy document as readers of the original get it: for text_generation the object
// of three entries per row, otherwise what RenderJsonFile writes.
std::string RenderSourceText(const DocumentState& state);

// models.csv of the records that are no generated variants. `present` is the table so far, whose
// layout is kept as far as it goes (backends/convert/text_csv_update.h); empty: none.
//   INTERNAL  what was made cannot be read back.
absl::StatusOr<RenderedFile> RenderTableFile(const DocumentState& state, absl::string_view present);

}  // namespace modelref
