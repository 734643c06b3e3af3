#pragma once

#include <cstddef>

#include "backends/document.h"
#include "modelref/v1/reference.pb.h"

namespace modelref {

// Puts records into batches for the wire. A record is only cut when even a message of its own
// cannot hold it. Single-threaded.
class RecordBatcher {
 public:
  // Adds what fits of `entry` into the `*room` bytes that are left of `batch`. True when all of the
  // record is sent; false when the batch is full: come again with the same record and a new batch.
  bool Add(const Entry& entry, size_t* room, v1::RecordBatch* batch);

 private:
  size_t offset_ = 0;  // Into the record that was cut.
};

}  // namespace modelref
