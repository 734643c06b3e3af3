#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "backends/base/document_key.h"
#include "tests/crash/hand_editor.h"

namespace modelref::testing {

// The public files of a directory on which servers die, and who works on them.

// A file that somebody edits.
struct Edited {
  const char* file;
  DocumentKey key;
  SaveStyle style;
};
const std::vector<Edited>& EditedFiles();

// The documents that are committed to: those that are edited, and one that is not.
std::vector<DocumentKey> CommittedKeys();

// Somebody keeps removing most models of this one; such an edit waits, and is not accepted here.
const DocumentKey& HeldKey();
inline constexpr int kHeldModels = 12;
std::string HeldName(int i);
// Its file with some of the models; all of them by default.
std::string HeldText(const std::set<int>& models = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});

// Records of each edited file that nobody touches. However long no program looked at a file, and
// then every own record of its editor may be another one, what is gone must be less than half of
// it, or the edit would wait. What displaced files set counts as the editor's for 15 minutes.
inline constexpr int kStableRecords = 40;
static_assert(kStableRecords > 4 * static_cast<int>(kOwnRecords));

// Every file exists before the first server.
void WriteFirstFiles(const std::string& data_dir);
// The files that readers open, and whether they must be whole.
std::map<std::string, bool> ReadFiles(const std::string& data_dir);

}  // namespace modelref::testing
