// The real catalogues: every typed field equals what a walk over the tree finds.

#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "service/model_fields.h"
#include "tests/service/listing_fixture.h"

namespace modelref {
namespace {

using google::protobuf::FieldDescriptor;

const Json* Member(const Json& object, absl::string_view name) {
  return object.AsObject() == nullptr ? nullptr : object.AsObject()->Find(name);
}

// Compares one field of a message with the member of the same name, by reflection.
void ExpectMember(const google::protobuf::Message& message, const FieldDescriptor* field,
                  const Json* member) {
  const auto* const reflection = message.GetReflection();
  SCOPED_TRACE(field->full_name());
  if (member == nullptr || member->is_null()) {
    const bool present = field->is_repeated() ? reflection->FieldSize(message, field) > 0
                                              : reflection->HasField(message, field);
    EXPECT_FALSE(present);
    return;
  }
  if (field->is_repeated()) {
    ASSERT_NE(member->AsArray(), nullptr);
    ASSERT_EQ(reflection->FieldSize(message, field), static_cast<int>(member->AsArray()->size()));
    for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
      EXPECT_EQ(reflection->GetRepeatedString(message, field, i),
                *(*member->AsArray())[i].AsString());
    }
    return;
  }
  EXPECT_TRUE(reflection->HasField(message, field) || field->name() == "file_url");
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
    // Some of the real hashes are in upper case; the contract says lower.
    const bool is_hash = field->name() == "sha256sum" && *member->AsString() != "FIXME";
    EXPECT_EQ(reflection->GetString(message, field),
              is_hash ? absl::AsciiStrToLower(*member->AsString()) : *member->AsString());
  } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_BOOL) {
    EXPECT_EQ(reflection->GetBool(message, field), *member->AsBool());
  } else {
    int64_t number = 0;
    ASSERT_TRUE(absl::SimpleAtoi(member->AsNumber()->lexeme, &number));
    EXPECT_EQ(reflection->GetInt64(message, field), number);
  }
}

// The SHA-256 of a legacy file, looked up in the tree.
std::string LegacySha256(const Json& config, const std::string& file_name) {
  for (const Json& file : *Member(config, "files")->AsArray()) {
    if (*Member(file, "path")->AsString() != file_name) continue;
    const Json* const sha256 = Member(file, "sha256sum");
    return sha256 == nullptr ? "FIXME" : absl::AsciiStrToLower(*sha256->AsString());
  }
  return "FIXME";
}

void ExpectDownloads(const v1::Model& model, const Json* config, Format format) {
  const Json* const list = config == nullptr ? nullptr : Member(*config, "download");
  const size_t count = list == nullptr ? 0 : list->AsArray()->size();
  ASSERT_EQ(static_cast<size_t>(model.downloads_size()), count);
  for (size_t i = 0; i < count; ++i) {
    const v1::Download& download = model.downloads(static_cast<int>(i));
    const Json& entry = (*list->AsArray())[i];
    for (int f = 0; f < download.GetDescriptor()->field_count(); ++f) {
      const FieldDescriptor* const field = download.GetDescriptor()->field(f);
      const bool from_files = format == Format::kLegacy &&
                              (field->name() == "sha256sum" || field->name() == "file_purpose");
      if (!from_files) ExpectMember(download, field, Member(entry, field->name()));
    }
    if (format == Format::kLegacy) {
      EXPECT_EQ(download.sha256sum(), LegacySha256(*config, download.file_name()));
    }
  }
}

struct Catalogue {
  const char* path;
  Format format;
};

class CatalogueFieldsTest : public testing::TestWithParam<Catalogue> {};

TEST_P(CatalogueFieldsTest, EveryFieldEqualsItsMember) {
  const std::optional<Json> file = SharedJson(GetParam().path);
  if (!file.has_value()) GTEST_SKIP() << "no reference data: " << GetParam().path;
  ASSERT_GT(file->AsObject()->size(), 0u);
  DocumentOfFile(*file)->ForEach([&](const Entry& entry) {
    SCOPED_TRACE(entry.record->name);
    const Json& record = *file->AsObject()->Find(entry.record->name);
    v1::Model model;
    FillModel(entry, GetParam().format, ReadMask::All(), &model);
    EXPECT_EQ(model.name(), entry.record->name);
    EXPECT_EQ(*ParseJson(model.json()), record);
    for (int f = 0; f < v1::Model::descriptor()->field_count(); ++f) {
      const FieldDescriptor* const field = v1::Model::descriptor()->field(f);
      const bool of_entry = field->name() == "name" || field->name() == "json" ||
                            field->name() == "mod_revision" || field->name() == "etag" ||
                            field->name() == "downloads";
      if (!of_entry) ExpectMember(model, field, Member(record, field->name()));
    }
    ExpectDownloads(model, Member(record, "config"), GetParam().format);
  });
}

INSTANTIATE_TEST_SUITE_P(
    Catalogues, CatalogueFieldsTest,
    testing::Values(
        Catalogue{"golden/v2/stable_diffusion.json", Format::kV2},
        Catalogue{"golden/v2/text_generation.every_third_model.json", Format::kV2},
        Catalogue{"golden/v2/controlnet.json", Format::kV2},
        Catalogue{"golden/v2/miscellaneous.json", Format::kV2},
        Catalogue{"golden/v2/gfpgan.json", Format::kV2},
        Catalogue{"golden/v2/codeformer.json", Format::kV2},
        Catalogue{"golden/v2/clip.json", Format::kV2},
        Catalogue{"golden/v2/blip.json", Format::kV2},
        Catalogue{"golden/text_legacy_from_csv.json", Format::kLegacy},
        Catalogue{"data/AI-Horde-image-model-reference/stable_diffusion.json", Format::kLegacy},
        Catalogue{"data/AI-Horde-image-model-reference/controlnet.json", Format::kLegacy},
        Catalogue{"data/AI-Horde-image-model-reference/esrgan.json", Format::kLegacy},
        Catalogue{"data/AI-Horde-image-model-reference/safety_checker.json", Format::kLegacy}));

TEST(ModelFieldsGoldenTest, LegacyAndConvertedDownloadsAgree) {
  const auto legacy = SharedJson("data/AI-Horde-image-model-reference/stable_diffusion.json");
  const auto v2 = SharedJson("golden/v2/stable_diffusion.json");
  if (!legacy.has_value() || !v2.has_value()) GTEST_SKIP() << "no reference data";
  const DocumentPtr converted = DocumentOfFile(*v2);
  int compared = 0;
  DocumentOfFile(*legacy)->ForEach([&](const Entry& entry) {
    v1::Model from_legacy;
    v1::Model from_v2;
    const ReadMask mask = ReadMask::Of({v1::Model::kDownloadsFieldNumber});
    FillModel(entry, Format::kLegacy, mask, &from_legacy);
    FillModel(*converted->Find(entry.record->name), Format::kV2, mask, &from_v2);
    for (v1::Download& download : *from_v2.mutable_downloads()) {
      download.clear_known_slow_download();
    }
    EXPECT_EQ(from_legacy.DebugString(), from_v2.DebugString());
    compared += from_v2.downloads_size();
  });
  EXPECT_GT(compared, 100);
}

}  // namespace
}  // namespace modelref
