#pragma once

// Random writes for the model of write_model.h.

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "service/write/write_plan.h"
#include "tests/service/write_model.h"

namespace modelref::testing {

// Chooses writes, so that models come and go, and preconditions hold about as often as not.
// Single-threaded.
class RandomWrites {
 public:
  // Writes go to these documents, where `canonical` is the canonical format.
  RandomWrites(uint64_t seed, Format canonical);

  // A write that looks at what `root` has.
  ModelWrite Next(const Root& root);
  std::mt19937_64& random() { return random_; }
  // True once in `n` times.
  bool OneIn(uint64_t n) { return random_() % n == 0; }

 private:
  std::string Name(const DocumentKey& key);
  ModelStep Step(const ModelWrite& write, const Root& root);
  void AddImport(ModelWrite* write, const Root& root);
  void AddManySteps(ModelWrite* write, const Root& root);
  std::string SomeEtag(const DocumentKey& key, const std::string& name, const Root& root);

  std::mt19937_64 random_;
  std::vector<DocumentKey> keys_;
  uint64_t number_ = 0;
};

// The plan of the write, as the service makes it of a request.
absl::StatusOr<WritePlan> PlanOf(const CategoryRegistry& registry, Format canonical,
                                 const ModelWrite& write);
// What a repeated write must be equal to.
Sha256Digest BodyOf(const ModelWrite& write);

}  // namespace modelref::testing
