#include "service/write/text_rivals.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "backends/convert/text_names.h"

namespace modelref {
namespace {

// The names of the models in those chunks of `document` that `other` does not share.
std::vector<const std::string*> NamesApart(const Document& document, const Document& other) {
  std::unordered_set<const Chunk*> shared;
  for (const auto& chunk : other.chunks()) shared.insert(chunk.get());
  std::vector<const std::string*> names;
  for (const auto& chunk : document.chunks()) {
    if (shared.count(chunk.get()) > 0) continue;
    for (const Entry& entry : chunk->entries) {
      const std::string& name = entry.record->name;
      if (!HasTextBackendPrefix(name)) names.push_back(&name);
    }
  }
  return names;
}

}  // namespace

void TextRivals::Follow(DocumentPtr document) {
  if (document == document_) return;
  const std::vector<const std::string*> gone = NamesApart(*document_, *document);
  const std::vector<const std::string*> come = NamesApart(*document, *document_);
  const auto same = [](const std::string* a, const std::string* b) { return *a == *b; };
  // Most writes update.
  if (!std::equal(gone.begin(), gone.end(), come.begin(), come.end(), same)) {
    for (const std::string* name : gone) Remove(*name);
    for (const std::string* name : come) Add(*name);
  }
  document_ = std::move(document);
}

const std::vector<std::string>& TextRivals::Claimants(absl::string_view model) const {
  static const auto& nobody = *new std::vector<std::string>();
  const auto found = claimants_.find(std::string(model));
  return found == claimants_.end() ? nobody : found->second;
}

void TextRivals::Add(const std::string& name) {
  claimants_[std::string(TextModelName(name))].push_back(name);
}

void TextRivals::Remove(const std::string& name) {
  const auto group = claimants_.find(std::string(TextModelName(name)));
  if (group == claimants_.end()) return;
  std::erase(group->second, name);
  if (group->second.empty()) claimants_.erase(group);
}

}  // namespace modelref
