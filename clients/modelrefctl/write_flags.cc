#include "clients/modelrefctl/write_flags.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "clients/cpp/request_id.h"
#include "clients/modelrefctl/exit_codes.h"
#include "clients/modelrefctl/hex.h"

namespace modelref::ctl {

std::vector<FlagSpec> WriteFlags() {
  return {
      {"dry-run", "", "Only check it, and print what would change"},
      {"durability", "WHAT", "What must be safe before the answer; default store", "store|file"},
      {"request-id", "UUID", "Repeats a write without writing twice; default: a new one"}};
}

FlagSpec FileFlag(absl::string_view help) {
  FlagSpec flag{"file", "FILE", help};
  flag.letter = 'f';
  return flag;
}

FlagSpec IfMatchFlag(absl::string_view help) { return {"if-match", "ETAG", help}; }

FlagSpec YesFlag() { return {"yes", "", "Do not ask; nobody is asked without a terminal"}; }

std::vector<OutputMode> WriteOutputs() {
  return {OutputMode::kTable, OutputMode::kPlain, OutputMode::kWide, OutputMode::kJson,
          OutputMode::kJsonl, OutputMode::kYaml,  OutputMode::kName};
}

v1::WriteOptions MakeWriteOptions(const Invocation& invocation) {
  const CommandLine& line = invocation.line();
  v1::WriteOptions options;
  options.set_request_id(line.Value("request-id").value_or(NewRequestId()));
  options.set_validate_only(line.Has("dry-run"));
  if (const auto durability = line.Value("durability"); durability.has_value()) {
    options.set_durability(*durability == "file" ? v1::DURABILITY_FILE : v1::DURABILITY_STORE);
  }
  return options;
}

absl::StatusOr<std::string> IfMatch(const Invocation& invocation) {
  const std::optional<std::string> etag = invocation.line().Value("if-match");
  if (!etag.has_value()) return std::string();
  return ParseHex(*etag, 32, "--if-match");
}

absl::StatusOr<std::string> FileArgument(const Invocation& invocation) {
  const std::optional<std::string> path = invocation.line().Value("file");
  if (path.has_value()) return *path;
  return UsageError("name the content with -f FILE, or -f - for stdin");
}

absl::Status WriteError(Invocation& invocation, const absl::Status& status,
                        const std::string& request_id) {
  const bool is_open =
      absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) || absl::IsCancelled(status);
  if (!is_open) return status;
  invocation.Note(
      absl::StrCat("it may have been written, if it reached the server; repeat the command with "
                   "--request-id ",
                   request_id, ", which does not write twice"));
  ErrorExtras extras = ExtrasOf(status);
  extras.metadata["request_id"] = request_id;
  return Error(status.code(), ReasonOf(status), status.message(), std::move(extras));
}

}  // namespace modelref::ctl
