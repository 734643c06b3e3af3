#include "tests/testing/faulty_disk.h"

#include <gtest/gtest.h>

#include <utility>

namespace modelref::testing {
namespace {

absl::string_view FolderOf(absl::string_view path) { return path.substr(0, path.rfind('/')); }

bool Flip(std::mt19937_64& random) { return random() % 2 == 0; }

}  // namespace

FaultyDisk::File& FaultyDisk::FileAt(const std::string& path) {
  std::shared_ptr<File>& file = names_[path].now;
  EXPECT_NE(file, nullptr) << path << " was never created";
  if (file == nullptr) file = std::make_shared<File>();
  return *file;
}

void FaultyDisk::Load(const std::string& path, std::string bytes) {
  Name& name = names_[path];
  name.now = std::make_shared<File>();
  name.now->durable = std::move(bytes);
  name.durable = name.now;
}

bool FaultyDisk::Exists(const std::string& path) const {
  const auto found = names_.find(path);
  return found != names_.end() && found->second.now != nullptr;
}

void FaultyDisk::Create(const std::string& path) { names_[path].now = std::make_shared<File>(); }

void FaultyDisk::Write(const std::string& path, uint64_t offset, absl::string_view bytes) {
  FileAt(path).pending.push_back({offset, std::string(bytes)});
}

void FaultyDisk::Truncate(const std::string& path, uint64_t size) {
  FileAt(path).pending.push_back({size, "", true});
}

void FaultyDisk::Remove(const std::string& path) { names_[path].now = nullptr; }

void FaultyDisk::Sync(const std::string& path) {
  File& file = FileAt(path);
  for (const Change& change : file.pending) Apply(change, &file.durable);
  file.pending.clear();
  names_[path].durable = names_[path].now;
}

void FaultyDisk::SyncFolderOf(const std::string& path) {
  for (auto& [other, name] : names_) {
    if (FolderOf(other) == FolderOf(path)) name.durable = name.now;
  }
}

void FaultyDisk::FailSync(const std::string& path, uint64_t seed) {
  File& file = FileAt(path);
  Random random(seed);
  file.durable = Survivor(file, seed == 0 ? nullptr : &random);
  file.pending.clear();
}

std::map<std::string, std::optional<std::string>> FaultyDisk::AfterCrash(uint64_t seed) const {
  Random random(seed);
  Random* const choice = seed == 0 ? nullptr : &random;
  std::map<std::string, std::optional<std::string>> files;
  for (const auto& [path, name] : names_) {
    const bool keeps_now = name.now == name.durable || (choice != nullptr && Flip(random));
    const std::shared_ptr<File>& file = keeps_now ? name.now : name.durable;
    files[path] = file == nullptr ? std::nullopt : std::optional(Survivor(*file, choice));
  }
  return files;
}

void FaultyDisk::Apply(const Change& change, std::string* bytes) {
  const size_t end = change.offset + change.bytes.size();
  if (change.truncates || bytes->size() < end) bytes->resize(end);
  bytes->replace(change.offset, change.bytes.size(), change.bytes);
}

FaultyDisk::Change FaultyDisk::Torn(const Change& change, Random& random) {
  Change torn = change;
  if (!change.bytes.empty()) torn.bytes.resize(random() % change.bytes.size());
  return torn;
}

// What reaches the disk of a file's changes: none, a prefix, or any of them.
std::string FaultyDisk::Survivor(const File& file, Random* random) {
  std::string bytes = file.durable;
  if (random == nullptr || file.pending.empty()) return bytes;
  const uint64_t mode = (*random)() % 3;
  if (mode == 0) return bytes;
  const size_t whole = (*random)() % (file.pending.size() + 1);
  for (size_t i = 0; i < file.pending.size(); ++i) {
    const bool in_order = mode == 1;
    if (in_order ? i < whole : Flip(*random)) {
      Apply(file.pending[i], &bytes);
    } else if (in_order ? i == whole : Flip(*random)) {
      Apply(Torn(file.pending[i], *random), &bytes);
    }
  }
  return bytes;
}

}  // namespace modelref::testing
