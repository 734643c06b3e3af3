#include "clients/cpp/document_scanner.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/clients/sample_document.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using ::modelref::testing::IsOk;
using ::modelref::testing::StatusIs;
using Members = std::vector<std::pair<std::string, std::string>>;

absl::Status Scan(absl::string_view document, Members* members) {
  return ForEachMember(document, [members](absl::string_view name, absl::string_view record) {
    members->emplace_back(name, record);
    return absl::OkStatus();
  });
}

TEST(DocumentScannerTest, SplitsADocumentWithoutTouchingRecords) {
  Members members;
  ASSERT_THAT(Scan(R"({"a":{"x":1.50,"y":[{"b":"}],"}]},"n\"\\\u0041":{},"c":7})", &members),
              IsOk());
  EXPECT_EQ(members,
            (Members{{"a", R"({"x":1.50,"y":[{"b":"}],"}]})"}, {"n\"\\A", "{}"}, {"c", "7"}}));
}

TEST(DocumentScannerTest, EmptyDocumentHasNoMembers) {
  Members members;
  EXPECT_THAT(Scan("{}", &members), IsOk());
  EXPECT_TRUE(members.empty());
}

TEST(DocumentScannerTest, EveryCutDocumentIsRefused) {
  const std::string whole = testing::ThreeModels().json();
  for (size_t size = 0; size < whole.size(); ++size) {
    Members members;
    EXPECT_THAT(Scan(whole.substr(0, size), &members), StatusIs(absl::StatusCode::kInvalidArgument))
        << size;
  }
}

TEST(DocumentScannerTest, WhatIsNoCanonicalDocumentIsRefused) {
  for (const char* text : {"[]", " {}", "{} ", R"({"a" :1})", R"({"a":})", R"({,})", R"({"a":1,})",
                           R"({a:1})", R"({"a":1}})"}) {
    Members members;
    EXPECT_THAT(Scan(text, &members), StatusIs(absl::StatusCode::kInvalidArgument)) << text;
  }
}

TEST(DocumentScannerTest, StopsAtTheVisitorsError) {
  int visits = 0;
  const absl::Status status = ForEachMember(
      R"({"a":1,"b":2})", [&visits](absl::string_view, absl::string_view) -> absl::Status {
        ++visits;
        return absl::AbortedError("enough");
      });
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kAborted));
  EXPECT_EQ(visits, 1);
}

}  // namespace
}  // namespace modelref
