#include "service/rpc/gzip.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <random>
#include <string>

#include "service/rpc/bytes.h"

namespace modelref {
namespace {

// What a reader of gzip makes of the whole input; empty when it is no single gzip member.
std::string Unpack(const std::string& member, size_t size) {
  z_stream stream = {};
  constexpr int kGzipFrame = 15 + 16;
  EXPECT_EQ(inflateInit2(&stream, kGzipFrame), Z_OK);
  std::string unpacked(size + 1, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(member.data()));
  stream.avail_in = static_cast<uInt>(member.size());
  stream.next_out = reinterpret_cast<Bytef*>(unpacked.data());
  stream.avail_out = static_cast<uInt>(unpacked.size());
  const int result = inflate(&stream, Z_FINISH);
  unpacked.resize(stream.total_out);
  const bool whole = result == Z_STREAM_END && stream.avail_in == 0;
  inflateEnd(&stream);
  return whole ? unpacked : "";
}

std::string Text(size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string text;
  while (text.size() < size) text.push_back(static_cast<char>('a' + random() % 7));
  return text;
}

TEST(GzipTest, HeadAndTailUnpackToOneMessage) {
  for (const size_t head_size : {0u, 1u, 40u, 65'535u}) {
    for (const size_t tail_size : {0u, 1u, 1'000u, 3'000'000u}) {
      const std::string head = Text(head_size, 1);
      const std::string tail = Text(tail_size, 2);
      const grpc::ByteBuffer message = GzipMessage(head, DeflatedTail::Make(tail));
      EXPECT_EQ(Unpack(FlattenBytes(message), head_size + tail_size), head + tail)
          << head_size << " and " << tail_size;
    }
  }
}

TEST(GzipTest, ManyHeadsShareOneTail) {
  const std::string tail = Text(100'000, 3);
  const std::shared_ptr<const DeflatedTail> deflated = DeflatedTail::Make(tail);
  EXPECT_LT(deflated->blocks().size(), tail.size() / 2);
  for (unsigned seed = 0; seed < 100; ++seed) {
    const std::string head = Text(seed * 7, seed);
    EXPECT_EQ(Unpack(FlattenBytes(GzipMessage(head, deflated)), head.size() + tail.size()),
              head + tail);
  }
  EXPECT_EQ(deflated.use_count(), 1);
}

TEST(GzipTest, OnlySuchMessagesAreGzip) {
  const grpc::ByteBuffer message = GzipMessage("head", DeflatedTail::Make("tail"));
  EXPECT_TRUE(IsGzip(message));
  const grpc::ByteBuffer copy = message;  // As gRPC takes it when it sends.
  EXPECT_TRUE(IsGzip(copy));
  EXPECT_FALSE(IsGzip(CopyBytes("plain")));
  EXPECT_FALSE(IsGzip(grpc::ByteBuffer()));
}

TEST(GzipTest, AMessageCanBeMadeAgainOfItsBytes) {
  const std::string tail = Text(10'000, 4);
  const std::string member = FlattenBytes(GzipMessage("head", DeflatedTail::Make(tail)));
  const grpc::ByteBuffer again = GzipMessage(grpc::Slice(member));
  EXPECT_TRUE(IsGzip(again));
  EXPECT_EQ(FlattenBytes(again), member);
}

}  // namespace
}  // namespace modelref
