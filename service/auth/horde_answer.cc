// ReadHordeAnswer of horde_lookup.h.

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "backends/base/json.h"
#include "service/auth/horde_lookup.h"
#include "service/auth/secret.h"

namespace modelref {
namespace {

constexpr size_t kMaxNameBytes = 256;
constexpr size_t kMaxIdBytes = 20;

// `why` for people: what AI-Horde sent is not repeated.
absl::Status Unavailable(absl::string_view why, absl::Duration retry_after) {
  ErrorExtras extras;
  extras.retry_after = retry_after;
  return Error(absl::StatusCode::kUnavailable, "IDENTITY_UNAVAILABLE",
               absl::StrCat("AI-Horde does not say who the caller is: ", why), std::move(extras));
}

bool IsNumber(absl::string_view text) {
  return !text.empty() && text.size() <= kMaxIdBytes &&
         std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return absl::ascii_isdigit(c); });
}

// 401 and 404 are about the key. What stands before AI-Horde refuses calls with 400 and 403, and
// with words for people.
bool IsRefusal(const HttpResponse& response) {
  if (response.status == 401 || response.status == 404) return true;
  if (response.status != 400 && response.status != 403) return false;
  const absl::string_view body = absl::StripLeadingAsciiWhitespace(response.body);
  return body.empty() || body.front() == '{';
}

}  // namespace

HordeCache::Answer ReadHordeAnswer(const absl::StatusOr<HttpResponse>& response) {
  if (!response.ok()) return Unavailable(response.status().message(), absl::Seconds(1));
  const int status = response->status;
  if (IsRefusal(*response)) return UnknownCredential();
  if (status != 200) {
    return Unavailable(absl::StrCat("it answered ", status),
                       response->retry_after.value_or(absl::Seconds(1)));
  }
  const absl::StatusOr<Json> json = ParseJson(response->body);
  const JsonObject* object = json.ok() ? json->AsObject() : nullptr;
  const Json* name = object == nullptr ? nullptr : object->Find("username");
  if (name == nullptr || name->AsString() == nullptr) {
    return Unavailable("its answer has no username", absl::Seconds(1));
  }
  HordeUser user;
  user.name = *name->AsString();
  const size_t mark = user.name.rfind('#');
  if (mark == std::string::npos || !IsNumber(absl::string_view(user.name).substr(mark + 1))) {
    return UnknownCredential();
  }
  user.id = user.name.substr(mark + 1);
  const bool plain = IsValidUtf8(user.name) && user.name.size() <= kMaxNameBytes &&
                     std::none_of(user.name.begin(), user.name.end(),
                                  [](unsigned char c) { return absl::ascii_iscntrl(c); });
  // People choose their names; the number is who they are.
  if (!plain) user.name = absl::StrCat("#", user.id);
  return user;
}

}  // namespace modelref
