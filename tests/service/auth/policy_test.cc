#include "service/auth/policy.h"

#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "grpc/health/v1/health.pb.h"
#include "modelref/v1/admin.pb.h"
#include "modelref/v1/audit.pb.h"
#include "modelref/v1/lifecycle.pb.h"
#include "modelref/v1/metadata.pb.h"
#include "modelref/v1/queue.pb.h"
#include "modelref/v1/reference.pb.h"
#include "modelref/v1/statistics.pb.h"
#include "modelref/v1/watch.pb.h"
#include "modelref/v1/write.pb.h"

namespace modelref {
namespace {

// Every method of every service of the contract.
std::set<std::string> MethodsOfTheContract() {
  std::set<std::string> methods;
  for (const google::protobuf::FileDescriptor* file :
       {v1::WhoAmIRequest::descriptor()->file(), v1::AuditEvent::descriptor()->file(),
        v1::Entry::descriptor()->file(), v1::CategoryMetadata::descriptor()->file(),
        v1::Change::descriptor()->file(), v1::GetModelRequest::descriptor()->file(),
        v1::GetStatisticsRequest::descriptor()->file(), v1::WatchRequest::descriptor()->file(),
        v1::PutModelRequest::descriptor()->file(),
        grpc::health::v1::HealthCheckRequest::descriptor()->file()}) {
    for (int i = 0; i < file->service_count(); ++i) {
      const google::protobuf::ServiceDescriptor& service = *file->service(i);
      for (int j = 0; j < service.method_count(); ++j) {
        methods.insert(absl::StrCat("/", service.full_name(), "/", service.method(j)->name()));
      }
    }
  }
  return methods;
}

Role RoleOf(absl::string_view method) {
  const PolicyRow* row = FindPolicy(absl::StrCat("/modelref.v1.", method));
  EXPECT_NE(row, nullptr) << method;
  return row == nullptr ? Role::kNone : row->role;
}

TEST(PolicyTest, EveryMethodHasOneRowAndEveryRowAMethod) {
  const std::set<std::string> methods = MethodsOfTheContract();
  EXPECT_GE(methods.size(), 55u);
  std::set<std::string> rows;
  for (const PolicyRow& row : PolicyTable()) {
    EXPECT_TRUE(rows.insert(std::string(row.method)).second) << row.method << " twice";
    // Health may lack methods that newer versions of its file have, and the other way round.
    if (absl::StartsWith(row.method, "/grpc.health.")) continue;
    EXPECT_EQ(methods.count(std::string(row.method)), 1u) << row.method << " does not exist";
  }
  for (const std::string& method : methods) {
    EXPECT_EQ(rows.count(method), 1u) << method << " has no row";
  }
}

TEST(PolicyTest, OnlyHealthIsOpen) {
  for (const PolicyRow& row : PolicyTable()) {
    EXPECT_EQ(row.role == Role::kNone, absl::StartsWith(row.method, "/grpc.health.v1.Health/"))
        << row.method;
  }
}

TEST(PolicyTest, ReadingNeedsAReaderAndChangingNeedsMore) {
  for (const char* service : {"ReferenceService/", "WatchService/", "StatisticsService/"}) {
    for (const PolicyRow& row : PolicyTable()) {
      if (absl::StrContains(row.method, service)) {
        EXPECT_EQ(row.role, Role::kReader) << row.method;
      }
    }
  }
  for (const PolicyRow& row : PolicyTable()) {
    if (absl::StrContains(row.method, "WriteService/") ||
        absl::StrContains(row.method, "QueueService/") ||
        absl::StrContains(row.method, "AuditService/")) {
      EXPECT_TRUE(Includes(row.role, Role::kRequestor)) << row.method;
    }
  }
  EXPECT_EQ(RoleOf("QueueService/ApplyChange"), Role::kApprover);
  EXPECT_EQ(RoleOf("QueueService/ReviewBatch"), Role::kApprover);
  EXPECT_EQ(RoleOf("WriteService/ImportCategory"), Role::kApprover);
  EXPECT_EQ(RoleOf("AdminService/MarkStale"), Role::kAdmin);
  EXPECT_EQ(RoleOf("AdminService/WhoAmI"), Role::kReader);
  EXPECT_EQ(RoleOf("LifecycleService/ClaimDownload"), Role::kWorker);
  EXPECT_EQ(RoleOf("LifecycleService/GetEntry"), Role::kReader);
}

TEST(PolicyTest, UnknownMethodsHaveNoRow) {
  EXPECT_EQ(FindPolicy("/modelref.v1.ReferenceService/Nothing"), nullptr);
  EXPECT_EQ(FindPolicy(""), nullptr);
}

}  // namespace
}  // namespace modelref
