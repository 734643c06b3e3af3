#include "tests/bench/recorded_answers.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>

namespace modelref::bench {
namespace {

void WriteText(const std::string& text, std::ofstream* out) {
  const uint64_t size = text.size();
  out->write(reinterpret_cast<const char*>(&size), sizeof(size));
  out->write(text.data(), static_cast<std::streamsize>(size));
}

bool ReadText(std::ifstream* in, std::string* text) {
  uint64_t size = 0;
  if (!in->read(reinterpret_cast<char*>(&size), sizeof(size))) return false;
  text->resize(size);
  return static_cast<bool>(in->read(text->data(), static_cast<std::streamsize>(size)));
}

[[noreturn]] void Fail(const std::string& file) {
  std::fprintf(stderr, "bench: cannot use %s\n", file.c_str());
  std::exit(1);
}

}  // namespace

void WriteAnswers(const std::string& file, const std::vector<RecordedAnswer>& answers) {
  std::ofstream out(file, std::ios::binary);
  for (const RecordedAnswer& answer : answers) {
    WriteText(std::string(1, static_cast<char>(answer.kind)), &out);
    WriteText(answer.path, &out);
    WriteText(answer.request, &out);
    WriteText(answer.compressed ? "gzip" : "", &out);
    WriteText(std::to_string(answer.messages.size()), &out);
    for (const std::string& message : answer.messages) WriteText(message, &out);
  }
  out.close();
  if (!out) Fail(file);
}

std::vector<RecordedAnswer> ReadAnswers(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) Fail(file);
  std::vector<RecordedAnswer> answers;
  std::string kind;
  std::string encoding;
  std::string count;
  while (ReadText(&in, &kind)) {
    RecordedAnswer& answer = answers.emplace_back();
    answer.kind = static_cast<AnswerKind>(kind[0]);
    if (!ReadText(&in, &answer.path) || !ReadText(&in, &answer.request) ||
        !ReadText(&in, &encoding) || !ReadText(&in, &count)) {
      Fail(file);
    }
    answer.compressed = !encoding.empty();
    answer.messages.resize(std::stoul(count));
    for (std::string& message : answer.messages) {
      if (!ReadText(&in, &message)) Fail(file);
    }
  }
  return answers;
}

}  // namespace modelref::bench
