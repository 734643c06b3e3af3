// Every reason that the contract or the server names is documented in error_reason.proto.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

#include "modelref/v1/error_reason.pb.h"
#include "tests/testing/paths.h"

namespace modelref {
namespace {

namespace fs = std::filesystem;

// Of errors that end a program before it serves, and so never reach a client.
const std::set<std::string> kNeverOnTheWire = {"ADDRESS_IN_USE", "ADDRESS_DENIED",
                                               "ADDRESS_INVALID", "LISTEN_FAILED",
                                               "INVALID_CONFIGURATION"};

std::string ReadFile(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The first groups of every match in the files of `folder` that end in `extension`.
std::set<std::string> FindAll(const std::string& folder, const std::string& extension,
                              const std::regex& pattern) {
  std::set<std::string> found;
  for (const auto& entry : fs::recursive_directory_iterator(testing::SourceDir() + folder)) {
    if (entry.path().extension() != extension) continue;
    const std::string text = ReadFile(entry.path());
    for (std::sregex_iterator it(text.begin(), text.end(), pattern), end; it != end; ++it) {
      found.insert((*it)[1]);
    }
  }
  return found;
}

bool IsDocumented(const std::string& reason) {
  v1::ErrorReason value;
  return v1::ErrorReason_Parse("ERROR_REASON_" + reason, &value);
}

TEST(ErrorReasonTest, EveryReasonOfTheContractIsDocumented) {
  const std::set<std::string> reasons =
      FindAll("/proto/modelref", ".proto", std::regex("`([A-Z][A-Z0-9]*_[A-Z0-9_]+)`"));
  EXPECT_GT(reasons.size(), 50u);
  for (const std::string& reason : reasons) EXPECT_TRUE(IsDocumented(reason)) << reason;
}

TEST(ErrorReasonTest, EveryReasonOfTheServerIsDocumented) {
  const std::regex pattern("Error\\(absl::StatusCode::k[A-Za-z]+,\\s*\"([A-Z0-9_]+)\"");
  std::set<std::string> reasons = FindAll("/service", ".cc", pattern);
  reasons.merge(FindAll("/backends", ".cc", pattern));
  EXPECT_GT(reasons.size(), 10u);
  for (const std::string& reason : reasons) {
    if (kNeverOnTheWire.count(reason) == 0) {
      EXPECT_TRUE(IsDocumented(reason)) << reason;
    }
  }
}

TEST(ErrorReasonTest, ReasonsFitIntoErrorInfo) {
  const google::protobuf::EnumDescriptor& type = *v1::ErrorReason_descriptor();
  for (int i = 0; i < type.value_count(); ++i) {
    EXPECT_LE(type.value(i)->name().size() - std::string("ERROR_REASON_").size(), 63u);
  }
}

}  // namespace
}  // namespace modelref
