#include "clients/modelrefctl/editor.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "backends/base/durable_file.h"
#include "backends/base/error.h"
#include "clients/modelrefctl/child_command.h"

namespace modelref::ctl {
namespace {

constexpr uint64_t kMaxTextBytes = uint64_t{64} << 20;

std::string VariableOr(const Host& host, const char* name, const std::string& fallback) {
  const std::string value = host.variable(name).value_or("");
  return value.empty() ? fallback : value;
}

}  // namespace

absl::StatusOr<EditedFile> EditedFile::Create(Host& host) {
  const std::string folder = VariableOr(host, "TMPDIR", "/tmp");
  // Editors colour by the ending.
  std::string path = absl::StrCat(folder, "/modelrefctl-edit-XXXXXX.json");
  const int fd = mkostemps(path.data(), 5, O_CLOEXEC);
  if (fd < 0) return ErrnoStatus(errno, "create a file in", folder);
  close(fd);
  return EditedFile(std::move(path), host);
}

EditedFile::EditedFile(EditedFile&& other) noexcept
    : path_(std::move(other.path_)), host_(other.host_), is_kept_(other.is_kept_) {
  other.is_kept_ = true;
}

EditedFile::~EditedFile() {
  if (!is_kept_) unlink(path_.c_str());
}

absl::Status EditedFile::Write(absl::string_view text) const {
  // In place: the mode stays, and nothing else is in the file that could get lost.
  const int fd = open(path_.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return ErrnoStatus(errno, "open", path_);
  const auto close_file = absl::MakeCleanup([fd] { close(fd); });
  while (!text.empty()) {
    const ssize_t count = write(fd, text.data(), text.size());
    if (count < 0 && errno != EINTR) return ErrnoStatus(errno, "write", path_);
    if (count > 0) text.remove_prefix(static_cast<size_t>(count));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> EditedFile::Read() const {
  return ReadFileToString(path_, kMaxTextBytes);
}

absl::Status EditedFile::Edit() const {
  const std::string editor = VariableOr(*host_, "VISUAL", VariableOr(*host_, "EDITOR", "vi"));
  host_->interrupts->set_elsewhere(true);
  const absl::Status status = RunOnTerminal(editor, path_, host_->terminal.out);
  host_->interrupts->set_elsewhere(false);
  return Annotated(status, absl::StrCat("editor ", editor));
}

}  // namespace modelref::ctl
