#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace modelref::testing {

// A new directory that goes with all its content. Names below are relative to it. What cannot be
// done fails the test that runs.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  std::string PathOf(absl::string_view name) const;

  // Replaces the file as an editor does, by a rename, and makes the folders it lies in.
  void Write(absl::string_view name, absl::string_view content) const;
  std::string Read(absl::string_view name) const;
  void Remove(absl::string_view name) const;
  bool Exists(absl::string_view name) const;

 private:
  std::string path_;
};

}  // namespace modelref::testing
