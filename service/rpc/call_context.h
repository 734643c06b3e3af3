#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace grpc {
class ServerContext;
}

namespace modelref {

// What an admission hook hangs on a call for its handler, such as the caller's identity. Released
// when the call ends, on the call's queue thread: a lease of a per-caller limit gives itself back
// in its destructor.
class CallAttachment {
 public:
  virtual ~CallAttachment() = default;
};

// One call as its handler sees it. Lives as long as the call: a StreamSource may keep a reference
// until its destructor has run; the handlers of deferred calls may use it only until they return.
// Const methods are thread-safe.
class CallContext {
 public:
  // `method` ("/package.Service/Method") and `grpc_context` must outlive this.
  CallContext(absl::string_view method, grpc::ServerContext* grpc_context, absl::Time received_at,
              bool is_stream = false);
  CallContext(const CallContext&) = delete;
  CallContext& operator=(const CallContext&) = delete;

  absl::string_view method() const { return method_; }
  // gRPC's name of the peer, percent-decoded: "ipv4:10.0.0.7:51234", "ipv6:[::1]:51234", "unix:".
  // Not authenticated.
  std::string peer() const;
  // True when the peer is a process of this machine (loopback address or unix socket).
  bool is_local_peer() const;

  // Whether others could not read along.
  bool is_encrypted() const;
  // The subject of the peer's certificate, which was verified when the connection began; empty
  // without one.
  std::string certificate_subject() const;
  // The text of it, good as long as the call; empty without one.
  absl::string_view certificate_pem() const;
  bool is_stream() const { return is_stream_; }

  // The first value of a metadata key (lower case), or none. Views are good as long as the call.
  std::optional<absl::string_view> Metadata(absl::string_view key) const;
  // Every value of the key, in order of arrival.
  std::vector<absl::string_view> MetadataValues(absl::string_view key) const;
  // Of all metadata, names and values, as HPACK counts (32 more for each).
  size_t MetadataBytes() const;
  // The W3C trace context of the caller; empty when there is none, or it is not well formed.
  absl::string_view traceparent() const;

  // Whether the peer accepts answers in gzip (see service/rpc/gzip.h).
  bool AcceptsGzip() const;

  // When the call was taken from the queue, by the server's clock.
  absl::Time received_at() const { return received_at_; }
  // The caller's deadline; absl::InfiniteFuture() when it set none.
  absl::Time deadline() const;
  // True as soon as the layer knows that the caller does not wait any more (cancelled, past its
  // deadline, gone).
  bool IsCancelled() const { return cancelled_.load(std::memory_order_acquire); }

  // Set by the admission hook before any handler runs.
  void Attach(std::shared_ptr<const CallAttachment> attachment) {
    attachment_ = std::move(attachment);
  }
  // Null when nothing, or something of another type, is attached.
  template <typename T>
  const T* Attached() const {
    return dynamic_cast<const T*>(attachment_.get());
  }

  // For the layer itself.
  void MarkCancelled() { cancelled_.store(true, std::memory_order_release); }

 private:
  const absl::string_view method_;
  grpc::ServerContext* const grpc_context_;
  const absl::Time received_at_;
  const bool is_stream_;
  std::atomic<bool> cancelled_{false};
  std::shared_ptr<const CallAttachment> attachment_;
};

// True for peers in gRPC's notation that are processes of this machine. Everything unknown is
// remote.
bool IsLocalPeer(absl::string_view peer);

}  // namespace modelref
