#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "backends/base/error.h"
#include "backends/base/json.h"
#include "modelref/v1/config.pb.h"

namespace modelref {

// Where a setting comes from, weakest first.
enum class ConfigLayer {
  kDefault,
  kFile,
  kSeedEnvironment,  // A variable of the systems that modelref succeeds.
  kEnvironment,      // A variable of our own.
  kFlag,
};

struct ConfigOrigin {
  ConfigLayer layer = ConfigLayer::kDefault;
  std::string name;  // The file, the variable or the flag.
};

// Puts settings of all layers into one message and collects what is wrong with them, so that all of
// it can be reported at once. Apply the layers weakest first. Single-threaded.
class ConfigBuilder {
 public:
  explicit ConfigBuilder(v1::ServerConfig config) : config_(std::move(config)) {}

  // A whole file. Unknown keys and bad values become violations; the rest is applied.
  void ApplyFile(const Json& root, const ConfigOrigin& origin);
  // One setting given as text, by its path ("cache.ttl"); also one inside an element of a list of
  // messages is no path. An unknown path becomes a violation.
  void ApplyText(absl::string_view path, absl::string_view text, const ConfigOrigin& origin);
  // One setting given as JSON.
  void ApplyJson(absl::string_view path, const Json& value, const ConfigOrigin& origin);
  // Back to the default, which has no origin.
  void Reset(absl::string_view path);

  void AddViolation(absl::string_view path, absl::string_view description);
  bool HasViolation(absl::string_view path) const { return violated_.count(std::string(path)) > 0; }

  const v1::ServerConfig& config() const { return config_; }
  v1::ServerConfig& config() { return config_; }
  const std::vector<FieldViolation>& violations() const { return violations_; }
  // Settings that are not at their default's layer, by path.
  const std::map<std::string, ConfigOrigin>& origins() const { return origins_; }
  // The origin of a setting or of the message or list around it.
  ConfigOrigin OriginOf(absl::string_view path) const;

 private:
  void ApplyObject(google::protobuf::Message* message, const JsonObject& object,
                   const std::string& prefix, const ConfigOrigin& origin);
  void ApplyField(google::protobuf::Message* message,
                  const google::protobuf::FieldDescriptor& field, const Json& value,
                  const std::string& path, const ConfigOrigin& origin);
  void ApplyMessageList(google::protobuf::Message* message,
                        const google::protobuf::FieldDescriptor& field, const Json& value,
                        const std::string& path, const ConfigOrigin& origin);

  v1::ServerConfig config_;
  std::vector<FieldViolation> violations_;
  std::set<std::string> violated_;
  std::map<std::string, ConfigOrigin> origins_;
};

// What every setting is when nobody says anything.
v1::ServerConfig DefaultConfig();

// "flag --listen", "environment MODELREF_LISTEN", "file /etc/modelref.json" or "default".
std::string DescribeOrigin(const ConfigOrigin& origin);

// The field of a path ("redis.ttl"; no list elements), with the message it stands in. Null when
// there is none or the path ends at a message.
struct ConfigField {
  google::protobuf::Message* message = nullptr;
  const google::protobuf::FieldDescriptor* field = nullptr;
};
ConfigField FindConfigField(v1::ServerConfig* config, absl::string_view path);

// Calls `visit` for every setting in the order of the fields; list elements as
// "categories[0].name".
using ConfigVisitor =
    std::function<void(const std::string& path, const google::protobuf::Message& message,
                       const google::protobuf::FieldDescriptor& field)>;
void VisitConfig(const v1::ServerConfig& config, const ConfigVisitor& visit);

}  // namespace modelref
