#pragma once

// RETURN_IF_ERROR and ASSIGN_OR_RETURN, spelled as newer Abseil spells them, so that an upgrade is
// a deletion.

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define MODELREF_CONCAT_INNER(a, b) a##b
#define MODELREF_CONCAT(a, b) MODELREF_CONCAT_INNER(a, b)

#define RETURN_IF_ERROR(expr)                           \
  do {                                                  \
    if (absl::Status status_ = (expr); !status_.ok()) { \
      return status_;                                   \
    }                                                   \
  } while (false)

#define ASSIGN_OR_RETURN(lhs, expr) \
  ASSIGN_OR_RETURN_IMPL(MODELREF_CONCAT(status_or_, __LINE__), lhs, expr)

#define ASSIGN_OR_RETURN_IMPL(statusor, lhs, expr) \
  auto statusor = (expr);                          \
  if (!statusor.ok()) {                            \
    return std::move(statusor).status();           \
  }                                                \
  lhs = *std::move(statusor)
