// The commands that write, against a server that answers as the test says: what is sent, what is
// asked, and what is kept.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "backends/base/digest.h"
#include "backends/base/error.h"
#include "tests/clients/fake_server.h"
#include "tests/clients/modelrefctl/ctl_runner.h"
#include "tests/testing/temp_dir.h"

namespace modelref::ctl {
namespace {

using ::modelref::testing::CtlResult;
using ::modelref::testing::CtlRunner;
using ::modelref::testing::FakeHandlers;
using ::modelref::testing::FakeServer;
using ::modelref::testing::TempDir;
using ::modelref::testing::UnusedAddress;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class ModelWritesTest : public ::testing::Test {
 protected:
  ModelWritesTest() {
    runner_.SetVariable("TMPDIR", dir_.path());
    handlers_.put_model = [this](const v1::PutModelRequest& request,
                                 v1::PutModelResponse* response) {
      puts_.push_back(request);
      response->mutable_committed()->set_changed(true);
      response->mutable_committed()->mutable_position()->set_revision(7);
      return puts_.size() <= failures_.size() ? failures_[puts_.size() - 1] : absl::OkStatus();
    };
    handlers_.write_models = [this](const v1::WriteModelsRequest& request,
                                    v1::WriteModelsResponse* response) {
      writes_.push_back(request);
      response->mutable_committed()->set_changed(true);
      return absl::OkStatus();
    };
    handlers_.get_model = [this](const v1::GetModelRequest&, v1::GetModelResponse* response) {
      const std::string& record = records_[std::min(reads_++, records_.size() - 1)];
      response->mutable_model()->set_json(record);
      response->set_etag(EtagOf(record));
      return absl::OkStatus();
    };
    handlers_.batch_get_models = [](const v1::BatchGetModelsRequest& request,
                                    v1::BatchGetModelsResponse* response) {
      for (const std::string& name : request.names()) {
        if (name == "nothing") continue;
        response->add_models()->set_name(name);
        response->mutable_models()->rbegin()->set_json("{\"v\":1}");
      }
      return absl::OkStatus();
    };
  }
  ~ModelWritesTest() override {
    if (input_ >= 0) close(input_);
  }

  static std::string EtagOf(const std::string& record) {
    const Sha256Digest etag = Sha256(record);
    return std::string(AsBytes(etag));
  }
  CtlResult Run(const std::vector<std::string>& arguments) {
    if (server_ == nullptr) server_ = std::make_unique<FakeServer>(handlers_);
    runner_.SetVariable("MODELREF_SERVER", server_->address());
    return runner_.Run(arguments);
  }
  std::string File(const std::string& text) {
    dir_.Write("file", text);
    return dir_.PathOf("file");
  }
  // What is typed, on a terminal.
  void Type(const std::string& text) {
    dir_.Write("typed", text);
    input_ = open(dir_.PathOf("typed").c_str(), O_RDONLY | O_CLOEXEC);
    runner_.SetInput(input_);
    Terminal terminal;
    terminal.in = terminal.err = true;
    runner_.SetTerminal(terminal);
  }
  void SetEditor(const std::string& script) { runner_.SetVariable("EDITOR", script); }
  // The file that a message says it was kept in.
  std::string Kept(const CtlResult& result) {
    const size_t begin = result.err.find("modelrefctl-edit-");
    if (begin == std::string::npos) return "nothing is kept: " + result.err;
    return dir_.Read(result.err.substr(begin, result.err.find('\n', begin) - begin));
  }

  TempDir dir_;
  FakeHandlers handlers_;
  CtlRunner runner_;
  std::vector<v1::PutModelRequest> puts_;
  std::vector<v1::WriteModelsRequest> writes_;
  std::vector<absl::Status> failures_;
  std::vector<std::string> records_ = {R"({"a":1,"b":1})"};
  size_t reads_ = 0;
  int input_ = -1;
  std::unique_ptr<FakeServer> server_;
};

absl::Status Conflict() { return Error(absl::StatusCode::kAborted, "ETAG_MISMATCH", "moved"); }

TEST_F(ModelWritesTest, PutSendsTheRecordAndHowItIsMeant) {
  const std::string etag(64, 'a');
  const CtlResult result =
      Run({"model", "put", "c", "m", "-f", File("{ \"x\" : 1.0 }\n"), "--update-only", "--if-match",
           etag, "--durability", "file", "--format", "legacy", "--request-id", "id", "-o", "json"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("\"request_id\": \"id\""));
  ASSERT_THAT(puts_, SizeIs(1));
  EXPECT_EQ(puts_[0].json(), R"({"x":1.0})");
  EXPECT_EQ(puts_[0].mode(), v1::WRITE_MODE_UPDATE_ONLY);
  EXPECT_EQ(puts_[0].if_match(), std::string(32, '\xAA'));
  EXPECT_EQ(puts_[0].format(), v1::FORMAT_LEGACY);
  EXPECT_EQ(puts_[0].options().durability(), v1::DURABILITY_FILE);
  EXPECT_EQ(puts_[0].options().request_id(), "id");
}

TEST_F(ModelWritesTest, WrongUseSendsNothing) {
  const std::string file = File("{}");
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"model", "put", "c", "m"},
           {"model", "put", "c", "m", "-f", "-"},
           {"model", "put", "c", "m", "-f", file, "--if-match", "x"},
           {"model", "put", "c", "m", "-f", file, "--create-only", "--update-only"},
           {"model", "delete", "c"}}) {
    EXPECT_EQ(Run(arguments).code, 2);
  }
  EXPECT_EQ(Run({"model", "put", "c", "m", "-f", File("[]")}).code, 7);
  EXPECT_EQ(Run({"model", "put", "c", "-f", File("{\"name\":\"m\"}")}).code, 7);
  EXPECT_EQ(Run({"model", "put", "c", "-f", File("{}")}).code, 7);
  EXPECT_EQ(Run({"model", "put", "c", "m", "-f", dir_.PathOf("missing")}).code, 3);
  EXPECT_THAT(puts_, SizeIs(0));
  EXPECT_THAT(writes_, SizeIs(0));
}

TEST_F(ModelWritesTest, AWriteIsRepeatedWithItsIdUntilItIsAnswered) {
  failures_.assign(6, Error(absl::StatusCode::kUnavailable, "STORE_BUSY", "busy"));
  const CtlResult result =
      Run({"model", "put", "c", "m", "-f", File("{}"), "--timeout", "60s", "-o", "name"});
  EXPECT_EQ(result.code, 0) << result.err;
  ASSERT_THAT(puts_, SizeIs(7));
  EXPECT_EQ(puts_[0].options().request_id(), puts_[6].options().request_id());
}

TEST_F(ModelWritesTest, AnOutcomeThatIsNotKnownNamesTheIdToRepeatItWith) {
  runner_.SetVariable("MODELREF_SERVER", UnusedAddress());
  const std::vector<std::string> arguments = {"model",    "put",          "c",     "m", "-f",
                                              File("{}"), "--request-id", "the-id"};
  const CtlResult result = runner_.Run(arguments);
  EXPECT_EQ(result.code, 8);
  EXPECT_THAT(result.err, HasSubstr("--request-id the-id"));
}

TEST_F(ModelWritesTest, AQueuedWriteIsExitCodeSix) {
  handlers_.put_model = [](const v1::PutModelRequest&, v1::PutModelResponse* response) {
    response->mutable_queued()->add_change_ids(5);
    return absl::OkStatus();
  };
  const CtlResult result = Run({"model", "put", "c", "m", "-f", File("{}")});
  EXPECT_EQ(result.code, 6);
  EXPECT_EQ(result.out, "m\tqueued\t\t\n");
}

TEST_F(ModelWritesTest, ViolationsOfADryRunAreTheErrorOfTheWrite) {
  std::string reason;
  handlers_.put_model = [&reason](const v1::PutModelRequest& request,
                                  v1::PutModelResponse* response) {
    EXPECT_TRUE(request.options().validate_only());
    v1::Violation* violation = response->mutable_validated()->add_violations();
    violation->set_reason(reason);
    violation->set_description("bad");
    return absl::OkStatus();
  };
  const std::vector<std::pair<std::string, int>> codes = {
      {"INVALID_RECORD", 7},  {"MODEL_EXISTS", 5},     {"ETAG_MISMATCH", 5},
      {"MODEL_NOT_FOUND", 3}, {"RECORD_TOO_LARGE", 7}, {"DOCUMENT_DAMAGED", 1}};
  for (const auto& [name, code] : codes) {
    reason = name;
    EXPECT_EQ(Run({"model", "put", "c", "m", "-f", File("{}"), "--dry-run"}).code, code) << name;
    EXPECT_EQ(Run({"model", "diff", "c", "m", "-f", File("{}")}).code, code) << name;
  }
}

TEST_F(ModelWritesTest, ADeleteOnATerminalShowsWhatGoesAndDeletesNothingElse) {
  Type("no\n");
  const CtlResult refused = Run({"model", "delete", "c", "a", "b"});
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.err, HasSubstr("Delete 2 models (14 B) of c on "));
  EXPECT_THAT(refused.err, HasSubstr(": a, b? [y/N] "));
  EXPECT_THAT(writes_, SizeIs(0));
  EXPECT_EQ(Run({"model", "delete", "c", "a", "nothing"}).code, 3);
  Type("Y\n");
  EXPECT_EQ(Run({"model", "delete", "c", "a", "b"}).code, 0);
  ASSERT_THAT(writes_, SizeIs(1));
  EXPECT_EQ(writes_[0].operations(1).delete_().name(), "b");
  EXPECT_EQ(writes_[0].operations(1).delete_().if_match(), EtagOf("{\"v\":1}"));
}

TEST_F(ModelWritesTest, NobodyIsAskedWithoutATerminalOrWithYes) {
  EXPECT_EQ(Run({"model", "delete", "c", "a"}).out, "a\tdeleted\t0\t\n");
  Type("no\n");
  EXPECT_EQ(Run({"model", "delete", "c", "a", "--yes"}).code, 0);
  EXPECT_EQ(Run({"model", "delete", "c", "a", "--dry-run"}).code, 0);
  ASSERT_THAT(writes_, SizeIs(3));
  EXPECT_EQ(writes_[0].operations(0).delete_().if_match(), "");
}

TEST_F(ModelWritesTest, AnEditIsSentOnTopOfWhatWasRead) {
  SetEditor("sed -i 's/\"a\": 1/\"a\": 2/'");
  const CtlResult result = Run({"model", "edit", "c", "m"});
  EXPECT_EQ(result.code, 0) << result.err;
  ASSERT_THAT(puts_, SizeIs(1));
  EXPECT_EQ(puts_[0].json(), R"({"a":2,"b":1})");
  EXPECT_EQ(puts_[0].if_match(), EtagOf(records_[0]));
  EXPECT_EQ(puts_[0].mode(), v1::WRITE_MODE_UPDATE_ONLY);
  SetEditor("true");
  EXPECT_EQ(Run({"model", "edit", "c", "m"}).code, 0);
  SetEditor("false");
  EXPECT_EQ(Run({"model", "edit", "c", "m"}).code, 1);
  EXPECT_THAT(puts_, SizeIs(1));
}

TEST_F(ModelWritesTest, WhatCannotBeSavedIsKeptAndNamed) {
  failures_ = {Conflict(), Error(absl::StatusCode::kPermissionDenied, "ROLE_REQUIRED", "no")};
  SetEditor("sed -i 's/\"a\": 1/\"a\": 2/'");
  const CtlResult conflict = Run({"model", "edit", "c", "m"});
  EXPECT_EQ(conflict.code, 5);
  EXPECT_THAT(Kept(conflict), HasSubstr("\"a\": 2"));
  const CtlResult denied = Run({"model", "edit", "c", "m"});
  EXPECT_EQ(denied.code, 4);
  EXPECT_THAT(Kept(denied), HasSubstr("\"a\": 2"));
  SetEditor("sh -c 'echo { >$0'");
  const CtlResult broken = Run({"model", "edit", "c", "m"});
  EXPECT_EQ(broken.code, 7);
  EXPECT_EQ(Kept(broken), "{\n");
  SetEditor("sh -c 'echo mine >$0; exit 3'");
  const CtlResult crashed = Run({"model", "edit", "c", "m"});
  EXPECT_EQ(crashed.code, 1);
  EXPECT_EQ(Kept(crashed), "mine\n");
}

TEST_F(ModelWritesTest, AConflictIsEditedAgainOnTopOfTheNewestRecord) {
  Type("");
  records_ = {R"({"a":1,"b":1})", R"({"a":3,"b":9})"};
  failures_ = {Conflict()};
  // The first time it changes a member, the second time it takes the notes away.
  SetEditor("sed -i -e 's/\"a\": 1/\"a\": 2/' -e '/^#/w " + dir_.PathOf("notes") + "' -e '/^#/d'");
  const CtlResult result = Run({"model", "edit", "c", "m"});
  EXPECT_EQ(result.code, 0) << result.err;
  ASSERT_THAT(puts_, SizeIs(2));
  EXPECT_EQ(puts_[1].json(), R"({"a":2,"b":9})");
  EXPECT_EQ(puts_[1].if_match(), EtagOf(records_[1]));
  EXPECT_NE(puts_[1].options().request_id(), puts_[0].options().request_id());
  EXPECT_THAT(dir_.Read("notes"), HasSubstr("Both changed a; theirs is 3"));
}

TEST_F(ModelWritesTest, LeavingTheEditorWithoutAChangeAfterAConflictGivesUp) {
  Type("");
  records_ = {R"({"a":1,"b":1})", R"({"a":1,"b":9})"};
  failures_ = {Conflict()};
  SetEditor("sed -i 's/\"a\": 1/\"a\": 2/'");
  const CtlResult result = Run({"model", "edit", "c", "m"});
  EXPECT_EQ(result.code, 5);
  EXPECT_THAT(puts_, SizeIs(1));
  EXPECT_THAT(Kept(result), HasSubstr("\"a\": 2,\n  \"b\": 9"));
}

TEST_F(ModelWritesTest, AReplacingImportOnATerminalAsksBeforeItDeletes) {
  int commits = 0;
  handlers_.import_category = [&commits](const std::vector<v1::ImportCategoryRequest>& parts,
                                         v1::ImportCategoryResponse* response) {
    response->set_deleted(4);
    if (parts[0].import_header().options().validate_only()) {
      response->mutable_validated();
    } else {
      response->mutable_committed()->set_changed(true);
      ++commits;
    }
    return absl::OkStatus();
  };
  const std::string file = File("{\"a\":{}}");
  Type("n\n");
  const std::vector<std::string> import = {"category", "import", "c",      "-f",
                                           file,       "--mode", "replace"};
  const CtlResult refused = Run(import);
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.err, HasSubstr("0 created, 0 updated, 4 deleted? [y/N] "));
  EXPECT_EQ(commits, 0);
  Type("yes\n");
  EXPECT_EQ(Run(import).code, 0);
  EXPECT_EQ(commits, 1);
}

}  // namespace
}  // namespace modelref::ctl
