#include "tests/bench/h2_connection.h"

#include <arpa/inet.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace modelref::bench {
namespace {

constexpr size_t kFrameHead = 9;
constexpr size_t kMessageHead = 5;
constexpr size_t kReadBuffer = 512 << 10;
constexpr uint64_t kWidenAfter = 16 << 20;
constexpr uint32_t kLargestWindow = 0x7fffffff;

enum FrameType : uint8_t {
  kData = 0,
  kHeaders = 1,
  kReset = 3,
  kSettings = 4,
  kPing = 6,
  kGoAway = 7,
  kWindowUpdate = 8
};
constexpr uint8_t kEndStream = 1;
constexpr uint8_t kAck = 1;
constexpr uint8_t kEndHeaders = 4;

void AppendU32(uint32_t value, std::string* out) {
  const uint32_t wire = htonl(value);
  out->append(reinterpret_cast<const char*>(&wire), sizeof(wire));
}

uint32_t ReadU32(const char* data) {
  uint32_t wire = 0;
  std::memcpy(&wire, data, sizeof(wire));
  return ntohl(wire);
}

void PatchU32(uint32_t value, size_t at, std::string* out) {
  const uint32_t wire = htonl(value);
  std::memcpy(out->data() + at, &wire, sizeof(wire));
}

void AppendText(const std::string& text, std::string* out) {
  if (text.size() > 126) Die("a header field is too long: " + text);
  out->push_back(static_cast<char>(text.size()));
  out->append(text);
}

}  // namespace

H2Connection::H2Connection(const std::string& address, bool tls, Sink* sink)
    : address_(address), sink_(sink), socket_(address, tls) {
  constexpr uint16_t kEnablePush = 2;
  constexpr uint16_t kInitialWindow = 4;
  in_.resize(kReadBuffer);
  out_ = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  AddFrameHead(12, kSettings, 0, 0);
  for (const auto& [name, value] :
       {std::pair(kEnablePush, 0U), std::pair(kInitialWindow, kLargestWindow)}) {
    out_.push_back(0);
    out_.push_back(static_cast<char>(name));
    AppendU32(value, &out_);
  }
  AddFrameHead(4, kWindowUpdate, 0, 0);
  AppendU32(kLargestWindow - 65535, &out_);
  Flush();
}

void H2Connection::AddFrameHead(size_t size, uint8_t type, uint8_t flags, uint32_t stream) {
  AppendU32(static_cast<uint32_t>(size << 8) | type, &out_);
  out_.push_back(static_cast<char>(flags));
  AppendU32(stream, &out_);
}

// The first time in full and into the table, later by its number, as gRPC's own clients do.
void H2Connection::AddField(const std::string& name, const std::string& value, std::string* block) {
  constexpr size_t kStaticEntries = 61;
  const auto is_same = [&](const auto& entry) {
    return entry.first == name && entry.second == value;
  };
  for (size_t i = 0; i < header_table_.size(); ++i) {
    if (!is_same(header_table_[i])) continue;
    block->push_back(static_cast<char>(0x80 | (kStaticEntries + header_table_.size() - i)));
    return;
  }
  block->push_back(0x40);
  AppendText(name, block);
  AppendText(value, block);
  header_table_.emplace_back(name, value);
}

std::string H2Connection::HeaderBlock(const H2Request& request) {
  constexpr char kMethodGet = 2;
  constexpr char kMethodPost = 3;
  constexpr char kSchemeHttp = 6;
  std::string block;
  block.push_back(static_cast<char>(0x80 | (request.get ? kMethodGet : kMethodPost)));
  block.push_back(static_cast<char>(0x80 | kSchemeHttp));
  AddField(":path", request.path, &block);
  AddField(":authority", address_, &block);
  if (request.get) {
    if (request.accept_gzip) AddField("accept-encoding", "gzip", &block);
    return block;
  }
  AddField("te", "trailers", &block);
  AddField("content-type", "application/grpc", &block);
  AddField("user-agent", "grpc-bench", &block);
  if (request.accept_gzip) AddField("grpc-accept-encoding", "identity, gzip", &block);
  return block;
}

void H2Connection::Start(const H2Request& request, uint64_t tag, bool messages) {
  const size_t begin = out_.size();
  if (prepared_ == &request) {
    out_ += prepared_frames_;
    PatchU32(next_id_, begin + 5, &out_);
    if (prepared_data_ > 0) PatchU32(next_id_, begin + prepared_data_ + 5, &out_);
  } else {
    const size_t known = header_table_.size();
    const std::string block = HeaderBlock(request);
    const uint8_t end = request.get ? kEndStream : 0;
    AddFrameHead(block.size(), kHeaders, kEndHeaders | end, next_id_);
    out_ += block;
    const size_t data = out_.size();
    if (!request.get) {
      const uint8_t flags = request.half_close ? kEndStream : 0;
      AddFrameHead(request.body.size() + kMessageHead, kData, flags, next_id_);
      out_.push_back(0);
      AppendU32(static_cast<uint32_t>(request.body.size()), &out_);
      out_ += request.body;
    }
    // The next ones look alike once every field has its number.
    if (known == header_table_.size()) {
      prepared_ = &request;
      prepared_frames_ = out_.substr(begin);
      prepared_data_ = request.get ? 0 : data - begin;
    }
  }
  if (!request.get) send_window_ -= static_cast<int64_t>(request.body.size() + kMessageHead);
  if (send_window_ < 0) Die(address_ + " does not widen its window");
  Stream& stream = streams_[next_id_];
  stream.tag = tag;
  stream.messages = messages;
  next_id_ += 2;
}

void H2Connection::Flush() {
  socket_.Send(out_);
  out_.clear();
}

void H2Connection::Read() {
  do {
    in_size_ += socket_.Receive(in_.data() + in_size_, in_.size() - in_size_);
    HandleFrames();
  } while (socket_.holds_more());
}

void H2Connection::HandleFrames() {
  size_t used = 0;
  while (const size_t frame = OneFrame(in_.data() + used, in_size_ - used)) used += frame;
  in_size_ -= used;
  if (in_size_ > 0 && used > 0) std::memmove(in_.data(), in_.data() + used, in_size_);
  if (consumed_ > kWidenAfter) {
    AddFrameHead(4, kWindowUpdate, 0, 0);
    AppendU32(static_cast<uint32_t>(consumed_), &out_);
    consumed_ = 0;
  }
  if (!out_.empty()) Flush();
}

// Handles the frame at `data` and returns its size; 0 when it is not complete.
size_t H2Connection::OneFrame(const char* data, size_t size) {
  if (size < kFrameHead) return 0;
  const uint32_t head = ReadU32(data);
  const size_t payload = head >> 8;
  if (payload + kFrameHead > in_.size()) Die(address_ + " sent a frame that is too large");
  if (size < payload + kFrameHead) return 0;
  OnFrame(static_cast<uint8_t>(head & 0xff), static_cast<uint8_t>(data[4]),
          ReadU32(data + 5) & kLargestWindow, absl::string_view(data + kFrameHead, payload));
  return payload + kFrameHead;
}

void H2Connection::OnFrame(uint8_t type, uint8_t flags, uint32_t id, absl::string_view payload) {
  const bool ends = (flags & kEndStream) != 0;
  switch (type) {
    case kData:
      consumed_ += payload.size();
      OnData(id, payload);
      if (ends) OnEnd(id, false);
      break;
    case kHeaders:
      if (ends) OnEnd(id, false);
      break;
    case kReset:
      OnEnd(id, true);
      break;
    case kSettings:
      if ((flags & kAck) == 0) AddFrameHead(0, kSettings, kAck, 0);
      break;
    case kPing:
      if ((flags & kAck) != 0) break;
      AddFrameHead(payload.size(), kPing, kAck, 0);
      out_.append(payload.data(), payload.size());
      break;
    case kGoAway:
      Die(absl::StrCat(address_, " sent GOAWAY: ", payload.substr(8)));
    case kWindowUpdate:
      if (id == 0) send_window_ += ReadU32(payload.data());
      break;
    default:
      break;
  }
}

void H2Connection::OnData(uint32_t id, absl::string_view payload) {
  const auto found = streams_.find(id);
  if (found == streams_.end() || payload.empty()) return;
  Stream& stream = found->second;
  if (stream.end.bytes == 0) stream.end.compressed = payload[0] == 1;
  stream.end.bytes += payload.size();
  if (stream.messages) OnMessages(&stream, payload);
}

void H2Connection::OnMessages(Stream* stream, absl::string_view payload) {
  // Most messages are one frame, and need no copy.
  const bool continued = !stream->partial.empty();
  if (continued) {
    stream->partial.append(payload.data(), payload.size());
    payload = stream->partial;
  }
  const size_t all = payload.size();
  while (payload.size() >= kMessageHead) {
    const size_t size = ReadU32(payload.data() + 1);
    if (payload.size() < size + kMessageHead) break;
    sink_->OnMessage(stream->tag, payload.substr(kMessageHead, size));
    payload.remove_prefix(size + kMessageHead);
  }
  if (continued && payload.size() == all) return;
  std::string rest(payload);
  stream->partial.swap(rest);
}

void H2Connection::OnEnd(uint32_t id, bool reset) {
  const auto found = streams_.find(id);
  if (found == streams_.end()) return;
  const uint64_t tag = found->second.tag;
  H2End end = found->second.end;
  end.ok = !reset && end.bytes > 0;
  streams_.erase(found);
  sink_->OnEnd(*this, tag, end);
}

}  // namespace modelref::bench
