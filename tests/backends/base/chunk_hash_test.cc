#include "backends/base/chunk_hash.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace modelref {
namespace {

struct Member {
  std::string name;
  Etag etag;
};

Etag OnePass(const std::vector<Member>& members) {
  ChunkHasher hasher;
  for (const Member& member : members) hasher.Add(member.name, member.etag);
  return hasher.Finish();
}

std::vector<Member> Members(size_t count) {
  std::vector<Member> members;
  for (size_t i = 0; i < count; ++i) {
    // Names of 0 to 299 bytes, so that both low bytes of the length are used.
    members.push_back({std::string(i * 7 % 300, 'n'), RecordEtag(absl::StrCat(i))});
  }
  return members;
}

ChunkHash HashOf(const std::vector<Member>& members) {
  ChunkHash hash;
  for (const Member& member : members) hash.Add(member.name, member.etag);
  return hash;
}

TEST(ChunkHashTest, OfNothingIsThatOfTheOnePassRule) {
  EXPECT_EQ(ChunkHash().Finish(), ChunkHasher().Finish());
}

TEST(ChunkHashTest, IsThatOfTheOnePassRuleAfterEachChangeOfAMember) {
  std::vector<Member> members = Members(kMaxChunkRecords);
  ChunkHash hash = HashOf(members);
  ASSERT_EQ(hash.Finish(), OnePass(members));
  for (size_t step = 0; step < 200; ++step) {
    const size_t index = step * 389 % members.size();
    members[index].etag = RecordEtag(absl::StrCat("changed ", step));
    hash.SetEtag(index, members[index].etag);
    ASSERT_EQ(hash.Finish(), OnePass(members)) << index;
  }
}

TEST(ChunkHashTest, SeveralChangesCountTogether) {
  std::vector<Member> members = Members(300);
  ChunkHash hash = HashOf(members);
  hash.Finish();
  for (const size_t index : {299, 0, 150}) {
    members[index].etag = RecordEtag("changed");
    hash.SetEtag(index, members[index].etag);
  }
  EXPECT_EQ(hash.Finish(), OnePass(members));
}

TEST(ChunkHashTest, AppendChunkMemberIsWhatTheHashCovers) {
  std::string bytes;
  AppendChunkMember("a", RecordEtag("{}"), &bytes);
  EXPECT_EQ(bytes, absl::StrCat(std::string("\0\0\0\1a", 5), AsBytes(RecordEtag("{}"))));
  ChunkHash hash;
  hash.Add("a", RecordEtag("{}"));
  EXPECT_EQ(hash.Finish(), Sha256(bytes));
}

}  // namespace
}  // namespace modelref
