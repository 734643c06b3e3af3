#include "backends/convert/text_names.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "backends/convert/known_values.h"

namespace modelref {
namespace {

// "base|size|version|quant|variant|extras"
std::string Parts(absl::string_view name) {
  const TextNameParts parts = ParseTextName(name);
  std::string out =
      absl::StrCat(parts.base, "|", parts.size.value_or(""), "|", parts.version.value_or(""), "|",
                   parts.quant.value_or(""), "|", parts.variant.value_or(""), "|");
  for (const TextNameExtra& extra : parts.extras) {
    absl::StrAppend(&out, extra.kind, " ", extra.text, " ", extra.position);
  }
  return out;
}

TEST(TextNamesTest, PartsAreFoundByTheirPatterns) {
  EXPECT_EQ(Parts("Llama-3-8B-Instruct-Q4_K_M"), "Llama-3|8B||Q4_K_M|Instruct|");
  EXPECT_EQ(Parts("Author/Model-1.5b-v0.1"), "Model|1.5B|v0.1|||");
  EXPECT_EQ(Parts("koboldcpp/Mixtral-8x7b-chat"), "Mixtral|8X7B|||chat|");
  EXPECT_EQ(Parts("a/4.2.0-Tutu-24b"), "Tutu|24B||||LEADING_VERSION 4.2.0 0");
  EXPECT_EQ(Parts("a/c-r-plus-08-2024"), "c-r-plus|||||DATE 08-2024 3");
  EXPECT_EQ(Parts("a/m-2024-08"), "m|||||DATE 2024-08 1");
  EXPECT_EQ(Parts("a/lzlv_70b_fp16_hf"), "lzlv_fp16_hf|70B||||");
  EXPECT_EQ(Parts("a/M-fp16"), "M|||FP16||");
  EXPECT_EQ(Parts("a/M-Q6_K-GGUF"), "M-GGUF|||Q6_K||");
  EXPECT_EQ(Parts("a/M-Q4-Q5_K_S"), "M-Q4|||Q5_K_S||");
}

TEST(TextNamesTest, LettersBesideAPatternHideIt) {
  EXPECT_EQ(Parts("Qwen3-A3B"), "Qwen3-A3B|||||");
  EXPECT_EQ(Parts("M-7Bx"), "M-7Bx|||||");
  EXPECT_EQ(Parts("M-Q9"), "M-Q9|||||");
  EXPECT_EQ(Parts("M-Instructed"), "M-Instructed|||||");
  EXPECT_EQ(Parts("M-v2a"), "M-v2a|||||");
  EXPECT_EQ(Parts("M-20245"), "M-20245|||||");
}

// The size pattern of the original finds the tail of "22B" before it tries "8x22B".
TEST(TextNamesTest, ExpertSizesOfTwoDigitsAreCutAsTheOriginalCutsThem) {
  EXPECT_EQ(Parts("Mixtral-8x22B"), "Mixtral-8x2|2B||||");
}

TEST(TextNamesTest, ANameOfNothingButPartsKeepsItself) {
  EXPECT_EQ(Parts("a/7B-Instruct"), "7B-Instruct|7B|||Instruct|");
  EXPECT_EQ(Parts(""), "|||||");
  EXPECT_EQ(Parts("a/"), "|||||");
  EXPECT_EQ(Parts("---"), "---|||||");
}

TEST(TextNamesTest, NormalizedNamesAreForComparison) {
  EXPECT_EQ(ParseTextName("a/Llama-3. 8B__Chat-").normalized, "llama_3_8b_chat");
}

TEST(TextNamesTest, BackendPrefixesAreExact) {
  EXPECT_TRUE(HasTextBackendPrefix("aphrodite/x/Y"));
  EXPECT_TRUE(HasTextBackendPrefix("koboldcpp/Y"));
  EXPECT_FALSE(HasTextBackendPrefix("Aphrodite/x"));
  EXPECT_FALSE(HasTextBackendPrefix("x/aphrodite/"));
  EXPECT_EQ(StripTextBackendPrefix("aphrodite/koboldcpp/Y"), "koboldcpp/Y");
  EXPECT_EQ(StripTextBackendPrefix("x/Y"), "x/Y");
}

TEST(TextNamesTest, AModelIsOfferedUnderThreeNames) {
  EXPECT_EQ(absl::StrJoin(TextNameVariants("x/Y-7B"), " "),
            "x/Y-7B aphrodite/x/Y-7B koboldcpp/Y-7B");
  EXPECT_EQ(absl::StrJoin(TextNameVariants("Y"), " "), "Y aphrodite/Y koboldcpp/Y");
  EXPECT_EQ(TextEntryNamesOf("x/Y-7B").own, "aphrodite/x/Y-7B");
  EXPECT_EQ(TextEntryNamesOf("x/Y-7B").shared, TextEntryNamesOf("z/Y-7B").shared);
  EXPECT_EQ(TextModelName("x/Y/z"), "Y");
  EXPECT_EQ(TextModelName("x/"), "");
}

TEST(TextNamesTest, DisplayNamesAreSpacedOut) {
  EXPECT_EQ(GeneratedDisplayName("Marx-3B_V3"), "Marx 3B V3");
  EXPECT_EQ(GeneratedDisplayName("-a--b_ -c-"), "a b c");
  EXPECT_EQ(GeneratedDisplayName("--"), "");
}

TEST(KnownValuesTest, BaselinesAreKnownByNameAndAlias) {
  EXPECT_TRUE(IsKnownImageBaseline("stable_diffusion_1"));
  EXPECT_TRUE(IsKnownImageBaseline("SD1.5"));
  EXPECT_TRUE(IsKnownImageBaseline("z_image_turbo"));
  EXPECT_FALSE(IsKnownImageBaseline("stable diffusion 2"));
  EXPECT_EQ(NormalizedImageBaseline("stable diffusion 2 512"), "stable_diffusion_2_512");
  EXPECT_EQ(NormalizedImageBaseline("SDXL"), "SDXL");
}

TEST(TextNamesTest, OnlyTheLegacyTextDocumentHasEntriesOfBackends) {
  const DocumentKey text{"text_generation", Format::kLegacy};
  EXPECT_TRUE(HasTextEntries(text));
  EXPECT_TRUE(IsTextEntry(text, "koboldcpp/Model"));
  EXPECT_TRUE(IsTextEntry(text, "aphrodite/Author/Model"));
  EXPECT_FALSE(IsTextEntry(text, "Author/Model"));
  for (const DocumentKey& other :
       {DocumentKey{"text_generation", Format::kV2}, DocumentKey{"clip", Format::kLegacy}}) {
    EXPECT_FALSE(HasTextEntries(other)) << other.ToString();
    EXPECT_FALSE(IsTextEntry(other, "koboldcpp/Model")) << other.ToString();
  }
}

}  // namespace
}  // namespace modelref
