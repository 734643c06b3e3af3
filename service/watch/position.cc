#include "service/watch/position.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "service/watch/wire.h"

namespace modelref {
namespace {

absl::Status BadSize(absl::string_view field, absl::string_view member, absl::string_view sizes,
                     absl::string_view reason) {
  const std::string path = absl::StrCat(field, ".", member);
  return Error(absl::StatusCode::kInvalidArgument, reason, absl::StrCat(path, ": ", sizes),
               {.field_violations = {{path, std::string(sizes)}}});
}

}  // namespace

ChainPrefix PrefixOf(const Sha256Digest& chain) {
  ChainPrefix prefix;
  std::copy_n(chain.begin(), prefix.size(), prefix.begin());
  return prefix;
}

Position PositionOf(const Root& root) { return {root.epoch, root.revision, PrefixOf(root.chain)}; }

absl::StatusOr<Position> ReadPosition(const v1::Position& position, absl::string_view field,
                                      absl::string_view reason) {
  Position read;
  if (position.epoch().size() != read.epoch.size()) {
    return BadSize(field, "epoch", "must have 16 bytes", reason);
  }
  std::memcpy(read.epoch.data(), position.epoch().data(), read.epoch.size());
  read.revision = position.revision();
  if (position.chain().empty()) return read;
  ChainPrefix chain;
  if (position.chain().size() != chain.size()) {
    return BadSize(field, "chain", "must have 8 bytes or none", reason);
  }
  std::memcpy(chain.data(), position.chain().data(), chain.size());
  read.chain = chain;
  return read;
}

void FillPosition(const Position& position, v1::Position* proto) {
  const absl::string_view epoch = AsBytes(position.epoch);
  proto->set_epoch(epoch.data(), epoch.size());
  proto->set_revision(position.revision);
  if (position.chain.has_value()) proto->set_chain(position.chain->data(), position.chain->size());
}

void FillHeader(const Position& position, absl::string_view node_id, v1::ResponseHeader* header) {
  const absl::string_view epoch = AsBytes(position.epoch);
  header->set_epoch(epoch.data(), epoch.size());
  header->set_revision(position.revision);
  header->set_node_id(node_id.data(), node_id.size());
}

Standing JudgeLineage(const Root& root, const Position& position) {
  if (position.epoch == root.epoch) {
    return position.revision <= root.revision ? Standing::kKnown : Standing::kAhead;
  }
  Epoch epoch = root.epoch;
  uint64_t shared = root.revision;  // Up to here `epoch` is this history.
  for (const Fork& fork : root.forks) {
    if (fork.epoch != epoch) continue;
    epoch = fork.parent_epoch;
    shared = std::min(shared, fork.parent_revision);
    if (position.epoch != epoch) continue;
    return position.revision <= shared ? Standing::kKnown : Standing::kForkedTail;
  }
  return Standing::kUnknownEpoch;
}

Standing JudgeChain(const Position& position, const Sha256Digest& chain) {
  const bool same = !position.chain.has_value() || *position.chain == PrefixOf(chain);
  return same ? Standing::kKnown : Standing::kOtherChain;
}

}  // namespace modelref
