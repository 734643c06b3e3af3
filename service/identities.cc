#include "service/identities.h"

#include <utility>

#include "backends/base/status_macros.h"
#include "service/auth/identity_sources.h"
#include "service/watch/wire.h"

namespace modelref {
namespace {

constexpr absl::Duration kLook = absl::Milliseconds(250);
// AI-Horde is asked again about the callers of open streams when an answer is too old, and
// certificates end without anybody saying so.
constexpr int kLooksPerReview = 20;

std::shared_ptr<const CallerRoles> RolesOf(const v1::AuthConfig& config) {
  return std::make_shared<const CallerRoles>(
      CallerRoles{{config.requestor_ids().begin(), config.requestor_ids().end()},
                  {config.approver_ids().begin(), config.approver_ids().end()},
                  {config.admin_ids().begin(), config.admin_ids().end()},
                  {config.worker_ids().begin(), config.worker_ids().end()}});
}

HordeLookup::Options HordeOptions(const v1::AuthConfig& config) {
  HordeLookup::Options options;
  options.url = config.horde_url();
  options.timeout = FromProto(config.horde_timeout());
  options.cache.ttl = FromProto(config.horde_cache_ttl());
  options.cache.negative_ttl = std::min(options.cache.negative_ttl, options.cache.ttl);
  return options;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Identities>> Identities::Open(const v1::AuthConfig& config,
                                                             Clock& clock) {
  std::unique_ptr<Identities> identities(new Identities());
  identities->allow_plaintext_ = config.allow_plaintext_tokens();
  identities->certificates_ = config.client_certificates();
  if (!config.tokens_file().empty()) {
    ASSIGN_OR_RETURN(identities->tokens_, TokensFile::Open(config.tokens_file(), clock));
  }
  if (config.horde_lookup()) {
    identities->horde_ = std::make_shared<HordeLookup>(HordeOptions(config), clock);
  }
  if (identities->tokens_ != nullptr || config.horde_lookup() || config.client_certificates()) {
    IdentitySources::Sources sources;
    sources.tokens = identities->tokens_;
    sources.horde = identities->horde_;
    sources.certificates = config.client_certificates();
    sources.roles = RolesOf(config);
    sources.clock = &clock;
    identities->authenticator_ = std::make_shared<const IdentitySources>(std::move(sources));
  }
  return identities;
}

Identities::~Identities() { Stop(); }

AccessOptions Identities::access_options() const { return {authenticator_, allow_plaintext_}; }

void Identities::Start(std::function<void()> rights_changed) {
  rights_changed_ = std::move(rights_changed);
  if (authenticator_ == nullptr) return;
  thread_ = std::thread([this] { Run(); });
}

void Identities::Run() {
  for (int looks = 1;; ++looks) {
    {
      MutexLock lock(&mutex_);
      if (!stopping_) stop_requested_.WaitFor(&mutex_, kLook);
      if (stopping_) return;
    }
    const bool tokens_changed = tokens_ != nullptr && tokens_->Look();
    const bool is_due = (horde_ != nullptr || certificates_) && looks % kLooksPerReview == 0;
    if (tokens_changed || is_due) rights_changed_();
  }
}

void Identities::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    stop_requested_.SignalAll();
  }
  if (thread_.joinable()) thread_.join();
}

IdentityStatus Identities::status() const {
  IdentityStatus status;
  if (tokens_ != nullptr) status.tokens = tokens_->status();
  if (horde_ != nullptr) status.horde = horde_->stats();
  return status;
}

}  // namespace modelref
