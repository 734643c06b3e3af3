// The calls of MetadataService.

#include "clients/cpp/client.h"
#include "clients/cpp/client_impl.h"

namespace modelref {
namespace {

using MetadataStub = v1::MetadataService::Stub;

}  // namespace

absl::StatusOr<v1::GetCategoryMetadataResponse> Client::GetCategoryMetadata(
    const v1::GetCategoryMetadataRequest& request, const CallOptions& call) {
  return impl_->Read(*impl_->metadata, &MetadataStub::GetCategoryMetadata, request, call);
}

absl::StatusOr<v1::ListCategoryMetadataResponse> Client::ListCategoryMetadata(
    const v1::ListCategoryMetadataRequest& request, const CallOptions& call) {
  return impl_->Read(*impl_->metadata, &MetadataStub::ListCategoryMetadata, request, call);
}

absl::StatusOr<v1::GetLastUpdatedResponse> Client::GetLastUpdated(
    const v1::GetLastUpdatedRequest& request, const CallOptions& call) {
  return impl_->Read(*impl_->metadata, &MetadataStub::GetLastUpdated, request, call);
}

absl::StatusOr<v1::PopulateMetadataResponse> Client::PopulateMetadata(
    const v1::PopulateMetadataRequest& request, const CallOptions& call) {
  return impl_->CallOnce(*impl_->metadata, &MetadataStub::PopulateMetadata, request, call);
}

}  // namespace modelref
