#include "service/admin_service.h"

#include <google/protobuf/stubs/common.h>
#include <grpcpp/grpcpp.h>
#include <openssl/crypto.h>

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "backends/base/json.h"
#include "backends/base/status_macros.h"
#include "service/admission.h"
#include "service/bad_field.h"
#include "service/config.h"
#include "service/watch/wire.h"

namespace modelref {
namespace {

constexpr absl::string_view kService = "/modelref.v1.AdminService/";
constexpr int kMaxSelected = 256;
constexpr int kListedProblems = 100;
constexpr size_t kMaxDetail = 512;

// Cut at a character, so that the text stays UTF-8; what is not UTF-8 is left out whole.
std::string Detail(absl::string_view text) {
  if (!IsValidUtf8(text)) return "";
  if (text.size() <= kMaxDetail) return std::string(text);
  const absl::string_view cut = text.substr(0, kMaxDetail);
  return std::string(cut.substr(0, FindInvalidUtf8(cut)));
}

v1::DocumentState StateOf(const DocumentState& document) {
  if (!document.damage.ok()) return v1::DOCUMENT_STATE_DAMAGED;
  if (document.freshness.cause == FreshnessCause::kEditHeld) return v1::DOCUMENT_STATE_EDIT_HELD;
  if (document.freshness.stale()) return v1::DOCUMENT_STATE_STALE;
  return v1::DOCUMENT_STATE_OK;
}

void FillHealth(const DocumentState& document, v1::DocumentHealth* health) {
  health->set_category(document.key.category);
  health->set_format(ToProto(document.key.format));
  health->set_state(StateOf(document));
  if (!document.damage.ok()) {
    health->set_detail(Detail(document.damage.message()));
  } else if (document.freshness.stale()) {
    health->set_detail(Detail(document.freshness.detail));
  }
  if (document.freshness.stale()) *health->mutable_since() = ToProto(document.freshness.since);
  for (const RecordProblem& problem : document.problems) {
    if (health->unrepresentable_models_size() == kListedProblems) break;
    if (IsValidUtf8(problem.name)) health->add_unrepresentable_models(problem.name);
  }
}

void AddLibrary(absl::string_view name, absl::string_view version,
                v1::GetServerInfoResponse* response) {
  v1::LibraryVersion* library = response->add_libraries();
  library->set_name(std::string(name));
  library->set_version(std::string(version));
}

void FillForks(const Root& root, v1::GetServerInfoResponse* response) {
  for (const Fork& from : root.forks) {
    const absl::string_view epoch = AsBytes(from.epoch);
    const absl::string_view parent = AsBytes(from.parent_epoch);
    v1::Fork* fork = response->add_forks();
    fork->set_epoch(epoch.data(), epoch.size());
    fork->set_first_revision(from.first_revision);
    fork->set_parent_epoch(parent.data(), parent.size());
    fork->set_parent_revision(from.parent_revision);
  }
}

void FillAuditHeads(const std::vector<AuditChainHead>& heads, v1::GetServerInfoResponse* response) {
  for (const AuditChainHead& from : heads) {
    const absl::string_view chain = AsBytes(from.chain);
    v1::AuditChainHead* head = response->add_audit_chain_heads();
    head->set_domain(std::string(FormatName(from.key.format)));
    head->set_category(from.key.category);
    head->set_chain(chain.data(), chain.size());
    head->set_last_event_id(from.last_event_id);
  }
}

v1::Role ToProto(Role role) {
  switch (role) {
    case Role::kNone:
      return v1::ROLE_UNSPECIFIED;
    case Role::kReader:
      return v1::ROLE_READER;
    case Role::kRequestor:
      return v1::ROLE_REQUESTOR;
    case Role::kApprover:
      return v1::ROLE_APPROVER;
    case Role::kAdmin:
      return v1::ROLE_ADMIN;
    case Role::kWorker:
      return v1::ROLE_WORKER;
  }
  return v1::ROLE_UNSPECIFIED;
}

v1::IdentitySource ToProto(IdentitySource source) {
  switch (source) {
    case IdentitySource::kAnonymous:
      return v1::IDENTITY_SOURCE_ANONYMOUS;
    case IdentitySource::kToken:
      return v1::IDENTITY_SOURCE_TOKEN;
    case IdentitySource::kHorde:
      return v1::IDENTITY_SOURCE_HORDE;
    case IdentitySource::kCertificate:
      return v1::IDENTITY_SOURCE_CERTIFICATE;
  }
  return v1::IDENTITY_SOURCE_UNSPECIFIED;
}

v1::PeerKind ToProto(PeerKind peer) {
  switch (peer) {
    case PeerKind::kUnix:
      return v1::PEER_KIND_UNIX;
    case PeerKind::kLoopback:
      return v1::PEER_KIND_LOOPBACK;
    case PeerKind::kRemote:
      return v1::PEER_KIND_REMOTE;
  }
  return v1::PEER_KIND_UNSPECIFIED;
}

}  // namespace

AdminService::AdminService(Catalogue catalogue, const AccessControl& access, ServerFacts facts,
                           AdminOperations operations)
    : catalogue_(std::move(catalogue)),
      access_(access),
      facts_(std::move(facts)),
      operations_(std::move(operations)) {}

void AdminService::Register(MethodTable* methods) {
  const auto name = [](absl::string_view method) { return absl::StrCat(kService, method); };
  methods->Unary<v1::GetServerInfoRequest, v1::GetServerInfoResponse>(
      name("GetServerInfo"), [this](const CallContext& context, const v1::GetServerInfoRequest&) {
        return GetServerInfo(CallerOf(context));
      });
  methods->Unary<v1::CheckDependenciesRequest, v1::CheckDependenciesResponse>(
      name("CheckDependencies"),
      [this](const CallContext&, const v1::CheckDependenciesRequest&) {
        return CheckDependencies();
      },
      {.blocking = true});
  methods->Unary<v1::WarmCacheRequest, v1::WarmCacheResponse>(
      name("WarmCache"),
      [this](const CallContext&, const v1::WarmCacheRequest& request) {
        return WarmCache(request);
      },
      {.blocking = true});
  methods->Unary<v1::MarkStaleRequest, v1::MarkStaleResponse>(
      name("MarkStale"),
      [this](const CallContext&, const v1::MarkStaleRequest& request) {
        return MarkStale(request);
      },
      {.blocking = true});
  RegisterHeldEdits(methods);
  methods->Unary<v1::WhoAmIRequest, v1::WhoAmIResponse>(
      name("WhoAmI"), [this](const CallContext& context, const v1::WhoAmIRequest&) {
        return WhoAmI(CallerOf(context));
      });
}

absl::StatusOr<std::vector<DocumentKey>> AdminService::Select(
    const v1::DocumentSelector& selector) const {
  if (selector.categories_size() > kMaxSelected) {
    return BadField("selector.categories", absl::StrCat("more than ", kMaxSelected, " categories"));
  }
  std::set<std::string> categories;
  for (const std::string& category : selector.categories()) {
    ASSIGN_OR_RETURN(const DocumentKey key,
                     ResolveDocument(catalogue_, category, v1::FORMAT_UNSPECIFIED));
    categories.insert(key.category);
  }
  std::set<Format> formats;
  for (const int format : selector.formats()) {
    ASSIGN_OR_RETURN(const Format known,
                     FromProto(static_cast<v1::Format>(format), catalogue_.canonical_format));
    formats.insert(known);
  }
  std::vector<DocumentKey> selected;
  for (DocumentKey& key : catalogue_.registry.DocumentKeys()) {
    if (!categories.empty() && categories.count(key.category) == 0) continue;
    if (!formats.empty() && formats.count(key.format) == 0) continue;
    selected.push_back(std::move(key));
  }
  return selected;
}

void AdminService::FillPaths(v1::Paths* paths) const {
  paths->set_data_dir(facts_.data_dir);
  if (facts_.path_of == nullptr) return;
  for (const DocumentKey& key : catalogue_.registry.DocumentKeys()) {
    const std::string path = facts_.path_of(key);
    if (path.empty()) continue;
    v1::DocumentPath* document = paths->add_documents();
    document->set_category(key.category);
    document->set_format(ToProto(key.format));
    document->set_path(path);
  }
}

absl::StatusOr<v1::GetServerInfoResponse> AdminService::GetServerInfo(const Caller& caller) const {
  const RootPtr root = catalogue_.store.root();
  v1::GetServerInfoResponse response;
  FillHeader(*root, catalogue_.node_id, response.mutable_header());
  response.set_mode(facts_.mode);
  response.set_canonical_format(ToProto(catalogue_.canonical_format));
  *response.mutable_capabilities() = facts_.capabilities;
  response.set_version(std::string(ProgramVersion()));
  AddLibrary("grpc", grpc::Version(), &response);
  AddLibrary("protobuf", google::protobuf::internal::VersionString(GOOGLE_PROTOBUF_VERSION),
             &response);
  AddLibrary("openssl", OpenSSL_version(OPENSSL_VERSION_STRING), &response);
  if (facts_.services != nullptr) {
    for (std::string& service : facts_.services()) response.add_services(std::move(service));
  }
  *response.mutable_start_time() = ToProto(facts_.start_time);
  *response.mutable_uptime() = ToProto(catalogue_.clock.TimeNow() - facts_.start_time);
  response.set_upstream(facts_.upstream);
  if (facts_.addresses != nullptr) {
    for (std::string& address : facts_.addresses()) response.add_listen(std::move(address));
  }
  *response.mutable_limits() = facts_.limits;
  if (Includes(caller.role, Role::kAdmin)) FillPaths(response.mutable_paths());
  FillPosition(*root, response.mutable_position());
  const absl::string_view chain = AsBytes(root->chain);
  response.set_chain_head(chain.data(), chain.size());
  FillForks(*root, &response);
  if (facts_.audit_heads != nullptr) FillAuditHeads(facts_.audit_heads(), &response);
  response.set_store_schema_version(facts_.store_schema_version);
  response.set_history_floor(catalogue_.store.history_floor());
  return response;
}

absl::StatusOr<v1::CheckDependenciesResponse> AdminService::CheckDependencies() const {
  v1::CheckDependenciesResponse response;
  bool healthy = true;
  for (v1::Dependency& dependency : operations_.check_dependencies()) {
    healthy = healthy && dependency.state() == v1::DEPENDENCY_STATE_OK;
    dependency.set_detail(Detail(dependency.detail()));
    *response.add_dependencies() = std::move(dependency);
  }
  const RootPtr root = catalogue_.store.root();
  for (const DocumentKey& key : catalogue_.registry.DocumentKeys()) {
    const DocumentState* document = root->Find(key);
    if (document == nullptr) continue;
    FillHealth(*document, response.add_documents());
    healthy = healthy && StateOf(*document) == v1::DOCUMENT_STATE_OK && document->problems.empty();
  }
  response.set_healthy(healthy);
  FillHeader(*root, catalogue_.node_id, response.mutable_header());
  return response;
}

absl::StatusOr<v1::WarmCacheResponse> AdminService::WarmCache(
    const v1::WarmCacheRequest& request) const {
  ASSIGN_OR_RETURN(const std::vector<DocumentKey> keys, Select(request.selector()));
  v1::WarmCacheResponse response;
  for (const DocumentKey& key : keys) {
    const absl::StatusOr<bool> loaded = operations_.warm(key);
    v1::WarmCacheResult* result = response.add_results();
    result->set_category(key.category);
    result->set_format(ToProto(key.format));
    result->set_warm(loaded.ok());
    result->set_loaded(loaded.ok() && *loaded);
    if (!loaded.ok()) result->set_error(Detail(loaded.status().message()));
  }
  FillHeader(*catalogue_.store.root(), catalogue_.node_id, response.mutable_header());
  return response;
}

absl::StatusOr<v1::MarkStaleResponse> AdminService::MarkStale(
    const v1::MarkStaleRequest& request) const {
  if (request.selector().categories().empty() && !request.all()) {
    return BadField("selector.categories", "names no category; set `all` to mark every document");
  }
  if (!request.selector().categories().empty() && request.all()) {
    return BadField("all", "contradicts `selector.categories`");
  }
  ASSIGN_OR_RETURN(const std::vector<DocumentKey> keys, Select(request.selector()));
  v1::MarkStaleResponse response;
  for (const DocumentKey& key : keys) operations_.mark_stale(key);
  response.set_marked(static_cast<uint32_t>(keys.size()));
  FillHeader(*catalogue_.store.root(), catalogue_.node_id, response.mutable_header());
  return response;
}

absl::StatusOr<v1::WhoAmIResponse> AdminService::WhoAmI(const Caller& caller) const {
  v1::WhoAmIResponse response;
  FillHeader(*catalogue_.store.root(), catalogue_.node_id, response.mutable_header());
  response.set_user_id(caller.id);
  response.set_username(caller.name);
  for (const Role role :
       {Role::kReader, Role::kRequestor, Role::kApprover, Role::kAdmin, Role::kWorker}) {
    if (Includes(caller.role, role)) response.add_roles(ToProto(role));
  }
  response.set_is_approver(Includes(caller.role, Role::kApprover));
  response.set_is_requestor(Includes(caller.role, Role::kRequestor));
  response.set_source(ToProto(caller.source));
  response.set_peer_kind(ToProto(caller.peer));
  if (caller.expires != absl::InfiniteFuture()) {
    *response.mutable_expire_time() = ToProto(caller.expires);
  }
  response.set_authentication_off(!access_.authentication_on());
  return response;
}

}  // namespace modelref
