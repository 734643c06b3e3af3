#include "service/watch/position.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using ::modelref::testing::HasReason;
using ::modelref::testing::IsOkAndHolds;

Epoch EpochOf(uint8_t number) {
  Epoch epoch{};
  epoch[0] = number;
  return epoch;
}

Position At(uint8_t epoch, uint64_t revision) { return {EpochOf(epoch), revision, std::nullopt}; }

// Epoch 3 continues epoch 2 after revision 50, and that epoch 1 after revision 20.
Root TwiceForked() {
  Root root;
  root.epoch = EpochOf(3);
  root.revision = 90;
  root.forks = {{EpochOf(3), 51, EpochOf(2), 50}, {EpochOf(2), 31, EpochOf(1), 20}};
  return root;
}

TEST(PositionTest, APositionUpToTheRootIsKnown) {
  EXPECT_EQ(JudgeLineage(TwiceForked(), At(3, 0)), Standing::kKnown);
  EXPECT_EQ(JudgeLineage(TwiceForked(), At(3, 90)), Standing::kKnown);
}

TEST(PositionTest, APositionAfterTheRootIsAhead) {
  EXPECT_EQ(JudgeLineage(TwiceForked(), At(3, 91)), Standing::kAhead);
}

TEST(PositionTest, APositionOfAParentIsKnownUpToTheFork) {
  EXPECT_EQ(JudgeLineage(TwiceForked(), At(2, 50)), Standing::kKnown);
  EXPECT_EQ(JudgeLineage(TwiceForked(), At(2, 51)), Standing::kForkedTail);
  EXPECT_EQ(JudgeLineage(TwiceForked(), At(1, 20)), Standing::kKnown);
  EXPECT_EQ(JudgeLineage(TwiceForked(), At(1, 21)), Standing::kForkedTail);
}

TEST(PositionTest, AnEarlierForkLimitsTheGrandparentToo) {
  Root root = TwiceForked();
  // Epoch 2 went on to 50 of epoch 1's numbers, but epoch 3 left it at 10.
  root.forks[0].parent_revision = 10;
  EXPECT_EQ(JudgeLineage(root, At(1, 10)), Standing::kKnown);
  EXPECT_EQ(JudgeLineage(root, At(1, 15)), Standing::kForkedTail);
}

TEST(PositionTest, AnEpochThatIsNotRememberedIsUnknown) {
  EXPECT_EQ(JudgeLineage(TwiceForked(), At(9, 1)), Standing::kUnknownEpoch);
  Root root = TwiceForked();
  root.forks.pop_back();
  EXPECT_EQ(JudgeLineage(root, At(1, 1)), Standing::kUnknownEpoch);
}

TEST(PositionTest, ForksOfOthersDoNotCount) {
  Root root = TwiceForked();
  root.forks[1].epoch = EpochOf(8);
  EXPECT_EQ(JudgeLineage(root, At(1, 1)), Standing::kUnknownEpoch);
}

TEST(PositionTest, TheChainProvesTheHistory) {
  Sha256Digest chain{};
  chain[7] = 7;
  Position position = At(3, 5);
  EXPECT_EQ(JudgeChain(position, chain), Standing::kKnown) << "nothing to compare";
  position.chain = PrefixOf(chain);
  EXPECT_EQ(JudgeChain(position, chain), Standing::kKnown);
  chain[8] = 1;
  EXPECT_EQ(JudgeChain(position, chain), Standing::kKnown) << "only the first 8 bytes travel";
  chain[7] = 8;
  EXPECT_EQ(JudgeChain(position, chain), Standing::kOtherChain);
}

TEST(PositionTest, APositionTravelsUnchanged) {
  Root root = TwiceForked();
  root.chain[0] = 0xAB;
  v1::Position proto;
  FillPosition(PositionOf(root), &proto);
  EXPECT_EQ(proto.chain().size(), 8u);
  EXPECT_THAT(ReadPosition(proto, "position", "BAD_START"), IsOkAndHolds(PositionOf(root)));
  proto.clear_chain();
  EXPECT_THAT(ReadPosition(proto, "position", "BAD_START"), IsOkAndHolds(At(3, 90)));
}

TEST(PositionTest, WrongSizesAreRefusedByTheNameOfTheField) {
  v1::Position proto;
  EXPECT_THAT(ReadPosition(proto, "since", "BAD_FIELD"), HasReason("BAD_FIELD"));
  proto.set_epoch(std::string(17, 'e'));
  const absl::Status status = ReadPosition(proto, "since", "BAD_FIELD").status();
  EXPECT_EQ(ExtrasOf(status).field_violations.at(0).field, "since.epoch");
  proto.set_epoch(std::string(16, 'e'));
  proto.set_chain("c");
  EXPECT_EQ(
      ExtrasOf(ReadPosition(proto, "since", "BAD_FIELD").status()).field_violations.at(0).field,
      "since.chain");
}

TEST(PositionTest, TheHeaderOfAMessageIsItsPosition) {
  v1::ResponseHeader header;
  FillHeader(At(3, 77), "node-1", &header);
  EXPECT_EQ(header.revision(), 77u);
  EXPECT_EQ(header.epoch()[0], 3);
  EXPECT_EQ(header.node_id(), "node-1");
}

}  // namespace
}  // namespace modelref
