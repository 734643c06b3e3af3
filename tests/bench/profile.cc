#include "tests/bench/profile.h"

#include <poll.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/bench/byte_socket.h"

namespace modelref::bench {
namespace {

// Until perf has attached itself to all threads.
constexpr int kAttachMillis = 500;

}  // namespace

void ProfileServer(const ChildProcess& server, const std::string& folder, const std::string& name,
                   const std::function<void()>& load) {
  if (FindProgram("perf").empty()) Die("not run: perf is not installed");
  std::filesystem::create_directories(folder);
  const std::string file =
      absl::StrCat(folder, "/", absl::StrReplaceAll(name, {{" ", "_"}, {",", ""}}), ".perf");
  {
    ChildProcess perf({"perf", "record", "--freq=1999", "--call-graph=fp", "--output=" + file,
                       absl::StrCat("--pid=", server.pid())},
                      file + ".log");
    poll(nullptr, 0, kAttachMillis);
    if (!perf.running()) Die("perf may not look: see " + file + ".log");
    load();
    perf.Interrupt();
  }
  std::printf("%s\n", file.c_str());
  std::fflush(stdout);
  const std::string report = absl::StrCat("perf report --no-children --percent-limit=0.7 -g none ",
                                          "--sort=dso,symbol --stdio -i ", file, " 2>/dev/null");
  if (std::system(report.c_str()) != 0) Die("perf report failed on " + file);
}

}  // namespace modelref::bench
