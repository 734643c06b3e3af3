#pragma once

// A data directory opened by this program, beside a running server or without one.

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "backends/base/executor.h"
#include "backends/category_registry.h"
#include "backends/convert/import_legacy.h"
#include "clients/modelrefctl/invocation.h"
#include "clients/modelrefctl/local_directory.h"
#include "service/store/data_directory.h"

namespace modelref::ctl {

// Thread-compatible.
class LocalStore {
 public:
  // Opens the store, which is made when missing. Where no server runs, the files are imported
  // first, as a server does at its start. With --quiet only errors are logged. Errors as
  // DataDirectory.
  static absl::StatusOr<std::unique_ptr<LocalStore>> Open(Invocation& invocation,
                                                          const LocalDirectory& directory);
  ~LocalStore();

  DataDirectory& data() { return *data_; }
  // Writes the files, unless another process does. The first error of that.
  absl::Status Close() { return data_->Stop(); }

 private:
  explicit LocalStore(CategoryRegistry registry)
      : registry_(std::move(registry)), executor_(Executor::Options{}) {}

  const CategoryRegistry registry_;
  Executor executor_;
  std::unique_ptr<DataDirectory> data_;
};

// Makes both documents of a category equal to the content, in one transaction. Errors as
// Store::Commit.
absl::StatusOr<ImportEffect> CommitImport(DataDirectory& data, const ImportContent& content);

}  // namespace modelref::ctl
