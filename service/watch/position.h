#pragma once

// A point in the history of a store, and where it stands as seen from a later state (DESIGN 3).
// Pure functions.

#include <array>
#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "modelref/v1/common.pb.h"
#include "service/store/root.h"

namespace modelref {

// The first bytes of a transaction chain.
using ChainPrefix = std::array<uint8_t, 8>;

struct Position {
  Epoch epoch{};
  uint64_t revision = 0;
  std::optional<ChainPrefix> chain;  // Without it nobody notices another history of the same epoch.

  bool operator==(const Position&) const = default;
};

ChainPrefix PrefixOf(const Sha256Digest& chain);
Position PositionOf(const Root& root);

// INVALID_ARGUMENT with `reason` and a violation of `field` when the bytes have the wrong sizes.
absl::StatusOr<Position> ReadPosition(const v1::Position& position, absl::string_view field,
                                      absl::string_view reason);
void FillPosition(const Position& position, v1::Position* proto);
// The header of a message at `position`.
void FillHeader(const Position& position, absl::string_view node_id, v1::ResponseHeader* header);

enum class Standing {
  kKnown,         // On the store's history, at or before its newest revision.
  kAhead,         // On its history, after its newest revision.
  kUnknownEpoch,  // On no history that it remembers.
  kForkedTail,    // On a parent of its history, after the point where this one left it.
  kOtherChain,    // Another transaction is at that place.
  kForgotten,     // What would prove that it is on this history is not kept any more.
};

// Where a position stands by its epoch and revision; never kOtherChain or kForgotten.
Standing JudgeLineage(const Root& root, const Position& position);
// The same for the chain at the position's revision, for a position that is kKnown so far.
Standing JudgeChain(const Position& position, const Sha256Digest& chain);

}  // namespace modelref
