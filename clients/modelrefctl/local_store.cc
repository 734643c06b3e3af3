#include "clients/modelrefctl/local_store.h"

#include <unistd.h>

#include <utility>

#include "backends/base/durable_file.h"
#include "backends/base/file_exchange.h"
#include "backends/base/log.h"
#include "backends/base/status_macros.h"
#include "backends/document_changes.h"
#include "backends/document_file.h"

namespace modelref::ctl {
namespace {

constexpr char kImportCaller[] = "modelrefctl:import";

absl::StatusOr<std::shared_ptr<Snapshot>> Parse(const std::string& bytes, Format format,
                                                bool is_table) {
  DocumentForm form;
  form.format = format;
  form.is_table = is_table;
  return ParseDocumentFile(bytes, form);
}

DocumentEdit EditOf(const Root& base, const DocumentKey& key, const Snapshot& snapshot) {
  DocumentEdit edit;
  edit.key = key;
  edit.changes = ChangesBetween(*base.Find(key)->document, *snapshot.document);
  edit.from_source = true;
  edit.source_text = snapshot.source_text;
  edit.problems = snapshot.problems;
  return edit;
}

bool Differs(const DocumentState& before, const Snapshot& after) {
  if (!before.known || before.document->etag() != after.document->etag()) return true;
  if (after.source_text == nullptr) return false;
  return before.source_text == nullptr || *before.source_text != *after.source_text;
}

// What somebody saved there meanwhile is imported.
absl::Status ReplaceTable(DataDirectory& data, const DocumentKey& key,
                          const ImportContent& content) {
  ASSIGN_OR_RETURN(const FileExchange exchange,
                   ExchangeFileDurably(content.legacy_path, content.legacy_bytes));
  if (!exchange.displaced.empty()) {
    RETURN_IF_ERROR(data.sync().ImportDisplaced(key, exchange.displaced));
    unlink(exchange.displaced.c_str());
  }
  return exchange.synced;
}

}  // namespace

LocalStore::~LocalStore() {
  data_.reset();
  SetLogLevel(LogLevel::kInfo);
}

absl::StatusOr<std::unique_ptr<LocalStore>> LocalStore::Open(Invocation& invocation,
                                                             const LocalDirectory& directory) {
  RETURN_IF_ERROR(CreateDirectories(directory.path));
  ASSIGN_OR_RETURN(CategoryRegistry registry, CategoryRegistry::Create(directory.extra_categories));
  std::unique_ptr<LocalStore> local(new LocalStore(std::move(registry)));
  if (invocation.settings().quiet) SetLogLevel(LogLevel::kError);
  ASSIGN_OR_RETURN(local->data_, DataDirectory::Open(directory.options, local->registry_,
                                                     *invocation.host().clock, local->executor_));
  RETURN_IF_ERROR(local->data_->Start());
  return local;
}

absl::StatusOr<ImportEffect> CommitImport(DataDirectory& data, const ImportContent& content) {
  const bool is_table = IsTableFile(content.legacy_path);
  ASSIGN_OR_RETURN(const auto legacy, Parse(content.legacy_bytes, Format::kLegacy, is_table));
  ASSIGN_OR_RETURN(const auto v2, Parse(content.v2_bytes, Format::kV2, false));
  const DocumentKey legacy_key{content.category, Format::kLegacy};
  const DocumentKey v2_key{content.category, Format::kV2};
  ImportEffect effect;
  TransactionRequest request;
  request.caller = kImportCaller;
  request.body = [&](TransactionContext& context) {
    const Root& base = context.base();
    effect.legacy_written = Differs(*base.Find(legacy_key), *legacy);
    effect.v2_written = Differs(*base.Find(v2_key), *v2);
    if (effect.legacy_written) RETURN_IF_ERROR(context.Edit(EditOf(base, legacy_key, *legacy)));
    if (effect.v2_written) RETURN_IF_ERROR(context.Edit(EditOf(base, v2_key, *v2)));
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(data.store().Commit(std::move(request)).status());
  if (!is_table || !effect.legacy_written) return effect;
  // The store keeps the models of a table, and rewrites follow the layout that is there.
  RETURN_IF_ERROR(CreateDirectories(content.legacy_path.substr(0, content.legacy_path.rfind('/'))));
  RETURN_IF_ERROR(ReplaceTable(data, legacy_key, content));
  return effect;
}

}  // namespace modelref::ctl
