#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "absl/strings/string_view.h"
#include "backends/document.h"

namespace modelref {

// Which models of a legacy text document are of one TextModelName and so claim one koboldcpp entry.
// Follows a document at the cost of the chunks that differ. Thread-compatible.
class TextRivals {
 public:
  // From now on the answers are about `document`, which is kept.
  void Follow(DocumentPtr document);
  // The names of the models of that TextModelName, in no order. Valid until the next Follow.
  const std::vector<std::string>& Claimants(absl::string_view model) const;

 private:
  using ChunkPtr = std::shared_ptr<const Chunk>;

  void Add(const std::string& name);
  void Remove(const std::string& name);

  DocumentPtr document_ = Document::Empty();
  std::unordered_map<std::string, std::vector<std::string>> claimants_;
};

}  // namespace modelref
