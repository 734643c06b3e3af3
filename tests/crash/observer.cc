#include "tests/crash/observer.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace modelref::testing {
namespace {

constexpr absl::Duration kLook = absl::Milliseconds(50);

}  // namespace

void Sightings::SeeVersion(const std::string& category, int format, uint64_t revision,
                           const std::string& etag) {
  if (revision == 0) return;
  MutexLock lock(&mutex_);
  const auto [seen, is_new] = versions_.try_emplace({category, format, revision}, etag);
  if (seen->second == etag) return;
  complaints_.push_back(absl::StrCat(category, " in format ", format,
                                     " was seen with two contents at ", "revision ", revision));
}

void Sightings::SeeChain(uint64_t revision, const std::string& chain) {
  MutexLock lock(&mutex_);
  const auto [seen, is_new] = chains_.try_emplace(revision, chain);
  if (seen->second != chain) {
    complaints_.push_back(absl::StrCat("revision ", revision, " was seen with two chains"));
  }
}

void Sightings::SeeEpoch(const std::string& epoch) {
  MutexLock lock(&mutex_);
  if (epoch_.empty()) epoch_ = epoch;
  if (epoch_ != epoch) complaints_.push_back("the epoch changed");
}

void Sightings::Complain(const std::string& what) {
  MutexLock lock(&mutex_);
  complaints_.push_back(what);
}

std::map<Sightings::Version, std::string> Sightings::versions() const {
  MutexLock lock(&mutex_);
  return versions_;
}

std::map<uint64_t, std::string> Sightings::chains() const {
  MutexLock lock(&mutex_);
  return chains_;
}

std::vector<std::string> Sightings::complaints() const {
  MutexLock lock(&mutex_);
  return complaints_;
}

void Observer::Watch(Client& client, const std::function<bool()>& stop) {
  v1::WatchRequest request;
  request.mutable_filter()->add_formats(v1::FORMAT_V2);
  request.mutable_filter()->add_formats(v1::FORMAT_LEGACY);
  if (token_.empty()) {
    request.mutable_snapshot();
  } else {
    request.set_resume_token(token_);
  }
  auto stream = client.Watch(request);
  if (!stream.ok()) return;
  ++streams_;
  while (true) {
    const auto message = (*stream)->Next(kLook);
    if (message.ok() && !message->has_value()) return;
    if (message.ok()) {
      See(client, **message);
    } else if (!absl::IsDeadlineExceeded(message.status()) || stop()) {
      return;
    }
  }
}

void Observer::See(Client& client, const v1::WatchResponse& message) {
  sightings_.SeeEpoch(message.header().epoch());
  if (message.has_created() && !token_.empty()) {
    ++resumed_;
    if (message.created().resume() == v1::RESUME_KIND_RESYNC) {
      sightings_.Complain("a watcher could not go on where it was");
    }
  }
  for (const v1::WatchEvent& event : message.events().events()) {
    sightings_.SeeVersion(event.category(), event.format(), event.mod_revision(), event.etag());
  }
  if (!message.resume_token().empty()) token_ = message.resume_token();
  if (message.has_events() && !message.events().more()) SeeHead(client);
}

void Observer::SeeHead(Client& client) {
  const absl::StatusOr<v1::GetHeadResponse> head = client.GetHead(v1::GetHeadRequest());
  if (head.ok()) sightings_.SeeChain(head->position().revision(), head->position().chain());
}

}  // namespace modelref::testing
