#include "service/admin_held_edits.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "backends/base/json.h"
#include "backends/base/status_macros.h"
#include "service/admin_service.h"
#include "service/bad_field.h"
#include "service/page_token.h"
#include "service/watch/wire.h"

namespace modelref {
namespace {

constexpr size_t kDefaultPage = 50;
constexpr size_t kLargestPage = 500;
constexpr size_t kMaxDetail = 512;

// What decides which edits are listed.
uint64_t HashOf(const std::vector<DocumentKey>& selected) {
  std::string text;
  for (const DocumentKey& key : selected) absl::StrAppend(&text, key.ToString(), "\n");
  const Sha256Digest digest = Sha256(text);
  uint64_t hash;
  std::memcpy(&hash, digest.data(), sizeof(hash));
  return hash;
}

void FillEdit(const HeldEdit& edit, v1::HeldEdit* out) {
  out->set_edit_id(edit.id);
  out->set_category(edit.key.category);
  out->set_format(ToProto(edit.key.format));
  out->set_reason(edit.kind == HeldKind::kMassRemoval ? v1::HELD_REASON_MASS_REMOVAL
                                                      : v1::HELD_REASON_DAMAGE);
  *out->mutable_noticed_time() = ToProto(edit.noticed);
  out->set_content_sha256(edit.sha256.data(), edit.sha256.size());
  out->set_size_bytes(edit.size_bytes);
  out->set_creates(edit.creates);
  out->set_updates(edit.updates);
  out->set_deletes(edit.deletes);
  for (const std::string& name : edit.models) out->add_models(name);
  const std::string detail = edit.detail.substr(0, kMaxDetail);
  out->set_detail(detail.substr(0, FindInvalidUtf8(detail)));
  out->set_acceptable(edit.acceptable);
}

absl::StatusOr<PageToken> StartOf(const v1::ListHeldEditsRequest& request, uint64_t query_hash) {
  PageToken start;
  start.query_hash = query_hash;
  if (request.page_token().empty()) return start;
  ASSIGN_OR_RETURN(start, DecodePageToken(request.page_token()));
  if (start.query_hash != query_hash) return BadPageToken("it belongs to another selector");
  return start;
}

}  // namespace

absl::StatusOr<v1::ListHeldEditsResponse> ListHeldEdits(Store& store,
                                                        const std::vector<DocumentKey>& selected,
                                                        const v1::ListHeldEditsRequest& request) {
  if (request.page_size() < 0) return BadField("page_size", "is negative");
  const size_t asked = static_cast<size_t>(request.page_size());
  const size_t page = asked == 0 ? kDefaultPage : std::min(asked, kLargestPage);
  ASSIGN_OR_RETURN(PageToken token, StartOf(request, HashOf(selected)));
  ASSIGN_OR_RETURN(const std::vector<HeldEdit> edits,
                   ListWaiting(store, static_cast<int64_t>(token.revision), token.name));
  const std::set<DocumentKey> wanted(selected.begin(), selected.end());
  v1::ListHeldEditsResponse response;
  for (const HeldEdit& edit : edits) {
    if (wanted.count(edit.key) == 0) continue;
    if (static_cast<size_t>(response.edits_size()) == page) {
      response.set_next_page_token(EncodePageToken(token));
      break;
    }
    FillEdit(edit, response.add_edits());
    token.revision = static_cast<uint64_t>(absl::ToUnixMicros(edit.noticed));
    token.name = edit.id;
  }
  return response;
}

absl::StatusOr<v1::AcceptEditResponse> AcceptHeldEdit(Store& store, const FormOf& form_of,
                                                      const v1::AcceptEditRequest& request,
                                                      const std::string& node_id) {
  HeldDecision decision;
  decision.id = request.edit_id();
  if (decision.id.empty()) return BadField("edit_id", "is empty");
  const std::string& sha256 = request.if_content_sha256();
  if (!sha256.empty() && sha256.size() != decision.if_sha256.size()) {
    return BadField("if_content_sha256", "has not 32 bytes");
  }
  std::memcpy(decision.if_sha256.data(), sha256.data(), sha256.size());
  switch (request.decision()) {
    case v1::HELD_EDIT_DECISION_UNSPECIFIED:
    case v1::HELD_EDIT_DECISION_ACCEPT:
      break;
    case v1::HELD_EDIT_DECISION_DISCARD:
      decision.accept = false;
      break;
    default:
      return BadField("decision", "is not known");
  }
  decision.validate_only = request.validate_only();
  ASSIGN_OR_RETURN(const DecidedEdit decided,
                   DecideEdit(store, store.options().directory + "/held", form_of, decision));
  v1::AcceptEditResponse response;
  FillHeader(*decided.root, node_id, response.mutable_header());
  if (decided.revision > 0) {
    FillPosition(*decided.root, response.mutable_position());
    response.mutable_position()->set_revision(decided.revision);
    response.mutable_position()->set_chain(decided.chain.data(), 8);
  }
  response.set_etag(decided.etag.data(), decided.etag.size());
  FillEdit(decided.edit, response.mutable_edit());
  return response;
}

void AdminService::RegisterHeldEdits(MethodTable* methods) {
  methods->Unary<v1::ListHeldEditsRequest, v1::ListHeldEditsResponse>(
      "/modelref.v1.AdminService/ListHeldEdits",
      [this](const CallContext&, const v1::ListHeldEditsRequest& request) {
        return ListEdits(request);
      },
      {.blocking = true});
  methods->Unary<v1::AcceptEditRequest, v1::AcceptEditResponse>(
      "/modelref.v1.AdminService/AcceptEdit",
      [this](const CallContext&, const v1::AcceptEditRequest& request) {
        return AcceptEdit(request);
      },
      {.blocking = true});
}

absl::StatusOr<v1::ListHeldEditsResponse> AdminService::ListEdits(
    const v1::ListHeldEditsRequest& request) const {
  ASSIGN_OR_RETURN(const std::vector<DocumentKey> keys, Select(request.selector()));
  ASSIGN_OR_RETURN(v1::ListHeldEditsResponse response,
                   ListHeldEdits(catalogue_.store, keys, request));
  FillHeader(*catalogue_.store.root(), catalogue_.node_id, response.mutable_header());
  return response;
}

absl::StatusOr<v1::AcceptEditResponse> AdminService::AcceptEdit(
    const v1::AcceptEditRequest& request) const {
  return AcceptHeldEdit(catalogue_.store, operations_.form_of, request, catalogue_.node_id);
}

}  // namespace modelref
