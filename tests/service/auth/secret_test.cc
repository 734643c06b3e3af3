#include "service/auth/secret.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "absl/strings/match.h"
#include "service/auth/random_bytes.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using testing::HasReason;
using testing::StatusIs;

Credentials With(std::optional<absl::string_view> authorization,
                 std::optional<absl::string_view> apikey = std::nullopt) {
  Credentials credentials;
  credentials.authorization = authorization;
  credentials.apikey = apikey;
  return credentials;
}

TEST(SecretTest, ABearerTokenAndAnApiKeyAreSecrets) {
  ASSERT_OK_AND_ASSIGN(const Secret bearer, SecretOf(With("Bearer abc")));
  EXPECT_EQ(bearer.text, "abc");
  EXPECT_EQ(bearer.kind, Secret::Kind::kBearer);
  ASSERT_OK_AND_ASSIGN(const Secret lower, SecretOf(With("bearer  abc ")));
  EXPECT_EQ(lower.text, "abc");
  ASSERT_OK_AND_ASSIGN(const Secret key, SecretOf(With(std::nullopt, "abc")));
  EXPECT_EQ(key.kind, Secret::Kind::kApiKey);
}

TEST(SecretTest, TheSameSecretMayComeTwiceAndTwoMayNot) {
  ASSERT_OK_AND_ASSIGN(const Secret both, SecretOf(With("Bearer abc", "abc")));
  EXPECT_EQ(both.text, "abc");
  EXPECT_THAT(SecretOf(With("Bearer abc", "abd")), HasReason("CREDENTIAL_INVALID"));
  Credentials repeated = With("Bearer abc");
  repeated.repeated = true;
  EXPECT_THAT(SecretOf(repeated), HasReason("CREDENTIAL_INVALID"));
}

TEST(SecretTest, ImpossibleTextsAreRefusedAndNotRepeated) {
  for (const std::string& text :
       {std::string("Basic c2VjcmV0"), std::string("secret"), std::string("Bearer "),
        std::string("Bearer sec ret"), std::string("Bearer secret\x01"), std::string(),
        "Bearer secret" + std::string(600, 'x')}) {
    const absl::StatusOr<Secret> secret = SecretOf(With(text));
    EXPECT_THAT(secret, StatusIs(absl::StatusCode::kUnauthenticated)) << text;
    EXPECT_FALSE(absl::StrContains(secret.status().message(), "secret")) << secret.status();
  }
  EXPECT_THAT(SecretOf(With(std::nullopt, "")), HasReason("CREDENTIAL_INVALID"));
}

TEST(SecretTest, MadeTokensAreSecretsAndDiffer) {
  std::set<std::string> made;
  for (int i = 0; i < 100; ++i) made.insert(MakeToken());
  EXPECT_EQ(made.size(), 100u);
  for (const std::string& token : made) {
    EXPECT_TRUE(absl::StartsWith(token, kTokenPrefix)) << token;
    EXPECT_EQ(token.size(), 47u);
    EXPECT_TRUE(SecretOf(With("Bearer " + token)).ok());
  }
  EXPECT_EQ(RandomBytes(7).size(), 7u);
}

TEST(SecretTest, WhatNobodyKnowsIsInvalid) {
  EXPECT_THAT(UnknownCredential(), StatusIs(absl::StatusCode::kUnauthenticated));
  EXPECT_THAT(UnknownCredential(), HasReason("CREDENTIAL_INVALID"));
}

}  // namespace
}  // namespace modelref
