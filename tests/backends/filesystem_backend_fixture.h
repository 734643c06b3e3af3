#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "backends/filesystem_backend.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/temp_dir.h"

namespace modelref::testing {

// A backend over an empty directory, made at its first use, so that a test may lay out files first.
class FileSystemBackendFixture : public ::testing::Test {
 protected:
  FileSystemBackend& Backend() {
    if (backend_ == nullptr) Make({});
    return *backend_;
  }
  void Make(FileSystemBackend::Options options) {
    options.data_dir = dir_.path();
    backend_ = std::make_unique<FileSystemBackend>(options, registry_, executor_, clock_);
  }

  absl::StatusOr<SnapshotPtr> Fetch(std::string category, Format format) {
    return Backend().Fetch({std::move(category), format}, FetchMode::kAllowCaches);
  }
  absl::StatusOr<SnapshotPtr> V2(std::string category) {
    return Fetch(std::move(category), Format::kV2);
  }
  absl::StatusOr<SnapshotPtr> Legacy(std::string category) {
    return Fetch(std::move(category), Format::kLegacy);
  }

  TempDir dir_;
  const CategoryRegistry registry_ = *CategoryRegistry::Create({{.name = "workflows"}});
  FakeClock clock_;
  Executor executor_{Executor::Options{.threads = 1, .queue_limit = 8}};
  std::unique_ptr<FileSystemBackend> backend_;
};

}  // namespace modelref::testing
