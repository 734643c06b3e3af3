#include "tests/crash/crash_files.h"

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "tests/crash/writing_crew.h"

namespace modelref::testing {
namespace {

std::string StableText() {
  std::string text = "{\n";
  for (int i = 0; i < kStableRecords; ++i) {
    const std::string name = absl::StrCat("stable-", i);
    absl::StrAppend(&text, i == 0 ? "" : ",\n", "  \"", name, "\": ", CrashRecord(name, 1));
  }
  return text + "\n}\n";
}

}  // namespace

const std::vector<Edited>& EditedFiles() {
  static const auto& files = *new std::vector<Edited>{
      {"clip.json", {"clip", Format::kV2}, SaveStyle::kCopy},
      {"esrgan.json", {"esrgan", Format::kV2}, SaveStyle::kSlow},
      {"codeformer.json", {"codeformer", Format::kV2}, SaveStyle::kOverwrite},
      {"lora.json", {"lora", Format::kV2}, SaveStyle::kRename},
      {"ti.json", {"ti", Format::kV2}, SaveStyle::kRenameSlow},
      {"legacy/clip.json", {"clip", Format::kLegacy}, SaveStyle::kRename},
  };
  return files;
}

std::vector<DocumentKey> CommittedKeys() {
  std::vector<DocumentKey> keys = {{"safety_checker", Format::kV2}};
  for (const Edited& edited : EditedFiles()) keys.push_back(edited.key);
  return keys;
}

const DocumentKey& HeldKey() {
  static const auto& key = *new DocumentKey{"gfpgan", Format::kV2};
  return key;
}

std::string HeldName(int i) { return absl::StrCat("held-", i); }

std::string HeldText(const std::set<int>& models) {
  std::string text = "{";
  for (const int i : models) {
    absl::StrAppend(&text, text.size() > 1 ? ",\n " : "", "\"", HeldName(i),
                    "\": ", CrashRecord(HeldName(i), 1));
  }
  return text + "}\n";
}

void WriteFirstFiles(const std::string& data_dir) {
  std::filesystem::create_directories(data_dir + "/legacy");
  std::vector<std::string> files = {"safety_checker.json", "blip.json", "legacy/blip.json"};
  for (const Edited& edited : EditedFiles()) files.push_back(edited.file);
  for (const std::string& file : files) {
    const std::string path = absl::StrCat(data_dir, "/", file);
    if (std::filesystem::exists(path)) continue;
    std::ofstream(path) << StableText();
  }
  std::ofstream(data_dir + "/gfpgan.json") << HeldText();
  const std::string table = data_dir + "/legacy/models.csv";
  if (!std::filesystem::exists(table)) std::ofstream(table) << TableWithRepeatedNames();
}

std::map<std::string, bool> ReadFiles(const std::string& data_dir) {
  std::map<std::string, bool> files;
  for (const char* file : {"safety_checker.json", "blip.json", "legacy/blip.json", "gfpgan.json",
                           "legacy/models.csv"}) {
    files[absl::StrCat(data_dir, "/", file)] = true;
  }
  for (const Edited& edited : EditedFiles()) {
    files[absl::StrCat(data_dir, "/", edited.file)] = !IsInPlace(edited.style);
  }
  return files;
}

}  // namespace modelref::testing
