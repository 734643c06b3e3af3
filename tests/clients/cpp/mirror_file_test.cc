#include "clients/cpp/mirror_file.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "backends/base/json.h"
#include "clients/cpp/mirror_directory.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

using ::modelref::testing::HasReason;
using ::modelref::testing::IsOk;

MirrorCopy SampleCopy() {
  MirrorCopy copy;
  copy.key = {"clip", Format::kV2};
  copy.document =
      MirrorDocument::Empty()->Apply({}, {MakeMirrorRecord("plain", R"({"size":1.50})"),
                                          MakeMirrorRecord("quo\"te/é", R"({"text":"a,b}\n"})")});
  copy.mod_revision = 800;
  copy.epoch = std::string(16, '\x1f');
  copy.revision = 812;
  return copy;
}

TEST(MirrorFileTest, ComesBackAsItWasWritten) {
  const MirrorCopy written = SampleCopy();
  ASSERT_OK_AND_ASSIGN(const MirrorCopy read, DecodeMirrorFile(EncodeMirrorFile(written)));
  EXPECT_EQ(read.key, written.key);
  EXPECT_EQ(read.document->ToJson(), written.document->ToJson());
  EXPECT_EQ(read.document->etag(), written.document->etag());
  EXPECT_EQ(read.mod_revision, 800u);
  EXPECT_EQ(read.epoch, written.epoch);
  EXPECT_EQ(read.revision, 812u);
}

TEST(MirrorFileTest, EmptyDocumentComesBackAsWell) {
  MirrorCopy written;
  written.key = {"clip", Format::kLegacy};
  written.document = MirrorDocument::Empty();
  ASSERT_OK_AND_ASSIGN(const MirrorCopy read, DecodeMirrorFile(EncodeMirrorFile(written)));
  EXPECT_EQ(read.key, written.key);
  EXPECT_EQ(read.document->record_count(), 0u);
}

TEST(MirrorFileTest, IsJsonWithOneRecordPerLine) {
  const std::string text = EncodeMirrorFile(SampleCopy());
  ASSERT_OK_AND_ASSIGN(const Json json, ParseJson(text));
  const JsonObject* records = json.AsObject()->Find("records")->AsObject();
  ASSERT_NE(records, nullptr);
  EXPECT_EQ(CanonicalJson(*records), SampleCopy().document->ToJson());
  EXPECT_EQ(*json.AsObject()->Find("format")->AsString(), "v2");
  EXPECT_NE(text.find("\n\"plain\":{\"size\":1.50},\n"), std::string::npos);
}

TEST(MirrorFileTest, FlippedBitAnywhereIsNoticed) {
  const std::string good = EncodeMirrorFile(SampleCopy());
  for (size_t i = 0; i < good.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ (1 << bit));
      ASSERT_THAT(DecodeMirrorFile(bad), HasReason(kDamagedCopy)) << "bit " << bit << " of " << i;
    }
  }
}

TEST(MirrorFileTest, CutOrLongerFileIsNoticed) {
  const std::string good = EncodeMirrorFile(SampleCopy());
  for (size_t size = 0; size < good.size(); ++size) {
    ASSERT_THAT(DecodeMirrorFile(good.substr(0, size)), HasReason(kDamagedCopy)) << size;
  }
  EXPECT_THAT(DecodeMirrorFile(good + "\n"), HasReason(kDamagedCopy));
  EXPECT_THAT(DecodeMirrorFile(good + good), HasReason(kDamagedCopy));
}

// A file that somebody changed and sealed again.
std::string Resealed(std::string text, const std::string& from, const std::string& to) {
  text.resize(text.rfind(",\"sha256\""));
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos);
  text.replace(at, from.size(), to);
  return absl::StrCat(text, MirrorSeal(text));
}

TEST(MirrorFileTest, RightSealDoesNotMakeWrongContentRight) {
  const std::string good = EncodeMirrorFile(SampleCopy());
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"1.50", "1.5"},
           {"\"record_count\":2", "\"record_count\":3"},
           {"\"modelref_copy\":1", "\"modelref_copy\":2"},
           {"\"format\":\"v2\"", "\"format\":\"v3\""},
           {"\"revision\":812", "\"revision\":null"},
           {"\"plain\":{\"size\":1.50},\n", ""},
           {"\"plain\"", "\"quo\\\"te/é\""},
           {"\n\"quo", "\n,\"quo"},
           {"\"records\"", "\"recordz\""}}) {
    EXPECT_FALSE(DecodeMirrorFile(Resealed(good, from, to)).ok()) << from << " -> " << to;
  }
}

TEST(MirrorFileTest, NamesTellTheDocument) {
  EXPECT_EQ(MirrorFileName({"clip", Format::kV2}), "clip.v2.json");
  EXPECT_EQ(ParseMirrorFileName("clip.v2.json"), (DocumentKey{"clip", Format::kV2}));
  EXPECT_EQ(ParseMirrorFileName("a_b.legacy.json"), (DocumentKey{"a_b", Format::kLegacy}));
  for (const char* name : {"manifest.json", "clip.json", "clip.v2.json.tmp.1.2", "../x.v2.json",
                           ".v2.json", "Clip.v2.json", "clip.v3.json", ""}) {
    EXPECT_FALSE(ParseMirrorFileName(name).has_value()) << name;
  }
}

MirrorManifest SampleManifest() {
  MirrorManifest manifest;
  manifest.epoch = std::string(16, 'e');
  manifest.revision = 900;
  manifest.confirmed = absl::FromUnixMicros(1'700'000'000'123'456);
  manifest.documents.push_back(ManifestEntryOf(SampleCopy()));
  return manifest;
}

TEST(MirrorFileTest, ManifestComesBackAsItWasWritten) {
  const std::string text = EncodeManifest(SampleManifest());
  ASSERT_OK_AND_ASSIGN(const MirrorManifest read, DecodeManifest(text));
  EXPECT_EQ(read.epoch, SampleManifest().epoch);
  EXPECT_EQ(read.revision, 900u);
  EXPECT_EQ(read.confirmed, SampleManifest().confirmed);
  ASSERT_EQ(read.documents.size(), 1u);
  EXPECT_EQ(read.documents[0].key, SampleCopy().key);
  EXPECT_EQ(read.documents[0].file, "clip.v2.json");
  EXPECT_EQ(read.documents[0].etag, AsBytes(SampleCopy().document->etag()));
  EXPECT_EQ(read.documents[0].record_count, 2u);
  EXPECT_EQ(read.documents[0].revision, 812u);
  EXPECT_EQ(read.documents[0].mod_revision, 800u);
  EXPECT_THAT(ParseJson(text), IsOk());
}

TEST(MirrorFileTest, ManifestWithoutDocumentsOrTimeComesBack) {
  MirrorManifest manifest;
  ASSERT_OK_AND_ASSIGN(const MirrorManifest read, DecodeManifest(EncodeManifest(manifest)));
  EXPECT_EQ(read.confirmed, absl::InfinitePast());
  EXPECT_TRUE(read.documents.empty());
}

TEST(MirrorFileTest, DamagedManifestIsNoticedAtEveryByte) {
  const std::string good = EncodeManifest(SampleManifest());
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    ASSERT_THAT(DecodeManifest(bad), HasReason(kDamagedCopy)) << i;
    ASSERT_THAT(DecodeManifest(good.substr(0, i)), HasReason(kDamagedCopy)) << i;
  }
  EXPECT_FALSE(DecodeManifest(Resealed(good, "clip.v2.json", "../../passwd")).ok());
  EXPECT_FALSE(DecodeManifest(Resealed(good, "\"documents\"", "\"docs\"")).ok());
  EXPECT_FALSE(DecodeManifest(Resealed(good, "\"modelref_copy\": 1", "\"modelref_copy\": 2")).ok());
}

}  // namespace
}  // namespace modelref
