#include "service/auth/token_entry.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "backends/base/error.h"
#include "backends/base/json.h"
#include "backends/base/status_macros.h"

namespace modelref {
namespace {

constexpr size_t kMaxIdBytes = 128;
constexpr size_t kMaxNameBytes = 256;

absl::Status Bad(absl::string_view what) { return absl::InvalidArgumentError(what); }

std::string FormatMoment(absl::Time time) {
  return absl::FormatTime(absl::RFC3339_sec, time, absl::UTCTimeZone());
}

absl::Status ReadDigest(const std::string& text, Sha256Digest* digest) {
  const bool is_hex = std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return absl::ascii_isdigit(c) || (c >= 'a' && c <= 'f');
  });
  if (text.size() != 2 * digest->size() || !is_hex) {
    return Bad("sha256 is not 64 lower-case hexadecimal digits");
  }
  const std::string bytes = absl::HexStringToBytes(text);
  std::copy(bytes.begin(), bytes.end(), digest->begin());
  return absl::OkStatus();
}

absl::Status ReadMoment(absl::string_view key, const std::string& text, absl::Time* time) {
  std::string unused;
  if (absl::ParseTime(absl::RFC3339_full, text, time, &unused) && *time != absl::InfiniteFuture() &&
      *time != absl::InfinitePast()) {
    return absl::OkStatus();
  }
  return Bad(absl::StrCat(key, " is no time like 2027-01-31T00:00:00Z"));
}

absl::Status ReadMember(const std::string& key, const std::string& text, TokenEntry* entry) {
  if (key == "sha256") return ReadDigest(text, &entry->sha256);
  if (key == "created") return ReadMoment(key, text, &entry->created);
  if (key == "expires") return ReadMoment(key, text, &entry->expires);
  if (key == "id") {
    entry->id = text;
    return CheckCallerId(text);
  }
  if (key == "name") {
    entry->name = text;
    return CheckCallerName(text);
  }
  if (key != "role") return Bad("a member that is not known");
  const std::optional<Role> role = FindRole(text);
  if (!role.has_value()) return Bad("role is none of reader, requestor, approver, admin, worker");
  entry->role = *role;
  return absl::OkStatus();
}

// Members as they are written: of two with one name a tree keeps the last. `line` is a JSON object
// of strings.
size_t CountMembers(absl::string_view line) {
  size_t members = 0;
  bool in_string = false;
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '"') in_string = !in_string;
    if (in_string && line[i] == '\\') ++i;
    if (!in_string && line[i] == ':') ++members;
  }
  return members;
}

absl::StatusOr<TokenEntry> ParseLine(absl::string_view line) {
  const absl::StatusOr<Json> json = ParseJson(line, {.depth = 1});
  // The parser's message may quote what it found.
  if (!json.ok() || json->AsObject() == nullptr) return Bad("not a JSON object of strings");
  TokenEntry entry;
  for (const auto& [key, value] : json->AsObject()->members()) {
    if (value.AsString() == nullptr) return Bad("a member that is no string");
    RETURN_IF_ERROR(ReadMember(key, *value.AsString(), &entry));
  }
  if (CountMembers(line) != json->AsObject()->size()) return Bad("a member stands twice");
  for (const char* needed : {"sha256", "id", "role"}) {
    if (json->AsObject()->Find(needed) == nullptr) return Bad(absl::StrCat(needed, " is missing"));
  }
  if (entry.name.empty()) entry.name = entry.id;
  return entry;
}

// What the lines so far say, to compare the next one with.
class Seen {
 public:
  absl::Status Add(const TokenEntry& entry) {
    if (!sums_.insert(entry.sha256).second) return Bad("the same sha256 stands twice");
    const auto [same, is_new] = callers_.try_emplace(entry.id, entry.name, entry.role);
    if (is_new || same->second == std::pair(entry.name, entry.role)) return absl::OkStatus();
    return Bad("another name or role than an earlier line with the same id");
  }

 private:
  std::set<Sha256Digest> sums_;
  std::map<std::string, std::pair<std::string, Role>> callers_;
};

}  // namespace

absl::Status CheckCallerId(absl::string_view id) {
  const bool visible =
      std::all_of(id.begin(), id.end(), [](unsigned char c) { return absl::ascii_isgraph(c); });
  if (id == "anonymous" || absl::StartsWith(id, "system:") || absl::StartsWith(id, "external:")) {
    return Bad("id is reserved for what the server itself does: anonymous, system:, external:");
  }
  if (!id.empty() && id.size() <= kMaxIdBytes && visible) return absl::OkStatus();
  return Bad("id is not 1 to 128 visible ASCII characters");
}

absl::Status CheckCallerName(absl::string_view name) {
  const bool plain = std::none_of(name.begin(), name.end(),
                                  [](unsigned char c) { return absl::ascii_iscntrl(c); });
  if (name.size() <= kMaxNameBytes && plain && IsValidUtf8(name)) return absl::OkStatus();
  return Bad("name is longer than 256 bytes or holds what it cannot");
}

absl::StatusOr<std::vector<TokenEntry>> ParseTokens(absl::string_view text) {
  std::vector<TokenEntry> entries;
  Seen seen;
  size_t number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty()) continue;
    absl::StatusOr<TokenEntry> entry = ParseLine(line);
    absl::Status status = entry.ok() ? seen.Add(*entry) : entry.status();
    if (status.ok() && entries.size() >= kMaxTokens) status = Bad("more than 100,000 tokens");
    if (!status.ok()) return Annotated(status, absl::StrCat("line ", number));
    entries.push_back(*std::move(entry));
  }
  return entries;
}

std::string FormatTokens(const std::vector<TokenEntry>& entries) {
  std::string text;
  for (const TokenEntry& entry : entries) {
    JsonObject object;
    object.Set("sha256", ToHex(AsBytes(entry.sha256)));
    object.Set("id", entry.id);
    object.Set("name", entry.name);
    object.Set("role", RoleName(entry.role));
    if (entry.created != absl::InfinitePast()) object.Set("created", FormatMoment(entry.created));
    if (entry.expires != absl::InfiniteFuture()) {
      object.Set("expires", FormatMoment(entry.expires));
    }
    absl::StrAppend(&text, CanonicalJson(Json(std::move(object))), "\n");
  }
  return text;
}

std::string TokenFingerprint(const TokenEntry& entry) {
  return ToHex(AsBytes(entry.sha256)).substr(0, 12);
}

}  // namespace modelref
