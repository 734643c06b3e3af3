#include "tests/testing/temp_dir.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace modelref::testing {

TempDir::TempDir() : path_((std::filesystem::temp_directory_path() / "modelref-XXXXXX").string()) {
  EXPECT_NE(mkdtemp(path_.data()), nullptr) << path_;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TempDir::PathOf(absl::string_view name) const { return absl::StrCat(path_, "/", name); }

void TempDir::Write(absl::string_view name, absl::string_view content) const {
  const std::string path = PathOf(name);
  const std::string next = absl::StrCat(path, ".next");
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
  {
    std::ofstream file(next, std::ios::binary | std::ios::trunc);
    file.write(content.data(), static_cast<std::streamsize>(content.size()));
    EXPECT_TRUE(file.flush()) << next;
  }
  std::filesystem::rename(next, path, error);
  EXPECT_FALSE(error) << path << ": " << error.message();
}

std::string TempDir::Read(absl::string_view name) const {
  std::ifstream file(PathOf(name), std::ios::binary);
  EXPECT_TRUE(file) << PathOf(name);
  return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

void TempDir::Remove(absl::string_view name) const {
  std::error_code error;
  std::filesystem::remove_all(PathOf(name), error);
  EXPECT_FALSE(error) << name << ": " << error.message();
}

bool TempDir::Exists(absl::string_view name) const {
  std::error_code ignored;
  return std::filesystem::exists(PathOf(name), ignored);
}

}  // namespace modelref::testing
