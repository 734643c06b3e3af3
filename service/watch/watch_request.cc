#include "service/watch/watch_request.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "backends/base/status_macros.h"
#include "service/watch/resume.h"
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

uint64_t Hash(absl::string_view text) {
  const Sha256Digest digest = Sha256(text);
  uint64_t hash = 0;
  for (size_t i = 0; i < sizeof(hash); ++i) hash = hash << 8 | digest[i];
  return hash;
}

// What was asked for, whatever the server made of it: a token must fit the same request for ever.
std::string FilterText(const v1::WatchFilter& filter) {
  std::set<std::string> names;
  for (const std::string& name : filter.categories()) names.insert(ResolveCategoryAlias(name));
  std::set<int> formats(filter.formats().begin(), filter.formats().end());
  if (formats.empty()) formats.insert(v1::FORMAT_UNSPECIFIED);
  std::string text;
  for (const std::string& name : names) absl::StrAppend(&text, name, ",");
  for (const int format : formats) absl::StrAppend(&text, "/", format);
  return text;
}

absl::StatusOr<std::vector<Format>> ResolveFormats(const v1::WatchFilter& filter,
                                                   Format canonical) {
  std::vector<Format> formats;
  for (const int value : filter.formats()) {
    ASSIGN_OR_RETURN(const Format format, FromProto(static_cast<v1::Format>(value), canonical));
    formats.push_back(format);
  }
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

absl::Status ReadToken(const std::string& bytes, WatchPlan* plan) {
  ASSIGN_OR_RETURN(const ResumeToken token, DecodeResumeToken(bytes));
  if (token.filter_hash != plan->watched.filter_hash) {
    return BadResumeToken("it was made for another filter");
  }
  plan->resume = {token.position, token.documents_hash};
  return absl::OkStatus();
}

absl::Status ReadStart(const v1::WatchRequest& request, Format canonical, WatchPlan* plan) {
  switch (request.start_case()) {
    case v1::WatchRequest::kNow:
      plan->start = WatchPlan::Start::kNow;
      break;
    case v1::WatchRequest::kSnapshot:
      return ReadKnown(request.snapshot(), canonical, plan);
    case v1::WatchRequest::kPosition: {
      plan->start = WatchPlan::Start::kResume;
      ASSIGN_OR_RETURN(plan->resume.position,
                       ReadPosition(request.position(), "position", "BAD_START"));
      break;
    }
    case v1::WatchRequest::kResumeToken:
      plan->start = WatchPlan::Start::kResume;
      return ReadToken(request.resume_token(), plan);
    case v1::WatchRequest::START_NOT_SET:
      break;
  }
  return absl::OkStatus();
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
  if (request.on_gap() != v1::ON_GAP_UNSPECIFIED && request.on_gap() != v1::ON_GAP_RESYNC &&
      request.on_gap() != v1::ON_GAP_FAIL) {
    violations.push_back({"on_gap", "is not known"});
  }
  plan->fail_on_gap = request.on_gap() == v1::ON_GAP_FAIL;
  plan->is_relay = request.relay_path_size() > 0;
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
  const auto add = [&](const std::string& name) {
    for (const Format format : formats) watched.keys.insert({name, format});
    const bool has_legacy = registry.Find(name)->has_legacy();
    if (formats.empty()) watched.keys.insert({name, has_legacy ? canonical : Format::kV2});
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
  const std::string documents = Signature(watched.keys);
  watched.documents_hash = Hash(documents);
  watched.filter_hash = Hash(FilterText(filter));
  watched.signature = absl::StrCat(documents, watched.filter_hash);
  return watched;
}

absl::StatusOr<WatchPlan> PlanWatch(const v1::WatchRequest& request,
                                    const CategoryRegistry& registry, Format canonical,
                                    absl::string_view node_id, const WatchDefaults& defaults) {
  WatchPlan plan;
  plan.progress_interval = defaults.progress_interval;
  plan.max_inline_bytes = defaults.max_inline_bytes;
  std::vector<FieldViolation> violations = ReadFields(request, &plan);
  if (!violations.empty()) return Invalid("BAD_REQUEST", std::move(violations));
  for (const std::string& node : request.relay_path()) {
    if (node == node_id) {
      return Error(absl::StatusCode::kFailedPrecondition, "RELAY_LOOP",
                   absl::StrCat("the stream has passed through node ", node_id, " before"));
    }
  }
  ASSIGN_OR_RETURN(plan.watched, ResolveFilter(request.filter(), registry, canonical));
  RETURN_IF_ERROR(ReadStart(request, canonical, &plan));
  return plan;
}

}  // namespace modelref
