#include "service/watch/watch_request.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "backends/base/status_macros.h"
#include "service/watch/wire.h"

namespace modelref {
namespace {

constexpr int kMaxFilterNames = 256;
constexpr int kMaxKnown = 4096;
constexpr size_t kMaxClientIdBytes = 128;
constexpr size_t kMaxInlineBytes = 512 << 10;
constexpr absl::Duration kMinProgressInterval = absl::Seconds(5);
constexpr absl::Duration kMaxProgressInterval = absl::Seconds(45);

absl::Status Invalid(absl::string_view reason, std::vector<FieldViolation> violations) {
  const std::string message =
      absl::StrCat(violations.front().field, ": ", violations.front().description);
  ErrorExtras extras;
  extras.field_violations = std::move(violations);
  return Error(absl::StatusCode::kInvalidArgument, reason, message, std::move(extras));
}

std::string Signature(const std::set<DocumentKey>& keys) {
  std::string signature;
  for (const DocumentKey& key : keys) {
    absl::StrAppend(&signature, key.category, key.format == Format::kLegacy ? "/1," : "/2,");
  }
  return signature;
}

absl::StatusOr<std::vector<Format>> ResolveFormats(const v1::WatchFilter& filter,
                                                   Format canonical) {
  std::vector<Format> formats;
  for (const int value : filter.formats()) {
    ASSIGN_OR_RETURN(const Format format, FromProto(static_cast<v1::Format>(value), canonical));
    formats.push_back(format);
  }
  if (formats.empty()) formats.push_back(canonical);
  return formats;
}

absl::Status ReadKnown(const v1::StartSnapshot& snapshot, Format canonical, WatchPlan* plan) {
  if (snapshot.known_size() > kMaxKnown) {
    return Invalid("BAD_START", {{"snapshot.known", absl::StrCat("at most ", kMaxKnown)}});
  }
  for (int i = 0; i < snapshot.known_size(); ++i) {
    const v1::KnownDocumentState& known = snapshot.known(i);
    Etag etag;
    if (known.etag().size() != etag.size()) {
      return Invalid("BAD_START",
                     {{absl::StrCat("snapshot.known[", i, "].etag"), "must have 32 bytes"}});
    }
    std::memcpy(etag.data(), known.etag().data(), etag.size());
    ASSIGN_OR_RETURN(const Format format, FromProto(known.format(), canonical));
    plan->known.push_back({{ResolveCategoryAlias(known.category()), format}, etag});
  }
  return absl::OkStatus();
}

absl::Status ReadStart(const v1::WatchRequest& request, Format canonical, WatchPlan* plan) {
  switch (request.start_case()) {
    case v1::WatchRequest::kNow:
      plan->start = WatchPlan::Start::kNow;
      return absl::OkStatus();
    case v1::WatchRequest::kSnapshot:
      return ReadKnown(request.snapshot(), canonical, plan);
    case v1::WatchRequest::START_NOT_SET:
      return absl::OkStatus();
    default:
      break;
  }
  return Error(absl::StatusCode::kUnimplemented, "NOT_BUILT",
               "this server does not resume by position or token yet: start with `now` or "
               "`snapshot`",
               {.metadata = {{"field", "start"}}});
}

// Checks the plain fields and returns what is wrong with them.
std::vector<FieldViolation> ReadFields(const v1::WatchRequest& request, WatchPlan* plan) {
  std::vector<FieldViolation> violations;
  if (request.payload() != v1::PAYLOAD_UNSPECIFIED && request.payload() != v1::PAYLOAD_NOTIFY &&
      request.payload() != v1::PAYLOAD_DELTA_INLINE) {
    violations.push_back({"payload", "is not known"});
  }
  plan->inline_delta = request.payload() == v1::PAYLOAD_DELTA_INLINE;
  if (request.max_inline_bytes() != 0) {
    plan->max_inline_bytes = std::min<size_t>(request.max_inline_bytes(), kMaxInlineBytes);
  }
  if (request.has_progress_interval()) {
    plan->progress_interval = std::clamp(FromProto(request.progress_interval()),
                                         kMinProgressInterval, kMaxProgressInterval);
  }
  if (request.client_id().size() > kMaxClientIdBytes) {
    violations.push_back({"client_id", absl::StrCat("at most ", kMaxClientIdBytes, " bytes")});
  }
  plan->client_id = request.client_id();
  return violations;
}

}  // namespace

absl::StatusOr<WatchedSet> ResolveFilter(const v1::WatchFilter& filter,
                                         const CategoryRegistry& registry, Format canonical) {
  if (filter.categories_size() > kMaxFilterNames) {
    return Invalid("BAD_FILTER",
                   {{"filter.categories", absl::StrCat("at most ", kMaxFilterNames, " names")}});
  }
  ASSIGN_OR_RETURN(const std::vector<Format> formats, ResolveFormats(filter, canonical));
  WatchedSet watched;
  const auto add = [&](const std::string& category) {
    for (const Format format : formats) watched.keys.insert({category, format});
  };
  for (int i = 0; i < filter.categories_size(); ++i) {
    const std::string name = ResolveCategoryAlias(filter.categories(i));
    if (registry.Find(name) != nullptr) {
      add(name);
      continue;
    }
    if (const absl::Status status = ValidateCategoryName(name); !status.ok()) {
      return Invalid("BAD_FILTER",
                     {{absl::StrCat("filter.categories[", i, "]"), std::string(status.message())}});
    }
    watched.absent.push_back(name);
  }
  if (filter.categories_size() == 0) {
    for (const Category& category : registry.categories()) add(std::string(category.name));
  }
  watched.signature = Signature(watched.keys);
  return watched;
}

absl::StatusOr<WatchPlan> PlanWatch(const v1::WatchRequest& request,
                                    const CategoryRegistry& registry, Format canonical,
                                    absl::string_view node_id) {
  WatchPlan plan;
  std::vector<FieldViolation> violations = ReadFields(request, &plan);
  if (!violations.empty()) return Invalid("BAD_REQUEST", std::move(violations));
  for (const std::string& node : request.relay_path()) {
    if (node == node_id) {
      return Error(absl::StatusCode::kFailedPrecondition, "RELAY_LOOP",
                   absl::StrCat("the stream has passed through node ", node_id, " before"));
    }
  }
  RETURN_IF_ERROR(ReadStart(request, canonical, &plan));
  ASSIGN_OR_RETURN(plan.watched, ResolveFilter(request.filter(), registry, canonical));
  return plan;
}

}  // namespace modelref
