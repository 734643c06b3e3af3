#pragma once

// Saved servers: a small JSON file of the user's. It names files that hold secrets, never secrets.

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "clients/modelrefctl/host.h"

namespace modelref::ctl {

struct Context {
  std::string name;
  std::string server;
  std::string token_file;
  std::string api_key_file;
  std::string tls_ca;
  std::string tls_cert;
  std::string tls_key;
  bool tls = false;
  bool allow_plaintext_credentials = false;
};

struct ContextFile {
  std::string current;   // The selected one; empty: none.
  std::string previous;  // The one selected before, for `context select -`.
  std::vector<Context> contexts;

  const Context* Find(absl::string_view name) const;
  Context* Find(absl::string_view name);
  std::vector<std::string> Names() const;
};

// $XDG_CONFIG_HOME/modelrefctl/config.json, by default under ~/.config. Empty without a home.
std::string ContextPath(const Host& host);

// No file is an empty ContextFile. INVALID_ARGUMENT (UsageError) when it cannot be understood.
absl::StatusOr<ContextFile> LoadContexts(const std::string& path);
absl::Status SaveContexts(const std::string& path, const ContextFile& file);

// "context \"x\" does not exist", with a suggestion: NOT_FOUND.
absl::Status NoSuchContext(const ContextFile& file, absl::string_view name);

}  // namespace modelref::ctl
