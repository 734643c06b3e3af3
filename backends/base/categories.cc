#include "backends/base/categories.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "backends/base/json.h"

namespace modelref {
namespace {

constexpr absl::string_view kImage = "image";
constexpr absl::string_view kGeneration = "generation";
constexpr absl::string_view kPostProcessing = "post_processing";
constexpr absl::string_view kAuxiliary = "auxiliary_or_patch";
constexpr absl::string_view kFeatureExtractor = "feature_extractor";

// Stems that would make a category's files collide with other files of a data directory.
constexpr std::array<absl::string_view, 13> kReservedStems = {
    "audit",
    "db",
    "held",
    "legacy",
    "logs",
    "meta",
    "models",
    "pending_queue",
    "showcase",
    "stable_diffusion",
    "text_generation_group_aliases",
    "text_generation_group_families",
    "text_generation_group_schemas",
};

std::vector<Category> MakeCategories() {
  return {
      {"blip", kImage, kFeatureExtractor, "blip.json", "blip.json", ""},
      {"clip", kImage, kFeatureExtractor, "clip.json", "clip.json", ""},
      {"codeformer", kImage, kPostProcessing, "codeformer.json", "codeformer.json", ""},
      {"controlnet", kImage, kAuxiliary, "controlnet.json", "controlnet.json", ""},
      {"controlnet_annotator", kImage, kAuxiliary, "controlnet_annotator.json", "", ""},
      {"esrgan", kImage, kPostProcessing, "esrgan.json", "esrgan.json", ""},
      {"gfpgan", kImage, kPostProcessing, "gfpgan.json", "gfpgan.json", ""},
      {"safety_checker", kImage, "safety_checker", "safety_checker.json", "safety_checker.json",
       ""},
      {"image_generation", kImage, kGeneration, "stable_diffusion.json", "stable_diffusion.json",
       ""},
      {"text_generation", "text", kGeneration, "text_generation.json", "models.csv",
       "text_generation.json"},
      {"video_generation", "video", kGeneration, "video_generation.json", "", ""},
      {"audio_generation", "audio", kGeneration, "audio_generation.json", "", ""},
      {"miscellaneous", kImage, "miscellaneous", "miscellaneous.json", "miscellaneous.json", ""},
      {"lora", kImage, kAuxiliary, "lora.json", "", "", true},
      {"ti", kImage, kAuxiliary, "ti.json", "", "", true},
  };
}

bool IsNameCharacter(char c) {
  return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '_';
}

// C0, DEL and, in their UTF-8 form, C1.
bool HasControlCharacter(absl::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x20 || c == 0x7F) return true;
    if (c == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0) {
      return true;
    }
  }
  return false;
}

}  // namespace

const std::vector<Category>& BuiltInCategories() {
  static const std::vector<Category>* const categories =
      new std::vector<Category>(MakeCategories());
  return *categories;
}

const Category* FindBuiltInCategory(absl::string_view name) {
  for (const Category& category : BuiltInCategories()) {
    if (category.name == name) return &category;
  }
  return nullptr;
}

std::string ResolveCategoryAlias(absl::string_view name) {
  if (name == "db.json") return "text_generation";
  absl::string_view stem = name;
  absl::ConsumeSuffix(&stem, ".json");
  if (stem == "stable_diffusion") return "image_generation";
  return std::string(stem);
}

std::string DefaultCategoryFile(absl::string_view name) { return absl::StrCat(name, ".json"); }

absl::Status ValidateCategoryName(absl::string_view name) {
  const bool well_formed = !name.empty() && name.size() <= kMaxCategoryNameBytes &&
                           absl::ascii_islower(name.front()) &&
                           std::all_of(name.begin(), name.end(), IsNameCharacter);
  if (!well_formed) {
    return absl::InvalidArgumentError(
        "a category name is a lower-case letter followed by at most 63 of a-z, 0-9 and _");
  }
  if (std::find(kReservedStems.begin(), kReservedStems.end(), name) != kReservedStems.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the category name ", name, " is reserved: the data directory uses it"));
  }
  return absl::OkStatus();
}

absl::Status ValidateModelName(absl::string_view name, size_t max_bytes) {
  if (name.empty()) return absl::InvalidArgumentError("the model name is empty");
  if (name.size() > max_bytes) {
    return absl::InvalidArgumentError(absl::StrCat("the model name has ", name.size(),
                                                   " bytes, at most ", max_bytes, " are allowed"));
  }
  if (!IsValidUtf8(name)) return absl::InvalidArgumentError("the model name is not UTF-8");
  if (HasControlCharacter(name)) {
    return absl::InvalidArgumentError("the model name holds a control character");
  }
  return absl::OkStatus();
}

}  // namespace modelref
