#include "service/admin_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "backends/base/status_macros.h"
#include "service/admin_dependencies.h"
#include "service/admin_wiring.h"
#include "service/config.h"
#include "service/store/held_edits.h"
#include "service/store/store_reader.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace modelref {
namespace {

using ::testing::ElementsAre;
using testing::HasReason;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::StatusIs;

Caller CallerWith(Role role) {
  Caller caller;
  caller.role = role;
  caller.peer = PeerKind::kLoopback;
  return caller;
}

// A server of the built-in categories whose documents are empty.
class AdminServiceTest : public ::testing::Test {
 protected:
  AdminServiceTest()
      : registry_(*CategoryRegistry::Create({{.name = "extra"}})),
        store_(registry_.DocumentKeys(), clock_, Store::Options()) {
    facts_.data_dir = "/srv/catalogue";
    facts_.start_time = clock_.TimeNow() - absl::Hours(2);
    facts_.services = [] { return std::vector<std::string>{"modelref.v1.AdminService"}; };
    facts_.addresses = [] { return std::vector<std::string>{"127.0.0.1:7"}; };
    facts_.path_of = [](const DocumentKey& key) {
      return key.format == Format::kV2 ? "/srv/catalogue/" + key.category + ".json" : "";
    };
    operations_.warm = [this](const DocumentKey& key) -> absl::StatusOr<bool> {
      if (key.category == "clip") return absl::UnavailableError("clip: no permission");
      return warm_.insert(key).second;
    };
    operations_.mark_stale = [this](const DocumentKey& key) { marked_.push_back(key.ToString()); };
    operations_.check_dependencies = [this] { return dependencies_; };
  }

  AdminService MakeService() {
    return AdminService({store_, registry_, Format::kV2, "node-1", clock_, {}}, access_, facts_,
                        operations_);
  }

  testing::FakeClock clock_;
  CategoryRegistry registry_;
  Store store_;
  AccessControl access_{{}};
  ServerFacts facts_;
  AdminOperations operations_;
  std::set<DocumentKey> warm_;
  std::vector<std::string> marked_;
  std::vector<v1::Dependency> dependencies_;
};

TEST_F(AdminServiceTest, ServerInfoDescribesTheServerAndItsStore) {
  facts_.mode = v1::MODE_REPLICA;
  facts_.capabilities.set_supports_cache_warming(true);
  facts_.limits.set_streams(77);
  ASSERT_OK_AND_ASSIGN(const v1::GetServerInfoResponse info,
                       MakeService().GetServerInfo(CallerWith(Role::kReader)));
  EXPECT_EQ(info.mode(), v1::MODE_REPLICA);
  EXPECT_EQ(info.canonical_format(), v1::FORMAT_V2);
  EXPECT_TRUE(info.capabilities().supports_cache_warming());
  EXPECT_FALSE(info.capabilities().supports_writes());
  EXPECT_EQ(info.version(), ProgramVersion());
  EXPECT_THAT(info.services(), ElementsAre("modelref.v1.AdminService"));
  EXPECT_THAT(info.listen(), ElementsAre("127.0.0.1:7"));
  EXPECT_EQ(info.limits().streams(), 77u);
  EXPECT_EQ(info.uptime().seconds(), 7200);
  EXPECT_EQ(info.header().node_id(), "node-1");
  EXPECT_EQ(info.position().epoch().size(), 16u);
  EXPECT_EQ(info.position().epoch(), info.header().epoch());
  ASSERT_EQ(info.libraries_size(), 3);
  for (const v1::LibraryVersion& library : info.libraries()) {
    EXPECT_THAT(library.version(), Not(IsEmpty())) << library.name();
  }
}

TEST_F(AdminServiceTest, ServerInfoTellsTheHeadsOfStoreAndTrail) {
  DocumentEdit edit;
  edit.key = {"clip", Format::kV2};
  edit.changes = {{"a", MakeRecord("a", "{}")}};
  ASSERT_TRUE(store_.Commit("test", {edit}).ok());
  facts_.audit_heads = [] {
    AuditChainHead head;
    head.key = {"clip", Format::kLegacy};
    head.chain.fill(7);
    head.last_event_id = 12;
    return std::vector<AuditChainHead>{head};
  };
  facts_.store_schema_version = 3;
  ASSERT_OK_AND_ASSIGN(const v1::GetServerInfoResponse info,
                       MakeService().GetServerInfo(CallerWith(Role::kReader)));
  EXPECT_EQ(info.chain_head(), AsBytes(store_.root()->chain));
  EXPECT_EQ(info.store_schema_version(), 3u);
  ASSERT_EQ(info.audit_chain_heads_size(), 1);
  EXPECT_EQ(info.audit_chain_heads(0).domain(), "legacy");
  EXPECT_EQ(info.audit_chain_heads(0).category(), "clip");
  EXPECT_EQ(info.audit_chain_heads(0).chain(), std::string(32, 7));
  EXPECT_EQ(info.audit_chain_heads(0).last_event_id(), 12u);
}

TEST_F(AdminServiceTest, LinesWithTakenIdsAreTold) {
  EXPECT_EQ(FromTrail(TrailHead()).state(), v1::DEPENDENCY_STATE_OK);
  TrailHead trail;
  trail.foreign_lines = 5;
  trail.colliding_lines = 2;
  const v1::Dependency told = FromTrail(trail);
  EXPECT_EQ(told.state(), v1::DEPENDENCY_STATE_DEGRADED);
  EXPECT_EQ(told.detail().substr(0, 8), "2 lines ");
}

// Several are noticed at the same moment.
TEST_F(AdminServiceTest, HeldEditsComeInPagesOldestFirst) {
  TransactionRequest request;
  request.caller = "test";
  request.body = [this](TransactionContext& context) -> absl::Status {
    for (int i = 0; i < 7; ++i) {
      HeldEdit edit;
      edit.id = absl::StrCat("edit-", 6 - i);
      edit.key = {i == 3 ? "blip" : "clip", Format::kV2};
      ASSIGN_OR_RETURN(edit.document, DocumentId(context.database(), edit.key));
      edit.noticed = clock_.TimeNow() + absl::Seconds(i / 3);
      RETURN_IF_ERROR(InsertHeldEdit(context.database(), edit, {}));
    }
    return absl::OkStatus();
  };
  ASSERT_TRUE(store_.Commit(std::move(request)).ok());
  const AdminService service = MakeService();
  v1::ListHeldEditsRequest list;
  list.set_page_size(2);
  list.mutable_selector()->add_categories("clip");
  std::vector<std::string> ids;
  int pages = 0;
  do {
    ASSERT_OK_AND_ASSIGN(const v1::ListHeldEditsResponse page, service.ListEdits(list));
    EXPECT_LE(page.edits_size(), 2);
    for (const v1::HeldEdit& edit : page.edits()) ids.push_back(edit.edit_id());
    list.set_page_token(page.next_page_token());
    ++pages;
  } while (!list.page_token().empty());
  EXPECT_THAT(ids, ElementsAre("edit-4", "edit-5", "edit-6", "edit-1", "edit-2", "edit-0"));
  EXPECT_EQ(pages, 3);
  list.set_page_token("nonsense");
  EXPECT_THAT(service.ListEdits(list), StatusIs(absl::StatusCode::kInvalidArgument));
  list.clear_page_token();
  ASSERT_OK_AND_ASSIGN(const v1::ListHeldEditsResponse page, service.ListEdits(list));
  list.clear_selector();
  list.set_page_token(page.next_page_token());
  EXPECT_THAT(service.ListEdits(list), StatusIs(absl::StatusCode::kInvalidArgument))
      << "of another selector";
  list.clear_page_token();
  list.set_page_size(-1);
  EXPECT_THAT(service.ListEdits(list), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(AdminServiceTest, OnlyAdminsSeeWhereTheDataIs) {
  ASSERT_OK_AND_ASSIGN(const v1::GetServerInfoResponse reader,
                       MakeService().GetServerInfo(CallerWith(Role::kApprover)));
  EXPECT_FALSE(reader.has_paths());
  ASSERT_OK_AND_ASSIGN(const v1::GetServerInfoResponse admin,
                       MakeService().GetServerInfo(CallerWith(Role::kAdmin)));
  EXPECT_EQ(admin.paths().data_dir(), "/srv/catalogue");
  ASSERT_EQ(admin.paths().documents_size(), 16);
  EXPECT_EQ(admin.paths().documents(0).path(), "/srv/catalogue/blip.json");
}

TEST_F(AdminServiceTest, DependenciesTellTheStateOfEveryDocument) {
  const DocumentKey stale{"clip", Format::kV2};
  const DocumentKey held{"blip", Format::kLegacy};
  const DocumentKey damaged{"esrgan", Format::kV2};
  store_.SetFreshness(stale, FreshnessCause::kRefreshFailed, "clip.json: cut short");
  store_.SetFreshness(held, FreshnessCause::kEditHeld, "");
  store_.SetDamage(damaged, absl::DataLossError("esrgan.json: line 1"));
  ASSERT_OK_AND_ASSIGN(const v1::CheckDependenciesResponse checked,
                       MakeService().CheckDependencies());
  EXPECT_FALSE(checked.healthy());
  ASSERT_EQ(checked.documents_size(), 32);
  std::map<std::string, v1::DocumentHealth> by_name;
  for (const v1::DocumentHealth& document : checked.documents()) {
    by_name[document.category() + std::to_string(document.format())] = document;
  }
  EXPECT_EQ(by_name["clip2"].state(), v1::DOCUMENT_STATE_STALE);
  EXPECT_EQ(by_name["clip2"].detail(), "clip.json: cut short");
  EXPECT_EQ(by_name["clip2"].since().seconds(), absl::ToUnixSeconds(clock_.TimeNow()));
  EXPECT_EQ(by_name["blip1"].state(), v1::DOCUMENT_STATE_EDIT_HELD);
  EXPECT_EQ(by_name["esrgan2"].state(), v1::DOCUMENT_STATE_DAMAGED);
  EXPECT_EQ(by_name["esrgan2"].detail(), "esrgan.json: line 1");
  EXPECT_EQ(by_name["lora2"].state(), v1::DOCUMENT_STATE_OK);
  EXPECT_FALSE(by_name["lora2"].has_since());
}

TEST_F(AdminServiceTest, HealthyMeansThatNothingIsWrong) {
  dependencies_ = {CheckNotifications(true)};
  ASSERT_OK_AND_ASSIGN(const v1::CheckDependenciesResponse good, MakeService().CheckDependencies());
  EXPECT_TRUE(good.healthy());
  dependencies_.push_back(CheckNotifications(false));
  ASSERT_OK_AND_ASSIGN(const v1::CheckDependenciesResponse bad, MakeService().CheckDependencies());
  EXPECT_FALSE(bad.healthy());
  EXPECT_EQ(bad.dependencies(1).state(), v1::DEPENDENCY_STATE_DEGRADED);
}

TEST_F(AdminServiceTest, LongDetailsAreCutBetweenCharacters) {
  std::string detail(511, 'x');
  detail += "\xC3\xA4tail";
  store_.SetFreshness({"clip", Format::kV2}, FreshnessCause::kRefreshFailed, detail);
  ASSERT_OK_AND_ASSIGN(const v1::CheckDependenciesResponse checked,
                       MakeService().CheckDependencies());
  for (const v1::DocumentHealth& document : checked.documents()) {
    if (document.state() != v1::DOCUMENT_STATE_STALE) continue;
    EXPECT_EQ(document.detail(), std::string(511, 'x'));
  }
}

TEST_F(AdminServiceTest, WarmingTellsWhatWasReadAndWhatFailed) {
  v1::WarmCacheRequest request;
  request.mutable_selector()->add_categories("clip");
  request.mutable_selector()->add_categories("stable_diffusion");
  request.mutable_selector()->add_formats(v1::FORMAT_V2);
  warm_.insert({"image_generation", Format::kV2});
  ASSERT_OK_AND_ASSIGN(const v1::WarmCacheResponse warmed, MakeService().WarmCache(request));
  ASSERT_EQ(warmed.results_size(), 2);
  EXPECT_EQ(warmed.results(0).category(), "clip");
  EXPECT_FALSE(warmed.results(0).warm());
  EXPECT_EQ(warmed.results(0).error(), "clip: no permission");
  EXPECT_EQ(warmed.results(1).category(), "image_generation");
  EXPECT_TRUE(warmed.results(1).warm());
  EXPECT_FALSE(warmed.results(1).loaded());
}

TEST_F(AdminServiceTest, MarkingStaleNeedsACategoryOrAll) {
  EXPECT_THAT(MakeService().MarkStale({}), HasReason("BAD_FIELD"));
  v1::MarkStaleRequest request;
  request.mutable_selector()->add_categories("extra");
  ASSERT_OK_AND_ASSIGN(const v1::MarkStaleResponse marked, MakeService().MarkStale(request));
  EXPECT_EQ(marked.marked(), 2u);
  EXPECT_THAT(marked_, ElementsAre("extra/v2", "extra/legacy"));
  request.set_all(true);
  EXPECT_THAT(MakeService().MarkStale(request), HasReason("BAD_FIELD"));
  request.clear_selector();
  ASSERT_OK_AND_ASSIGN(const v1::MarkStaleResponse all, MakeService().MarkStale(request));
  EXPECT_EQ(all.marked(), 32u);
}

TEST_F(AdminServiceTest, AnUnknownCategoryMarksNothing) {
  v1::MarkStaleRequest request;
  request.mutable_selector()->add_categories("clip");
  request.mutable_selector()->add_categories("clap");
  EXPECT_THAT(MakeService().MarkStale(request), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(MakeService().MarkStale(request), HasReason("CATEGORY_NOT_FOUND"));
  EXPECT_THAT(marked_, IsEmpty());
}

TEST_F(AdminServiceTest, WhoAmITellsRolesAndWhetherAnybodyIsIdentified) {
  Caller caller = CallerWith(Role::kApprover);
  caller.id = "6572";
  caller.name = "Name#6572";
  caller.source = IdentitySource::kHorde;
  caller.expires = clock_.TimeNow();
  ASSERT_OK_AND_ASSIGN(const v1::WhoAmIResponse me, MakeService().WhoAmI(caller));
  EXPECT_EQ(me.user_id(), "6572");
  EXPECT_EQ(me.username(), "Name#6572");
  EXPECT_THAT(me.roles(), ElementsAre(v1::ROLE_READER, v1::ROLE_REQUESTOR, v1::ROLE_APPROVER));
  EXPECT_TRUE(me.is_approver());
  EXPECT_TRUE(me.is_requestor());
  EXPECT_EQ(me.source(), v1::IDENTITY_SOURCE_HORDE);
  EXPECT_EQ(me.peer_kind(), v1::PEER_KIND_LOOPBACK);
  EXPECT_TRUE(me.has_expire_time());
  EXPECT_TRUE(me.authentication_off());
}

TEST_F(AdminServiceTest, EveryMethodIsRegistered) {
  MethodTable methods;
  AdminService service = MakeService();
  service.Register(&methods);
  std::vector<std::string> names;
  for (const MethodEntry& entry : methods.entries()) names.push_back(entry.method);
  EXPECT_THAT(
      names,
      ElementsAre("/modelref.v1.AdminService/GetServerInfo",
                  "/modelref.v1.AdminService/CheckDependencies",
                  "/modelref.v1.AdminService/WarmCache", "/modelref.v1.AdminService/MarkStale",
                  "/modelref.v1.AdminService/ListHeldEdits", "/modelref.v1.AdminService/AcceptEdit",
                  "/modelref.v1.AdminService/WhoAmI"));
}

TEST_F(AdminServiceTest, HealthNamesEveryDocumentThatIsNotItsSource) {
  HealthBoard health;
  EXPECT_FALSE(SummarizeHealth(health, *store_.root()).serving);
  health.Set("", true);
  HealthSummary summary = SummarizeHealth(health, *store_.root());
  EXPECT_TRUE(summary.serving);
  EXPECT_THAT(summary.degraded, IsEmpty());
  store_.SetDamage({"blip", Format::kV2}, absl::DataLossError("line 1"));
  store_.SetFreshness({"clip", Format::kV2}, FreshnessCause::kEditHeld, "");
  store_.SetFreshness({"lora", Format::kV2}, FreshnessCause::kMarked, "by hand");
  EXPECT_THAT(SummarizeHealth(health, *store_.root()).degraded,
              ElementsAre("document blip/v2: cannot be served: line 1",
                          "document clip/v2: an edit waits for an operator",
                          "document lora/v2: stale: by hand"));
}

TEST(AdminDependenciesTest, ADirectoryIsJudgedByWhatCanBeDoneInIt) {
  const testing::TempDir dir;
  const v1::Dependency good = CheckDirectory("data_directory", dir.path(), true);
  EXPECT_TRUE(good.readable());
  EXPECT_TRUE(good.writable());
  EXPECT_GT(good.free_bytes(), 0u);
  EXPECT_EQ(good.detail().rfind(dir.path(), 0), 0u);
  const v1::Dependency missing = CheckDirectory("data_directory", dir.PathOf("none"), true);
  EXPECT_EQ(missing.state(), v1::DEPENDENCY_STATE_FAILED);
  EXPECT_THAT(missing.detail(), HasSubstr("no such directory"));
  dir.Write("file", "x");
  EXPECT_EQ(CheckDirectory("d", dir.PathOf("file"), false).state(), v1::DEPENDENCY_STATE_FAILED);
}

TEST(AdminDependenciesTest, AFencedStoreHasFailed) {
  EXPECT_EQ(FromStore(absl::OkStatus()).state(), v1::DEPENDENCY_STATE_OK);
  const v1::Dependency fenced = FromStore(absl::UnavailableError("store.db was removed"));
  EXPECT_EQ(fenced.name(), "store");
  EXPECT_EQ(fenced.state(), v1::DEPENDENCY_STATE_FAILED);
  EXPECT_EQ(fenced.detail(), "store.db was removed");
}

TEST(AdminDependenciesTest, ReportsOfProbesKeepTheirNamesAndCauses) {
  const std::vector<v1::Dependency> dependencies =
      FromHealthReports({{"data_dir", absl::OkStatus()}, {"x", absl::UnavailableError("down")}});
  ASSERT_EQ(dependencies.size(), 2u);
  EXPECT_EQ(dependencies[0].state(), v1::DEPENDENCY_STATE_OK);
  EXPECT_EQ(dependencies[1].state(), v1::DEPENDENCY_STATE_FAILED);
  EXPECT_EQ(dependencies[1].detail(), "down");
}

}  // namespace
}  // namespace modelref
