// The vectors were computed by an independent script (Python's hashlib) from the text of DESIGN 3.

#include "backends/base/etag.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace modelref {
namespace {

// SHA-256(""), the etag of every empty document.
constexpr char kEmptyHex[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
// SHA-256 of these names begins with 0x00; that of "a", "b" and "c" does not.
constexpr char kEnder[] = "m554";
constexpr char kOtherEnder[] = "m578";
// SHA-256 of none of p2102-0 … p2102-2499 begins with 0x00.
constexpr char kNoEnderPrefix[] = "p2102-";

using Records = std::vector<std::pair<std::string, std::string>>;

std::string Hex(const Etag& etag) { return ToHex(AsBytes(etag)); }

std::string DocumentHex(const Records& records) {
  DocumentEtagBuilder builder;
  for (const auto& [name, json] : records) builder.Add(name, RecordEtag(json));
  return Hex(builder.Finish());
}

Records Numbered(absl::string_view prefix, size_t count) {
  Records records;
  for (size_t i = 0; i < count; ++i) {
    records.emplace_back(absl::StrCat(prefix, i), absl::StrCat("{\"n\":", i, "}"));
  }
  return records;
}

TEST(RecordEtagTest, MatchesTheVectors) {
  EXPECT_EQ(Hex(RecordEtag("{}")),
            "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
  EXPECT_EQ(Hex(RecordEtag(R"({"a":1.0})")),
            "c29a44abc114a1d75486434c013102c9e736f526b4fd19658d9492b7b224de6d");
  EXPECT_EQ(Hex(RecordEtag("{\"n\":\"\xC3\xA9\"}")),
            "cda516738eb07e9a1701275e8ba725b8604fc9d27185454a98f81478abb790cf");
  EXPECT_EQ(Hex(RecordEtag(R"({"x":"\ud800"})")),
            "7f3c6b6b4a88409efe4d2fba1cb3cf2b79b682fe4387678cba2e6b9645b58221");
}

TEST(EndsChunkTest, IsDecidedByTheFirstByteOfTheNamesHash) {
  for (const char* name : {"m554", "m578", "m620", "m748"}) EXPECT_TRUE(EndsChunk(name)) << name;
  for (const char* name : {"", "a", "b", "c", "m553", "m555"}) EXPECT_FALSE(EndsChunk(name));
}

TEST(ChunkHasherTest, MatchesTheVectors) {
  ChunkHasher hasher;
  hasher.Add("a", RecordEtag("{}"));
  hasher.Add("b\xC3\xA9", RecordEtag(R"({"x":1})"));
  EXPECT_EQ(Hex(hasher.Finish()),
            "a2f89756c45f0b66e3edf2a04d499048234032cfe16480e4a1181eb559bb0dcf");
}

TEST(ChunkHasherTest, StartsAnewAfterFinish) {
  ChunkHasher hasher;
  hasher.Add("z", RecordEtag("{}"));
  hasher.Finish();
  hasher.Add("a", RecordEtag("{}"));
  EXPECT_EQ(Hex(hasher.Finish()),
            "2da2f93b6ebadc815fd6d093607e2e5b0e736dc6defa2836b42fa83991e4d336");
}

TEST(DocumentEtagTest, OfNothingIsTheHashOfNoBytes) {
  EXPECT_EQ(Hex(DocumentEtag({})), kEmptyHex);
  EXPECT_EQ(DocumentHex({}), kEmptyHex);
}

TEST(DocumentEtagTest, OneChunkMatchesTheVectors) {
  EXPECT_EQ(DocumentHex({{"a", "{}"}}),
            "069996adae759831cd6a689e77565bcee008488b57646a810b517065a7dded60");
  EXPECT_EQ(DocumentHex({{"a", "{}"}, {"b", R"({"x":1})"}}),
            "1d871ce44338bfe7233248a97ccd8d5babbc2d325914dacbfb397ae5cf89db78");
}

TEST(DocumentEtagTest, TheOrderOfRecordsCounts) {
  EXPECT_EQ(DocumentHex({{"b", R"({"x":1})"}, {"a", "{}"}}),
            "efdb16a5491cb9e9c6e9a9074e3bafa15629709f63e9d23d263086f2cc697fff");
}

TEST(DocumentEtagTest, AChunkEndsAfterANameWhoseHashBeginsWithZero) {
  EXPECT_EQ(DocumentHex({{"a", "{}"}, {kEnder, "{}"}, {"b", "{}"}}),
            "a9b3b97ddc7ab2c9489af462e9eef354a0f08dcc69bcfacb0524f2f27514aeae");
  EXPECT_EQ(DocumentHex({{kEnder, "{}"}, {kOtherEnder, "{}"}}),
            "349c7b8098728785ec1c0bb2bf231fcf0caa2eff674fb473b9c21b2058c9801d");
}

TEST(DocumentEtagTest, NoEmptyChunkFollowsAnEnderAtTheEnd) {
  EXPECT_EQ(DocumentHex({{"a", "{}"}, {"b", "{}"}, {kEnder, "{}"}}),
            "c9bf5bb3a2f9141c6ba47d7bbecc995675bdc315aeeb0152227f49715424b7ff");
}

TEST(DocumentEtagTest, AChunkEndsAfter1024Records) {
  const std::vector<std::pair<size_t, std::string>> vectors = {
      {1023, "fc9b9173308983b99c721fc2ea5d2b021bcff1765a30b133903ce0790da43b3c"},
      {1024, "ac59a14f0cf16642510d82062e9527627bdce362f33b853dbb5c5e12bff32794"},
      {1025, "dd98a4453163e26657a1a13a073f10f442072edb076fdf1e62f0a9594954030c"},
      {2048, "246eb8e397101ec20ddfcbd8849e545147f24e49aa0fc7430684444f34160f90"},
      {2500, "cf53251a6b1fa343c75f4826aa5c35f1f81817d1517fcac7e83da2d66663555c"}};
  for (const auto& [count, hex] : vectors) {
    EXPECT_EQ(DocumentHex(Numbered(kNoEnderPrefix, count)), hex) << count;
  }
}

TEST(DocumentEtagTest, AnEnderInThe1024thPlaceEndsOneChunkOnly) {
  Records records = Numbered(kNoEnderPrefix, 1023);
  records.emplace_back(kEnder, "{}");
  records.emplace_back(absl::StrCat(kNoEnderPrefix, 1023), R"({"n":1023})");
  EXPECT_EQ(DocumentHex(records),
            "7888197e9e3f6fd130e79aaa5a5dc7b5a8e3411a00421b01b7988bb94b14854f");
}

TEST(DocumentEtagTest, ThreeThousandOrdinaryRecordsMatchTheVector) {
  EXPECT_EQ(DocumentHex(Numbered("model-", 3000)),
            "95136eea04b292aebcd2134a6f52b608c84df8e3286fbd20abc26a783cb05acd");
}

TEST(DocumentEtagTest, TheBuilderStartsAnewAfterFinish) {
  DocumentEtagBuilder builder;
  builder.Add(kEnder, RecordEtag("{}"));
  builder.Add("z", RecordEtag("{}"));
  builder.Finish();
  EXPECT_EQ(Hex(builder.Finish()), kEmptyHex);
  builder.Add("a", RecordEtag("{}"));
  EXPECT_EQ(Hex(builder.Finish()),
            "069996adae759831cd6a689e77565bcee008488b57646a810b517065a7dded60");
}

struct SetStep {
  DocumentKey key;
  bool empty;  // Otherwise the document {"a":{}}.
  const char* digest_after;
};

// The sum carries from the low to the high half in steps 2, 4 and 5, and wraps in 2, 4 and 5.
const SetStep kSetSteps[] = {
    {{"image_generation", Format::kV2}, true, "9399f5fa8260d3e1596bd1fe790016bd"},
    {{"image_generation", Format::kLegacy}, true, "496ace1074bfa896df22329c866d8434"},
    {{"clip", Format::kV2}, false, "279f1b26a1a4b9bdeb2fc83934e7f2f7"},
    {{"text_generation", Format::kLegacy}, false, "001179c0fb8c6da9b2250d0f73ba41be"},
    {{"lora", Format::kV2}, true, "e8bf109b8491645ed7aa9841fe3a2c18"},
};

std::string SetHex(const DocumentSetDigest& digest) {
  const std::array<uint8_t, 16> bytes = digest.bytes();
  return ToHex(absl::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

void AddStep(const SetStep& step, DocumentSetDigest* digest) {
  DocumentEtagBuilder builder;
  if (!step.empty) builder.Add("a", RecordEtag("{}"));
  digest->Add(step.key, builder.Finish());
}

TEST(DocumentSetDigestTest, OfNoDocumentIsZero) {
  EXPECT_EQ(SetHex(DocumentSetDigest()), std::string(32, '0'));
}

TEST(DocumentSetDigestTest, MatchesTheVectorsThroughCarryAndWrap) {
  DocumentSetDigest digest;
  for (const SetStep& step : kSetSteps) {
    AddStep(step, &digest);
    EXPECT_EQ(SetHex(digest), step.digest_after) << step.key.ToString();
  }
}

TEST(DocumentSetDigestTest, DoesNotDependOnTheOrder) {
  DocumentSetDigest digest;
  for (auto step = std::rbegin(kSetSteps); step != std::rend(kSetSteps); ++step) {
    AddStep(*step, &digest);
  }
  EXPECT_EQ(SetHex(digest), kSetSteps[4].digest_after);
}

}  // namespace
}  // namespace modelref
