#include "service/store/held_files.h"

#include <cerrno>
#include <cstdio>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/durable_file.h"
#include "backends/base/failpoint.h"
#include "backends/base/status_macros.h"
#include "service/store/store_reader.h"

namespace modelref {
namespace {

// A larger one is moved.
constexpr uint64_t kCopiedBytes = uint64_t{512} << 20;
constexpr char kCaller[] = "system:held";

absl::Status Move(const std::string& from, const std::string& to) {
  if (rename(from.c_str(), to.c_str()) != 0) return ErrnoStatus(errno, "rename", from);
  return SyncDirectoryOf(to);
}

}  // namespace

absl::StatusOr<HeldEdit> HeldFiles::Keep(const std::string& path, HeldEdit edit,
                                         std::vector<HeldChange> changes, absl::Time now) {
  const absl::StatusOr<FileContent> content = ReadFile(path, kCopiedBytes);
  const bool is_movable =
      absl::IsDataLoss(content.status()) || absl::IsResourceExhausted(content.status());
  if (!content.ok() && !is_movable) return content.status();
  if (content.ok()) {
    const Sha256Digest sha256 = Sha256(content->bytes);
    if (edit.sha256 != Sha256Digest{} && edit.sha256 != sha256) {
      return absl::AbortedError(absl::StrCat(path, ": changed meanwhile"));
    }
    edit.sha256 = sha256;
    edit.size_bytes = content->bytes.size();
  }
  edit.noticed = absl::FromUnixMicros(absl::ToUnixMicros(now));
  std::optional<HeldEdit> waiting;
  RETURN_IF_ERROR(store_.Query([&](Database& database) -> absl::Status {
    ASSIGN_OR_RETURN(edit.document, DocumentId(database, edit.key));
    if (content.ok()) {
      ASSIGN_OR_RETURN(waiting, FindWaitingEdit(database, edit.document, edit.sha256));
    }
    ASSIGN_OR_RETURN(edit.id, NewHeldId(database, edit));
    return absl::OkStatus();
  }));
  if (waiting.has_value()) return *std::move(waiting);
  RETURN_IF_ERROR(CreateDirectories(folder_));
  RETURN_IF_ERROR(content.ok() ? WriteFileDurably(PathOf(edit), content->bytes)
                               : Move(path, PathOf(edit)));
  FAILPOINT("held.after_bytes");
  RETURN_IF_ERROR(List(edit, std::move(changes)));
  return edit;
}

absl::Status HeldFiles::List(const HeldEdit& edit, std::vector<HeldChange> changes) {
  auto shared = std::make_shared<const std::vector<HeldChange>>(std::move(changes));
  TransactionRequest request;
  request.caller = kCaller;
  request.body = [edit, shared](TransactionContext& context) {
    return InsertHeldEdit(context.database(), edit, *shared);
  };
  return store_.Commit(std::move(request)).status();
}

}  // namespace modelref
