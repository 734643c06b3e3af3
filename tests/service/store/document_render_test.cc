#include "service/store/document_render.h"

#include <gtest/gtest.h>

#include <random>

#include "absl/strings/str_cat.h"
#include "backends/base/json.h"
#include "backends/document_file.h"
#include "tests/testing/environment.h"
#include "tests/testing/shared_data.h"
#include "tests/testing/status_matchers.h"

namespace modelref {
namespace {

DocumentState StateOf(DocumentPtr document, Format format = Format::kV2) {
  DocumentState state;
  state.key = {"clip", format};
  state.document = std::move(document);
  state.known = true;
  return state;
}

// Reads the bytes of a file as the server does.
std::shared_ptr<Snapshot> Read(const std::string& bytes, bool is_table, Format format) {
  DocumentForm form;
  form.format = format;
  form.is_table = is_table;
  absl::StatusOr<std::shared_ptr<Snapshot>> snapshot = ParseDocumentFile(bytes, form);
  EXPECT_TRUE(snapshot.ok()) << snapshot.status() << "\n" << bytes;
  return snapshot.ok() ? *std::move(snapshot) : nullptr;
}

DocumentState StateOfFile(const std::string& bytes, bool is_table, Format format) {
  const std::shared_ptr<Snapshot> snapshot = Read(bytes, is_table, format);
  DocumentState state = StateOf(snapshot->document, format);
  state.problems = snapshot->problems;
  return state;
}

TEST(DocumentRenderTest, JsonIsLaidOutAsTheOriginalWritesIt) {
  const DocumentState state = StateOf(Document::FromRecords(
      {MakeRecord("é \"q\"", R"({"a":1.0,"b":[]})"), MakeRecord("b", R"({})")}));
  EXPECT_EQ(RenderJsonFile(state).bytes,
            "{\n  \"é \\\"q\\\"\": {\n    \"a\": 1.0,\n    \"b\": []\n  },\n  \"b\": {}\n}");
}

TEST(DocumentRenderTest, AnEmptyDocumentIsAnEmptyObject) {
  EXPECT_EQ(RenderJsonFile(StateOf(Document::Empty())).bytes, "{}");
}

TEST(DocumentRenderTest, AnUnchangedLegacyDocumentIsItsSourceText) {
  DocumentState state = StateOf(Document::Empty(), Format::kLegacy);
  state.source_text = std::make_shared<const std::string>("{ }\n");
  EXPECT_EQ(RenderJsonFile(state).bytes, "{ }\n");
}

TEST(DocumentRenderTest, RecordsThatCannotBeRepresentedStandWhereTheyStoodInTheirOwnWords) {
  const std::string bytes =
      "{\n  \"x\":  [1],\n  \"a\": {},\n  \"y\" : {\"n\": NaN},\n  \"z\": 3,\n  \"b\": {}\n}";
  DocumentState state = StateOfFile(bytes, false, Format::kV2);
  ASSERT_EQ(state.problems.size(), 3u);
  EXPECT_EQ(RenderJsonFile(state).bytes, bytes);
  // The last good value of "y" is served meanwhile, but the file says what its editor wrote.
  state.document = state.document->Apply({{"y", MakeRecord("y", R"({"n":1})")}}, 1);
  EXPECT_EQ(RenderJsonFile(state).bytes, bytes);
  state.document = state.document->Apply({{"a", nullptr}}, 2);
  EXPECT_EQ(RenderJsonFile(state).bytes,
            "{\n  \"x\":  [1],\n  \"b\": {},\n  \"y\" : {\"n\": NaN},\n  \"z\": 3\n}");
}

std::string RandomValue(std::mt19937_64& random, int depth) {
  static const char* const kScalars[] = {"null",   "true", "-0",   "1.0",         "1e400",
                                         "\"\\\"", "{}",   "[]",   "\"\\ud800\"", "\"é\\u0001\"",
                                         "0.70",   "\"\"", "\"],}"};
  const auto pick = [&](size_t n) { return static_cast<size_t>(random() % n); };
  if (depth == 0 || pick(3) == 0) {
    std::string scalar = kScalars[pick(std::size(kScalars))];
    return scalar == "\"],}" ? scalar + "\"" : scalar == "\"\\\"" ? "\"\\\"\"" : scalar;
  }
  const bool is_object = pick(2) == 0;
  std::string out(1, is_object ? '{' : '[');
  for (size_t i = 0, n = pick(4); i < n; ++i) {
    if (i > 0) out += ',';
    if (is_object) absl::StrAppend(&out, "\"k", i, "\":");
    out += RandomValue(random, depth - 1);
  }
  return out + (is_object ? '}' : ']');
}

TEST(DocumentRenderTest, RandomDocumentsAreReadBackWithTheSameEtag) {
  const uint64_t seed = testing::NumberFromEnvironment("MODELREF_TEST_SEED", 7);
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 300; ++round) {
    std::vector<RecordPtr> records;
    for (size_t i = 0, n = random() % 20; i < n; ++i) {
      records.push_back(MakeRecord(absl::StrCat("m", i, " \"é/"),
                                   absl::StrCat("{\"v\":", RandomValue(random, 4), "}")));
    }
    const DocumentState state = StateOf(Document::FromRecords(std::move(records)));
    const std::string bytes = RenderJsonFile(state).bytes;
    const std::shared_ptr<Snapshot> read = Read(bytes, false, Format::kV2);
    ASSERT_EQ(read->document->etag(), state.document->etag()) << bytes;
    ASSERT_TRUE(read->problems.empty()) << bytes;
  }
}

TEST(DocumentRenderTest, TheRealV2DocumentsAreReadBackWithTheSameEtag) {
  SKIP_WITHOUT_SHARED_DATA();
  for (const char* name : {"stable_diffusion", "clip", "miscellaneous", "controlnet"}) {
    const std::string path = absl::StrCat("golden/v2/", name, ".json");
    const DocumentState state = StateOfFile(testing::ReadShared(path), false, Format::kV2);
    ASSERT_GT(state.document->record_count(), 0u) << name;
    EXPECT_EQ(Read(RenderJsonFile(state).bytes, false, Format::kV2)->document->etag(),
              state.document->etag())
        << name;
  }
}

TEST(DocumentRenderTest, TheRealTableStaysByteForByteAndCanBeMadeAnew) {
  SKIP_WITHOUT_SHARED_DATA();
  const std::string csv = testing::ReadShared("data/AI-Horde-text-model-reference/models.csv");
  const DocumentState state = StateOfFile(csv, true, Format::kLegacy);
  ASSERT_GT(state.document->record_count(), 100u);
  ASSERT_OK_AND_ASSIGN(const RenderedFile kept, RenderTableFile(state, csv));
  EXPECT_TRUE(kept.bytes == csv);
  EXPECT_EQ(kept.document->etag(), state.document->etag());
  ASSERT_OK_AND_ASSIGN(const RenderedFile made, RenderTableFile(state, ""));
  EXPECT_EQ(made.document->etag(), state.document->etag());
}

TEST(DocumentRenderTest, AFieldThatATableCannotHoldIsToldByWhatIsReadBack) {
  DocumentState state = StateOfFile("name,parameters_bn\na,1\n", true, Format::kLegacy);
  Json record = *ParseJson(state.document->Find("a")->record->json);
  record.AsObject()->Set("nsfw", true);
  state.document = state.document->Apply({{"a", MakeRecord("a", CanonicalJson(record))}}, 2);
  ASSERT_OK_AND_ASSIGN(const RenderedFile file,
                       RenderTableFile(state, "name,parameters_bn\na,1\n"));
  EXPECT_EQ(file.bytes, "name,parameters_bn\na,1\n");
  EXPECT_NE(file.document->Find("a")->record->etag, state.document->Find("a")->record->etag);
}

TEST(DocumentRenderTest, RowsThatCannotBeReadStayAlsoWhenTheTableIsMadeAnew) {
  const std::string csv = "name,parameters_bn\na,1\nbad,many\nb,2\n";
  const DocumentState state = StateOfFile(csv, true, Format::kLegacy);
  ASSERT_OK_AND_ASSIGN(const RenderedFile kept, RenderTableFile(state, csv));
  EXPECT_EQ(kept.bytes, csv);
  ASSERT_OK_AND_ASSIGN(const RenderedFile made, RenderTableFile(state, ""));
  EXPECT_EQ(made.bytes,
            "name,parameters_bn,display_name,url,baseline,description,style,tags,instruct_format,"
            "settings\na,1,,,,,,,,\nbad,many\nb,2,,,,,,,,\n");
}

constexpr char kGoodAndBrokenRows[] =
    "name,parameters_bn\nA/x,zz\nA/x,7\nM/m,1\nB/y,8\nB/y,zz\nC/only,zz\n";

// The state of a table once another model was committed as well.
DocumentState WithCommitOf(const std::string& name, DocumentState state) {
  std::vector<RecordChange> changes;
  const std::string table = absl::StrCat("name,parameters_bn\n", name, ",3\n");
  Read(table, true, Format::kLegacy)->document->ForEach([&](const Entry& entry) {
    changes.push_back({entry.record->name, entry.record});
  });
  state.document = state.document->Apply(changes, 9);
  return state;
}

TEST(DocumentRenderTest, AGoodRowBesideABrokenOneOfTheSameNameSurvivesARewrite) {
  const DocumentState state =
      WithCommitOf("C/z", StateOfFile(kGoodAndBrokenRows, true, Format::kLegacy));
  ASSERT_OK_AND_ASSIGN(const RenderedFile file, RenderTableFile(state, kGoodAndBrokenRows));
  EXPECT_EQ(file.bytes, absl::StrCat(kGoodAndBrokenRows, "C/z,3\n"));
  EXPECT_EQ(file.document->etag(), state.document->etag());
}

TEST(DocumentRenderTest, ATableThatIsMadeAnewHasGoodRowsBesideBrokenOnesToo) {
  const DocumentState state = StateOfFile(kGoodAndBrokenRows, true, Format::kLegacy);
  ASSERT_OK_AND_ASSIGN(const RenderedFile file, RenderTableFile(state, ""));
  EXPECT_EQ(file.document->record_count(), state.document->record_count());
  state.document->ForEach([&](const Entry& entry) {
    const Entry* read = file.document->Find(entry.record->name);
    ASSERT_NE(read, nullptr) << entry.record->name;
    EXPECT_EQ(read->record->etag, entry.record->etag) << entry.record->name;
  });
  EXPECT_EQ(Read(file.bytes, true, Format::kLegacy)->problems.size(), state.problems.size());
}

TEST(DocumentRenderTest, TheLastGoodValueOfABrokenRowStaysOutOfATableWhereItStandsAlone) {
  const std::string csv = "name,parameters_bn\na,zz\nb,2\n";
  DocumentState state = WithCommitOf("a", StateOfFile(csv, true, Format::kLegacy));
  ASSERT_OK_AND_ASSIGN(const RenderedFile kept, RenderTableFile(state, csv));
  EXPECT_EQ(kept.bytes, csv);
  // Before its broken row: that counts as soon as it is repaired.
  ASSERT_OK_AND_ASSIGN(const RenderedFile made, RenderTableFile(state, ""));
  EXPECT_EQ(made.bytes.substr(made.bytes.find('\n') + 1), "a,3,,,,,,,,\na,zz\nb,2,,,,,,,,\n");
}

}  // namespace
}  // namespace modelref
