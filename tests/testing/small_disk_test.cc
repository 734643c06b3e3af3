#include "tests/testing/small_disk.h"

#include <gtest/gtest.h>

#include <string>

#include "backends/base/durable_file.h"
#include "backends/base/file_exchange.h"
#include "tests/testing/status_matchers.h"

namespace modelref::testing {
namespace {

TEST(SmallDiskTest, RunsFullAndHeals) {
  SmallDisk disk(1 << 20);
  if (!disk.is_mounted()) GTEST_SKIP() << disk.why_not();
  const std::string file = disk.folder().PathOf("f");
  const std::string bytes(64 << 10, 'x');
  ASSERT_THAT(WriteFileDurably(file, "old"), IsOk());

  disk.Fill();
  EXPECT_EQ(disk.FreeBytes(), 0u);
  EXPECT_THAT(WriteFileDurably(file, bytes), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(ExchangeFileDurably(file, bytes), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(disk.folder().Read("f"), "old");

  disk.Heal();
  EXPECT_THAT(ExchangeFileDurably(file, bytes), IsOk());
  EXPECT_EQ(disk.folder().Read("f"), bytes);
}

TEST(SmallDiskTest, LeavesTheSpaceThatIsAskedFor) {
  SmallDisk disk(1 << 20);
  if (!disk.is_mounted()) GTEST_SKIP() << disk.why_not();
  disk.Fill(100 << 10);
  EXPECT_EQ(disk.FreeBytes(), uint64_t{100 << 10});
  EXPECT_THAT(WriteFileDurably(disk.folder().PathOf("a"), std::string(50 << 10, 'x')), IsOk());
  EXPECT_THAT(WriteFileDurably(disk.folder().PathOf("b"), std::string(90 << 10, 'x')),
              StatusIs(absl::StatusCode::kResourceExhausted));
}

}  // namespace
}  // namespace modelref::testing
