// Settings whose feature this version lacks. A row goes when its feature comes.

#include <map>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "service/config_rules.h"
#include "service/config_value.h"

namespace modelref {
namespace {

bool IsUnder(absl::string_view path, absl::string_view root) {
  return path == root || absl::StartsWith(path, absl::StrCat(root, ".")) ||
         absl::StartsWith(path, absl::StrCat(root, "["));
}

// The first row for the setting; null when it is built.
const UnbuiltSetting* FindUnbuilt(absl::string_view path) {
  for (const UnbuiltSetting& setting : UnbuiltSettings()) {
    if (IsUnder(path, setting.path)) return &setting;
  }
  return nullptr;
}

// Every setting of `config` with its value as text.
std::map<std::string, std::string> Values(const v1::ServerConfig& config) {
  std::map<std::string, std::string> values;
  VisitConfig(config, [&values](const std::string& path, const google::protobuf::Message& message,
                                const google::protobuf::FieldDescriptor& field) {
    values[path] = FormatValue(message, field);
  });
  return values;
}

}  // namespace

const std::vector<UnbuiltSetting>& UnbuiltSettings() {
  static const auto& settings = *new std::vector<UnbuiltSetting>{
      {"upstream", "following another server"},
      {"make_folders", "creating the folders of the original", true},
      {"cache.refresh_ahead", "another time of refreshing"},
      {"cache.warm_at_start", "starting without reading every document"},
      {"limits.model_name_bytes", "another length of names"},
      {"limits.open_changes", "the queue of proposed changes"},
      {"limits.comment_bytes", "the queue of proposed changes"},
      {"limits.streams_per_relay", "counting streams by caller"},
      {"limits.error_message_bytes", "another length of errors"},
      {"limits.error_details_bytes", "another length of errors"},
      {"limits.get_category_bytes", "another size of answers"},
      {"limits.memory_snapshots_percent", "the budget of memory"},
      {"store.history_retain", "the store's history"},
      {"queue.allow_self_approval", "the queue of proposed changes"},
      {"redis.enabled", "the Redis cache"},
      {"redis", "the Redis cache", true},
      {"sources.github_seed", "seeding from GitHub"},
      {"sources", "reading from elsewhere", true},
      {"lifecycle.store", "the lifecycle registry"},
      {"lifecycle", "the lifecycle registry", true},
  };
  return settings;
}

void CheckUnbuilt(ConfigBuilder* builder, std::vector<std::string>* warnings) {
  const v1::ServerConfig& config = builder->config();
  if (config.mode() == v1::MODE_REPLICA && !config.offline()) {
    builder->AddViolation("mode",
                          "replica is not built yet in this version but for offline = true, which "
                          "serves a data directory read-only");
  }
  const std::map<std::string, std::string> defaults = Values(DefaultConfig());
  for (const auto& [path, value] : Values(config)) {
    const ConfigOrigin origin = builder->OriginOf(path);
    const auto known = defaults.find(path);
    const bool changed = known == defaults.end() || known->second != value;
    const UnbuiltSetting* setting = FindUnbuilt(path);
    if (!changed || origin.layer == ConfigLayer::kDefault || setting == nullptr ||
        builder->HasViolation(path)) {
      continue;
    }
    const std::string text = absl::StrCat(setting->feature, " is not built yet in this version (",
                                          DescribeOrigin(origin), ")");
    if (setting->warn_from_seed && origin.layer == ConfigLayer::kSeedEnvironment) {
      warnings->push_back(absl::StrCat(path, ": ", text, "; it has no effect"));
    } else {
      builder->AddViolation(path, text);
    }
  }
}

}  // namespace modelref
