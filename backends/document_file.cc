#include "backends/document_file.h"

#include <future>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "backends/base/durable_file.h"
#include "backends/base/error.h"
#include "backends/base/status_macros.h"
#include "backends/text_source.h"

namespace modelref {
namespace {

// From here on a second thread is worth its start.
constexpr size_t kHashedAside = size_t{1} << 20;

absl::Status ParseTable(const std::string& bytes, const DocumentForm& form, Snapshot* snapshot) {
  ASSIGN_OR_RETURN(TextSource text, ParseTextSource(bytes, form.limits));
  snapshot->document = std::move(text.document);
  snapshot->problems = std::move(text.problems);
  snapshot->source_text = std::move(text.source_text);
  snapshot->is_table = true;
  if (!absl::EndsWith(bytes, "\n")) snapshot->suspicion = "the last row has no line end";
  return absl::OkStatus();
}

absl::Status ParseJsonFile(const std::string& bytes, const DocumentForm& form, Snapshot* snapshot) {
  ASSIGN_OR_RETURN(ParsedDocument parsed, ParseDocument(bytes, form.limits));
  snapshot->document = std::move(parsed.document);
  snapshot->problems = std::move(parsed.problems);
  return absl::OkStatus();
}

}  // namespace

bool IsTableFile(absl::string_view path) { return absl::EndsWith(path, ".csv"); }

absl::Status DocumentFileError(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kNotFound:
      return Error(absl::StatusCode::kNotFound, "DOCUMENT_NOT_FOUND", status.message());
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kResourceExhausted:
      return Error(absl::StatusCode::kDataLoss, "DOCUMENT_DAMAGED", status.message());
    default:
      return Error(absl::StatusCode::kUnavailable, "SOURCE_UNREACHABLE", status.message());
  }
}

absl::StatusOr<std::shared_ptr<Snapshot>> ParseDocumentFile(std::string bytes,
                                                            const DocumentForm& form) {
  const std::launch policy =
      bytes.size() >= kHashedAside ? std::launch::async : std::launch::deferred;
  std::future<Sha256Digest> hash = std::async(policy, [&bytes] { return Sha256(bytes); });
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->source_bytes = bytes.size();
  const absl::Status parsed = form.is_table ? ParseTable(bytes, form, snapshot.get())
                                            : ParseJsonFile(bytes, form, snapshot.get());
  snapshot->content_sha256 = hash.get();
  RETURN_IF_ERROR(parsed);
  if (form.format == Format::kLegacy && !form.is_table) {
    snapshot->source_text = std::make_shared<const std::string>(std::move(bytes));
  }
  return snapshot;
}

absl::StatusOr<SnapshotPtr> ReadDocumentFile(const std::string& path, const DocumentForm& form) {
  absl::StatusOr<FileContent> content = ReadFile(path, form.document_bytes);
  if (!content.ok()) return DocumentFileError(content.status());
  absl::StatusOr<std::shared_ptr<Snapshot>> snapshot =
      ParseDocumentFile(std::move(content->bytes), form);
  if (!snapshot.ok()) {
    return Error(absl::StatusCode::kDataLoss, "DOCUMENT_DAMAGED",
                 absl::StrCat(path, ": ", snapshot.status().message()));
  }
  (*snapshot)->version = ToString(content->version);
  return SnapshotPtr(*std::move(snapshot));
}

}  // namespace modelref
