#include "clients/cpp/mirror_fetcher.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "backends/base/status_macros.h"
#include "clients/cpp/document_parts.h"

namespace modelref {
namespace {

// How often a document that changes during its transfer is started anew.
constexpr int kMaxTransferStarts = 3;

// The servers that answer may be on another history than the one that is watched, or too old to
// know positions; what comes is judged all the same.
bool IsAboutThePosition(const absl::Status& status) {
  const std::string reason = ReasonOf(status);
  return reason == "EPOCH_MISMATCH" || reason == "REVISION_IN_FUTURE" ||
         absl::IsUnimplemented(status);
}

void SetMinPosition(const MirrorFetch& fetch, v1::ReadOptions* read) {
  if (fetch.min_epoch.empty()) return;
  read->mutable_min_position()->set_epoch(fetch.min_epoch);
  read->mutable_min_position()->set_revision(fetch.min_revision);
}

std::shared_ptr<MirrorCopy> CopyAt(const DocumentKey& key, const v1::ResponseHeader& header,
                                   uint64_t mod_revision) {
  auto copy = std::make_shared<MirrorCopy>();
  copy->key = key;
  copy->epoch = header.epoch();
  copy->revision = header.revision();
  copy->mod_revision = mod_revision;
  return copy;
}

absl::StatusOr<MirrorCopyPtr> Finished(std::shared_ptr<MirrorCopy> copy, absl::string_view etag) {
  if (AsBytes(copy->document->etag()) == etag) return MirrorCopyPtr(std::move(copy));
  return IntegrityFailure(
      absl::StrCat("category ", copy->key.ToString(), " does not have its etag after the change"));
}

absl::StatusOr<MirrorCopyPtr> FetchByDelta(Client& client, const MirrorFetch& fetch,
                                           const CallOptions& call) {
  v1::GetDeltaRequest request;
  request.set_category(fetch.key.category);
  request.set_format(static_cast<v1::Format>(fetch.key.format));
  request.mutable_since()->set_epoch(fetch.base->epoch);
  request.mutable_since()->set_revision(fetch.base->revision);
  request.set_base_etag(std::string(AsBytes(fetch.base->document->etag())));
  SetMinPosition(fetch, request.mutable_read());
  ASSIGN_OR_RETURN(FetchedDelta delta, client.FetchDelta(request, call));
  auto copy = CopyAt(fetch.key, delta.header, delta.mod_revision);
  std::vector<MirrorRecordPtr> records;
  for (v1::Record& record : delta.upserts) {
    records.push_back(
        MakeMirrorRecord(std::move(*record.mutable_name()), std::move(*record.mutable_json())));
  }
  if (delta.full) {
    ASSIGN_OR_RETURN(copy->document, MirrorDocument::FromRecords(std::move(records)));
  } else {
    copy->document = fetch.base->document->Apply(delta.deletes, records);
  }
  return Finished(std::move(copy), delta.etag);
}

absl::StatusOr<MirrorCopyPtr> FetchByStream(Client& client, const MirrorFetch& fetch,
                                            size_t max_bytes, const CallOptions& call) {
  v1::StreamCategoryRequest request;
  request.set_category(fetch.key.category);
  request.set_format(static_cast<v1::Format>(fetch.key.format));
  if (fetch.base != nullptr) {
    request.set_if_none_match(std::string(AsBytes(fetch.base->document->etag())));
  }
  SetMinPosition(fetch, request.mutable_read());
  ASSIGN_OR_RETURN(const std::unique_ptr<CategoryStream> stream,
                   client.StreamCategory(request, call));
  auto copy = CopyAt(fetch.key, stream->response_header(), stream->header().mod_revision());
  if (stream->header().not_modified()) {
    if (fetch.base == nullptr) return IntegrityFailure("nothing was held that could be current");
    copy->document = fetch.base->document;
    return MirrorCopyPtr(std::move(copy));
  }
  std::vector<MirrorRecordPtr> records;
  size_t bytes = 0;
  for (v1::Record record;;) {
    ASSIGN_OR_RETURN(const bool more, stream->NextRecord(&record));
    if (!more) break;
    bytes += record.name().size() + record.json().size();
    if (bytes > max_bytes) {
      return Error(absl::StatusCode::kResourceExhausted, "DOCUMENT_TOO_LARGE",
                   absl::StrCat(fetch.key.ToString(), " is larger than ", max_bytes, " bytes"));
    }
    records.push_back(
        MakeMirrorRecord(std::move(*record.mutable_name()), std::move(*record.mutable_json())));
  }
  ASSIGN_OR_RETURN(copy->document, MirrorDocument::FromRecords(std::move(records)));
  return Finished(std::move(copy), stream->header().etag());
}

}  // namespace

absl::StatusOr<MirrorCopyPtr> FetchMirrorCopy(Client& client, const MirrorFetch& fetch,
                                              size_t max_bytes, Cancellation* cancellation) {
  const CallOptions call{std::nullopt, cancellation};
  if (fetch.base != nullptr) {
    absl::StatusOr<MirrorCopyPtr> copy = FetchByDelta(client, fetch, call);
    if (copy.ok() || !(IsAboutThePosition(copy.status()) || absl::IsOutOfRange(copy.status()))) {
      return copy;
    }
  }
  MirrorFetch whole = fetch;
  for (int start = 1;; ++start) {
    absl::StatusOr<MirrorCopyPtr> copy = FetchByStream(client, whole, max_bytes, call);
    if (copy.ok() || start == kMaxTransferStarts) return copy;
    if (IsAboutThePosition(copy.status()) && !whole.min_epoch.empty()) {
      whole.min_epoch.clear();
    } else if (!absl::IsAborted(copy.status())) {
      return copy;
    }
  }
}

}  // namespace modelref
