#include "tests/bench/bench_data.h"

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "tests/bench/byte_socket.h"

namespace modelref::bench {
namespace {

constexpr size_t kMediumModels = 10;
constexpr size_t kLargeModels = 1000;

std::string FileOf(const std::string& dir, absl::string_view category) {
  return absl::StrCat(dir, "/", category, ".json");
}

// A record of about 1 KB, shaped as the catalogue's are.
std::string Record(absl::string_view category, size_t n) {
  std::string text =
      absl::StrCat("  \"", ModelName(n), "\": {\n    \"record_type\": \"", category,
                   "\",\n    \"name\": \"", ModelName(n), "\",\n    \"description\": \"");
  for (size_t word = 0; word < 60; ++word) {
    absl::StrAppend(&text, "word", (n * 7 + word) % 101, " ");
  }
  absl::StrAppend(
      &text, "\",\n    \"baseline\": \"stable_diffusion_", n % 3,
      "\",\n    \"config\": {\n      \"download\": [\n        {\n", "          \"file_name\": \"m",
      n, ".safetensors\",\n          \"file_url\": ", "\"https://models.example.org/", n,
      "/model.safetensors\",\n", "          \"sha256sum\": \"",
      std::string(64, static_cast<char>('a' + n % 6)),
      "\"\n        }\n      ]\n    },\n    \"parameters\": ", n + 1,
      "000000,\n    \"nsfw\": false,\n    \"tags\": [\"a\", \"b\", \"t", n % 50, "\"]\n  }");
  return text;
}

void Write(const std::string& file, const std::string& text) {
  std::ofstream out(file + ".new", std::ios::binary);
  out << text;
  out.close();
  if (!out || std::rename((file + ".new").c_str(), file.c_str()) != 0) Die("cannot write " + file);
}

size_t WriteDocument(const std::string& dir, absl::string_view category, size_t models) {
  std::string text = "{\n";
  for (size_t n = 0; n < models; ++n) {
    absl::StrAppend(&text, n > 0 ? ",\n" : "", Record(category, n));
  }
  text += "\n}\n";
  Write(FileOf(dir, category), text);
  return text.size();
}

}  // namespace

std::string ModelName(size_t n) { return absl::StrCat("Author", n % 977, "/Model-", n, "B"); }

void MakeDataDirectory(const std::string& dir) {
  std::filesystem::create_directories(dir);
  Write(FileOf(dir, kSmall),
        "{\"ViT-L/14\": {\"name\": \"ViT-L/14\", \"description\": \"a small record\", "
        "\"nsfw\": false, \"size\": 1}}\n");
  WriteDocument(dir, kMedium, kMediumModels);
  WriteDocument(dir, kLarge, kLargeModels);
  EditDocument(dir, 0);
}

size_t MakeHugeDirectory(const std::string& dir, size_t models) {
  std::filesystem::create_directories(dir);
  return WriteDocument(dir, kHuge, models);
}

void EditDocument(const std::string& dir, size_t version) {
  Write(FileOf(dir, kEdited),
        absl::StrCat("{\"Safety\": {\"name\": \"Safety\", \"version\": \"", version, "\"}}\n"));
}

}  // namespace modelref::bench
