#pragma once

#include <map>
#include <random>
#include <set>
#include <string>

#include "absl/time/time.h"
#include "backends/base/json.h"

namespace modelref::testing {

// How an editor saves a file.
enum class SaveStyle {
  kCopy,        // Truncated, then written at once: `cp`.
  kSlow,        // Truncated, then written in pieces.
  kOverwrite,   // Written over the old bytes, then cut to its length.
  kRename,      // Another file, moved into place.
  kRenameSlow,  // The same, written in pieces.
};
// Whether a reader may see the file incomplete.
bool IsInPlace(SaveStyle style);

// Writes `text` as an editor does. False when the file cannot be written, as on a full disk.
bool Save(const std::string& path, SaveStyle style, const std::string& text,
          std::mt19937_64& random);

// The most own records of a HandEditor.
inline constexpr size_t kOwnRecords = 8;

// Somebody who edits one category file by hand: owns the records whose names begin with "edit-",
// and writes back all others as they were when the file was last read, which may be a while ago.
// One thread at a time.
class HandEditor {
 public:
  // `think` is how long the editor looks at the file before it is saved, at most.
  HandEditor(std::string path, SaveStyle style, absl::Duration think = absl::Milliseconds(60));

  // Begins anew with the choices; what was written is not forgotten.
  void Reseed(uint64_t seed) { random_.seed(seed); }
  // Sets, adds or removes one of the own records and saves.
  void Edit();
  const std::string& path() const { return path_; }
  SaveStyle style() const { return style_; }
  // What must be served in the end: each own record that was ever written, as canonical JSON; empty
  // for one that was removed.
  const std::map<std::string, std::string>& expected() const { return expected_; }

 private:
  void ReadFile();

  const std::string path_;
  const SaveStyle style_;
  const absl::Duration think_;
  std::mt19937_64 random_;
  JsonObject buffer_;
  bool has_read_ = false;
  uint64_t counter_ = 0;
  std::map<std::string, std::string> expected_;
};

// The JSON of a record as this suite makes it.
std::string CrashRecord(const std::string& name, uint64_t value);

}  // namespace modelref::testing
