// How fast a document is loaded, in MB/s of file: generated records of about 1 KB, parsed from
// memory, the best and the median of several runs.
//
// load_bench [MEGABYTES [RUNS]]

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "backends/document_parser.h"

namespace modelref {
namespace {

std::string Generate(size_t bytes) {
  std::string text = "{\n";
  for (int i = 0; text.size() < bytes; ++i) {
    if (i > 0) text += ",\n";
    absl::StrAppend(&text, "  \"Author", i % 977, "/Model-", i,
                    "B\": {\n    \"record_type\": ", "\"text_generation\",\n    \"name\": \"Author",
                    i % 977, "/Model-", i, "B\",\n    \"description\": \"");
    for (int word = 0; word < 60; ++word) absl::StrAppend(&text, "word", (i * 7 + word) % 101, " ");
    absl::StrAppend(&text, "\",\n    \"config\": {\n      \"download\": [\n        {\n          ",
                    "\"file_name\": \"m", i,
                    ".safetensors\",\n          \"file_url\": ", "\"https://models.example.org/", i,
                    "/model.safetensors\",\n          ", "\"sha256sum\": \"",
                    std::string(64, static_cast<char>('a' + i % 6)),
                    "\"\n        }\n      ]\n    },\n    \"parameters\": ", i + 1,
                    "000000,\n    \"nsfw\": false,\n    \"tags\": [\"a\", \"b\", \"t", i % 50,
                    "\"],\n    \"settings\": {\"temperature\": 0.7, \"top_p\": 0.9}\n  }");
  }
  return text + "\n}\n";
}

int Main(size_t megabytes, int runs) {
  const std::string text = Generate(megabytes << 20);
  std::vector<double> rates;
  for (int run = 0; run < runs; ++run) {
    const auto start = std::chrono::steady_clock::now();
    const absl::StatusOr<ParsedDocument> parsed = ParseDocument(text);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    if (!parsed.ok()) {
      std::fprintf(stderr, "load_bench: %s\n", std::string(parsed.status().message()).c_str());
      return 1;
    }
    rates.push_back(static_cast<double>(text.size()) / 1e6 / seconds.count());
  }
  std::sort(rates.begin(), rates.end());
  std::printf("load %zu MB: best %.0f MB/s, median %.0f MB/s, goal 150 MB/s\n", megabytes,
              rates.back(), rates[rates.size() / 2]);
  return 0;
}

}  // namespace
}  // namespace modelref

int main(int argc, char** argv) {
  const size_t megabytes = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 100;
  const int runs = argc > 2 ? std::atoi(argv[2]) : 5;
  return modelref::Main(std::max<size_t>(megabytes, 1), std::max(runs, 1));
}
