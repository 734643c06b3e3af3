#include "clients/modelrefctl/error_report.h"

#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "backends/base/json.h"
#include "clients/modelrefctl/exit_codes.h"
#include "clients/modelrefctl/text.h"

namespace modelref::ctl {
namespace {

const std::map<std::string, std::string>& HintsByReason() {
  static const auto* const hints = new std::map<std::string, std::string>{
      {"CATEGORY_NOT_FOUND", "list the categories: modelrefctl category list"},
      {"MODEL_NOT_FOUND", "search: modelrefctl model list CATEGORY --name-contains TEXT"},
      {"PLAINTEXT_CREDENTIAL", "use --tls, or --allow-plaintext-credentials on a trusted network"},
      {"LOOPBACK_ONLY", "run it on the server's machine, or configure identities there"},
      {"NOT_BUILT", "this server does not have that yet; see: modelrefctl info"},
      {"ETAG_MISMATCH", "the content changed meanwhile; run the command again"},
      {"INTEGRITY_FAILURE",
       "discard what was printed and run it again; if it stays, ask the server's operator"},
      {"DOCUMENT_DAMAGED", "ask the server's operator, or see: modelrefctl health"},
      {"REPLICA_BEHIND", "try again, or ask the primary"},
      {"BAD_RESUME_TOKEN", "start without --since, or with the categories that it was made for"},
      {"COPY_IN_USE", "end the other sync, or read its files: each is whole at every moment"},
      {"DAMAGED_COPY", "fetch it anew: modelrefctl sync --once DIR"},
      {"MODEL_EXISTS", "leave --create-only out to replace it, or choose another name"},
      {"MASS_REMOVAL", "if it is meant, add --allow-mass-removal"},
      {"BACKEND_PREFIXED_NAME", "write the model under its base name; the others follow from it"},
      {"WRONG_FORMAT", "leave --format out, or see canonical_format in: modelrefctl info"},
      {"READ_ONLY_REPLICA", "write to the primary: --server with the address that it names"},
      {"REQUEST_ID_REUSED", "leave --request-id out, or repeat the very same command"},
      {"TOO_MANY_OPERATIONS", "use: modelrefctl category import"},
      {"UPLOAD_STALLED", "save the document to a file first, and import that"},
      {"QUEUE_NOT_BUILT", "finish the open changes, or ask the operator to switch the queue off"},
      {"STREAM_LIMIT", "close other watches of this caller, or try again later"},
  };
  return *hints;
}

std::string HintByCode(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
      if (!absl::StartsWith(status.message(), "no answer from ")) return "";
      return "is modelrefd running? try ./dev run, or name another server with --server HOST:PORT";
    case absl::StatusCode::kDeadlineExceeded:
      return "allow more time with --timeout, such as --timeout 1m";
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
      return "identify yourself with --token-file or --api-key-file";
    case absl::StatusCode::kUnimplemented:
      return "the server is older than this command, or is no modelrefd; see: modelrefctl info";
    default:
      return "";
  }
}

std::string Summary(const absl::Status& status) {
  if (!status.message().empty()) return std::string(status.message());
  return absl::StatusCodeToString(status.code());
}

// The reason where it says more than the message does to a user.
bool WorthShowing(const absl::Status& status, const std::string& reason) {
  return !IsUsageError(status) && reason != absl::StatusCodeToString(status.code());
}

}  // namespace

std::string HintFor(const absl::Status& status) {
  const auto found = HintsByReason().find(ReasonOf(status));
  return found != HintsByReason().end() ? found->second : HintByCode(status);
}

std::string FormatError(const absl::Status& status, bool quiet) {
  const std::string reason = ReasonOf(status);
  std::string text = absl::StrCat(
      "modelrefctl: ", TerminalSafe(Summary(status)),
      WorthShowing(status, reason) ? absl::StrCat(" (", reason, ")") : std::string(), "\n");
  for (const FieldViolation& violation : ExtrasOf(status).field_violations) {
    absl::StrAppend(&text, "  ", TerminalSafe(violation.field), ": ",
                    TerminalSafe(violation.description), "\n");
  }
  const std::string hint = quiet ? "" : HintFor(status);
  if (!hint.empty()) absl::StrAppend(&text, "  hint: ", hint, "\n");
  return text;
}

std::string FormatErrorJson(const absl::Status& status, int exit_code) {
  const ErrorExtras extras = ExtrasOf(status);
  JsonObject error;
  error.Set("code", absl::StatusCodeToString(status.code()));
  error.Set("grpc_code", Json::Number(static_cast<int>(status.code())));
  error.Set("reason", ReasonOf(status));
  error.Set("message", Summary(status));
  if (!extras.metadata.empty()) {
    JsonObject metadata;
    for (const auto& [key, value] : extras.metadata) metadata.Set(key, value);
    error.Set("metadata", std::move(metadata));
  }
  if (extras.retry_after.has_value()) {
    error.Set("retry_after", FormatSeconds(*extras.retry_after));
  }
  JsonArray violations;
  for (const FieldViolation& violation : extras.field_violations) {
    JsonObject item;
    item.Set("field", violation.field);
    item.Set("description", violation.description);
    violations.push_back(std::move(item));
  }
  if (!violations.empty()) error.Set("field_violations", std::move(violations));
  if (const std::string hint = HintFor(status); !hint.empty()) error.Set("hint", hint);
  error.Set("exit_code", Json::Number(exit_code));
  JsonObject root;
  root.Set("error", std::move(error));
  return CanonicalJson(root) + "\n";
}

}  // namespace modelref::ctl
