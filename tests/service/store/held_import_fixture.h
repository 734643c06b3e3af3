#pragma once

// An importer of files in a directory of their own, with a store on disk.

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "backends/base/durable_file.h"
#include "backends/document_file.h"
#include "service/store/file_base.h"
#include "service/store/import.h"
#include "service/store/store_reader.h"
#include "tests/service/store/edits.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace modelref::testing {

inline constexpr char kFile[] = "external:file";

inline std::vector<std::string> Names(size_t first, size_t last) {
  std::vector<std::string> names;
  for (size_t i = first; i <= last; ++i) names.push_back(absl::StrCat("m", i));
  return names;
}

class HeldImportTest : public ::testing::Test {
 protected:
  HeldImportTest() {
    std::filesystem::create_directory(dir_.PathOf("legacy"));
    Store::Options options;
    options.directory = dir_.path() + "/.modelref";
    auto store = Store::Open({kClip, kLegacyClip}, clock_, options);
    EXPECT_THAT(store, IsOk());
    store_ = *std::move(store);
    SourceImporter::Options importing;
    importing.held_folder = options.directory + "/held";
    importing.path_of = [this](const DocumentKey& key) { return PathOf(key); };
    importing.restore = [this](const DocumentKey& key) { restored_.push_back(key); };
    importer_ = std::make_unique<SourceImporter>(*store_, clock_, importing);
  }

  std::string PathOf(const DocumentKey& key = kClip) const {
    return dir_.PathOf(key == kLegacyClip ? "legacy/clip.json"
                       : is_table_        ? "clip.csv"
                                          : "clip.json");
  }
  void Offer(const DocumentKey& key = kClip) {
    importer_->Offer(key, ReadDocumentFile(PathOf(key), {key.format, is_table_}), kFile);
  }
  void Write(const std::string& text, const DocumentKey& key = kClip) {
    ASSERT_THAT(WriteFileDurably(PathOf(key), text), IsOk());
    Offer(key);
  }
  // Offers the file once more after its damage has lasted.
  void Last() {
    clock_.Advance(absl::Seconds(10));
    for (const DocumentKey& key : importer_->LastingDamage()) Offer(key);
  }
  const DocumentState& State(const DocumentKey& key = kClip) { return *store_->root()->Find(key); }
  std::string Json() { return State().document->ToJson(); }
  std::vector<HeldEdit> Waiting() {
    std::vector<HeldEdit> edits;
    EXPECT_THAT(store_->Query([&](Database& database) -> absl::Status {
      auto listed = ListWaitingEdits(database, 0, "");
      if (listed.ok()) edits = *listed;
      return listed.status();
    }),
                IsOk());
    return edits;
  }
  FileState File(const DocumentKey& key = kClip) {
    FileState file;
    EXPECT_THAT(store_->Query([&](Database& database) -> absl::Status {
      auto read = ReadFileState(database, *DocumentId(database, key));
      if (read.ok() && read->has_value()) file = **read;
      return read.status();
    }),
                IsOk());
    return file;
  }
  std::string Held(const HeldEdit& edit) {
    auto bytes = ReadFileToString(dir_.path() + "/.modelref/held/" + edit.id, 1 << 20);
    EXPECT_THAT(bytes, IsOk());
    return bytes.ok() ? *bytes : "";
  }

  TempDir dir_;
  FakeClock clock_;
  bool is_table_ = false;
  std::unique_ptr<Store> store_;
  std::vector<DocumentKey> restored_;
  std::unique_ptr<SourceImporter> importer_;
};

}  // namespace modelref::testing
