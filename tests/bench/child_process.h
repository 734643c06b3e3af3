#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace modelref::bench {

// A program that runs beside the benchmark and is killed with it.
class ChildProcess {
 public:
  // `words[0]` is a path or found in PATH. What it prints goes to the file `log`. Ends the process
  // when it cannot be started.
  ChildProcess(const std::vector<std::string>& words, const std::string& log);
  // Kills it and waits.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  bool running();
  // Asks it to end, as Ctrl-C does, and waits.
  void Interrupt();
  // Processor time used so far by all its threads.
  double CpuSeconds() const;
  // Memory that it has alone or shares.
  double ResidentBytes() const;

 private:
  pid_t pid_ = -1;
};

// HOST:PORT of a port that is free now.
std::string FreeAddress();

// Waits until something listens there. Ends the process when it takes more than 120 s, or the child
// is gone before: with what it printed.
void AwaitListening(ChildProcess& child, const std::string& address, const std::string& log);

// Where a program is in PATH, or beside the benchmark; empty when it is not.
std::string FindProgram(const std::string& name);

}  // namespace modelref::bench
