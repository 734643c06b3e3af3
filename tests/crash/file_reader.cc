#include "tests/crash/file_reader.h"

#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "backends/base/json.h"
#include "backends/convert/text_csv.h"
#include "tests/crash/pause.h"

namespace modelref::testing {
namespace {

constexpr size_t kComplaints = 20;

// What is wrong with the file at this instant; empty for nothing.
std::string Fault(const std::string& path, bool must_be_whole) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::StrCat(path, " could not be opened");
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!must_be_whole) return "";
  if (absl::EndsWith(path, ".csv")) {
    const absl::StatusOr<ModelsCsv> table = ParseModelsCsv(text);
    return table.ok() && table->rejected == 0 ? "" : path + " is no whole table: " + text;
  }
  const absl::StatusOr<Json> json = ParseJson(text);
  return json.ok()
             ? ""
             : absl::StrCat(path, ": ", json.status().message(), " in ", text.size(), " bytes");
}

}  // namespace

FileReader::FileReader(std::map<std::string, bool> files) : files_(std::move(files)) {
  thread_ = std::thread([this] { Run(); });
}

void FileReader::Stop() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

std::vector<std::string> FileReader::complaints() const {
  MutexLock lock(&mutex_);
  return complaints_;
}

void FileReader::Run() {
  while (!stopping_) {
    for (const auto& [path, must_be_whole] : files_) {
      const std::string fault = Fault(path, must_be_whole);
      ++reads_;
      if (fault.empty()) continue;
      MutexLock lock(&mutex_);
      if (complaints_.size() < kComplaints) complaints_.push_back(fault);
    }
    // Leaves the processor to those it watches.
    Pause(absl::Milliseconds(1));
  }
}

}  // namespace modelref::testing
