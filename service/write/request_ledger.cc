#include "service/write/request_ledger.h"

#include "absl/strings/ascii.h"
#include "backends/base/error.h"
#include "backends/base/status_macros.h"

namespace modelref {
namespace {

// More than one, so that a backlog shrinks.
constexpr int kForgottenAtOnce = 4;

}  // namespace

absl::StatusOr<std::optional<std::string>> FindAnswer(Database& database, const RequestKey& key,
                                                      const Sha256Digest& body, absl::Time now) {
  ASSIGN_OR_RETURN(Statement query,
                   database.Prepare("SELECT body_sha256, answer, time_us FROM requests WHERE "
                                    "caller = ? AND method = ? AND id = ?"));
  query.Bind(1, key.caller).Bind(2, key.method).Bind(3, key.id);
  ASSIGN_OR_RETURN(const bool found, query.Step());
  if (!found || absl::FromUnixMicros(query.Int(2)) < now - kRequestsKeptFor) {
    return std::optional<std::string>();
  }
  if (query.Bytes(0) != AsBytes(body)) {
    return Error(absl::StatusCode::kInvalidArgument, "REQUEST_ID_REUSED",
                 "options.request_id was used with another request",
                 {.field_violations = {{"options.request_id", "used with another request"}}});
  }
  return std::optional<std::string>(query.Bytes(1));
}

absl::Status KeepAnswer(Database& database, const RequestKey& key, const Sha256Digest& body,
                        absl::string_view answer, absl::Time now) {
  {
    ASSIGN_OR_RETURN(
        Statement insert,
        database.Prepare("INSERT OR REPLACE INTO requests (caller, method, id, time_us, "
                         "body_sha256, answer) VALUES (?, ?, ?, ?, ?, ?)"));
    insert.Bind(1, key.caller).Bind(2, key.method).Bind(3, key.id);
    insert.Bind(4, absl::ToUnixMicros(now)).BindBlob(5, AsBytes(body)).BindBlob(6, answer);
    RETURN_IF_ERROR(insert.Run());
  }
  // Row ids ascend with time, so the oldest are found without an index of their own.
  ASSIGN_OR_RETURN(
      Statement forget,
      database.Prepare("DELETE FROM requests WHERE rowid IN (SELECT rowid FROM requests ORDER BY "
                       "rowid LIMIT ?) AND (time_us < ? OR rowid <= (SELECT max(rowid) FROM "
                       "requests) - ?)"));
  forget.Bind(1, kForgottenAtOnce).Bind(2, absl::ToUnixMicros(now - kRequestsKeptFor));
  forget.Bind(3, kKeptRequests);
  return forget.Run();
}

std::optional<std::string> ParseRequestId(absl::string_view id) {
  constexpr size_t kLength = 36;
  if (id.size() != kLength) return std::nullopt;
  for (size_t i = 0; i < kLength; ++i) {
    const bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (is_dash ? id[i] != '-' : !absl::ascii_isxdigit(static_cast<unsigned char>(id[i]))) {
      return std::nullopt;
    }
  }
  return absl::AsciiStrToLower(id);
}

}  // namespace modelref
