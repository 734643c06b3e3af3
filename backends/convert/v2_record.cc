#include "backends/convert/v2_record.h"

#include <utility>

namespace modelref {
namespace {

constexpr absl::string_view kSchemaVersion = "2.0.0";
constexpr absl::string_view kDefaultSha256 = "FIXME";

Json DownloadJson(const ConvertedDownload& download, bool omit_defaults) {
  V2Record out;
  out.AddString("file_name", download.file_name);
  out.AddString("file_url", download.file_url);
  if (!omit_defaults || download.sha256sum != kDefaultSha256) {
    out.AddString("sha256sum", download.sha256sum);
  }
  out.AddString("content_hash", download.content_hash);
  out.AddString("file_purpose", download.file_purpose);
  out.AddBool("known_slow_download", download.known_slow_download);
  return out.Take();
}

}  // namespace

void V2Record::AddString(absl::string_view name, const std::optional<std::string>& value) {
  if (value.has_value()) Add(name, Json(*value));
}

void V2Record::AddNumber(absl::string_view name, const std::optional<std::string>& decimal) {
  if (decimal.has_value()) Add(name, Json(JsonNumber{*decimal}));
}

void V2Record::AddBool(absl::string_view name, bool value) { Add(name, Json(value)); }

void V2Record::AddStrings(absl::string_view name, const std::vector<std::string>& values) {
  Add(name, Json(JsonArray(values.begin(), values.end())));
}

void V2Record::AddObject(absl::string_view name, std::optional<JsonObject> value) {
  if (value.has_value()) Add(name, Json(*std::move(value)));
}

void V2Record::AddMetadata() {
  V2Record metadata;
  metadata.AddString("schema_version", std::string(kSchemaVersion));
  Add("metadata", metadata.Take());
}

void V2Record::AddClassification(const Category& category) {
  V2Record classification;
  classification.AddString("domain", std::string(category.domain));
  classification.AddString("purpose", std::string(category.purpose));
  Add("model_classification", classification.Take());
}

void V2Record::AddConfig(ConvertedConfig config, bool omit_defaults) {
  JsonArray downloads;
  for (const ConvertedDownload& download : config.downloads) {
    downloads.push_back(DownloadJson(download, omit_defaults));
  }
  V2Record out;
  if (!omit_defaults || !downloads.empty()) out.Add("download", Json(std::move(downloads)));
  out.AddObject("embedded_component_hashes", std::move(config.embedded_component_hashes));
  if (!omit_defaults || !out.object_.empty()) Add("config", out.Take());
}

}  // namespace modelref
