#pragma once

#include <string>
#include <utility>

#include "service/store/store.h"

namespace modelref {

// The log is carried into the database, and begins anew from its start, when it has so many pages.
inline constexpr int kLogPages = 8192;

// Writes zeros behind the end of a database's write-ahead log, a little ahead of what is written to
// it: a sync of bytes that the file has already costs half of one that makes the file longer. The
// engine takes what it did not write for the end of the log. Nothing depends on it: what goes wrong
// here only means that the file grows as it did. Single-threaded.
class LogSpace {
 public:
  // `path`: of the log, which need not be there yet. Empty: nothing is ever done.
  explicit LogSpace(std::string path) : path_(std::move(path)) {}
  ~LogSpace();
  LogSpace(const LogSpace&) = delete;
  LogSpace& operator=(const LogSpace&) = delete;

  // Only inside a transaction that writes, so that nobody else writes to the log meanwhile.
  void Extend();

 private:
  // False when there is no log.
  bool Open();

  std::string path_;
  int fd_ = -1;
};

// Of a store's database; empty where the engine writes to something else than its own files.
std::string LogPathOf(const Store::Options& options);

}  // namespace modelref
