#include "clients/modelrefctl/since.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "backends/base/status_macros.h"
#include "clients/modelrefctl/exit_codes.h"
#include "clients/modelrefctl/hex.h"

namespace modelref::ctl {
namespace {

constexpr size_t kEpochBytes = 16;
constexpr size_t kChainBytes = 8;
// Of the largest revision. A token is longer.
constexpr size_t kMaxRevisionDigits = 20;
constexpr size_t kMinTokenBytes = 16;

bool AllOf(absl::string_view text, bool (*is_one)(unsigned char)) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [is_one](char c) {
    return is_one(static_cast<unsigned char>(c));
  });
}

absl::Status Unreadable(absl::string_view text) {
  return UsageError(absl::StrCat(
      "--since ", text,
      ": write REVISION, EPOCH:REVISION or the resume_token of a line of watch -o jsonl"));
}

absl::Status ParsePosition(const std::string& text, v1::Position* position) {
  const std::vector<std::string> parts = absl::StrSplit(text, ':');
  uint64_t revision = 0;
  if (parts.size() > 3 || !absl::SimpleAtoi(parts[parts.size() == 1 ? 0 : 1], &revision)) {
    return Unreadable(text);
  }
  position->set_revision(revision);
  if (parts.size() > 1) {
    ASSIGN_OR_RETURN(*position->mutable_epoch(), ParseHex(parts[0], kEpochBytes, "epoch"));
  }
  if (parts.size() > 2) {
    ASSIGN_OR_RETURN(*position->mutable_chain(), ParseHex(parts[2], kChainBytes, "chain"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ParseSince(const std::string& text, v1::WatchRequest* request) {
  const bool is_revision = text.size() <= kMaxRevisionDigits && AllOf(text, &absl::ascii_isdigit);
  if (is_revision || text.find(':') != std::string::npos) {
    return ParsePosition(text, request->mutable_position());
  }
  std::string bytes;
  if (text.size() % 2 == 0 && AllOf(text, &absl::ascii_isxdigit)) {
    bytes = absl::HexStringToBytes(text);
  } else if (!absl::Base64Unescape(text, &bytes) && !absl::WebSafeBase64Unescape(text, &bytes)) {
    return Unreadable(text);
  }
  if (bytes.size() < kMinTokenBytes) return Unreadable(text);
  request->set_resume_token(bytes);
  return absl::OkStatus();
}

}  // namespace modelref::ctl
