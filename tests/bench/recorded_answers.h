#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace modelref::bench {

enum class AnswerKind : char {
  kUnary = 'u',
  kStream = 's',  // All messages, then the end.
  kWatch = 'w',   // The first message at once; the second whenever kFanOutMethod is called.
};

// What modelrefd answered to a request, for the bare server to repeat.
struct RecordedAnswer {
  AnswerKind kind = AnswerKind::kUnary;
  std::string path;
  std::string request;
  bool compressed = false;  // The messages are gzip.
  std::vector<std::string> messages;
};

// A call of this makes the bare server send the event to all streams. Its answer, one byte, is sent
// before.
inline constexpr absl::string_view kFanOutMethod = "/modelref.bench.Bare/FanOut";

// End the process when the file cannot be written or read.
void WriteAnswers(const std::string& file, const std::vector<RecordedAnswer>& answers);
std::vector<RecordedAnswer> ReadAnswers(const std::string& file);

}  // namespace modelref::bench
