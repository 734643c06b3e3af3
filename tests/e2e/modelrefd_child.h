#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "backends/base/clock.h"
#include "clients/cpp/client.h"
#include "tests/e2e/modelrefctl_child.h"
#include "tests/testing/temp_dir.h"

namespace modelref::testing {

// A modelrefd of the build on a data directory, with free ports, and a client of it.
class ServerChild {
 public:
  // Returns when it serves; the test has failed when it does not.
  // `variables` are added to the environment.
  explicit ServerChild(const std::string& data_dir, const std::vector<std::string>& flags = {},
                       const std::vector<std::pair<std::string, std::string>>& variables = {});

  Child& process() { return *process_; }
  Client& client() { return *client_; }
  const std::string& address() const { return address_; }
  pid_t pid() const { return pid_; }

  // What the admin port answers to GET `path`, head included.
  std::string HttpGet(const std::string& path) const;
  // The value of a metric without labels, or with exactly these: "name{reason=\"x\"}".
  double Metric(const std::string& name) const;
  // The log lines so far whose level is `level` and that contain `text`.
  std::vector<std::string> LogLines(absl::string_view level, absl::string_view text) const;

  // The document by GetCategory.
  absl::StatusOr<v1::GetCategoryResponse> Get(
      const std::string& category, v1::Format format = v1::FORMAT_V2,
      v1::Representation representation = v1::REPRESENTATION_COMPACT);

 private:
  std::unique_ptr<Child> process_;
  std::unique_ptr<Client> client_;
  std::string address_;
  std::string admin_;
  pid_t pid_ = -1;
};

// Looks at `condition` until it holds; false when the deadline passes first.
template <typename Condition>
bool Eventually(Condition condition, absl::Duration deadline = absl::Seconds(30));
// Lets a little time pass between two looks at something that tells nobody when it changes.
void PauseBetweenLooks();

// A document of models "model-<first>" to "model-<last>", each with the given description.
std::string Models(int first, int last, absl::string_view description = "made for a test");

// The folder of the real catalogues, empty when there is none: MODELREF_SHARED, or "shared" beside
// the project.
std::string SharedFolder();

template <typename Condition>
bool Eventually(Condition condition, absl::Duration deadline) {
  const absl::Time end = RealClock().TimeNow() + deadline;
  while (!condition()) {
    if (RealClock().TimeNow() > end) return false;
    PauseBetweenLooks();
  }
  return true;
}

}  // namespace modelref::testing
