#pragma once

// A store on disk whose documents have files in a directory of their own.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "backends/base/durable_file.h"
#include "service/store/displaced_files.h"
#include "service/store/file_writer.h"
#include "tests/service/store/edits.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace modelref::testing {

inline constexpr absl::Duration kWriteDelay = absl::Milliseconds(200);

class FileWriterTest : public ::testing::Test, public FilePaths {
 protected:
  struct Imported {
    DocumentKey key;
    std::string bytes;
  };

  FileWriterTest() {
    OpenStore();
    writer_ = MakeWriter();
  }

  std::string PathOf(const DocumentKey& key) const override {
    return absl::StrCat(dir_.path(), key.format == Format::kLegacy ? "/legacy/" : "/", key.category,
                        ".json");
  }

  void OpenStore() {
    writer_.reset();
    store_.reset();
    Store::Options options;
    options.directory = dir_.PathOf(".modelref");
    auto store = Store::Open({kClip, kImages, kLegacyClip}, clock_, options);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }

  std::unique_ptr<FileWriter> MakeWriter() {
    FileWriter::Options options;
    options.delay = kWriteDelay;
    return std::make_unique<FileWriter>(
        *store_, *this, options, [this](const DocumentKey& key, const std::string& path) {
          imported_.push_back({key, *ReadFileToString(path, 1 << 20)});
          return absl::OkStatus();
        });
  }

  KnownFile Known(const DocumentKey& key) const { return *ReadKnownFile(*store_, key); }

  static std::string FileOf(absl::string_view name, absl::string_view value) {
    return absl::StrCat("{\n  \"", name, "\": {\n    \"v\": \"", value, "\"\n  }\n}");
  }

  TempDir dir_;
  FakeClock clock_;
  std::unique_ptr<Store> store_;
  std::vector<Imported> imported_;  // What rewrites displaced.
  std::unique_ptr<FileWriter> writer_;
  absl::Time now_ = absl::FromUnixSeconds(1000);
};

}  // namespace modelref::testing
