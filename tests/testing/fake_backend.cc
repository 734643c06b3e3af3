#include "tests/testing/fake_backend.h"

#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "backends/base/error.h"
#include "backends/document_parser.h"

namespace modelref::testing {
namespace {

absl::StatusOr<SnapshotPtr> ParseSnapshot(Format format, const std::string& json,
                                          std::string version) {
  absl::StatusOr<ParsedDocument> parsed = ParseDocument(json);
  if (!parsed.ok()) {
    return Error(absl::StatusCode::kDataLoss, "DOCUMENT_DAMAGED", parsed.status().message());
  }
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->document = std::move(parsed->document);
  snapshot->problems = std::move(parsed->problems);
  snapshot->version = std::move(version);
  snapshot->source_bytes = json.size();
  snapshot->content_sha256 = Sha256(json);
  if (format == Format::kLegacy) snapshot->source_text = std::make_shared<const std::string>(json);
  return SnapshotPtr(std::move(snapshot));
}

}  // namespace

FakeBackend::FakeBackend(std::vector<std::string> categories)
    : categories_(std::move(categories)) {}

void FakeBackend::ChangeLocked(const DocumentKey& key) {
  documents_[key].version = absl::StrCat(++changes_);
}

void FakeBackend::Set(const DocumentKey& key, std::string json) {
  MutexLock lock(&mutex_);
  documents_[key].json = std::move(json);
  ChangeLocked(key);
}

void FakeBackend::SetSuspicion(const DocumentKey& key, std::string suspicion) {
  MutexLock lock(&mutex_);
  documents_[key].suspicion = std::move(suspicion);
  ChangeLocked(key);
}

void FakeBackend::Remove(const DocumentKey& key) {
  MutexLock lock(&mutex_);
  documents_.erase(key);
}

absl::StatusOr<SnapshotPtr> FakeBackend::Fetch(const DocumentKey& key, FetchMode mode) {
  Content content;
  {
    MutexLock lock(&mutex_);
    fetches_[key].push_back(mode);
    const auto found = documents_.find(key);
    if (found == documents_.end()) {
      return Error(absl::StatusCode::kNotFound, "DOCUMENT_NOT_FOUND", key.ToString());
    }
    content = found->second;
  }
  absl::StatusOr<SnapshotPtr> parsed = ParseSnapshot(key.format, content.json, content.version);
  if (!parsed.ok() || content.suspicion.empty()) return parsed;
  auto suspect = std::make_shared<Snapshot>(**parsed);
  suspect->suspicion = content.suspicion;
  return SnapshotPtr(std::move(suspect));
}

void FakeBackend::FetchAsync(const DocumentKey& key, FetchMode mode, FetchCallback done) {
  const absl::Status submitted =
      executor_.Submit([this, key, mode, done] { done(Fetch(key, mode)); });
  if (!submitted.ok()) done(submitted);
}

absl::StatusOr<std::string> FakeBackend::CurrentVersion(const DocumentKey& key) {
  MutexLock lock(&mutex_);
  ++probes_;
  const auto found = documents_.find(key);
  if (found == documents_.end()) {
    return Error(absl::StatusCode::kNotFound, "DOCUMENT_NOT_FOUND", key.ToString());
  }
  return found->second.version;
}

std::vector<HealthReport> FakeBackend::CheckHealth() {
  std::map<DocumentKey, Content> documents;
  {
    MutexLock lock(&mutex_);
    documents = documents_;
  }
  std::vector<HealthReport> reports = {{"memory", absl::OkStatus()}};
  for (const auto& [key, content] : documents) {
    const absl::Status status = ParseSnapshot(key.format, content.json, "").status();
    if (!status.ok()) reports.push_back({absl::StrCat("document ", key.ToString()), status});
  }
  return reports;
}

std::vector<FetchMode> FakeBackend::fetches(const DocumentKey& key) const {
  MutexLock lock(&mutex_);
  const auto found = fetches_.find(key);
  return found == fetches_.end() ? std::vector<FetchMode>() : found->second;
}

size_t FakeBackend::probe_count() const {
  MutexLock lock(&mutex_);
  return probes_;
}

SnapshotPtr MakeSnapshot(Format format, const std::string& json, std::string version) {
  absl::StatusOr<SnapshotPtr> snapshot = ParseSnapshot(format, json, std::move(version));
  EXPECT_TRUE(snapshot.ok()) << snapshot.status();
  return snapshot.ok() ? *snapshot : nullptr;
}

std::string DocumentJson(const std::vector<std::string>& names, absl::string_view note) {
  return absl::StrCat("{",
                      absl::StrJoin(names, ",",
                                    [note](std::string* out, const std::string& name) {
                                      absl::StrAppend(out, "\"", name, "\":{\"name\":\"", name,
                                                      "\",\"note\":\"", note, "\"}");
                                    }),
                      "}");
}

std::vector<std::string> NamesOf(const Document& document) {
  std::vector<std::string> names;
  document.ForEach([&names](const Entry& entry) { names.push_back(entry.record->name); });
  return names;
}

}  // namespace modelref::testing
