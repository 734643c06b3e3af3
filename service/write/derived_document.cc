#include "service/write/derived_document.h"

#include <map>
#include <utility>

#include "backends/convert/text_names.h"
#include "service/write/record_change.h"

namespace modelref {

std::vector<RecordChange> DeriveWhole(const WritePlan& plan, const DocumentState& v2,
                                      const Document& legacy,
                                      const std::vector<RecordChange>& derived,
                                      const WriteLimits& limits,
                                      std::vector<WriteViolation>* warnings) {
  std::map<absl::string_view, RecordPtr> known;
  for (const RecordChange& change : derived) known[change.name] = change.after;
  for (const RecordProblem& problem : v2.problems) known.emplace(problem.name, nullptr);
  std::vector<RecordChange> whole;
  legacy.ForEach([&](const Entry& entry) {
    const Record& record = *entry.record;
    if (IsTextEntry(plan.key, record.name)) return;
    const auto found = known.find(record.name);
    RecordPtr after = found != known.end() ? found->second
                                           : DeriveRecord(plan, record.name, Json(ObjectOf(record)),
                                                          nullptr, nullptr, limits, warnings);
    if (after != nullptr) whole.push_back({record.name, std::move(after)});
  });
  return whole;
}

}  // namespace modelref
