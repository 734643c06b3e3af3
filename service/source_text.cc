#include "service/source_text.h"

#include <utility>

#include "service/store/document_render.h"

namespace modelref {
namespace {

SourceText WithEtag(std::string text) {
  const Etag etag = Sha256(text);
  return {std::make_shared<const std::string>(std::move(text)), etag};
}

const SourceText& EmptyText() {
  static const auto& empty = *new SourceText(WithEtag("{}"));
  return empty;
}

}  // namespace

SourceText SourceTextCache::Of(const DocumentState& state) {
  if (state.source_text != nullptr) return {state.source_text, state.source_etag};
  if (state.document->record_count() == 0 && state.problems.empty()) return EmptyText();
  std::shared_ptr<Slot> slot;
  {
    MutexLock lock(&mutex_);
    std::shared_ptr<Slot>& kept = slots_[state.key];
    if (kept == nullptr) kept = std::make_shared<Slot>();
    slot = kept;
  }
  MutexLock lock(&slot->mutex);
  const bool is_current = slot->made.text != nullptr && slot->document == state.document->etag() &&
                          slot->problems == state.problems;
  if (!is_current) {
    slot->made = WithEtag(RenderSourceText(state));
    slot->document = state.document->etag();
    slot->problems = state.problems;
  }
  return slot->made;
}

}  // namespace modelref
