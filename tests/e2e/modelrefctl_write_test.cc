// The commands of modelrefctl that write, against the real modelrefd.

#include <gmock/gmock.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/e2e/modelrefctl_child.h"
#include "tests/e2e/modelrefd_child.h"
#include "tests/testing/temp_dir.h"

namespace modelref {
namespace {

using ::modelref::testing::RunShell;
using ::modelref::testing::ServerChild;
using ::modelref::testing::ShellResult;
using ::modelref::testing::TempDir;
using ::testing::HasSubstr;

class ModelrefctlWriteTest : public ::testing::Test {
 protected:
  void Start(const std::vector<std::string>& flags = {}) {
    server_ = std::make_unique<ServerChild>(data_.path(), flags);
  }
  // Runs a line for the shell in a folder of its own; "ctl" is modelrefctl with the server.
  ShellResult Run(const std::string& line) const {
    return RunShell(
        absl::StrCat("cd ", work_.path(), "; export MODELREF_SERVER=", server_->address(),
                     " TMPDIR=", work_.path(), "; ctl() { modelrefctl \"$@\"; }; ", line));
  }
  int Code(const std::string& line) const { return Run(line).code; }

  TempDir data_;
  TempDir work_;
  std::unique_ptr<ServerChild> server_;
};

TEST_F(ModelrefctlWriteTest, AModelIsCreatedChangedComparedAndDeleted) {
  Start();
  work_.Write("one", R"({"name": "a/b c", "version": "1"})");
  work_.Write("two", R"({"name": "a/b c", "version": "2"})");
  const ShellResult put = Run("ctl model put clip 'a/b c' -f one --create-only -o plain");
  EXPECT_EQ(put.code, 0) << put.err;
  EXPECT_THAT(put.out, HasSubstr("a/b c\twritten\t1\t"));
  EXPECT_EQ(Code("ctl model put clip 'a/b c' -f one --create-only"), 5);
  EXPECT_EQ(Code("ctl model diff clip 'a/b c' -f one"), 0);
  const ShellResult diff = Run("ctl model diff clip 'a/b c' -f two -o json");
  EXPECT_EQ(diff.code, 10) << diff.err;
  EXPECT_THAT(diff.out, HasSubstr("\"old_value\": \"1\""));
  EXPECT_THAT(diff.out, HasSubstr("\"new_value\": \"2\""));
  EXPECT_EQ(Code("ctl model put clip 'a/b c' -f - --update-only --durability file < two"), 0);
  EXPECT_THAT(data_.Read("clip.json"), HasSubstr("\"version\": \"2\""));
  EXPECT_EQ(Code("ctl model delete clip 'a/b c' --dry-run"), 0);
  EXPECT_EQ(Code("ctl model get clip 'a/b c'"), 0);
  EXPECT_EQ(Code("ctl model delete clip 'a/b c'"), 0);
  EXPECT_EQ(Code("ctl model get clip 'a/b c'"), 3);
  EXPECT_EQ(Code("ctl model delete clip 'a/b c'"), 3);
}

TEST_F(ModelrefctlWriteTest, ExitCodesTellConflictValidationAndWhatIsMissing) {
  Start();
  work_.Write("one", R"({"name": "a", "version": "1"})");
  const std::string other(64, '0');
  EXPECT_EQ(Code("ctl model put clip a -f one --update-only"), 3);
  EXPECT_EQ(Code("ctl model put no_such_category a -f one"), 3);
  EXPECT_EQ(Code("ctl model put clip a -f one"), 0);
  EXPECT_EQ(Code(absl::StrCat("ctl model put clip a -f one --if-match ", other)), 5);
  EXPECT_EQ(Code(absl::StrCat("ctl model delete clip a --if-match ", other)), 5);
  EXPECT_EQ(Code("echo '{\"version\": 5}' | ctl model put clip a -f -"), 7);
  EXPECT_EQ(Code("echo '{\"version\": 5}' | ctl model put clip a -f - --dry-run"), 7);
  EXPECT_EQ(Code("ctl model put clip a -f one --format legacy"), 7);
  EXPECT_EQ(Code("ctl model put clip a -f one --request-id nonsense"), 7);
  EXPECT_EQ(Code("printf '{\"x\":\"' | ctl model put clip a -f -"), 7);
  const std::string id = "0b6bb1c8-4d2c-4d67-9a54-5d1f0f2a1b77";
  const std::string put = absl::StrCat("ctl model put clip b -f - -o json --request-id ", id);
  EXPECT_EQ(Code(absl::StrCat("echo '{}' | ", put)), 0);
  EXPECT_THAT(Run(absl::StrCat("echo '{}' | ", put)).out, HasSubstr("\"replayed\": true"));
  EXPECT_EQ(Code(absl::StrCat("echo '{\"version\":\"2\"}' | ", put)), 7);
}

TEST_F(ModelrefctlWriteTest, AllModelsOfAFileAreWrittenOrNone) {
  Start();
  work_.Write("good", R"({"a": {"version": "1"}, "b": {"version": "1"}})");
  work_.Write("bad", R"({"c": {"version": "1"}, "d": {"version": 1}})");
  EXPECT_EQ(Run("ctl model put clip -f good -o name").out, "a\nb\n");
  EXPECT_EQ(Run("ctl model put clip -f good -o name").out, "");
  EXPECT_EQ(Code("ctl model put clip -f bad"), 7);
  EXPECT_EQ(Code("ctl model delete clip a c"), 3);
  EXPECT_EQ(Run("ctl category get clip -o name").out, "a\nb\n");
  EXPECT_EQ(Run("ctl model delete clip a b -o name").out, "a\nb\n");
  EXPECT_EQ(Run("ctl category get clip -o json").out, "{}\n");
}

TEST_F(ModelrefctlWriteTest, ADocumentOfManyMegabytesIsImportedAndComesBackAsItWas) {
  Start();
  std::string document = "{";
  for (int i = 0; i < 2000; ++i) {
    absl::StrAppend(&document, i == 0 ? "" : ",", "\"m", i, R"(":{"name":"m)", i,
                    R"(","description":")", std::string(10'000, "abcdefg"[i % 7]), "\"}");
  }
  absl::StrAppend(&document, R"(,"large":{"name":"large","description":")",
                  std::string(1'000'000, 'x'), "\"}}");
  work_.Write("document", document);
  const ShellResult imported = Run("ctl category import clip -f document");
  EXPECT_EQ(imported.code, 0) << imported.err;
  EXPECT_EQ(imported.out, "clip\t2001\t0\t0\t0\t0\twritten\t2001\n");
  EXPECT_EQ(Run("ctl category get clip -o name | wc -l").out, "2001\n");
  // What came back is imported once more, through a pipe, and changes nothing.
  const ShellResult again =
      Run("ctl category get clip -o json | ctl category import clip -f - --mode replace");
  EXPECT_EQ(again.out, "clip\t0\t0\t0\t2001\t0\tunchanged\t2001\n") << again.err;
}

TEST_F(ModelrefctlWriteTest, AnImportReplacesSkipsAndProtectsAsItIsTold) {
  Start();
  std::string twelve = "{";
  for (int i = 0; i < 12; ++i) absl::StrAppend(&twelve, i == 0 ? "" : ",", "\"m", i, "\":{}");
  work_.Write("twelve", twelve + "}");
  work_.Write("one", R"({"m0":{}})");
  work_.Write("mixed", R"({"m1":{}, "bad": {"version": 1}, "worse": {"x": nope}, "new": {}})");
  ASSERT_EQ(Code("ctl category import clip -f twelve"), 0);
  EXPECT_EQ(Code("ctl category import clip -f one --mode replace"), 4);
  EXPECT_EQ(Code("ctl category import clip -f one --mode replace --dry-run"), 4);
  EXPECT_EQ(Code("ctl category import clip -f mixed"), 7);
  EXPECT_EQ(Run("ctl category get clip -o name | wc -l").out, "12\n");
  const ShellResult mixed = Run("ctl category import clip -f mixed --skip-invalid -o plain");
  EXPECT_EQ(mixed.code, 0) << mixed.err;
  EXPECT_THAT(mixed.out, HasSubstr("clip\t1\t0\t0\t1\t2\twritten\t"));
  EXPECT_THAT(mixed.err, HasSubstr("\"bad\": version"));
  EXPECT_THAT(mixed.err, HasSubstr("\"worse\""));
  EXPECT_EQ(Code("ctl category import clip -f one --mode replace --allow-mass-removal"), 0);
  EXPECT_EQ(Run("ctl category get clip -o name").out, "m0\n");
  EXPECT_EQ(Code(absl::StrCat("ctl category import clip -f one --if-match ", std::string(64, '0'))),
            5);
  EXPECT_EQ(Code("printf '{\"a\":{},' | ctl category import clip -f -"), 7);
  EXPECT_EQ(Code("ctl category import clip -f missing"), 3);
  EXPECT_EQ(Run("ctl category get clip -o name").out, "m0\n");
}

TEST_F(ModelrefctlWriteTest, AnEditorChangesARecordAndConflictsAreNotOverwritten) {
  Start();
  ASSERT_EQ(Code("echo '{\"version\":\"1\"}' | ctl model put clip a -f -"), 0);
  EXPECT_EQ(Code("EDITOR='sed -i s/\\\"1\\\"/\\\"2\\\"/' modelrefctl model edit clip a"), 0);
  EXPECT_THAT(Run("ctl model get clip a").out, HasSubstr(R"("version":"2")"));
  // While the editor is open, somebody else writes.
  work_.Write("editor",
              "echo '{\"version\":\"3\"}' | modelrefctl model put clip a -f - >&2\n"
              "sed -i 's/\"2\"/\"mine\"/' \"$1\"\n");
  const ShellResult conflict = Run("EDITOR='sh editor' modelrefctl model edit clip a");
  EXPECT_EQ(conflict.code, 5) << conflict.err;
  EXPECT_THAT(Run("ctl model get clip a").out, HasSubstr(R"("version":"3")"));
  EXPECT_THAT(Run("cat modelrefctl-edit-*").out, HasSubstr("mine"));
}

TEST_F(ModelrefctlWriteTest, UnderALegacyCanonicalFormatTheLegacyFormIsWritten) {
  Start({"--canonical-format", "legacy"});
  work_.Write("image", R"({"name":"m","baseline":"stable diffusion 1","type":"ckpt",)"
                       R"("inpainting":false,"nsfw":true,"config":{"files":[],"download":[]}})");
  const ShellResult put = Run("ctl model put image_generation m -f image");
  EXPECT_EQ(put.code, 0) << put.err;
  EXPECT_THAT(Run("ctl model get image_generation m --format v2").out,
              HasSubstr(R"("baseline":"stable_diffusion_1")"));
  EXPECT_EQ(Code("ctl model put image_generation m -f image --format v2"), 7);
  EXPECT_EQ(Code("ctl model diff image_generation m -f image"), 0);
  EXPECT_EQ(Code("ctl category get image_generation | ctl category import image_generation -f -"),
            0);
  EXPECT_EQ(Code("echo '{}' | ctl model put lora l -f -"), 0);
  EXPECT_EQ(Code("EDITOR='sed -i s/^{/{\\\"version\\\":\\\"2\\\",/' modelrefctl model edit lora l"),
            0);
  EXPECT_EQ(Code("echo '{\"parameters\":1}' | ctl model put text_generation koboldcpp/M -f -"), 7);
  EXPECT_EQ(Code("echo '{\"parameters\":1}' | ctl model put text_generation A/M -f -"), 0);
  EXPECT_EQ(Code("ctl model delete text_generation A/M"), 0);
  EXPECT_EQ(Code("ctl model delete image_generation m"), 0);
  EXPECT_EQ(Code("ctl model get image_generation m --format v2"), 3);
}

}  // namespace
}  // namespace modelref
