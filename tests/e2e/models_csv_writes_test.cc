// Writes of models that models.csv names twice: its readers use the last row, and the original's
// writers change the first one (W-C10).

#include <gtest/gtest.h>

#include <csignal>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "backends/base/json.h"
#include "tests/e2e/modelrefd_child.h"
#include "tests/testing/shared_data.h"
#include "tests/testing/status_matchers.h"

namespace modelref::testing {
namespace {

constexpr char kTable[] = "legacy/models.csv";
constexpr char kText[] = "text_generation";
constexpr size_t kNames = 719;  // Of 723 rows.

std::string NameOf(absl::string_view line) { return std::string(line.substr(0, line.find(','))); }

// The first fields of more than one line: no row of the real table but the longest one begins in
// the middle of a line, and that one has no comma.
std::set<std::string> RepeatedNames(const std::string& table) {
  std::set<std::string> seen, repeated;
  for (const absl::string_view line : absl::StrSplit(table, '\n')) {
    const bool has_fields = absl::StrContains(line, ',');
    if (has_fields && !seen.insert(NameOf(line)).second) repeated.insert(NameOf(line));
  }
  return repeated;
}

std::string WithoutRowsOf(const std::set<std::string>& names, const std::string& table) {
  std::vector<absl::string_view> lines;
  for (const absl::string_view line : absl::StrSplit(table, '\n')) {
    if (names.count(NameOf(line)) == 0) lines.push_back(line);
  }
  return absl::StrJoin(lines, "\n");
}

class ModelsCsvWritesTest : public ::testing::Test {
 protected:
  static std::vector<std::string> Flags() { return {"--canonical-format", "legacy"}; }

  void SetUp() override {
    SKIP_WITHOUT_SHARED_DATA();
    original_ = ReadShared("data/AI-Horde-text-model-reference/models.csv");
    repeated_ = RepeatedNames(original_);
    ASSERT_EQ(repeated_.size(), 4u);
    data_.Write(kTable, original_);
    server_ = std::make_unique<ServerChild>(data_.path(), Flags());
  }
  void Stop() {
    server_->process().Signal(SIGTERM);
    EXPECT_EQ(server_->process().Wait(), 0) << server_->process().err();
    server_.reset();
  }
  // Ends the server, lets the directory settle and serves a new one that has its table only.
  void ServeFromTheTableAlone() {
    Stop();
    const ShellResult settled =
        RunShell(absl::StrCat("modelrefctl store settle --data-dir ", data_.path()));
    EXPECT_EQ(settled.code, 0) << settled.err;
    table_ = data_.Read(kTable);
    other_.emplace();
    other_->Write(kTable, table_);
    server_ = std::make_unique<ServerChild>(other_->path(), Flags());
  }
  // The models that are served under their own names; empty on an error.
  std::map<std::string, std::string> Served() {
    std::map<std::string, std::string> models;
    const auto got = server_->Get(kText, v1::FORMAT_LEGACY);
    EXPECT_THAT(got, IsOk());
    const auto json = got.ok() ? ParseJson(got->json()) : got.status();
    EXPECT_THAT(json, IsOk());
    if (!json.ok()) return models;
    for (const auto& [name, record] : json->AsObject()->members()) {
      if (absl::StartsWith(name, "koboldcpp/") || absl::StartsWith(name, "aphrodite/")) continue;
      models[name] = CanonicalJson(record);
    }
    return models;
  }

  TempDir data_;
  std::optional<TempDir> other_;
  std::string original_;
  std::string table_;  // As it was settled.
  std::set<std::string> repeated_;
  std::unique_ptr<ServerChild> server_;
};

TEST_F(ModelsCsvWritesTest, AnUpdateIsSeenByWhoeverReadsTheTableAlone) {
  for (const std::string& name : repeated_) {
    v1::PutModelRequest request;
    request.set_category(kText);
    request.set_name(name);
    request.set_mode(v1::WRITE_MODE_UPDATE_ONLY);
    request.set_json(absl::StrCat(R"({"parameters":7000000000,"description":"of )", name, "\"}"));
    const auto put = server_->client().PutModel(request);
    ASSERT_THAT(put, IsOk());
    EXPECT_TRUE(put->committed().changed());
  }
  const auto before = Served();
  EXPECT_EQ(before.size(), kNames);
  ServeFromTheTableAlone();
  EXPECT_EQ(Served(), before);
  for (const std::string& name : repeated_) {
    EXPECT_TRUE(absl::StrContains(before.at(name), absl::StrCat("\"of ", name, "\""))) << name;
  }
  EXPECT_EQ(WithoutRowsOf(repeated_, table_), WithoutRowsOf(repeated_, original_))
      << "the other rows stay byte for byte";
}

TEST_F(ModelsCsvWritesTest, ADeletedModelStaysGoneWithAllItsRows) {
  for (const std::string& name : repeated_) {
    v1::DeleteModelRequest request;
    request.set_category(kText);
    request.set_name(name);
    ASSERT_THAT(server_->client().DeleteModel(request), IsOk());
  }
  const auto before = Served();
  EXPECT_EQ(before.size(), kNames - repeated_.size());
  ServeFromTheTableAlone();
  EXPECT_EQ(Served(), before);
  EXPECT_EQ(table_, WithoutRowsOf(repeated_, original_));
}

TEST_F(ModelsCsvWritesTest, AModelThatWasDeletedMayComeAgain) {
  const std::string name = *repeated_.begin();
  v1::DeleteModelRequest remove;
  remove.set_category(kText);
  remove.set_name(name);
  ASSERT_THAT(server_->client().DeleteModel(remove), IsOk());
  v1::PutModelRequest create;
  create.set_category(kText);
  create.set_name(name);
  create.set_mode(v1::WRITE_MODE_CREATE_ONLY);
  create.set_json(R"({"parameters":3000000000})");
  ASSERT_THAT(server_->client().PutModel(create), IsOk());
  const auto before = Served();
  ServeFromTheTableAlone();
  EXPECT_EQ(Served(), before);
  EXPECT_TRUE(absl::StrContains(before.at(name), R"("parameters":3000000000)")) << before.at(name);
}

}  // namespace
}  // namespace modelref::testing
