#include "service/auth/policy.h"

#include <map>

namespace modelref {

const std::vector<PolicyRow>& PolicyTable() {
  static const auto& table = *new std::vector<PolicyRow>{
      {"/modelref.v1.ReferenceService/ListCategories", Role::kReader},
      {"/modelref.v1.ReferenceService/GetCategory", Role::kReader},
      {"/modelref.v1.ReferenceService/StreamCategory", Role::kReader},
      {"/modelref.v1.ReferenceService/FetchAllCategories", Role::kReader},
      {"/modelref.v1.ReferenceService/GetModel", Role::kReader},
      {"/modelref.v1.ReferenceService/BatchGetModels", Role::kReader},
      {"/modelref.v1.ReferenceService/ListModels", Role::kReader},
      {"/modelref.v1.ReferenceService/GetDelta", Role::kReader},
      {"/modelref.v1.ReferenceService/GetCategoryStatistics", Role::kReader},
      {"/modelref.v1.WriteService/PutModel", Role::kRequestor},
      {"/modelref.v1.WriteService/DeleteModel", Role::kRequestor},
      {"/modelref.v1.WriteService/WriteModels", Role::kRequestor},
      {"/modelref.v1.WriteService/ImportCategory", Role::kApprover},
      {"/modelref.v1.QueueService/ListChanges", Role::kRequestor},
      {"/modelref.v1.QueueService/GetChange", Role::kRequestor},
      {"/modelref.v1.QueueService/DiffChanges", Role::kRequestor},
      {"/modelref.v1.QueueService/CommentChange", Role::kRequestor},
      {"/modelref.v1.QueueService/ReviewBatch", Role::kApprover},
      {"/modelref.v1.QueueService/WithdrawChange", Role::kRequestor},
      {"/modelref.v1.QueueService/ApplyChange", Role::kApprover},
      {"/modelref.v1.QueueService/ApplyChanges", Role::kApprover},
      {"/modelref.v1.QueueService/ApplyBatch", Role::kApprover},
      {"/modelref.v1.QueueService/PurgeChanges", Role::kApprover},
      {"/modelref.v1.QueueService/ListBatches", Role::kApprover},
      {"/modelref.v1.QueueService/GetBatch", Role::kApprover},
      {"/modelref.v1.QueueService/GetBatchNetChanges", Role::kApprover},
      {"/modelref.v1.QueueService/WatchChanges", Role::kRequestor},
      {"/modelref.v1.MetadataService/GetCategoryMetadata", Role::kReader},
      {"/modelref.v1.MetadataService/ListCategoryMetadata", Role::kReader},
      {"/modelref.v1.MetadataService/GetLastUpdated", Role::kReader},
      {"/modelref.v1.MetadataService/PopulateMetadata", Role::kAdmin},
      {"/modelref.v1.WatchService/Watch", Role::kReader},
      {"/modelref.v1.WatchService/GetHead", Role::kReader},
      {"/modelref.v1.AuditService/StreamEvents", Role::kApprover},
      {"/modelref.v1.AuditService/ReplayState", Role::kApprover},
      {"/modelref.v1.AuditService/VerifyLog", Role::kApprover},
      {"/modelref.v1.StatisticsService/GetStatistics", Role::kReader},
      {"/modelref.v1.AdminService/GetServerInfo", Role::kReader},
      {"/modelref.v1.AdminService/CheckDependencies", Role::kAdmin},
      {"/modelref.v1.AdminService/WarmCache", Role::kAdmin},
      {"/modelref.v1.AdminService/MarkStale", Role::kAdmin},
      {"/modelref.v1.AdminService/ListHeldEdits", Role::kAdmin},
      {"/modelref.v1.AdminService/AcceptEdit", Role::kAdmin},
      {"/modelref.v1.AdminService/WhoAmI", Role::kReader},
      {"/modelref.v1.LifecycleService/GetEntry", Role::kReader},
      {"/modelref.v1.LifecycleService/ListEntries", Role::kReader},
      {"/modelref.v1.LifecycleService/SetStatus", Role::kWorker},
      {"/modelref.v1.LifecycleService/TouchEntry", Role::kWorker},
      {"/modelref.v1.LifecycleService/DeleteEntry", Role::kWorker},
      {"/modelref.v1.LifecycleService/CountByStatus", Role::kReader},
      {"/modelref.v1.LifecycleService/ClaimDownload", Role::kWorker},
      {"/modelref.v1.LifecycleService/RetryFailedDownload", Role::kWorker},
      {"/modelref.v1.LifecycleService/RefreshClaim", Role::kWorker},
      {"/modelref.v1.LifecycleService/FinishClaim", Role::kWorker},
      {"/modelref.v1.LifecycleService/WatchEntries", Role::kReader},
      {"/grpc.health.v1.Health/Check", Role::kNone},
      {"/grpc.health.v1.Health/Watch", Role::kNone},
  };
  return table;
}

const PolicyRow* FindPolicy(absl::string_view method) {
  static const auto& index = *[] {
    auto* rows = new std::map<absl::string_view, const PolicyRow*>;
    for (const PolicyRow& row : PolicyTable()) rows->emplace(row.method, &row);
    return rows;
  }();
  const auto found = index.find(method);
  return found == index.end() ? nullptr : found->second;
}

}  // namespace modelref
