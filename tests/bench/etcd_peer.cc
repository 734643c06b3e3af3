#include "tests/bench/etcd_peer.h"

#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace modelref::bench {
namespace {

constexpr absl::string_view kKey = "bench-key";

// A field of a protobuf message, of up to 127 bytes.
std::string Field(int number, absl::string_view bytes) {
  return absl::StrCat(std::string(1, static_cast<char>(number << 3 | 2)),
                      std::string(1, static_cast<char>(bytes.size())), bytes);
}

}  // namespace

std::unique_ptr<EtcdPeer> EtcdPeer::Start(const std::string& folder, std::string* missing) {
  const std::string program = FindProgram("etcd");
  if (program.empty()) {
    *missing = "etcd is not installed";
    return nullptr;
  }
  return std::unique_ptr<EtcdPeer>(new EtcdPeer(program, folder));
}

EtcdPeer::EtcdPeer(const std::string& program, const std::string& folder) {
  const std::string data = folder + "/etcd";
  const std::string log = folder + "/etcd.log";
  std::filesystem::remove_all(data);
  server_.address = FreeAddress();
  const std::string clients = "http://" + server_.address;
  const std::string peers = "http://" + FreeAddress();
  const std::vector<std::string> words = {program,
                                          "--data-dir=" + data,
                                          "--listen-client-urls=" + clients,
                                          "--advertise-client-urls=" + clients,
                                          "--listen-peer-urls=" + peers,
                                          "--initial-advertise-peer-urls=" + peers,
                                          "--initial-cluster=default=" + peers,
                                          "--logger=zap",
                                          "--log-level=error"};
  server_.process = std::make_unique<ChildProcess>(words, log);
  AwaitListening(*server_.process, server_.address, log);
  watch_.path = "/etcdserverpb.Watch/Watch";
  watch_.body = Field(1, Field(1, kKey));
  watch_.half_close = false;
  put_.path = "/etcdserverpb.KV/Put";
  // About as large as an event of ours.
  put_.body = Field(1, kKey) + Field(2, std::string(100, 'v'));
  client_ = std::make_unique<H2Client>(server_.address, 1);
  if (!client_->Call(put_).end.ok) Die("etcd takes no value");
}

void EtcdPeer::SendPut() { client_->Send(put_); }

// Its first message, which says that the watch is open, does not name the key.
bool EtcdPeer::IsEvent(absl::string_view message) { return absl::StrContains(message, kKey); }

}  // namespace modelref::bench
