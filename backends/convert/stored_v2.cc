#include "backends/convert/stored_v2.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/types/span.h"
#include "backends/convert/text_legacy_document.h"
#include "backends/convert/text_names.h"

namespace modelref {
namespace {

constexpr char kDownload[] = "download";
constexpr char kSlowDownload[] = "known_slow_download";
constexpr absl::string_view kSlowHost = "civitai";

// What the legacy form can say: when a conversion has none of them, they are gone.
constexpr absl::string_view kCommonFields[] = {"name", "description", "version", "config"};
constexpr absl::string_view kImageFields[] = {
    "size_on_disk_bytes",
    "inpainting",
    "baseline",
    "optimization",
    "tags",
    "showcases",
    "trigger",
    "min_bridge_version",
    "homepage",
    "nsfw",
    "style",
    "requirements",
};
constexpr absl::string_view kTextFields[] = {
    "baseline",
    "parameters",
    "parameters_count",
    "nsfw",
    "style",
    "display_name",
    "url",
    "tags",
    "instruct_format",
    "settings",
    "text_model_group",
};
constexpr absl::string_view kControlnetFields[] = {"controlnet_style"};
constexpr absl::string_view kClipFields[] = {"pretrained_name"};
constexpr absl::string_view kDownloadFields[] = {
    "file_name", "file_url", "sha256sum", "content_hash", "file_purpose", kSlowDownload,
};
constexpr absl::string_view kConfigFields[] = {kDownload, "embedded_component_hashes"};

using Names = absl::Span<const absl::string_view>;

bool Contains(Names names, absl::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

Names LegacyFieldsOf(absl::string_view category) {
  if (category == "image_generation") return kImageFields;
  if (category == kTextCategory) return kTextFields;
  if (category == "controlnet") return kControlnetFields;
  if (category == "clip") return kClipFields;
  return {};
}

std::string TextOf(const JsonObject& object, absl::string_view name) {
  const Json* value = object.Find(name);
  return value == nullptr || value->AsString() == nullptr ? "" : *value->AsString();
}

// `converted` with those members of `stored` that it has not and that `may_keep` allows, each
// behind the member that it stood behind.
template <typename MayKeep>
JsonObject WithKept(JsonObject converted, const JsonObject& stored, MayKeep may_keep) {
  std::vector<JsonObject::Member>& members = converted.members();
  // By the number of converted members that stand before.
  std::map<size_t, std::vector<const JsonObject::Member*>> kept;
  size_t place = 0;
  for (const JsonObject::Member& member : stored.members()) {
    const auto found = std::find_if(
        members.begin(), members.end(),
        [&member](const JsonObject::Member& own) { return own.first == member.first; });
    if (found != members.end()) {
      place = static_cast<size_t>(found - members.begin()) + 1;
    } else if (may_keep(member.first)) {
      kept[place].push_back(&member);
    }
  }
  JsonObject out;
  for (size_t i = 0; i <= members.size(); ++i) {
    if (const auto at = kept.find(i); at != kept.end()) {
      for (const JsonObject::Member* member : at->second) out.members().push_back(*member);
    }
    if (i < members.size()) out.members().push_back(std::move(members[i]));
  }
  return out;
}

// What was known of a file is still true of it when it is the same file: by its hash, or when that
// is not known by its address.
bool IsSameFile(const JsonObject& a, const JsonObject& b) {
  const auto hash = [](const JsonObject& download) {
    const std::string text = absl::AsciiStrToLower(TextOf(download, "sha256sum"));
    return text == "fixme" ? "" : text;
  };
  if (hash(a) != hash(b)) return false;
  return !hash(a).empty() || TextOf(a, "file_url") == TextOf(b, "file_url");
}

bool IsSlow(const JsonObject& download) {
  const Json* slow = download.Find(kSlowDownload);
  return slow != nullptr && slow->AsBool() != nullptr && *slow->AsBool();
}

// `stored` may be null.
void MergeDownload(const JsonObject* stored, JsonObject* download) {
  if (stored != nullptr && !IsSameFile(*stored, *download)) stored = nullptr;
  const bool by_address =
      absl::StrContains(absl::AsciiStrToLower(TextOf(*download, "file_url")), kSlowHost);
  if (by_address || (stored != nullptr && IsSlow(*stored))) download->Set(kSlowDownload, true);
  if (stored == nullptr) return;
  *download = WithKept(std::move(*download), *stored,
                       [](absl::string_view name) { return !Contains(kDownloadFields, name); });
}

void MergeDownloads(const JsonObject* stored_config, JsonArray* downloads) {
  std::map<std::string, const JsonObject*> stored;
  const Json* list = stored_config == nullptr ? nullptr : stored_config->Find(kDownload);
  if (list != nullptr && list->AsArray() != nullptr) {
    for (const Json& entry : *list->AsArray()) {
      if (entry.AsObject() == nullptr) continue;
      stored.emplace(TextOf(*entry.AsObject(), "file_name"), entry.AsObject());
    }
  }
  for (Json& entry : *downloads) {
    const auto found = stored.find(TextOf(*entry.AsObject(), "file_name"));
    MergeDownload(found == stored.end() ? nullptr : found->second, entry.AsObject());
  }
}

// `stored` may be null.
void MergeConfig(const JsonObject* stored, JsonObject* record) {
  Json* present = record->Find("config");
  JsonObject config = present == nullptr ? JsonObject() : *present->AsObject();
  if (Json* downloads = config.Find(kDownload); downloads != nullptr) {
    MergeDownloads(stored, downloads->AsArray());
  }
  if (stored != nullptr) {
    config = WithKept(std::move(config), *stored,
                      [](absl::string_view name) { return !Contains(kConfigFields, name); });
  }
  if (present != nullptr || !config.empty()) record->Set("config", Json(std::move(config)));
}

bool IsListOfTexts(const Json* value) {
  const JsonArray* list = value == nullptr ? nullptr : value->AsArray();
  return list != nullptr && std::all_of(list->begin(), list->end(), [](const Json& item) {
           return item.AsString() != nullptr;
         });
}

// The tags of `from` and the style of `record`.
std::set<std::string> TagSet(const JsonObject& from, const JsonObject& record) {
  std::set<std::string> tags = {TextOf(record, "style")};
  const Json* list = from.Find("tags");
  if (list == nullptr || list->AsArray() == nullptr) return tags;
  for (const Json& tag : *list->AsArray()) tags.insert(*tag.AsString());
  return tags;
}

// The legacy form cannot tell a display name that is as a generated one from none, nor the order of
// tags, nor whether the style is one of them.
void KeepSameText(absl::string_view name, const JsonObject& stored, JsonObject* record) {
  if (TextOf(*record, "display_name").empty() &&
      TextOf(stored, "display_name") == GeneratedDisplayName(TextModelName(name))) {
    record->Set("display_name", *stored.Find("display_name"));
  }
  const Json* tags = stored.Find("tags");
  if (IsListOfTexts(tags) && TagSet(stored, *record) == TagSet(*record, *record)) {
    record->Set("tags", *tags);
  }
}

// Whether the legacy record says of `field` what it said before.
bool SaysTheSame(absl::string_view field, const JsonObject& legacy, const JsonObject* before) {
  const bool is_nsfw = field == "nsfw";
  const Json standard = is_nsfw ? Json(false) : Json(DefaultTextVersion());
  const auto said = [&](const JsonObject* record) {
    const Json* value = record == nullptr ? nullptr : record->Find(field);
    return value == nullptr || value->is_null() ? standard : *value;
  };
  return said(&legacy) == said(before);
}

// Takes the fields that a table has no columns for out of `converted` where the stored ones count.
Names TakeUntold(const JsonObject& legacy, const JsonObject* legacy_before,
                 const JsonObject& stored, JsonObject* converted) {
  static constexpr absl::string_view kUntold[] = {"nsfw", "version"};
  Names untold = kUntold;
  const Json* nsfw = stored.Find("nsfw");
  const Json* version = stored.Find("version");
  const bool keeps_nsfw = nsfw != nullptr && nsfw->AsBool() != nullptr;
  if (!keeps_nsfw || !SaysTheSame("nsfw", legacy, legacy_before)) untold.remove_prefix(1);
  const bool keeps_version = version != nullptr && version->AsString() != nullptr;
  if (!keeps_version || !SaysTheSame("version", legacy, legacy_before)) untold.remove_suffix(1);
  for (const absl::string_view field : untold) converted->Erase(field);
  return untold;
}

}  // namespace

JsonObject MergeStoredV2(const Category& category, absl::string_view name,
                         const LegacyChange& legacy, const JsonObject& stored,
                         JsonObject converted) {
  // The table of text models has no files at all.
  const bool is_text = category.name == kTextCategory;
  Names untold;
  if (is_text) untold = TakeUntold(legacy.after, legacy.before, stored, &converted);
  if (is_text) KeepSameText(name, stored, &converted);
  const Json* config = stored.Find("config");
  if (is_text && config != nullptr && config->AsObject() != nullptr) {
    converted.Set("config", *config);
  } else {
    MergeConfig(config == nullptr ? nullptr : config->AsObject(), &converted);
  }
  const Json* metadata = stored.Find("metadata");
  if (metadata != nullptr && metadata->AsObject() != nullptr &&
      converted.Find("metadata") != nullptr) {
    converted.Set("metadata", *metadata);
  }
  const Names own = LegacyFieldsOf(category.name);
  return WithKept(std::move(converted), stored, [&](absl::string_view field) {
    return Contains(untold, field) || (!Contains(kCommonFields, field) && !Contains(own, field));
  });
}

}  // namespace modelref
