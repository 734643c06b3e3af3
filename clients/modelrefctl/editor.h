#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "clients/modelrefctl/host.h"

namespace modelref::ctl {

// A text on its way through the user's editor: a file of its own (mode 0600) in $TMPDIR or /tmp,
// which is removed in the end unless it was kept. Single-threaded.
class EditedFile {
 public:
  static absl::StatusOr<EditedFile> Create(Host& host);
  ~EditedFile();
  EditedFile(EditedFile&& other) noexcept;
  EditedFile& operator=(EditedFile&&) = delete;

  const std::string& path() const { return path_; }
  absl::Status Write(absl::string_view text) const;
  absl::StatusOr<std::string> Read() const;
  // Runs $VISUAL, else $EDITOR, else vi on the file, and waits. Ctrl-C is the editor's meanwhile.
  //   INTERNAL  it could not be started, or did not exit with 0.
  absl::Status Edit() const;
  // The file stays when this ends.
  void Keep() { is_kept_ = true; }

 private:
  EditedFile(std::string path, Host& host) : path_(std::move(path)), host_(&host) {}

  std::string path_;
  Host* host_;
  bool is_kept_ = false;
};

}  // namespace modelref::ctl
