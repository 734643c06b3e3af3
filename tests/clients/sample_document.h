#pragma once

#include <string>
#include <utility>
#include <vector>

#include "modelref/v1/reference.pb.h"

namespace modelref::testing {

// A document with its etags, in every form that a server sends it in.
class SampleDocument {
 public:
  // Names and records as canonical JSON, in stored order.
  explicit SampleDocument(std::vector<std::pair<std::string, std::string>> records);

  std::string json() const;
  std::string etag() const;  // 32 bytes.
  v1::Record record(size_t index) const;
  v1::CategoryHeader header() const;
  v1::CategoryEnd end(size_t first = 0) const;

  // The parts of StreamCategory from record `first` on, one record per batch.
  std::vector<v1::StreamCategoryResponse> Parts(size_t first = 0) const;

 private:
  const std::vector<std::pair<std::string, std::string>> records_;
};

// Three small records.
SampleDocument ThreeModels();

}  // namespace modelref::testing
