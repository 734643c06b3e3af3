#include "backends/convert/known_values.h"

#include <algorithm>
#include <iterator>

namespace modelref {
namespace {

constexpr absl::string_view kImageBaselines[] = {
    "infer",
    "stable_diffusion_1",
    "stable diffusion 1",
    "stable diffusion 1.4",
    "stable diffusion 1.5",
    "SD1",
    "SD14",
    "SD1.4",
    "SD15",
    "SD1.5",
    "stable_diffusion",
    "stable_diffusion_1.4",
    "stable_diffusion_1.5",
    "stable_diffusion_2_768",
    "stable_diffusion_2_512",
    "stable_diffusion_xl",
    "stable diffusion xl",
    "SDXL",
    "stable_cascade",
    "stable cascade",
    "flux_1",
    "flux_schnell",
    "flux schnell",
    "flux_dev",
    "flux dev",
    "qwen_image",
    "qwen image",
    "qwen-image",
    "qwen",
    "z_image_turbo",
    "z image turbo",
    "zimage-turbo",
    "zimage",
};

constexpr absl::string_view kModelStyles[] = {"generalist", "anime", "furry",
                                              "artistic",   "other", "realistic"};

constexpr absl::string_view kControlnetStyles[] = {
    "control_seg",
    "control_scribble",
    "control_fakescribbles",
    "control_openpose",
    "control_normal",
    "control_mlsd",
    "control_hough",
    "control_hed",
    "control_canny",
    "control_depth",
    "control_qr",
    "control_qr_xl",
    "control_lineart",
    "control_lineart_anime",
    "control_normal_bae",
    "control_recolor",
    "control_tile",
};

constexpr absl::string_view kTextSettings[] = {
    "n",
    "frmtadsnsp",
    "frmtrmblln",
    "frmtrmspch",
    "frmttriminc",
    "max_context_length",
    "max_length",
    "rep_pen",
    "rep_pen_range",
    "rep_pen_slope",
    "singleline",
    "temperature",
    "tfs",
    "top_a",
    "top_k",
    "top_p",
    "typical",
    "sampler_order",
    "use_default_badwordsids",
    "stop_sequence",
    "min_p",
    "smoothing_factor",
    "dynatemp_range",
    "dynatemp_exponent",
};

template <size_t N>
bool Contains(const absl::string_view (&values)[N], absl::string_view value) {
  return std::find(std::begin(values), std::end(values), value) != std::end(values);
}

}  // namespace

bool IsKnownImageBaseline(absl::string_view baseline) {
  return Contains(kImageBaselines, baseline);
}

absl::string_view NormalizedImageBaseline(absl::string_view legacy) {
  if (legacy == "stable diffusion 1") return "stable_diffusion_1";
  if (legacy == "stable diffusion 2") return "stable_diffusion_2_768";
  if (legacy == "stable diffusion 2 512") return "stable_diffusion_2_512";
  return legacy;
}

absl::string_view LegacyImageBaseline(absl::string_view baseline) {
  for (const absl::string_view legacy :
       {"stable diffusion 1", "stable diffusion 2", "stable diffusion 2 512"}) {
    if (NormalizedImageBaseline(legacy) == baseline) return legacy;
  }
  return baseline;
}

bool IsKnownModelStyle(absl::string_view style) { return Contains(kModelStyles, style); }

bool IsKnownControlnetStyle(absl::string_view style) { return Contains(kControlnetStyles, style); }

bool IsKnownTextSetting(absl::string_view name) { return Contains(kTextSettings, name); }

}  // namespace modelref
