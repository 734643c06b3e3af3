#include "backends/base/error.h"

#include <cstdint>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"

namespace modelref {
namespace {

// The payload never leaves the process, so its form is the simplest that is exact: numbers as eight
// bytes, strings behind their length, lists behind their count.
class Writer {
 public:
  void Number(uint64_t value) {
    for (int shift = 0; shift < 64; shift += 8) {
      bytes_.push_back(static_cast<char>(static_cast<unsigned char>(value >> shift)));
    }
  }
  void String(absl::string_view value) {
    Number(value.size());
    bytes_.append(value.data(), value.size());
  }
  std::string Take() && { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// Reads what Writer wrote; a payload that somebody else cut short reads as empty values.
class Reader {
 public:
  explicit Reader(absl::string_view bytes) : bytes_(bytes) {}

  uint64_t Number() {
    if (bytes_.size() < 8) return Fail();
    uint64_t value = 0;
    for (size_t i = 0; i < 8; ++i) {
      value |= uint64_t{static_cast<unsigned char>(bytes_[i])} << (8 * i);
    }
    bytes_.remove_prefix(8);
    return value;
  }
  std::string String() {
    const uint64_t size = Number();
    if (size > bytes_.size()) {
      Fail();
      return std::string();
    }
    std::string value(bytes_.substr(0, static_cast<size_t>(size)));
    bytes_.remove_prefix(static_cast<size_t>(size));
    return value;
  }
  bool ok() const { return ok_; }

 private:
  uint64_t Fail() {
    ok_ = false;
    bytes_ = absl::string_view();
    return 0;
  }

  absl::string_view bytes_;
  bool ok_ = true;
};

struct Payload {
  std::string reason;
  ErrorExtras extras;
};

std::string Encode(absl::string_view reason, const ErrorExtras& extras) {
  Writer writer;
  writer.String(reason);
  writer.Number(extras.metadata.size());
  for (const auto& [key, value] : extras.metadata) {
    writer.String(key);
    writer.String(value);
  }
  writer.Number(extras.retry_after.has_value() ? 1 : 0);
  writer.Number(static_cast<uint64_t>(
      absl::ToInt64Nanoseconds(extras.retry_after.value_or(absl::ZeroDuration()))));
  writer.Number(extras.field_violations.size());
  for (const FieldViolation& violation : extras.field_violations) {
    writer.String(violation.field);
    writer.String(violation.description);
  }
  writer.Number(extras.preconditions.size());
  for (const PreconditionViolation& violation : extras.preconditions) {
    writer.String(violation.type);
    writer.String(violation.subject);
    writer.String(violation.description);
  }
  return std::move(writer).Take();
}

Payload Decode(absl::string_view bytes) {
  Reader reader(bytes);
  Payload payload;
  payload.reason = reader.String();
  for (uint64_t n = reader.Number(); n > 0 && reader.ok(); --n) {
    std::string key = reader.String();
    payload.extras.metadata[std::move(key)] = reader.String();
  }
  const bool has_retry = reader.Number() == 1;
  const absl::Duration retry = absl::Nanoseconds(static_cast<int64_t>(reader.Number()));
  if (has_retry && reader.ok()) payload.extras.retry_after = retry;
  for (uint64_t n = reader.Number(); n > 0 && reader.ok(); --n) {
    FieldViolation& violation = payload.extras.field_violations.emplace_back();
    violation.field = reader.String();
    violation.description = reader.String();
  }
  for (uint64_t n = reader.Number(); n > 0 && reader.ok(); --n) {
    PreconditionViolation& violation = payload.extras.preconditions.emplace_back();
    violation.type = reader.String();
    violation.subject = reader.String();
    violation.description = reader.String();
  }
  return payload;
}

Payload PayloadOf(const absl::Status& status) {
  const auto bytes = status.GetPayload(ErrorPayloadUrl());
  if (!bytes.has_value()) return {};
  return Decode(std::string(*bytes));
}

}  // namespace

absl::string_view ErrorPayloadUrl() { return "modelref/error"; }

absl::Status Error(absl::StatusCode code, absl::string_view reason, absl::string_view message,
                   ErrorExtras extras) {
  absl::Status status(code, message);
  status.SetPayload(ErrorPayloadUrl(), absl::Cord(Encode(reason, extras)));
  return status;
}

absl::Status Annotated(const absl::Status& status, absl::string_view prefix) {
  if (status.ok()) return status;
  absl::Status annotated(status.code(), absl::StrCat(prefix, ": ", status.message()));
  status.ForEachPayload([&annotated](absl::string_view url, const absl::Cord& payload) {
    annotated.SetPayload(url, payload);
  });
  return annotated;
}

std::string ReasonOf(const absl::Status& status) {
  if (status.ok()) return "";
  std::string reason = PayloadOf(status).reason;
  return reason.empty() ? absl::StatusCodeToString(status.code()) : reason;
}

ErrorExtras ExtrasOf(const absl::Status& status) { return PayloadOf(status).extras; }

}  // namespace modelref
