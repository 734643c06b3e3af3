#pragma once

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "backends/base/document_key.h"

namespace modelref {

// One implementation with a source that the contract suites can change. Sources have at least the
// categories image_generation and clip, and start without documents.
class BackendHarness {
 public:
  virtual ~BackendHarness() = default;

  virtual ModelReferenceBackend& backend() = 0;
  // Null when the implementation lacks it.
  virtual VersionProbe* versions() = 0;
  virtual HealthProbe* health() = 0;
  virtual StatisticsSource* statistics() = 0;

  // Make the source hold `text`, or no document, under `key`.
  virtual void Set(const DocumentKey& key, const std::string& text) = 0;
  virtual void Remove(const DocumentKey& key) = 0;
};

struct HarnessMaker {
  std::string name;
  std::function<std::unique_ptr<BackendHarness>()> make;
};
inline void PrintTo(const HarnessMaker& maker, std::ostream* out) { *out << maker.name; }

// Every implementation, fakes included. A new one is added here and gets every suite.
std::vector<HarnessMaker> AllBackends();

}  // namespace modelref
