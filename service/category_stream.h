#pragma once

#include <map>
#include <memory>
#include <string>

#include "service/document_stream.h"
#include "service/pending_read.h"
#include "service/rpc/stream_source.h"

namespace modelref {

// The streams of ReferenceService: one document, and all of one format.

// Of the first key of the plan.
std::unique_ptr<StreamSource> MakeCategoryStream(const ReadMeans& means, const ReadPlan& plan,
                                                 DocumentParts::Options options,
                                                 const Waker& waker);

// One document after the other, all keys of the plan, from one root. `known` are etags by category,
// to answer as not modified.
std::unique_ptr<StreamSource> MakeAllCategoriesStream(const ReadMeans& means, const ReadPlan& plan,
                                                      bool source_text,
                                                      std::map<std::string, std::string> known,
                                                      const Waker& waker);

}  // namespace modelref
