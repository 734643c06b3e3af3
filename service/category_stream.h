#pragma once

#include <memory>
#include <vector>

#include "service/catalogue.h"
#include "service/document_stream.h"
#include "service/rpc/executor.h"
#include "service/rpc/stream_source.h"

namespace modelref {

// The streams of ReferenceService: one document, and all of one format.

// `keys` are read from their sources first when `refresh` is set, on `executor`.
struct RefreshPlan {
  std::vector<DocumentKey> keys;
  bool refresh = false;
};

std::unique_ptr<StreamSource> MakeCategoryStream(const Catalogue& catalogue, Executor& executor,
                                                 RefreshPlan plan, DocumentParts::Options options,
                                                 Waker waker);

// One document after the other from one root. `known` are etags by category, to answer as not
// modified.
std::unique_ptr<StreamSource> MakeAllCategoriesStream(const Catalogue& catalogue,
                                                      Executor& executor, RefreshPlan plan,
                                                      bool source_text,
                                                      std::map<std::string, std::string> known,
                                                      Waker waker);

}  // namespace modelref
