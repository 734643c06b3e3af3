#pragma once

// The parts of a text model's name (H 3.9): what groups its variants together. ASCII rules; bytes
// beyond ASCII count as letters of a word.

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "backends/base/document_key.h"

namespace modelref {

// A part that is none of size, version, quantisation and variant.
struct TextNameExtra {
  std::string text;
  size_t position = 0;  // How many other parts stand before it.
  std::string kind;     // LEADING_VERSION or DATE.
  bool operator==(const TextNameExtra&) const = default;
};

struct TextNameParts {
  std::string base;                    // What is left; the name of the group.
  std::optional<std::string> size;     // Upper case: 8X7B.
  std::optional<std::string> variant;  // As written: Instruct.
  std::optional<std::string> quant;    // Upper case: Q4_K_M.
  std::optional<std::string> version;  // As written: v0.1.
  std::string normalized;              // For comparison: lower case, parts joined by "_".
  std::vector<TextNameExtra> extras;
};

// Of the name without backend prefix and without author.
TextNameParts ParseTextName(absl::string_view name);

// The category whose models inference backends offer under names of their own.
inline constexpr absl::string_view kTextCategory = "text_generation";

// True for "aphrodite/..." and "koboldcpp/...": generated duplicates, never stored.
bool HasTextBackendPrefix(absl::string_view name);

// Whether the document has such entries beside the models themselves (H 3.9), and whether `name` is
// one of them.
bool HasTextEntries(const DocumentKey& key);
bool IsTextEntry(const DocumentKey& key, absl::string_view name);

// The name without one such prefix.
absl::string_view StripTextBackendPrefix(absl::string_view name);

// "Author/Model" gives "Model": the text between the first and the second "/", or all of it.
absl::string_view TextModelName(absl::string_view name);

// The three names a model is offered under: as is, aphrodite/Author/Model, koboldcpp/Model.
std::vector<std::string> TextNameVariants(absl::string_view name);

// Those that the model does not have as its own: aphrodite/Author/Model, which no other model has,
// and koboldcpp/Model, which other authors' models of that name have, too.
struct TextEntryNames {
  std::string own;
  std::string shared;
};
TextEntryNames TextEntryNamesOf(absl::string_view name);

// "Marx-3B_V3" gives "Marx 3B V3".
std::string GeneratedDisplayName(absl::string_view model_name);

}  // namespace modelref
