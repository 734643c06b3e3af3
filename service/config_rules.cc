#include "service/config_rules.h"

#include <map>
#include <optional>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "backends/base/categories.h"
#include "backends/category_registry.h"
#include "backends/net/http_client.h"
#include "service/config_durations.h"
#include "service/config_value.h"

namespace modelref {
namespace {

using Wrong = std::optional<std::string>;

// The longest path that fits into a socket address.
constexpr size_t kMaxUnixPath = 107;

void Refuse(ConfigBuilder* builder, absl::string_view path, absl::string_view description) {
  builder->AddViolation(
      path, absl::StrCat(description, " (", DescribeOrigin(builder->OriginOf(path)), ")"));
}

Wrong CheckHostPort(absl::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos) return "must be \"host:port\"";
  absl::string_view host = text.substr(0, colon);
  int port = -1;
  const absl::string_view digits = text.substr(colon + 1);
  if (digits.empty() || !absl::ascii_isdigit(digits[0]) || !absl::SimpleAtoi(digits, &port) ||
      port > 65535) {
    return "must end in a port from 0 to 65535";
  }
  if (host.empty()) return "must name a host; \"0.0.0.0\" means every address of the machine";
  const bool bracketed = absl::ConsumePrefix(&host, "[") && absl::ConsumeSuffix(&host, "]");
  if (!bracketed && absl::StrContains(host, ':')) return "must put an IPv6 address in brackets";
  if (host.empty() || host.find_first_of(" /[]") != absl::string_view::npos) {
    return "must be \"host:port\"";
  }
  return std::nullopt;
}

Wrong CheckListenAddress(absl::string_view text) {
  if (text == "systemd") return std::nullopt;
  if (absl::ConsumePrefix(&text, "systemd:")) {
    return text.empty() ? Wrong("must name a socket after \"systemd:\"") : std::nullopt;
  }
  if (!absl::ConsumePrefix(&text, "unix:")) return CheckHostPort(text);
  if (text.empty()) return "must name a path after \"unix:\"";
  if (text.size() > kMaxUnixPath) {
    return absl::StrCat("must have a path of at most ", kMaxUnixPath, " bytes");
  }
  return std::nullopt;
}

void CheckAddresses(ConfigBuilder* builder) {
  const v1::ServerConfig& config = builder->config();
  if (config.listen_size() == 0) Refuse(builder, "listen", "must name at least one address");
  std::set<std::string> seen;
  for (int i = 0; i < config.listen_size(); ++i) {
    const std::string path = absl::StrCat("listen[", i, "]");
    if (const Wrong wrong = CheckListenAddress(config.listen(i))) Refuse(builder, path, *wrong);
    if (!absl::EndsWith(config.listen(i), ":0") && !seen.insert(config.listen(i)).second) {
      Refuse(builder, path, "is named twice");
    }
  }
  if (config.admin_listen() != "none") {
    if (const Wrong wrong = CheckHostPort(config.admin_listen())) {
      Refuse(builder, "admin_listen", absl::StrCat(*wrong, ", or \"none\""));
    } else if (!absl::EndsWith(config.admin_listen(), ":0") &&
               seen.count(config.admin_listen()) > 0) {
      Refuse(builder, "admin_listen", "must differ from the addresses of `listen`");
    }
  }
  for (const auto& [path, text] : {std::pair{"admin_grpc_listen", config.admin_grpc_listen()},
                                   std::pair{"upstream", config.upstream()}}) {
    if (text.empty()) continue;
    if (const Wrong wrong = CheckHostPort(text)) Refuse(builder, path, *wrong);
  }
}

void CheckSocketMode(ConfigBuilder* builder) {
  const std::string& mode = builder->config().connection().unix_socket_mode();
  const bool octal = mode.size() >= 3 && mode.size() <= 4 &&
                     mode.find_first_not_of("01234567") == std::string::npos;
  if (!octal || (mode.size() == 4 && mode[0] != '0')) {
    Refuse(builder, "connection.unix_socket_mode", "must be octal permissions such as \"0660\"");
  }
}

bool IsNodeId(absl::string_view text) {
  for (const char c : text) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && !absl::StrContains("-_.", c)) {
      return false;
    }
  }
  return text.size() <= 64;
}

Wrong CheckCategory(const v1::CategoryConfig& category) {
  const std::set<std::string> domains = {"", "image", "text", "video", "audio", "rendered_3d"};
  const std::set<std::string> purposes = {"",
                                          "generation",
                                          "post_processing",
                                          "auxiliary_or_patch",
                                          "feature_extractor",
                                          "safety_checker",
                                          "miscellaneous"};
  if (const absl::Status valid = ValidateCategoryName(category.name()); !valid.ok()) {
    return std::string(valid.message());
  }
  if (FindBuiltInCategory(category.name()) != nullptr) return "is built in";
  if (domains.count(category.domain()) == 0) return "has a domain that is not known";
  if (purposes.count(category.purpose()) == 0) return "has a purpose that is not known";
  return std::nullopt;
}

void CheckCategories(ConfigBuilder* builder) {
  const v1::ServerConfig& config = builder->config();
  std::vector<ExtraCategory> extra;
  bool each_is_good = true;
  for (int i = 0; i < config.categories_size(); ++i) {
    const v1::CategoryConfig& category = config.categories(i);
    if (const Wrong wrong = CheckCategory(category)) {
      Refuse(builder, absl::StrCat("categories[", i, "]"), *wrong);
      each_is_good = false;
    }
    extra.push_back({category.name(), category.domain(), category.purpose(), category.v2_file(),
                     category.legacy_file()});
  }
  if (BuiltInCategories().size() + extra.size() > config.limits().categories()) {
    Refuse(builder, "categories", "are more than `limits.categories` allows");
  } else if (each_is_good) {
    // What concerns several of them, and their files.
    const absl::StatusOr<CategoryRegistry> registry = CategoryRegistry::Create(extra);
    if (!registry.ok()) Refuse(builder, "categories", registry.status().message());
  }
}

// A folder below the data directory: no way out of it, and nothing that means the directory itself.
bool IsSubfolder(absl::string_view text) {
  if (text.empty() || absl::StartsWith(text, "/")) return false;
  for (const absl::string_view part : absl::StrSplit(text, '/')) {
    if (part.empty() || part == "." || part == "..") return false;
  }
  return true;
}

bool LiesUnder(absl::string_view folder, absl::string_view root) {
  folder = absl::StripSuffix(folder, "/");
  root = absl::StripSuffix(root, "/");
  return folder == root || absl::StartsWith(folder, absl::StrCat(root, "/"));
}

std::string RootOf(const std::string& data_dir, const std::string& subdir,
                   const std::string& root) {
  return root.empty() ? absl::StrCat(absl::StripSuffix(data_dir, "/"), "/", subdir) : root;
}

void CheckFolders(ConfigBuilder* builder) {
  const v1::ServerConfig& config = builder->config();
  if (config.data_dir().empty() && !builder->HasViolation("data_dir")) {
    builder->AddViolation("data_dir",
                          "is required: give --data-dir DIR, or set MODELREF_DATA_DIR or "
                          "AIWORKER_CACHE_HOME");
  }
  for (const auto& [path, text] :
       {std::pair{"audit.relative_subdir", config.audit().relative_subdir()},
        std::pair{"queue.relative_subdir", config.queue().relative_subdir()}}) {
    if (!IsSubfolder(text)) Refuse(builder, path, "must be a folder below the data directory");
  }
  const std::string audit = RootOf(config.data_dir(), config.audit().relative_subdir(),
                                   config.audit().root_path_override());
  const std::string queue = RootOf(config.data_dir(), config.queue().relative_subdir(),
                                   config.queue().root_path_override());
  if (LiesUnder(queue, audit)) {
    Refuse(builder, "queue", "must not keep its files under the audit trail");
  }
}

// Of the first list that names callers; empty when none does.
absl::string_view PathOfIds(const v1::AuthConfig& auth) {
  if (auth.approver_ids_size() > 0) return "auth.approver_ids";
  if (auth.requestor_ids_size() > 0) return "auth.requestor_ids";
  if (auth.admin_ids_size() > 0) return "auth.admin_ids";
  return auth.worker_ids_size() > 0 ? "auth.worker_ids" : "";
}

void CheckAuth(ConfigBuilder* builder, std::vector<std::string>* warnings) {
  const v1::AuthConfig& auth = builder->config().auth();
  const v1::TlsConfig& tls = builder->config().tls();
  if (tls.certificate_file().empty() != tls.private_key_file().empty()) {
    Refuse(builder, "tls", "needs certificate_file and private_key_file together");
  }
  if (auth.client_certificates() && tls.client_ca_file().empty()) {
    Refuse(builder, "auth.client_certificates", "needs tls.client_ca_file");
  }
  if (auth.horde_lookup()) {
    const absl::StatusOr<bool> is_private = IsPrivateUrl(auth.horde_url());
    if (!is_private.ok() || !*is_private) {
      Refuse(builder, "auth.horde_url",
             "must be an https address, or http on this machine: keys of users go there");
    }
  }
  const bool has_source =
      !auth.tokens_file().empty() || auth.horde_lookup() || auth.client_certificates();
  const absl::string_view ids = PathOfIds(auth);
  if (!ids.empty() && !has_source) {
    // Others may not what these may; without a source every process of this machine might.
    Refuse(builder, ids,
           "names callers whom nothing identifies: set auth.horde_lookup=true for users of "
           "AI-Horde, or auth.tokens_file or auth.client_certificates");
  } else if (ids.empty() && auth.horde_lookup()) {
    warnings->push_back("auth.horde_lookup: its users may only read, as no auth.*_ids name them");
  }
}

void CheckTimes(ConfigBuilder* builder) {
  const v1::ServerConfig& config = builder->config();
  if (config.cache().has_ttl() && FromProtoDuration(config.cache().refresh_ahead()) >=
                                      FromProtoDuration(config.cache().ttl())) {
    // A short time to live alone is no mistake: there is just nothing to refresh ahead of.
    if (builder->OriginOf("cache.refresh_ahead").layer == ConfigLayer::kDefault) {
      *builder->config().mutable_cache()->mutable_refresh_ahead() =
          ToProtoDuration(absl::ZeroDuration());
    } else {
      Refuse(builder, "cache.refresh_ahead", "must be shorter than cache.ttl");
    }
  }
  if (FromProtoDuration(config.store().file_write_delay()) >
      FromProtoDuration(config.store().file_write_max_delay())) {
    Refuse(builder, "store.file_write_delay", "must not exceed store.file_write_max_delay");
  }
  const v1::Limits& limits = config.limits();
  if (limits.memory_snapshots_percent() + limits.memory_streams_percent() > 99) {
    Refuse(builder, "limits.memory_streams_percent",
           "must leave at least 1 percent for loads beside limits.memory_snapshots_percent");
  }
  if (limits.record_bytes() > limits.document_bytes()) {
    Refuse(builder, "limits.record_bytes", "must not exceed limits.document_bytes");
  }
}

// Set in the environment of many servers of the original, where it is the default.
void CheckQueueSettings(const ConfigBuilder& builder, std::vector<std::string>* warnings) {
  if (!builder.config().queue().enabled()) return;
  warnings->push_back(
      "queue.enabled: the queue of proposed changes is not built yet in this version; reads are "
      "served, writes answer QUEUE_NOT_BUILT");
}

}  // namespace

void CheckReplica(ConfigBuilder* builder, std::vector<std::string>* warnings) {
  const v1::ServerConfig& config = builder->config();
  if (config.mode() != v1::MODE_REPLICA && !config.offline()) return;
  std::vector<std::string> switched_off;
  for (const auto& [path, on] :
       {std::pair{"queue.enabled", config.queue().enabled()},
        std::pair{"redis.enabled", config.redis().enabled()},
        std::pair{"store.populate_metadata", config.store().populate_metadata()},
        std::pair{"sources.github_seed", config.sources().github_seed()}}) {
    if (!on) continue;
    const ConfigOrigin origin = builder->OriginOf(path);
    if (origin.layer == ConfigLayer::kSeedEnvironment) {
      switched_off.push_back(origin.name);
      builder->Reset(path);
    } else {
      Refuse(builder, path, "means nothing on a replica or offline");
    }
  }
  if (!switched_off.empty()) {
    warnings->push_back(absl::StrCat("switched off, because this server is a replica or offline: ",
                                     absl::StrJoin(switched_off, ", ")));
  }
}

void CheckSettings(ConfigBuilder* builder, std::vector<std::string>* warnings) {
  CheckAddresses(builder);
  CheckSocketMode(builder);
  if (!IsNodeId(builder->config().node_id())) {
    Refuse(builder, "node_id", "must be at most 64 letters, digits, \"-\", \"_\" and \".\"");
  }
  CheckCategories(builder);
  CheckFolders(builder);
  CheckAuth(builder, warnings);
  CheckQueueSettings(*builder, warnings);
  CheckTimes(builder);
}

}  // namespace modelref
