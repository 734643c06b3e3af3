// manifest.json of a mirrored folder: indented JSON whose last member seals the others.

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "backends/base/digest.h"
#include "backends/base/json.h"
#include "backends/base/status_macros.h"
#include "clients/cpp/mirror_directory.h"
#include "clients/cpp/mirror_file.h"

namespace modelref {
namespace {

Json NumberJson(uint64_t number) { return JsonNumber{absl::StrCat(number)}; }

JsonObject EntryJson(const MirrorManifestEntry& entry) {
  JsonObject object;
  object.Set("category", entry.key.category);
  object.Set("format", FormatName(entry.key.format));
  object.Set("file", entry.file);
  object.Set("epoch", ToHex(entry.epoch));
  object.Set("revision", NumberJson(entry.revision));
  object.Set("mod_revision", NumberJson(entry.mod_revision));
  object.Set("etag", ToHex(entry.etag));
  object.Set("record_count", NumberJson(entry.record_count));
  return object;
}

// Reads members; what is missing or of another type makes the whole unreadable.
class Reader {
 public:
  explicit Reader(const Json& json) : object_(json.AsObject()), ok_(object_ != nullptr) {}

  std::string Text(absl::string_view name) {
    const Json* value = object_ == nullptr ? nullptr : object_->Find(name);
    if (value != nullptr && value->AsString() != nullptr) return *value->AsString();
    ok_ = false;
    return "";
  }
  uint64_t Number(absl::string_view name) {
    const Json* value = object_ == nullptr ? nullptr : object_->Find(name);
    uint64_t number = 0;
    ok_ = ok_ && value != nullptr && value->AsNumber() != nullptr &&
          absl::SimpleAtoi(value->AsNumber()->lexeme, &number);
    return number;
  }
  const JsonArray& Array(absl::string_view name) {
    static const auto* const none = new JsonArray;
    const Json* value = object_ == nullptr ? nullptr : object_->Find(name);
    if (value != nullptr && value->AsArray() != nullptr) return *value->AsArray();
    ok_ = false;
    return *none;
  }
  bool ok() const { return ok_; }

 private:
  const JsonObject* const object_;
  bool ok_;
};

absl::StatusOr<MirrorManifestEntry> DecodeEntry(const Json& json) {
  Reader reader(json);
  MirrorManifestEntry entry;
  entry.file = reader.Text("file");
  const std::optional<DocumentKey> key = ParseMirrorFileName(entry.file);
  if (!key.has_value()) return DamagedCopy("the manifest names a file that is none of a copy");
  entry.key = *key;
  entry.epoch = absl::HexStringToBytes(reader.Text("epoch"));
  entry.revision = reader.Number("revision");
  entry.mod_revision = reader.Number("mod_revision");
  entry.etag = absl::HexStringToBytes(reader.Text("etag"));
  entry.record_count = reader.Number("record_count");
  if (!reader.ok()) return DamagedCopy("an entry of the manifest is incomplete");
  return entry;
}

}  // namespace

std::string EncodeManifest(const MirrorManifest& manifest) {
  JsonObject root;
  root.Set("modelref_copy", NumberJson(1));
  root.Set("epoch", ToHex(manifest.epoch));
  root.Set("revision", NumberJson(manifest.revision));
  root.Set("confirmed",
           absl::FormatTime(absl::RFC3339_full, manifest.confirmed, absl::UTCTimeZone()));
  JsonArray documents;
  for (const MirrorManifestEntry& entry : manifest.documents) documents.push_back(EntryJson(entry));
  root.Set("documents", std::move(documents));
  std::string text = FormatJson(root, JsonStyle());
  // Up to the line end before the last brace, so that the seal is a member like the others.
  text.resize(text.size() - 2);
  return absl::StrCat(text, MirrorSeal(text));
}

absl::StatusOr<MirrorManifest> DecodeManifest(absl::string_view bytes) {
  ASSIGN_OR_RETURN(const absl::string_view sealed, OpenMirrorSeal(bytes));
  const absl::StatusOr<Json> json = ParseJson(absl::StrCat(sealed, "}"));
  if (!json.ok()) return DamagedCopy("the manifest is no JSON");
  Reader reader(*json);
  if (reader.Number("modelref_copy") != 1) {
    return DamagedCopy("the manifest was written by another version of this program");
  }
  MirrorManifest manifest;
  manifest.epoch = absl::HexStringToBytes(reader.Text("epoch"));
  manifest.revision = reader.Number("revision");
  if (!absl::ParseTime(absl::RFC3339_full, reader.Text("confirmed"), &manifest.confirmed,
                       nullptr)) {
    return DamagedCopy("the manifest has no time");
  }
  for (const Json& entry : reader.Array("documents")) {
    ASSIGN_OR_RETURN(MirrorManifestEntry decoded, DecodeEntry(entry));
    manifest.documents.push_back(std::move(decoded));
  }
  if (!reader.ok()) return DamagedCopy("the manifest is incomplete");
  return manifest;
}

}  // namespace modelref
