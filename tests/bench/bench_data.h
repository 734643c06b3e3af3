#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace modelref::bench {

// The documents that the cases ask for, by size of their JSON.
inline constexpr absl::string_view kSmall = "clip";             // About 100 bytes.
inline constexpr absl::string_view kMedium = "controlnet";      // About 10 KB.
inline constexpr absl::string_view kLarge = "esrgan";           // About 1 MB.
inline constexpr absl::string_view kHuge = "text_generation";   // In a directory of its own.
inline constexpr absl::string_view kEdited = "safety_checker";  // Changed to make events.

// The name of the n-th generated model, from 0.
std::string ModelName(size_t n);

// Makes `dir` with the first three and the last of these documents.
void MakeDataDirectory(const std::string& dir);
// Makes `dir` with kHuge of so many models of about 1 KB, and returns the size of its file.
size_t MakeHugeDirectory(const std::string& dir, size_t models);
// Changes kEdited as an editor does; each `version` is another content.
void EditDocument(const std::string& dir, size_t version);

}  // namespace modelref::bench
