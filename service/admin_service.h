#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "modelref/v1/admin.pb.h"
#include "service/auth/access_control.h"
#include "service/catalogue.h"
#include "service/rpc/method_table.h"
#include "service/store/audit_projection.h"
#include "service/store/held_decision.h"

namespace modelref {

// What GetServerInfo says beside what it finds itself. Constant while the server runs; the
// functions are asked at each call.
struct ServerFacts {
  v1::Mode mode = v1::MODE_PRIMARY;
  v1::Capabilities capabilities;
  std::string upstream;
  std::string data_dir;
  v1::Limits limits;
  absl::Time start_time;
  // Full names of what is served, such as "modelref.v1.WatchService".
  std::function<std::vector<std::string>()> services;
  // The bound addresses.
  std::function<std::vector<std::string>()> addresses;
  // The file of a document; empty when it has none.
  std::function<std::string(const DocumentKey&)> path_of;
  // The heads of the audit trail; null without one.
  std::function<std::vector<AuditChainHead>()> audit_heads;
  uint32_t store_schema_version = 0;  // 0: no database.
};

// What AdminService has done by others. Each runs on the executor and may block.
struct AdminOperations {
  // Reads the document if it is not in memory and fresh. True when it was read.
  std::function<absl::StatusOr<bool>(const DocumentKey&)> warm;
  // Makes the next read ask the source, and tells watchers.
  std::function<void(const DocumentKey&)> mark_stale;
  // Looks at everything but the documents.
  std::function<std::vector<v1::Dependency>()> check_dependencies;
  // How the file of a document is read.
  FormOf form_of;
};

// modelref.v1.AdminService. Thread-safe.
class AdminService {
 public:
  // Everything in `catalogue`, and `access`, must outlive the service, which must outlive the
  // server.
  AdminService(Catalogue catalogue, const AccessControl& access, ServerFacts facts,
               AdminOperations operations);

  void Register(MethodTable* methods);

  absl::StatusOr<v1::GetServerInfoResponse> GetServerInfo(const Caller& caller) const;
  absl::StatusOr<v1::CheckDependenciesResponse> CheckDependencies() const;
  absl::StatusOr<v1::WarmCacheResponse> WarmCache(const v1::WarmCacheRequest& request) const;
  absl::StatusOr<v1::MarkStaleResponse> MarkStale(const v1::MarkStaleRequest& request) const;
  absl::StatusOr<v1::ListHeldEditsResponse> ListEdits(
      const v1::ListHeldEditsRequest& request) const;
  absl::StatusOr<v1::AcceptEditResponse> AcceptEdit(const v1::AcceptEditRequest& request) const;
  absl::StatusOr<v1::WhoAmIResponse> WhoAmI(const Caller& caller) const;

 private:
  // The documents that a selector names, in the order of the registry.
  //   NOT_FOUND CATEGORY_NOT_FOUND, INVALID_ARGUMENT BAD_FIELD
  absl::StatusOr<std::vector<DocumentKey>> Select(const v1::DocumentSelector& selector) const;
  void FillPaths(v1::Paths* paths) const;
  void RegisterHeldEdits(MethodTable* methods);

  const Catalogue catalogue_;
  const AccessControl& access_;
  const ServerFacts facts_;
  const AdminOperations operations_;
};

}  // namespace modelref
