#include "service/store/root.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace modelref {
namespace {

using ::testing::ElementsAre;

DocumentStatePtr StateOf(const std::string& category, Format format, uint64_t revision) {
  auto state = std::make_shared<DocumentState>();
  state->key = {category, format};
  state->mod_revision = revision;
  return state;
}

std::vector<std::string> Shown(const DocumentTable& table) {
  std::vector<std::string> shown;
  for (const auto& [key, state] : table) {
    shown.push_back(key.ToString() + "@" + std::to_string(state->mod_revision));
  }
  return shown;
}

TEST(DocumentTableTest, KeepsOneStatePerKeyInTheOrderOfTheKeys) {
  DocumentTable table;
  EXPECT_EQ(table.size(), 0u);
  EXPECT_EQ(table.Find({"clip", Format::kV2}), nullptr);
  table.Set(StateOf("lora", Format::kV2, 1));
  table.Set(StateOf("clip", Format::kV2, 2));
  table.Set(StateOf("clip", Format::kLegacy, 3));
  table.Set(StateOf("clip", Format::kV2, 4));
  EXPECT_EQ(table.size(), 3u);
  EXPECT_THAT(Shown(table), ElementsAre("clip/legacy@3", "clip/v2@4", "lora/v2@1"));
  EXPECT_EQ(table.Find({"clip", Format::kV2})->mod_revision, 4u);
  EXPECT_EQ(table.Find({"lora", Format::kLegacy}), nullptr);
  EXPECT_EQ(table.Find({"zzz", Format::kV2}), nullptr);
}

TEST(DocumentTableTest, ACopyIsIndependent) {
  DocumentTable table;
  table.Set(StateOf("clip", Format::kV2, 1));
  const DocumentTable before = table;
  table.Set(StateOf("clip", Format::kV2, 2));
  EXPECT_THAT(Shown(before), ElementsAre("clip/v2@1"));
  EXPECT_THAT(Shown(table), ElementsAre("clip/v2@2"));
}

}  // namespace
}  // namespace modelref
