#include "service/queue_gate.h"

#include <algorithm>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "backends/base/durable_file.h"
#include "backends/base/error.h"
#include "backends/base/json.h"
#include "service/config_directory.h"

namespace modelref {
namespace {

constexpr char kChangesFile[] = "/changes.json";
constexpr size_t kMaxFileBytes = size_t{256} << 20;

absl::Status NotBuilt(absl::string_view because) {
  return Error(
      absl::StatusCode::kFailedPrecondition, "QUEUE_NOT_BUILT",
      absl::StrCat("writes need a review, which is not built yet in this version: ", because));
}

bool IsOpen(const Json& change) {
  const JsonObject* object = change.AsObject();
  const Json* status = object == nullptr ? nullptr : object->Find("status");
  const std::string* text = status == nullptr ? nullptr : status->AsString();
  // What cannot be understood is not known to be finished.
  return text == nullptr || (*text != "applied" && *text != "rejected");
}

}  // namespace

absl::Status CheckQueue(const v1::ServerConfig& config) {
  if (config.queue().enabled()) return NotBuilt("the queue is switched on (queue.enabled)");
  if (config.queue().ignore_open_changes()) return absl::OkStatus();
  const std::string path = QueueRoot(config) + kChangesFile;
  const absl::StatusOr<std::string> text = ReadFileToString(path, kMaxFileBytes);
  if (absl::IsNotFound(text.status())) return absl::OkStatus();
  if (!text.ok()) return NotBuilt(absl::StrCat(path, ": ", text.status().message()));
  const absl::StatusOr<Json> changes = ParseJson(*text);
  if (!changes.ok()) return NotBuilt(absl::StrCat(path, ": ", changes.status().message()));
  const JsonArray* list = changes->AsArray();
  if (list == nullptr) return NotBuilt(absl::StrCat(path, ": is no list of changes"));
  const auto open = std::count_if(list->begin(), list->end(), IsOpen);
  if (open == 0) return absl::OkStatus();
  return NotBuilt(absl::StrCat(path, " has ", open,
                               " open changes: finish them where they were made, or set "
                               "queue.ignore_open_changes"));
}

}  // namespace modelref
