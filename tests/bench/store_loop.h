#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "backends/base/mutex.h"
#include "service/store/store.h"
#include "tests/bench/h2_client.h"

namespace modelref::bench {

// Commits to a store of this process: what writes cost without a server around it.
class StoreLoop {
 public:
  // A store of `models` records of `record_bytes` in `folder`, which is made.
  StoreLoop(const std::string& folder, size_t models, size_t record_bytes);
  ~StoreLoop();

  // Updates of one record each, `in_flight` of them at a time, for about so long.
  LoopResult Run(int in_flight, double seconds);

 private:
  struct Progress;

  void Start(const std::shared_ptr<Progress>& progress);
  RecordPtr RecordOf(size_t model, uint64_t version) const;

  const size_t models_;
  const size_t record_bytes_;
  std::unique_ptr<Store> store_;
  std::atomic<uint64_t> version_{0};
};

}  // namespace modelref::bench
