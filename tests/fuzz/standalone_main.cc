// Runs a fuzz target without libFuzzer: every seed as it is, then mutations of the seeds, the same
// ones in every run, for MODELREF_FUZZ_SECONDS (default 5) or until MODELREF_FUZZ_RUNS are done.
//
//   program SEED_FILE_OR_DIRECTORY...
//
// The input that fails is written to <program>-failure in the working directory; give it as the
// only argument to run it alone (with MODELREF_FUZZ_RUNS=0).

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"
#include "backends/base/clock.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

constexpr size_t kMaxInputBytes = 4096;
constexpr uint64_t kClockEvery = 256;
constexpr int kFailureSignals[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
constexpr absl::string_view kTokens[] = {
    "\"",
    "\\",
    ",",
    "\n",
    "\r\n",
    "{",
    "}",
    "[",
    "]",
    ":",
    "\\u",
    "\\ud83d",
    "\\ude00",
    "\\uD800",
    "null",
    "true",
    "NaN",
    "-Infinity",
    "1e400",
    "-0",
    "0.",
    "e+",
    "\"\"",
    "\xED\xA0\x80",
    "\xF0\x9F\x98\x80",
    "\xEF\xBB\xBF",
    "name",
    "settings",
    "99999999999999999999",
    "\x7F",
    "://",
    "/",
    "8x7B",
};

// For the signal handler, which may only look at what is there.
std::string current_input;
std::string failure_path;

void KeepFailingInput(int signal) {
  const int file = open(failure_path.c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0644);
  if (file >= 0) {
    (void)!write(file, current_input.data(), current_input.size());
    close(file);
  }
  std::signal(signal, SIG_DFL);
  raise(signal);
}

void Run(const std::string& input) {
  current_input = input;
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()), input.size());
}

std::string ReadAll(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// In the order of their names, so that every run mutates the same way.
std::vector<std::string> ReadSeeds(int argc, char** argv) {
  std::vector<std::filesystem::path> paths;
  for (int i = 1; i < argc; ++i) {
    if (!std::filesystem::is_directory(argv[i])) {
      paths.emplace_back(argv[i]);
      continue;
    }
    for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
      if (entry.is_regular_file()) paths.push_back(entry.path());
    }
  }
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> seeds;
  for (const auto& path : paths) seeds.push_back(ReadAll(path));
  return seeds;
}

class Mutator {
 public:
  explicit Mutator(const std::vector<std::string>& seeds) : seeds_(seeds) {}

  std::string Next() {
    std::string input = Pick();
    const size_t steps = 1 + Below(8);
    for (size_t i = 0; i < steps; ++i) Mutate(&input);
    if (input.size() > kMaxInputBytes) input.resize(kMaxInputBytes);
    return input;
  }

 private:
  size_t Below(size_t bound) { return bound == 0 ? 0 : random_() % bound; }
  const std::string& Pick() { return seeds_[Below(seeds_.size())]; }

  void Mutate(std::string* input) {
    const size_t at = Below(input->size() + 1);
    const size_t length = std::min(Below(16) + 1, input->size() - at);
    const absl::string_view token = kTokens[Below(std::size(kTokens))];
    switch (Below(7)) {
      case 0:
        input->insert(at, 1, static_cast<char>(random_()));
        return;
      case 1:
        input->insert(at, token.data(), token.size());
        return;
      case 2:
        input->erase(at, length);
        return;
      case 3:
        input->insert(Below(input->size() + 1), input->substr(at, length));
        return;
      case 4:
        input->replace(at, length, token.data(), token.size());
        return;
      case 5:
        input->resize(at);
        input->append(Pick().substr(0, Below(64)));
        return;
      default:
        if (at < input->size()) (*input)[at] = static_cast<char>((*input)[at] ^ (1 << Below(8)));
    }
  }

  const std::vector<std::string>& seeds_;
  std::mt19937_64 random_{20240607};
};

uint64_t Setting(const char* name, uint64_t fallback) {
  const char* text = std::getenv(name);
  uint64_t value = 0;
  return text != nullptr && absl::SimpleAtoi(text, &value) ? value : fallback;
}

}  // namespace

int main(int argc, char** argv) {
  failure_path = std::filesystem::path(argv[0]).filename().string() + "-failure";
  for (const int signal : kFailureSignals) std::signal(signal, KeepFailingInput);
  std::vector<std::string> seeds = ReadSeeds(argc, argv);
  for (const std::string& seed : seeds) Run(seed);
  Run("");
  seeds.emplace_back();
  Mutator mutator(seeds);
  const uint64_t max_runs = Setting("MODELREF_FUZZ_RUNS", std::numeric_limits<uint64_t>::max());
  modelref::Clock& clock = modelref::RealClock();
  const absl::Time end = clock.TimeNow() + absl::Seconds(Setting("MODELREF_FUZZ_SECONDS", 5));
  uint64_t runs = 0;
  while (runs < max_runs && (runs % kClockEvery != 0 || clock.TimeNow() < end)) {
    Run(mutator.Next());
    ++runs;
  }
  std::printf("%zu seeds and %llu mutations, no failure\n", seeds.size(),
              static_cast<unsigned long long>(runs));
  return 0;
}
