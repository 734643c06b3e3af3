#pragma once

// Documents and listings for the tests of ListModels and GetCategoryStatistics.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "backends/base/json.h"
#include "backends/document.h"
#include "modelref/v1/reference.pb.h"
#include "service/model_listing.h"

namespace modelref {

// The record as canonical JSON; the text must be JSON.
RecordPtr RecordOf(absl::string_view name, absl::string_view json);

// A document of {name, JSON} pairs.
DocumentPtr DocumentOf(const std::vector<std::pair<std::string, std::string>>& records,
                       uint64_t mod_revision = 0);

// A file of the reference data, parsed as one object of records; nothing when there is no such
// file.
std::optional<Json> SharedJson(const std::string& path);
DocumentPtr DocumentOfFile(const Json& file);

// A listing of one document whose snapshots may change between pages.
struct Lister {
  absl::StatusOr<v1::ListModelsResponse> List() {
    return ListModels(request, {{"image_generation", Format::kV2}, document, revision}, &indexes);
  }
  // The names of one page; continues with its token.
  std::vector<std::string> NextNames();
  // All pages from the beginning, at most 10,000.
  std::vector<std::string> AllNames();
  void Apply(const std::vector<RecordChange>& changes) {
    document = document->Apply(changes, ++revision);
  }

  DocumentPtr document;
  uint64_t revision = 1;
  v1::ListModelsRequest request = {};
  v1::ListModelsResponse last = {};
  ModelIndexCache indexes{size_t{64} << 20};
};

std::vector<std::string> NamesOf(const v1::ListModelsResponse& response);

}  // namespace modelref
