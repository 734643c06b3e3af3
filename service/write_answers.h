#pragma once

// How what became of a write is told.

#include <string>

#include "modelref/v1/write.pb.h"
#include "service/write/write_evaluation.h"

namespace modelref {

// Serialized responses without their header, of a committed write: PutModelResponse and
// DeleteModelResponse, WriteModelsResponse, ImportCategoryResponse.
std::string EncodeOne(const Evaluation& evaluation, const v1::Committed& committed);
std::string EncodeMany(const Evaluation& evaluation, const v1::Committed& committed);
std::string EncodeImport(const Evaluation& evaluation, const v1::Committed& committed);

// What is appended to one of them when it is given again: it merges.
std::string ReplayedMark();

// What the write would do to `root`.
v1::Validated MakeValidated(const Root& root, const WritePlan& plan, const Evaluation& evaluation);

// The numbers of an import.
void FillCounts(const Evaluation& evaluation, v1::ImportCategoryResponse* response);

}  // namespace modelref
