#pragma once

// The entries of the legacy text document beside the models themselves: each model is listed under
// the names of the inference backends, too (H 3.9).

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "backends/document.h"
#include "service/write/text_rivals.h"
#include "service/write/write_plan.h"

namespace modelref {

// Says, step by step of one write, which entries change with the models. An entry that two models
// claim is that of the later one, as for readers of models.csv.
class TextEntries {
 public:
  // `document` is what the write meets, and what `rivals` follow; both must outlive this.
  TextEntries(const Document& document, const TextRivals& rivals)
      : document_(document), rivals_(rivals), next_order_(document.next_order()) {}

  // Adds the changes of the entries that follow from `after` (null: a delete) under `name`. Costs
  // as much as there are models that share an entry with it.
  //   RESOURCE_EXHAUSTED  as MakeLimited.
  absl::Status Add(const std::string& name, const RecordPtr& after, const WriteLimits& limits,
                   std::vector<RecordChange>* changes);

 private:
  struct Claimant {
    std::string name;
    uint64_t order;
    RecordPtr record;
  };
  // By order; the last one has the entry.
  using Claimants = std::vector<Claimant>;

  // Those of the model's name, with the steps so far.
  Claimants& ClaimantsOf(const std::string& name);

  const Document& document_;
  const TextRivals& rivals_;
  std::map<std::string, Claimants> claimants_;  // By TextModelName.
  uint64_t next_order_;
};

}  // namespace modelref
