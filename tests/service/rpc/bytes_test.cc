#include "service/rpc/bytes.h"

#include <google/protobuf/wrappers.pb.h>
#include <grpcpp/support/slice.h>
#include <gtest/gtest.h>

#include "backends/base/error.h"

namespace modelref {
namespace {

using google::protobuf::StringValue;

TEST(BytesTest, SharedBytesAreNotCopiedAndReleasedAtTheEnd) {
  auto bytes = std::make_shared<const std::string>(10'000, 'x');
  {
    const grpc::ByteBuffer first = BytesOf(bytes);
    const grpc::ByteBuffer joined = JoinBytes({CopyBytes("head"), first, first});
    std::vector<grpc::Slice> slices;
    ASSERT_TRUE(joined.Dump(&slices).ok());
    ASSERT_EQ(slices.size(), 3u);
    EXPECT_EQ(reinterpret_cast<const char*>(slices[1].begin()), bytes->data());
    EXPECT_EQ(reinterpret_cast<const char*>(slices[2].begin()), bytes->data());
    EXPECT_EQ(joined.Length(), 4u + 20'000u);
    EXPECT_GT(bytes.use_count(), 1);
  }
  EXPECT_EQ(bytes.use_count(), 1);
}

TEST(BytesTest, PartOfMemoryKeepsItsOwner) {
  auto owner = std::make_shared<const std::string>("0123456789");
  const absl::string_view part = absl::string_view(*owner).substr(2, 3);
  const grpc::ByteBuffer bytes = BytesOf(part, owner);
  const std::weak_ptr<const std::string> watched = owner;
  owner.reset();
  EXPECT_FALSE(watched.expired());
  EXPECT_EQ(FlattenBytes(bytes), "234");
}

TEST(BytesTest, EmptyPiecesJoinToAnEmptyMessage) {
  const auto nothing = std::make_shared<const std::string>();
  const grpc::ByteBuffer joined = JoinBytes({BytesOf(nothing), CopyBytes("")});
  EXPECT_EQ(joined.Length(), 0u);
  StringValue message;
  EXPECT_TRUE(ParseMessage(joined, &message).ok());
  EXPECT_TRUE(ParseMessage(JoinBytes({}), &message).ok());
}

TEST(BytesTest, PrefixAndPayloadAreTheSerializedField) {
  for (const size_t size : {0, 1, 127, 128, 16'383, 16'384, 3'000'000}) {
    StringValue message;
    message.set_value(std::string(size, 'v'));
    const std::string assembled = FieldPrefix(1, size) + message.value();
    const std::string serialized = message.SerializeAsString();
    // An empty field is not written at all, but parses the same.
    if (size > 0) {
      EXPECT_EQ(assembled, serialized) << size;
    }
    StringValue parsed;
    ASSERT_TRUE(ParseMessage(CopyBytes(assembled), &parsed).ok());
    EXPECT_EQ(parsed.value(), message.value());
  }
  EXPECT_EQ(FieldPrefix(16, 1), "\x82\x01\x01");
}

TEST(BytesTest, MessageSurvivesAnySplitIntoSlices) {
  StringValue message;
  message.set_value("split me anywhere");
  const std::string bytes = FlattenBytes(*SerializeMessage(message));
  for (size_t cut = 0; cut <= bytes.size(); ++cut) {
    const grpc::ByteBuffer split =
        JoinBytes({CopyBytes(bytes.substr(0, cut)), CopyBytes(bytes.substr(cut))});
    StringValue parsed;
    ASSERT_TRUE(ParseMessage(split, &parsed).ok()) << cut;
    EXPECT_EQ(parsed.value(), message.value());
  }
}

TEST(BytesTest, TruncatedMessageIsMalformed) {
  StringValue parsed;
  for (const absl::Status& status :
       {ParseMessage(CopyBytes("\x0A\x05xy"), &parsed),
        ParseMessage(JoinBytes({CopyBytes("\x0A\x05"), CopyBytes("xy")}), &parsed)}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(ReasonOf(status), "MALFORMED_REQUEST");
  }
}

}  // namespace
}  // namespace modelref
