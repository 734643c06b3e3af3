#pragma once

#include <map>
#include <memory>
#include <random>
#include <string>

#include "tests/e2e/modelrefctl_child.h"

namespace modelref::testing {

// Runs `modelrefctl import legacy` of a small catalogue beside the servers, again and again with
// other values, and kills it at times. One thread at a time.
class ImportingUser {
 public:
  explicit ImportingUser(std::string data_dir);

  // Begins anew with the choices; what was acknowledged is not forgotten.
  void Reseed(uint64_t seed) { random_.seed(seed); }

  // One import, armed with `failpoints`. Returns the log of the importer.
  std::string Import(const std::string& failpoints);
  // Imports undisturbed when the last one was not acknowledged.
  void Finish();
  static const char* category() { return "blip"; }
  // The records of the last import that was acknowledged: description by name; empty before.
  const std::map<std::string, std::string>& expected() const { return expected_; }
  uint64_t acknowledged() const { return acknowledged_; }
  // What an undisturbed import said that failed.
  const std::string& failure() const { return failure_; }

 private:
  const std::string data_dir_;
  std::mt19937_64 random_;
  TempDir source_;
  std::map<std::string, std::string> expected_;
  bool is_acknowledged_ = true;
  uint64_t acknowledged_ = 0;
  std::string failure_;
};

}  // namespace modelref::testing
