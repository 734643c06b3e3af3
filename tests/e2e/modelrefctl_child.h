#pragma once

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "tests/testing/temp_dir.h"

namespace modelref::testing {

// A program of the build, run as a child; what it prints is kept.
class Child {
 public:
  // `program` is a name in the build's bin folder. `variables` are added to the environment.
  Child(const std::string& program, const std::vector<std::string>& arguments,
        const std::vector<std::pair<std::string, std::string>>& variables = {});
  // Kills what still runs.
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  void Signal(int number) const;
  pid_t pid() const { return pid_; }
  // The exit status as a shell has it: 128 plus the signal that killed it. Waits.
  int Wait();
  // The processor time it took, after Wait(): unlike time on the clock it does not depend on what
  // else the machine does.
  absl::Duration cpu_time() const { return cpu_time_; }
  // What was printed so far.
  std::string out() const { return dir_.Read("out"); }
  std::string err() const { return dir_.Read("err"); }
  // Waits until the text is in `out` or `err`; false when the program is gone or slow.
  bool WaitForText(const std::string& file, const std::string& text);

 private:
  TempDir dir_;
  pid_t pid_ = -1;
  int status_ = 0;
  bool ended_ = false;
  absl::Duration cpu_time_;
};

// What a line for /bin/sh prints and how it exits; "modelrefctl" is the program of the build.
struct ShellResult {
  int code = 0;
  std::string out;
  std::string err;
};
ShellResult RunShell(const std::string& line);

}  // namespace modelref::testing
