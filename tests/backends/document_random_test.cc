// Document against the plainest model of it: a list of records that is rebuilt from scratch.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "backends/base/json.h"
#include "backends/document.h"

namespace modelref {
namespace {

// Repeats a failed run: its seed is in the trace. Another seed: MODELREF_TEST_SEED=n.
uint64_t Seed() {
  const char* configured = std::getenv("MODELREF_TEST_SEED");
  return configured == nullptr ? 20240229 : std::strtoull(configured, nullptr, 10);
}

struct ModelRecord {
  std::string name;
  std::string json;
  uint64_t mod_revision;
};

// What a document is, one step at a time.
class ListModel {
 public:
  void Apply(const std::vector<RecordChange>& changes, uint64_t mod_revision) {
    for (const RecordChange& change : changes) {
      const auto at =
          std::find_if(records_.begin(), records_.end(),
                       [&](const ModelRecord& record) { return record.name == change.name; });
      if (change.after == nullptr) {
        if (at != records_.end()) records_.erase(at);
      } else if (at != records_.end()) {
        *at = {change.name, change.after->json, mod_revision};
      } else {
        records_.push_back({change.name, change.after->json, mod_revision});
      }
    }
  }

  const std::vector<ModelRecord>& records() const { return records_; }

  Etag OnePassEtag() const {
    DocumentEtagBuilder builder;
    for (const ModelRecord& record : records_) builder.Add(record.name, RecordEtag(record.json));
    return builder.Finish();
  }

  std::string Json() const {
    std::string json = "{";
    for (const ModelRecord& record : records_) {
      if (json.size() > 1) json.push_back(',');
      AppendCanonicalString(record.name, &json);
      absl::StrAppend(&json, ":", record.json);
    }
    return json + "}";
  }

  DocumentPtr FromScratch() const {
    std::vector<RecordPtr> records;
    for (const ModelRecord& record : records_) {
      records.push_back(MakeRecord(record.name, record.json));
    }
    return Document::FromRecords(std::move(records));
  }

 private:
  std::vector<ModelRecord> records_;
};

void ExpectSameEntries(const Document& document, const ListModel& model) {
  ASSERT_EQ(document.record_count(), model.records().size());
  size_t i = 0;
  uint64_t last_order = 0;
  document.ForEach([&](const Entry& entry) {
    const ModelRecord& expected = model.records()[i];
    EXPECT_EQ(entry.record->name, expected.name) << "at " << i;
    EXPECT_EQ(entry.record->json, expected.json) << expected.name;
    EXPECT_EQ(entry.mod_revision, expected.mod_revision) << expected.name;
    EXPECT_TRUE(i == 0 || entry.order > last_order) << expected.name;
    ++i;
    last_order = entry.order;
  });
}

void ExpectFindsExactly(const Document& document, const ListModel& model,
                        const std::vector<std::string>& universe) {
  std::map<std::string, const ModelRecord*> present;
  for (const ModelRecord& record : model.records()) present[record.name] = &record;
  for (const std::string& name : universe) {
    const Entry* found = document.Find(name);
    const auto expected = present.find(name);
    ASSERT_EQ(found != nullptr, expected != present.end()) << name;
    if (found == nullptr) continue;
    ASSERT_EQ(found->record->name, name);
    ASSERT_EQ(found->record->json, expected->second->json) << name;
    ASSERT_EQ(found->mod_revision, expected->second->mod_revision) << name;
  }
}

bool SameEntries(const Chunk& a, const Chunk& b) {
  return std::equal(a.entries.begin(), a.entries.end(), b.entries.begin(), b.entries.end(),
                    [](const Entry& x, const Entry& y) {
                      return x.record == y.record && x.order == y.order &&
                             x.mod_revision == y.mod_revision;
                    });
}

// A chunk that holds what a chunk held before is that chunk. Chunks are told by their first entry.
void ExpectUnchangedChunksShared(const Document& before, const Document& after) {
  std::map<uint64_t, std::shared_ptr<const Chunk>> old;
  for (const auto& chunk : before.chunks()) old[chunk->entries.front().order] = chunk;
  for (const auto& chunk : after.chunks()) {
    const auto it = old.find(chunk->entries.front().order);
    if (it == old.end() || !SameEntries(*it->second, *chunk)) continue;
    EXPECT_EQ(it->second, chunk);
  }
}

void ExpectSameChunks(const Document& document, const Document& from_scratch) {
  ASSERT_EQ(document.chunks().size(), from_scratch.chunks().size());
  for (size_t i = 0; i < document.chunks().size(); ++i) {
    EXPECT_EQ(document.chunks()[i]->hash, from_scratch.chunks()[i]->hash) << "chunk " << i;
    EXPECT_EQ(document.chunks()[i]->size_bytes, from_scratch.chunks()[i]->size_bytes);
  }
}

struct Shape {
  std::vector<std::string> universe;
  int batches;
  size_t usual_batch;
  size_t rare_batch;  // One batch in sixteen is up to this large.
};

// Drives a document and its model by the same changes. Phases of growth and of decay alternate, so
// that sizes cross every limit in both directions.
class Run {
 public:
  Run(Shape shape, uint64_t seed) : shape_(std::move(shape)), random_(seed) {}

  void Step(int step) {
    const uint64_t revision = static_cast<uint64_t>(step) + 1;
    const int phase = std::max(shape_.batches / 6, 1);
    const uint64_t deletes_of_ten = (step / phase) % 2 == 0 ? 2 : 7;
    std::vector<RecordChange> changes;
    const size_t limit = Below(16) == 0 ? shape_.rare_batch : shape_.usual_batch;
    for (size_t count = 1 + Below(limit); count > 0; --count) {
      changes.push_back(RandomChange(deletes_of_ten));
    }
    const DocumentPtr before = document_;
    document_ = before->Apply(changes, revision);
    model_.Apply(changes, revision);
    ExpectUnchangedChunksShared(*before, *document_);
  }

  void Check() const {
    ExpectSameEntries(*document_, model_);
    ExpectFindsExactly(*document_, model_, shape_.universe);
    ExpectSameChunks(*document_, *model_.FromScratch());
    EXPECT_EQ(document_->etag(), model_.OnePassEtag());
    const std::string json = document_->ToJson();
    EXPECT_EQ(json, model_.Json());
    EXPECT_EQ(document_->size_bytes(), json.size());
  }

  size_t size() const { return document_->record_count(); }

 private:
  size_t Below(uint64_t limit) { return random_() % limit; }

  RecordChange RandomChange(uint64_t deletes_of_ten) {
    const std::string& name = shape_.universe[Below(shape_.universe.size())];
    if (Below(10) < deletes_of_ten) return {name, nullptr};
    return {name, MakeRecord(name, absl::StrCat("{\"v\":", Below(1000), "}"))};
  }

  const Shape shape_;
  std::mt19937_64 random_;
  DocumentPtr document_ = Document::Empty();
  ListModel model_;
};

// Checks after every batch, and returns the largest number of records.
size_t Drive(const Shape& shape) {
  const uint64_t seed = Seed();
  Run run(shape, seed);
  size_t largest = 0;
  for (int step = 0; step < shape.batches && !::testing::Test::HasFailure(); ++step) {
    SCOPED_TRACE(absl::StrCat("MODELREF_TEST_SEED=", seed, ", batch ", step));
    run.Step(step);
    run.Check();
    largest = std::max(largest, run.size());
  }
  return largest;
}

std::vector<std::string> Numbered(absl::string_view prefix, int count) {
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i) names.push_back(absl::StrCat(prefix, i));
  return names;
}

TEST(DocumentRandomTest, SmallDocumentsFullOfChunkEndsEqualAFreshBuild) {
  std::vector<std::string> universe = Numbered("plain \"", 30);
  for (int i = 0; universe.size() < 50; ++i) {
    if (std::string name = absl::StrCat("m", i); EndsChunk(name)) universe.push_back(name);
  }
  EXPECT_GT(Drive({universe, 3000, 4, 40}), 20u);
}

TEST(DocumentRandomTest, DocumentsAcrossTheShardLimitEqualAFreshBuild) {
  EXPECT_GT(Drive({Numbered("model-", 2500), 150, 60, 600}), 1024u);
}

TEST(DocumentRandomTest, DocumentsOfFullChunksEqualAFreshBuild) {
  // No name of these ends a chunk: only the 1,024th record does.
  EXPECT_GT(Drive({Numbered("p2102-", 2500), 150, 60, 600}), 1024u);
}

}  // namespace
}  // namespace modelref
