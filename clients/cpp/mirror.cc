#include "clients/cpp/mirror.h"

#include <utility>

#include "absl/memory/memory.h"
#include "backends/base/error.h"
#include "backends/base/status_macros.h"
#include "clients/cpp/mirror_core.h"

namespace modelref {

absl::StatusOr<std::unique_ptr<Mirror>> Mirror::Open(Client* client, MirrorOptions options) {
  if (options.fetch_threads < 1) {
    return Error(absl::StatusCode::kInvalidArgument, "BAD_FETCH_THREADS",
                 "a mirror needs at least one thread that fetches");
  }
  auto core = std::make_unique<Core>(client, std::move(options));
  RETURN_IF_ERROR(core->Load());
  core->Start();
  return absl::WrapUnique(new Mirror(std::move(core)));
}

Mirror::Mirror(std::unique_ptr<Core> core) : core_(std::move(core)) {}

Mirror::~Mirror() = default;

std::shared_ptr<const MirrorView> Mirror::view() const { return core_->view(); }

MirrorCopyPtr Mirror::Find(const DocumentKey& key) const {
  const std::shared_ptr<const MirrorView> view = core_->view();
  const auto found = view->find(key);
  return found == view->end() ? nullptr : found->second;
}

MirrorStatus Mirror::status() const { return core_->status(); }

bool Mirror::WaitUntilSynced(absl::Duration timeout) const {
  return core_->WaitUntilSynced(timeout);
}

absl::Status Mirror::Flush() { return core_->Flush(); }

}  // namespace modelref
