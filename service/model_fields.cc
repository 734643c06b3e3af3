#include "service/model_fields.h"

#include <algorithm>
#include <limits>
#include <string>
#include <unordered_map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/string_view.h"
#include "backends/base/digest.h"
#include "backends/base/json.h"
#include "service/json_reader.h"

namespace modelref {
namespace {

using v1::Download;
using v1::Model;
using Texts = google::protobuf::RepeatedPtrField<std::string>;

constexpr absl::string_view kUnknownSha256 = "FIXME";
constexpr size_t kSha256HexDigits = 64;

template <typename Message, std::string* (Message::*Mutable)()>
void SetText(JsonReader& reader, Message* out) {
  if (const auto text = reader.ReadText(); text.has_value()) {
    (out->*Mutable)()->assign(text->data(), text->size());
  }
}

template <typename Message, void (Message::*Set)(bool)>
void SetBool(JsonReader& reader, Message* out) {
  if (const auto value = reader.ReadBool(); value.has_value()) (out->*Set)(*value);
}

template <typename Message, void (Message::*Set)(int64_t)>
void SetInteger(JsonReader& reader, Message* out) {
  if (const auto value = reader.ReadInteger(); value.has_value()) (out->*Set)(*value);
}

template <Texts* (Model::*Mutable)()>
void SetTexts(JsonReader& reader, Model* out) {
  Texts* const texts = (out->*Mutable)();
  texts->Clear();
  bool all_texts = true;
  const bool is_array = reader.ReadArray([&] {
    const auto text = reader.ReadText();
    if (text.has_value()) {
      texts->Add()->assign(text->data(), text->size());
    } else {
      all_texts = false;
    }
  });
  if (!is_array || !all_texts) texts->Clear();
}

void SetParametersAlias(JsonReader& reader, Model* out) {
  const auto value = reader.ReadInteger();
  if (value.has_value() && !out->has_parameters()) out->set_parameters(*value);
}

struct MemberReader {
  absl::string_view member;
  int field_number;
  void (*read)(JsonReader& reader, Model* out);
};

constexpr MemberReader kMembers[] = {
    {"description", Model::kDescriptionFieldNumber, SetText<Model, &Model::mutable_description>},
    {"version", Model::kVersionFieldNumber, SetText<Model, &Model::mutable_version>},
    {"baseline", Model::kBaselineFieldNumber, SetText<Model, &Model::mutable_baseline>},
    {"nsfw", Model::kNsfwFieldNumber, SetBool<Model, &Model::set_nsfw>},
    {"style", Model::kStyleFieldNumber, SetText<Model, &Model::mutable_style>},
    {"tags", Model::kTagsFieldNumber, SetTexts<&Model::mutable_tags>},
    {"trigger", Model::kTriggerFieldNumber, SetTexts<&Model::mutable_trigger>},
    {"showcases", Model::kShowcasesFieldNumber, SetTexts<&Model::mutable_showcases>},
    {"homepage", Model::kHomepageFieldNumber, SetText<Model, &Model::mutable_homepage>},
    {"parameters", Model::kParametersFieldNumber, SetInteger<Model, &Model::set_parameters>},
    {"parameters_count", Model::kParametersFieldNumber, SetParametersAlias},
    {"size_on_disk_bytes", Model::kSizeOnDiskBytesFieldNumber,
     SetInteger<Model, &Model::set_size_on_disk_bytes>},
    {"inpainting", Model::kInpaintingFieldNumber, SetBool<Model, &Model::set_inpainting>},
    {"display_name", Model::kDisplayNameFieldNumber, SetText<Model, &Model::mutable_display_name>},
    {"url", Model::kUrlFieldNumber, SetText<Model, &Model::mutable_url>},
};

struct DownloadMemberReader {
  absl::string_view member;
  void (*read)(JsonReader& reader, Download* out);
};

constexpr DownloadMemberReader kDownloadMembers[] = {
    {"file_name", SetText<Download, &Download::mutable_file_name>},
    {"file_url", SetText<Download, &Download::mutable_file_url>},
    {"sha256sum", SetText<Download, &Download::mutable_sha256sum>},
    {"file_purpose", SetText<Download, &Download::mutable_file_purpose>},
    {"size_bytes", SetInteger<Download, &Download::set_size_bytes>},
    {"known_slow_download", SetBool<Download, &Download::set_known_slow_download>},
};

// What an entry of the legacy config.files says about a download.
struct LegacyFile {
  std::string sha256;
  std::optional<std::string> purpose;
};

bool IsSha256Hex(absl::string_view text) {
  return text.size() == kSha256HexDigits && std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isxdigit(static_cast<unsigned char>(c));
         });
}

std::string NormalSha256(absl::string_view text) {
  return IsSha256Hex(text) ? absl::AsciiStrToLower(text) : std::string(kUnknownSha256);
}

// Reads the member "config" of one record.
class ConfigReader {
 public:
  ConfigReader(Format format, Model* out) : format_(format), downloads_(out->mutable_downloads()) {}

  void Read(JsonReader& reader) {
    downloads_->Clear();
    reader.ReadObject([&](absl::string_view key) {
      if (key == "download") {
        ReadDownloads(reader);
      } else if (key == "files" && format_ == Format::kLegacy) {
        ReadFiles(reader);
      } else {
        reader.Skip();
      }
    });
    for (Download& download : *downloads_) Complete(&download);
  }

 private:
  void ReadDownloads(JsonReader& reader) {
    bool all_downloads = true;
    const bool is_array = reader.ReadArray([&] {
      Download* const download = downloads_->Add();
      const bool is_object = reader.ReadObject([&](absl::string_view key) {
        for (const DownloadMemberReader& member : kDownloadMembers) {
          if (key == member.member) return member.read(reader, download);
        }
        reader.Skip();
      });
      if (is_object && (!download->file_name().empty() || !download->file_url().empty())) return;
      // Not kept until the end of a list that will be dropped.
      downloads_->RemoveLast();
      all_downloads = false;
    });
    if (!is_array || !all_downloads) downloads_->Clear();
  }

  void ReadFiles(JsonReader& reader) {
    reader.ReadArray([&] {
      std::string path;
      LegacyFile file;
      reader.ReadObject([&](absl::string_view key) {
        if (key == "path") {
          path = std::string(reader.ReadText().value_or(""));
        } else if (key == "sha256sum") {
          file.sha256 = std::string(reader.ReadText().value_or(""));
        } else if (key == "file_type") {
          if (const auto text = reader.ReadText()) file.purpose = std::string(*text);
        } else {
          reader.Skip();
        }
      });
      if (!path.empty()) files_.insert_or_assign(std::move(path), std::move(file));
    });
  }

  void Complete(Download* download) const {
    const auto file = files_.find(download->file_name());
    if (file != files_.end()) {
      if (!IsSha256Hex(download->sha256sum())) download->set_sha256sum(file->second.sha256);
      if (!download->has_file_purpose() && file->second.purpose.has_value()) {
        download->set_file_purpose(*file->second.purpose);
      }
    }
    download->set_sha256sum(NormalSha256(download->sha256sum()));
  }

  const Format format_;
  google::protobuf::RepeatedPtrField<Download>* const downloads_;
  std::unordered_map<std::string, LegacyFile> files_;  // By path; of equal ones the last counts.
};

void ReadRecord(absl::string_view json, Format format, const ReadMask& mask, Model* out) {
  JsonReader reader(json);
  reader.ReadObject([&](absl::string_view key) {
    if (key == "config" && mask.Has(Model::kDownloadsFieldNumber)) {
      ConfigReader(format, out).Read(reader);
      return;
    }
    for (const MemberReader& member : kMembers) {
      if (key != member.member) continue;
      if (!mask.Has(member.field_number)) break;
      return member.read(reader, out);
    }
    reader.Skip();
  });
}

}  // namespace

void FillModel(const Entry& entry, Format format, const ReadMask& mask, Model* out) {
  const Record& record = *entry.record;
  // A message with a string that is not UTF-8 cannot be parsed by its receiver.
  if (IsValidUtf8(record.name)) out->set_name(record.name);
  if (mask.Has(Model::kJsonFieldNumber)) out->set_json(record.json);
  if (mask.Has(Model::kModRevisionFieldNumber)) out->set_mod_revision(entry.mod_revision);
  if (mask.Has(Model::kEtagFieldNumber)) {
    const absl::string_view etag = AsBytes(record.etag);
    out->set_etag(etag.data(), etag.size());
  }
  if (mask.NeedsRecord()) ReadRecord(record.json, format, mask, out);
}

std::optional<int64_t> DeclaredSize(const Model& model) {
  int64_t sum = 0;
  bool complete = model.downloads_size() > 0;
  for (const Download& download : model.downloads()) {
    complete = complete && download.has_size_bytes() && download.size_bytes() >= 0 &&
               download.size_bytes() <= std::numeric_limits<int64_t>::max() - sum;
    if (!complete) break;
    sum += download.size_bytes();
  }
  if (complete) return sum;
  if (!model.has_size_on_disk_bytes() || model.size_on_disk_bytes() < 0) return std::nullopt;
  return model.size_on_disk_bytes();
}

bool HasSha256(const Download& download) { return download.sha256sum() != kUnknownSha256; }

}  // namespace modelref
