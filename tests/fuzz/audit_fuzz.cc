// A line that is read is written so that it reads the same, in ASCII and on one line; its seal says
// what the parsed line says.

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "audit/event.h"
#include "audit/line.h"
#include "backends/base/json.h"
#include "tests/fuzz/fuzz_check.h"

namespace modelref {
namespace {

bool IsPrintableAscii(char c) { return c >= ' ' && c <= '~'; }

void CheckUpdate(const AuditEvent& event) {
  const std::string before = event.before.value_or("{}");
  const absl::StatusOr<std::string> after = ApplyUpdate(before, event);
  FUZZ_CHECK(after.ok() == (event.after.has_value() || event.delta.has_value()));
  if (!after.ok()) return;
  AuditEvent again;
  FUZZ_CHECK(DescribeUpdate(before, *after, &again).ok());
  const absl::StatusOr<std::string> rebuilt = ApplyUpdate(before, again);
  FUZZ_CHECK(rebuilt.ok() && *rebuilt == *after);
}

void CheckEvent(const AuditEvent& event) {
  const std::string line = EncodeAuditLine(event);
  FUZZ_CHECK(std::all_of(line.begin(), line.end(), IsPrintableAscii));
  const absl::StatusOr<AuditEvent> again = ParseAuditLine(line);
  FUZZ_CHECK(again.ok());
  FUZZ_CHECK(*again == event);
  const std::string sealed = SealAuditLine(line, Sha256(line));
  const std::optional<AuditSeal> seal = FindAuditSeal(sealed);
  FUZZ_CHECK(seal.has_value() == (event.txn.has_value() && event.time_us.has_value()));
  if (seal.has_value()) FUZZ_CHECK(seal->txn == *event.txn && seal->event_id == event.event_id);
  CheckUpdate(event);
}

void CheckText(absl::string_view text) {
  const absl::StatusOr<AuditEvent> event = ParseAuditLine(text);
  const std::optional<AuditSeal> seal = FindAuditSeal(text);
  if (seal.has_value()) FUZZ_CHECK(seal->covered.size() < text.size());
  if (!event.ok()) return;
  if (seal.has_value()) FUZZ_CHECK(event->txn == seal->txn);
  CheckEvent(*event);
}

}  // namespace
}  // namespace modelref

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  modelref::CheckText(absl::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
