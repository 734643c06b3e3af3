#include "service/store/record_problems.h"

#include "backends/convert/text_names.h"

namespace modelref {

void ForgetWritten(const DocumentKey& key, const std::set<std::string>& written,
                   std::vector<RecordProblem>* problems) {
  const auto is_written = [&](const RecordProblem& problem) {
    return written.count(problem.name) > 0 && !IsTextEntry(key, problem.name);
  };
  std::set<size_t> rows;
  if (HasTextEntries(key)) {
    for (const RecordProblem& problem : *problems) {
      if (problem.line > 0 && is_written(problem)) rows.insert(problem.line);
    }
  }
  std::erase_if(*problems, [&](const RecordProblem& problem) {
    return is_written(problem) || rows.count(problem.line) > 0;
  });
}

}  // namespace modelref
