#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "backends/base/clock.h"
#include "clients/modelrefctl/host.h"
#include "clients/modelrefctl/run.h"

namespace modelref::testing {

struct CtlResult {
  int code = 0;
  std::string out;
  std::string err;
};

// Runs command lines in this process, in an environment that the test makes.
class CtlRunner {
 public:
  CtlRunner() { variables_["HOME"] = "/nonexistent"; }

  void SetVariable(const std::string& name, const std::string& value) { variables_[name] = value; }
  // What commands find on stdin: a descriptor that the test keeps open.
  void SetInput(int fd) { in_ = fd; }
  // Where stdout goes instead of the result; not owned.
  void SetOutput(ctl::Sink* out) { out_ = out; }
  void SetTerminal(ctl::Terminal terminal) { terminal_ = terminal; }
  ctl::Interrupts& interrupts() { return interrupts_; }

  CtlResult Run(const std::vector<std::string>& arguments) {
    ctl::StringSink out;
    ctl::StringSink err;
    ctl::Host host;
    host.variable = [this](const std::string& name) -> std::optional<std::string> {
      const auto found = variables_.find(name);
      if (found == variables_.end()) return std::nullopt;
      return found->second;
    };
    host.out = out_ != nullptr ? out_ : &out;
    host.err = &err;
    host.in = in_;
    host.terminal = terminal_;
    host.interrupts = &interrupts_;
    host.clock = &RealClock();
    const int code = ctl::Run(arguments, host);
    return {code, out.text(), err.text()};
  }

 private:
  std::map<std::string, std::string> variables_;
  ctl::Terminal terminal_;
  int in_ = -1;
  ctl::Sink* out_ = nullptr;
  ctl::Interrupts interrupts_;
};

}  // namespace modelref::testing
