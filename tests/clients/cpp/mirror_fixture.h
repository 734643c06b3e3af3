#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "backends/base/clock.h"
#include "backends/base/error.h"
#include "clients/cpp/cancellation.h"
#include "clients/cpp/client.h"
#include "clients/cpp/mirror.h"
#include "tests/clients/cpp/fake_catalogue.h"
#include "tests/testing/event.h"
#include "tests/testing/status_matchers.h"

namespace modelref::testing {

inline const DocumentKey kClip{"clip", Format::kV2};
inline const DocumentKey kEsrgan{"esrgan", Format::kV2};

// A fake catalogue with two documents, a server of it, and a mirror.
class MirrorTest : public ::testing::Test {
 protected:
  MirrorTest() {
    catalogue_.Commit("clip", {}, {{"a", "1"}, {"b", "2"}});
    catalogue_.Commit("esrgan", {}, {{"e", "{\"size\":1.50}"}});
    StartServer();
  }

  void StartServer(int port = 0) {
    server_ = std::make_unique<FakeServer>(catalogue_.Handlers(), port);
    ClientOptions options;
    options.address = server_->address();
    options.retry.max_attempts = 1;
    options.connect_timeout = absl::Milliseconds(200);
    client_ = *Client::Create(options);
  }
  void OpenMirror() {
    absl::StatusOr<std::unique_ptr<Mirror>> mirror = Mirror::Open(client_.get(), options_);
    ASSERT_THAT(mirror, IsOk());
    mirror_ = *std::move(mirror);
  }
  // The document as JSON; empty: it is not shown.
  std::string Shown(const std::string& category) const {
    const MirrorCopyPtr copy = mirror_->Find({category, Format::kV2});
    return copy == nullptr ? "" : copy->document->ToJson();
  }

  // Looks at `condition` until it holds; false when the deadline passes first.
  template <typename Condition>
  static bool Eventually(Condition condition) {
    const absl::Time end = MonotonicClock().TimeNow() + kDeadline;
    Cancellation never;
    while (!condition()) {
      if (MonotonicClock().TimeNow() > end) return false;
      never.WaitFor(absl::Milliseconds(2));
    }
    return true;
  }

  FakeCatalogue catalogue_;
  std::unique_ptr<FakeServer> server_;
  std::unique_ptr<Client> client_;
  MirrorOptions options_;
  std::unique_ptr<Mirror> mirror_;
};

}  // namespace modelref::testing
