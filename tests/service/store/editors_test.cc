// Every way in which editors save, while commits come from elsewhere and the files are rewritten.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <thread>

#include "absl/strings/str_cat.h"
#include "backends/base/clock.h"
#include "backends/base/durable_file.h"
#include "backends/base/json.h"
#include "service/store/data_directory.h"
#include "tests/service/store/edits.h"
#include "tests/testing/event.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace modelref {
namespace {

namespace fs = std::filesystem;
using ::modelref::testing::CommitTo;
using ::modelref::testing::Edit;
using ::modelref::testing::IsOk;
using ::modelref::testing::kClip;
using ::modelref::testing::Put;
using ::modelref::testing::TempDir;

constexpr int kEdits = 12;

using Save = void (*)(const std::string& path, const std::string& text);

void WriteAll(const std::string& path, const std::string& text, int flags, size_t piece) {
  const int fd = open(path.c_str(), flags | O_WRONLY | O_CLOEXEC, 0644);
  ASSERT_GE(fd, 0);
  for (size_t at = 0; at < text.size(); at += piece) {
    const size_t size = std::min(piece, text.size() - at);
    ASSERT_EQ(write(fd, text.data() + at, size), static_cast<ssize_t>(size));
    if (at + size < text.size()) Pause(absl::Milliseconds(20));
  }
  close(fd);
}

struct Style {
  const char* name;
  Save save;
};

const Style kStyles[] = {
    {"CopyOver",
     [](const std::string& path, const std::string& text) {
       const std::string other = path + ".copy";
       WriteAll(other, text, O_CREAT | O_TRUNC, text.size());
       fs::copy_file(other, path, fs::copy_options::overwrite_existing);
     }},
    {"TruncateAndWrite",
     [](const std::string& path, const std::string& text) {
       WriteAll(path, text, O_CREAT | O_TRUNC, text.size());
     }},
    {"Rename",
     [](const std::string& path, const std::string& text) {
       const std::string other = path + ".swp";
       WriteAll(other, text, O_CREAT | O_TRUNC, text.size());
       fs::rename(other, path);
     }},
    {"SlowInPieces",
     [](const std::string& path, const std::string& text) {
       WriteAll(path, text, O_CREAT | O_TRUNC, text.size() / 4 + 1);
     }},
};

class EditorsTest : public ::testing::TestWithParam<Style> {
 protected:
  void SetUp() override {
    DataDirectory::Options options;
    options.backends.data_dir = dir_.path();
    options.projector.files.delay = absl::Milliseconds(20);
    options.projector.files.pace = 0;
    options.sync.poll_interval = absl::Milliseconds(50);
    options.sync.settle_time = absl::Milliseconds(200);
    auto registry = CategoryRegistry::Create({});
    ASSERT_THAT(registry, IsOk());
    registry_ = std::make_unique<CategoryRegistry>(*std::move(registry));
    auto data = DataDirectory::Open(options, *registry_, RealClock(), executor_);
    ASSERT_THAT(data, IsOk());
    data_ = *std::move(data);
    ASSERT_THAT(data_->Start(), IsOk());
  }
  std::string Path() const { return dir_.PathOf("clip.json"); }
  bool Has(const std::string& name) {
    const RootPtr root = data_->store().root();
    return root->Find(kClip)->document->Find(name) != nullptr;
  }
  // Reads the file as an editor does: again until it is whole.
  JsonObject Load() {
    while (true) {
      const absl::StatusOr<std::string> text = ReadFileToString(Path(), 1 << 20);
      absl::StatusOr<Json> json = text.ok() ? ParseJson(*text) : text.status();
      if (json.ok() && json->AsObject() != nullptr) return *json->AsObject();
      Pause(absl::Milliseconds(1));
    }
  }
  bool WaitFor(const std::string& name) {
    const absl::Time end = MonotonicClock().TimeNow() + absl::Seconds(20);
    while (!Has(name)) {
      if (MonotonicClock().TimeNow() > end) return false;
      Pause(absl::Milliseconds(2));
    }
    return true;
  }

  TempDir dir_;
  Executor executor_{{.threads = 2}};
  std::unique_ptr<CategoryRegistry> registry_;
  std::unique_ptr<DataDirectory> data_;
};

TEST_P(EditorsTest, NeitherEditsNorCommitsAreLost) {
  CommitTo(data_->store(), Edit(kClip, {Put("first", "1")}));
  std::atomic<bool> stop = false;
  std::atomic<int> commits = 0;
  std::thread committer([&] {
    while (!stop) {
      CommitTo(data_->store(), Edit(kClip, {Put(absl::StrCat("commit", commits.load()), "1")}));
      ++commits;
      Pause(absl::Milliseconds(15));
    }
  });
  for (int i = 0; i < kEdits; ++i) {
    JsonObject document = Load();
    Pause(absl::Milliseconds(10));  // The person types, and commits go on.
    const std::string name = absl::StrCat("edit", i);
    JsonObject record;
    record.Set("v", Json("1"));
    document.Set(name, Json(record));
    GetParam().save(Path(), FormatJson(Json(document), {.indent = 2}));
    EXPECT_TRUE(WaitFor(name)) << name;
  }
  stop = true;
  committer.join();
  for (int i = 0; i < kEdits; ++i) EXPECT_TRUE(Has(absl::StrCat("edit", i))) << i;
  for (int i = 0; i < commits; ++i) EXPECT_TRUE(Has(absl::StrCat("commit", i))) << i;
  std::printf("%s: %d edits, %d commits\n", GetParam().name, kEdits, commits.load());
  EXPECT_THAT(data_->projector()->Settle(), IsOk());
  EXPECT_EQ(Load().size(), data_->store().root()->Find(kClip)->document->record_count());
}

INSTANTIATE_TEST_SUITE_P(Styles, EditorsTest, ::testing::ValuesIn(kStyles),
                         [](const auto& param) { return std::string(param.param.name); });

}  // namespace
}  // namespace modelref
