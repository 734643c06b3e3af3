#include "clients/cpp/error_codec.h"

#include <grpcpp/support/status.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "backends/base/json.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace modelref {
namespace {

// Parts of the budget of the details. What is left after them is for violations.
constexpr size_t kMaxReasonBytes = 63;
constexpr size_t kMaxMetadataKeyBytes = 64;
constexpr size_t kMaxMetadataValueBytes = 256;
constexpr size_t kMaxMetadataBytes = 1024;
constexpr size_t kMaxFieldBytes = 128;
constexpr size_t kMaxDescriptionBytes = 256;
// Any's type URL, keys and lengths of one detail, and the last violation that counts the others.
constexpr size_t kDetailOverhead = 128;

constexpr absl::string_view kReplacement = "\xEF\xBF\xBD";

// `text` as UTF-8 of at most `limit` bytes: bad bytes become U+FFFD, a cut falls between characters
// and shows as "...".
std::string CleanText(absl::string_view text, size_t limit) {
  std::string clean;
  // One byte of input makes at most three of output, so what lies beyond can never be kept.
  text = text.substr(0, std::min(text.size(), limit + 4));
  while (!text.empty()) {
    const size_t good = FindInvalidUtf8(text);
    clean.append(text.data(), good);
    text.remove_prefix(good);
    if (!text.empty()) {
      clean.append(kReplacement.data(), kReplacement.size());
      text.remove_prefix(1);
    }
  }
  if (clean.size() <= limit) return clean;
  size_t cut = limit - 3;
  while (cut > 0 && (static_cast<unsigned char>(clean[cut]) & 0xC0) == 0x80) --cut;
  clean.resize(cut);
  return clean + "...";
}

google::rpc::ErrorInfo MakeErrorInfo(const std::string& reason, const ErrorExtras& extras) {
  google::rpc::ErrorInfo info;
  info.set_reason(CleanText(reason, kMaxReasonBytes));
  info.set_domain(std::string(kErrorDomain));
  size_t used = 0;
  for (const auto& [key, value] : extras.metadata) {
    std::string clean_key = CleanText(key, kMaxMetadataKeyBytes);
    std::string clean_value = CleanText(value, kMaxMetadataValueBytes);
    used += clean_key.size() + clean_value.size() + 8;
    if (used > kMaxMetadataBytes) break;
    (*info.mutable_metadata())[std::move(clean_key)] = std::move(clean_value);
  }
  return info;
}

google::protobuf::Duration ToProto(absl::Duration duration) {
  duration = std::clamp(duration, absl::ZeroDuration(), absl::Hours(24 * 365));
  google::protobuf::Duration proto;
  proto.set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &duration));
  proto.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(duration)));
  return proto;
}

// Adds `violations` to `detail` by `add` until `budget` bytes are used; the last place counts what
// did not fit.
template <typename Detail, typename Violation, typename Add>
void AddViolations(const std::vector<Violation>& violations, size_t budget, Detail* detail,
                   const Add& add) {
  for (size_t i = 0; i < violations.size(); ++i) {
    const Detail before = *detail;
    add(violations[i], detail);
    if (detail->ByteSizeLong() <= budget) continue;
    *detail = before;
    Violation more;
    more.description = absl::StrCat("... and ", violations.size() - i, " more");
    add(more, detail);
    return;
  }
}

void AddFieldViolation(const FieldViolation& violation, google::rpc::BadRequest* detail) {
  auto* added = detail->add_field_violations();
  added->set_field(CleanText(violation.field, kMaxFieldBytes));
  added->set_description(CleanText(violation.description, kMaxDescriptionBytes));
}

void AddPrecondition(const PreconditionViolation& violation,
                     google::rpc::PreconditionFailure* detail) {
  auto* added = detail->add_violations();
  added->set_type(CleanText(violation.type, kMaxFieldBytes));
  added->set_subject(CleanText(violation.subject, kMaxFieldBytes));
  added->set_description(CleanText(violation.description, kMaxDescriptionBytes));
}

// What one detail may still take in `status`.
size_t BudgetLeft(const google::rpc::Status& status) {
  const size_t used = status.ByteSizeLong() + kDetailOverhead;
  return used >= kMaxErrorDetailsBytes ? 0 : kMaxErrorDetailsBytes - used;
}

void DecodeDetail(const google::protobuf::Any& any, std::string* reason, ErrorExtras* extras) {
  google::rpc::ErrorInfo info;
  google::rpc::RetryInfo retry;
  google::rpc::BadRequest bad_request;
  google::rpc::PreconditionFailure precondition;
  if (any.UnpackTo(&info)) {
    *reason = info.reason();
    for (const auto& [key, value] : info.metadata()) extras->metadata[key] = value;
  } else if (any.UnpackTo(&retry)) {
    extras->retry_after = absl::Seconds(retry.retry_delay().seconds()) +
                          absl::Nanoseconds(retry.retry_delay().nanos());
  } else if (any.UnpackTo(&bad_request)) {
    for (const auto& violation : bad_request.field_violations()) {
      extras->field_violations.push_back({violation.field(), violation.description()});
    }
  } else if (any.UnpackTo(&precondition)) {
    for (const auto& violation : precondition.violations()) {
      extras->preconditions.push_back(
          {violation.type(), violation.subject(), violation.description()});
    }
  }
}

}  // namespace

EncodedError EncodeError(const absl::Status& status) {
  const ErrorExtras extras = ExtrasOf(status);
  EncodedError encoded;
  encoded.message = CleanText(status.message(), kMaxErrorMessageBytes);
  google::rpc::Status details;
  details.set_code(static_cast<int32_t>(status.code()));
  details.set_message(encoded.message);
  details.add_details()->PackFrom(MakeErrorInfo(ReasonOf(status), extras));
  if (extras.retry_after.has_value()) {
    google::rpc::RetryInfo retry;
    *retry.mutable_retry_delay() = ToProto(*extras.retry_after);
    details.add_details()->PackFrom(retry);
  }
  if (!extras.preconditions.empty()) {
    google::rpc::PreconditionFailure failure;
    // Both kinds at once are rare; neither may crowd the other out.
    const size_t share = extras.field_violations.empty() ? 1 : 2;
    AddViolations(extras.preconditions, BudgetLeft(details) / share, &failure, AddPrecondition);
    details.add_details()->PackFrom(failure);
  }
  if (!extras.field_violations.empty()) {
    google::rpc::BadRequest bad_request;
    AddViolations(extras.field_violations, BudgetLeft(details), &bad_request, AddFieldViolation);
    details.add_details()->PackFrom(bad_request);
  }
  encoded.details = details.SerializeAsString();
  return encoded;
}

absl::Status DecodeError(absl::StatusCode code, absl::string_view message,
                         absl::string_view details) {
  absl::Status plain(code, message);
  google::rpc::Status parsed;
  if (plain.ok() || details.size() > std::numeric_limits<int>::max() ||
      !parsed.ParseFromArray(details.data(), static_cast<int>(details.size()))) {
    return plain;
  }
  std::string reason;
  ErrorExtras extras;
  for (const google::protobuf::Any& any : parsed.details()) DecodeDetail(any, &reason, &extras);
  if (reason.empty()) return plain;
  return Error(code, reason, message, std::move(extras));
}

absl::Status FromGrpcStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  return DecodeError(static_cast<absl::StatusCode>(status.error_code()), status.error_message(),
                     status.error_details());
}

}  // namespace modelref
