#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "clients/cpp/client_options.h"
#include "clients/modelrefctl/command_line.h"
#include "clients/modelrefctl/command_table.h"
#include "clients/modelrefctl/host.h"
#include "modelref/v1/common.pb.h"

namespace modelref::ctl {

// Everything about a run that the user can set: flag before variable before context before default.
struct Settings {
  ClientOptions client;
  std::string context;                    // The name of the context in use; empty: none.
  std::optional<absl::Duration> timeout;  // As given; unset: the client's defaults.
  OutputMode output = OutputMode::kTable;
  bool output_given = false;
  std::vector<std::string> fields;
  v1::Format format = v1::FORMAT_UNSPECIFIED;
  bool color = false;     // Colour on stdout.
  bool progress = false;  // Progress on stderr.
  bool truncate = true;
  bool quiet = false;
  bool grpc_exit = false;
};

// Reads flags, variables and the context file; secrets are read from their files by
// LoadCredential, when a server is really called.
//   INVALID_ARGUMENT (UsageError)  a value makes no sense; NOT_FOUND  no such context.
absl::StatusOr<Settings> ResolveSettings(const CommandLine& line, const Host& host);

// Where the credential and the certificates are, resolved like the rest.
struct SecretFiles {
  std::string token;  // From MODELREF_TOKEN, the token itself; then neither file is named.
  std::string token_file;
  std::string api_key_file;
  std::string tls_ca;
  std::string tls_cert;
  std::string tls_key;
  bool tls = false;
};
absl::StatusOr<SecretFiles> ResolveSecretFiles(const CommandLine& line, const Host& host);

// Reads the files into the options. `warning` gets a sentence when others may read a secret.
//   INVALID_ARGUMENT (UsageError)  a file cannot be read or is empty.
absl::Status LoadSecrets(const SecretFiles& files, ClientOptions* options, std::string* warning);

// "v2" or "legacy"; unspecified for anything else.
v1::Format FormatFromName(absl::string_view name);
std::string FormatLabel(v1::Format format);

}  // namespace modelref::ctl
