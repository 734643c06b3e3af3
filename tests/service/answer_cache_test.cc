#include "service/answer_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "service/rpc/bytes.h"

namespace modelref {
namespace {

RootPtr MakeRoot(uint64_t revision) {
  auto root = std::make_shared<Root>();
  root->revision = revision;
  return root;
}

// What the cache answers; "none" when it does not.
std::string Found(AnswerCache& cache, const RootPtr& root, absl::string_view request) {
  const AnswerCache::Answer answer = cache.Find(root, request);
  return answer != nullptr ? FlattenBytes(*answer) : "none";
}

TEST(AnswerCacheTest, AnAnswerIsFoundByItsRequestAndRoot) {
  AnswerCache cache;
  const RootPtr root = MakeRoot(1);
  cache.Keep(root, "a", CopyBytes("answer to a"));
  cache.Keep(root, absl::string_view("a\0", 2), CopyBytes("answer to a0"));
  cache.Keep(root, "", CopyBytes("answer to nothing"));
  EXPECT_EQ(Found(cache, root, "a"), "answer to a");
  EXPECT_EQ(Found(cache, root, absl::string_view("a\0", 2)), "answer to a0");
  EXPECT_EQ(Found(cache, root, ""), "answer to nothing");
  EXPECT_EQ(Found(cache, root, "b"), "none");
}

TEST(AnswerCacheTest, AnotherRootOfTheSameRevisionIsAnotherRoot) {
  // Freshness changes without a revision.
  AnswerCache cache;
  const RootPtr fresh = MakeRoot(1);
  const RootPtr stale = MakeRoot(1);
  cache.Keep(fresh, "a", CopyBytes("fresh"));
  EXPECT_EQ(Found(cache, stale, "a"), "none");
  cache.Keep(stale, "a", CopyBytes("stale"));
  EXPECT_EQ(Found(cache, stale, "a"), "stale");
  EXPECT_EQ(Found(cache, fresh, "a"), "none");
}

TEST(AnswerCacheTest, ALateAnswerDoesNotSendNewerOnesAway) {
  AnswerCache cache;
  const RootPtr old = MakeRoot(1);
  const RootPtr present = MakeRoot(2);
  cache.Keep(present, "a", CopyBytes("new"));
  cache.Keep(old, "a", CopyBytes("old"));
  EXPECT_EQ(Found(cache, present, "a"), "new");
  // The revisions of another epoch begin anew.
  auto forked = std::make_shared<Root>();
  forked->epoch[0] = 1;
  cache.Keep(forked, "a", CopyBytes("forked"));
  EXPECT_EQ(Found(cache, forked, "a"), "forked");
}

TEST(AnswerCacheTest, ItKeepsNoRootAlive) {
  AnswerCache cache;
  RootPtr root = MakeRoot(1);
  const std::weak_ptr<const Root> watched = root;
  cache.Keep(root, "a", CopyBytes("a"));
  root.reset();
  EXPECT_TRUE(watched.expired());
  EXPECT_EQ(Found(cache, MakeRoot(1), "a"), "none");
}

TEST(AnswerCacheTest, WhatIsTooMuchIsNotKept) {
  AnswerCache cache({.request_bytes = 10, .answers = 4, .bytes = 100});
  const RootPtr root = MakeRoot(1);
  cache.Keep(root, std::string(11, 'r'), CopyBytes("x"));
  EXPECT_EQ(Found(cache, root, std::string(11, 'r')), "none");
  cache.Keep(root, "a", CopyBytes(std::string(100, 'x')));
  EXPECT_EQ(Found(cache, root, "a"), "none");
  for (int i = 0; i < 1'000; ++i) {
    const std::string request = absl::StrCat(i);
    cache.Keep(root, request, CopyBytes(std::string(10, 'x')));
    EXPECT_EQ(Found(cache, root, request), std::string(10, 'x'));
  }
  int kept = 0;
  for (int i = 0; i < 1'000; ++i) kept += Found(cache, root, absl::StrCat(i)) != "none";
  EXPECT_LE(kept, 4);
}

}  // namespace
}  // namespace modelref
