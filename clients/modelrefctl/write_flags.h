#pragma once

// What the commands that change models take alike.

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "clients/modelrefctl/command_table.h"
#include "clients/modelrefctl/invocation.h"
#include "modelref/v1/write.pb.h"

namespace modelref::ctl {

// The largest request, whatever it holds.
inline constexpr size_t kMaxRequestBytes = size_t{4} << 20;

// --dry-run, --durability, --request-id.
std::vector<FlagSpec> WriteFlags();
FlagSpec FileFlag(absl::string_view help);
FlagSpec IfMatchFlag(absl::string_view help);
FlagSpec YesFlag();
std::vector<OutputMode> WriteOutputs();

// Always with a request id: a new one unless --request-id names it.
v1::WriteOptions MakeWriteOptions(const Invocation& invocation);

// The 32 bytes of --if-match, empty without it. INVALID_ARGUMENT (UsageError).
absl::StatusOr<std::string> IfMatch(const Invocation& invocation);

// What -f names. INVALID_ARGUMENT (UsageError) without it.
absl::StatusOr<std::string> FileArgument(const Invocation& invocation);

// The error of a write. When the outcome is not known, says under which id the command can be
// repeated: on stderr and, for programs, as metadata "request_id".
absl::Status WriteError(Invocation& invocation, const absl::Status& status,
                        const std::string& request_id);

}  // namespace modelref::ctl
