#pragma once

// The channels of one client and what every call of it carries. Internal to clients/cpp.

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "backends/base/clock.h"
#include "clients/cpp/address.h"
#include "clients/cpp/cancellation.h"
#include "clients/cpp/client_options.h"

namespace modelref {

// Thread-safe.
class Connection {
 public:
  // INVALID_ARGUMENT (`BAD_ADDRESS`), FAILED_PRECONDITION (`PLAINTEXT_CREDENTIAL`) when a
  // credential would be readable on the network.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const ClientOptions& options);

  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  // A connection of its own for streams that live long: no window probing, so that a slow reader is
  // noticed by the server, and no big transfer in front of an event. Connects when it is used.
  const std::shared_ptr<grpc::Channel>& watch_channel() const { return watch_channel_; }

  absl::Time Deadline(const CallOptions& call, absl::Duration fallback) const;
  // Sets deadline and credential.
  void Prepare(absl::Time deadline, grpc::ClientContext* context) const;

  // Waits for the first connection as ClientOptions say. The call that follows tells why there is
  // none. `cancellation` may be null.
  void AwaitReady(const std::shared_ptr<grpc::Channel>& channel, absl::Time deadline,
                  const Cancellation* cancellation) const;
  // Waits until there is a connection, or until `until`.
  void AwaitConnected(const std::shared_ptr<grpc::Channel>& channel, absl::Time until,
                      const Cancellation* cancellation) const;
  // Waits until somebody listens, or an attempt to connect has failed. Where somebody does, an
  // answer that does not come was lost on its way and is worth repeating the call.
  void NoteWhetherReachable(const std::shared_ptr<grpc::Channel>& channel, absl::Time deadline,
                            const Cancellation* cancellation) const;
  // False while nobody ever answered: then repeating only delays the bad news, unless the options
  // ask to wait.
  bool RetriesAreUseful() const { return options_.wait_for_ready || reached_.load(); }
  // Turns what a call returned into our status, with the address in it when nobody answered.
  absl::Status Finished(const grpc::Status& status) const;

  const ClientOptions& options() const { return options_; }
  Clock& clock() const { return *clock_; }

 private:
  Connection(const ClientOptions& options, ServerAddress address);

  const ClientOptions options_;
  const ServerAddress address_;
  Clock* const clock_;
  std::shared_ptr<grpc::Channel> channel_;
  std::shared_ptr<grpc::Channel> watch_channel_;
  mutable std::atomic<bool> reached_ = false;
};

}  // namespace modelref
