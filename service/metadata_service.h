#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "modelref/v1/metadata.pb.h"
#include "service/catalogue.h"
#include "service/rpc/method_table.h"

namespace modelref {

// modelref.v1.MetadataService. Reads answer from the root and change nothing. Thread-safe.
class MetadataService {
 public:
  struct Options {
    // False: no metadata is kept, and every method says METADATA_NOT_SUPPORTED, or
    // READ_ONLY_REPLICA for population.
    bool supported = true;
    std::string primary;  // Where to write instead, for the error; may be empty.
  };

  // Everything in `catalogue` must outlive the service, which must outlive the server.
  MetadataService(Catalogue catalogue, Options options);

  void Register(MethodTable* methods);

  absl::StatusOr<v1::GetCategoryMetadataResponse> GetCategoryMetadata(
      const v1::GetCategoryMetadataRequest& request) const;
  absl::StatusOr<v1::ListCategoryMetadataResponse> ListCategoryMetadata(
      const v1::ListCategoryMetadataRequest& request) const;
  absl::StatusOr<v1::GetLastUpdatedResponse> GetLastUpdated(
      const v1::GetLastUpdatedRequest& request) const;
  // Blocks. What fails for one category is told in its result and does not stop the others.
  absl::StatusOr<v1::PopulateMetadataResponse> PopulateMetadata(
      const v1::PopulateMetadataRequest& request) const;

 private:
  absl::Status CheckSupported() const;
  // The categories of a request in the order of the registry, each once.
  absl::StatusOr<std::vector<std::string>> Select(const v1::PopulateMetadataRequest& request) const;
  v1::CategoryPopulation Populate(const std::string& category, bool only_tell) const;

  const Catalogue catalogue_;
  const Options options_;
};

// Populates everything and logs what was done. A failure is logged and keeps nobody from serving.
void PopulateAtStart(const MetadataService& service);

}  // namespace modelref
