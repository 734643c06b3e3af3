#include "tests/contract/backend_harness.h"

#include <utility>

#include "backends/caching_backend.h"
#include "backends/category_registry.h"
#include "backends/filesystem_backend.h"
#include "backends/local_read_only_backend.h"
#include "tests/testing/fake_backend.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/temp_dir.h"

namespace modelref {
namespace {

// What every harness stands on. Executors come last in a class: their threads use the rest.
class HarnessBase : public BackendHarness {
 protected:
  testing::FakeClock clock_;
  const CategoryRegistry registry_ = *CategoryRegistry::Create({});
};

class FakeHarness final : public HarnessBase {
 public:
  ModelReferenceBackend& backend() override { return fake_; }
  VersionProbe* versions() override { return &fake_; }
  HealthProbe* health() override { return &fake_; }
  StatisticsSource* statistics() override { return nullptr; }
  void Set(const DocumentKey& key, const std::string& text) override { fake_.Set(key, text); }
  void Remove(const DocumentKey& key) override { fake_.Remove(key); }

 private:
  testing::FakeBackend fake_;
};

class CachedFakeHarness final : public HarnessBase {
 public:
  ModelReferenceBackend& backend() override { return *cache_; }
  VersionProbe* versions() override { return nullptr; }
  HealthProbe* health() override { return nullptr; }
  StatisticsSource* statistics() override { return cache_.get(); }
  void Set(const DocumentKey& key, const std::string& text) override { fake_->Set(key, text); }
  void Remove(const DocumentKey& key) override { fake_->Remove(key); }

 private:
  const std::shared_ptr<testing::FakeBackend> fake_ = std::make_shared<testing::FakeBackend>();
  Executor executor_{Executor::Options{.threads = 2}};
  const std::shared_ptr<CachingBackend> cache_ =
      CachingBackend::Make(fake_, CachingBackend::Options(), clock_, executor_);
};

// The sources that are directories.
class DirectoryHarness : public HarnessBase {
 public:
  void Set(const DocumentKey& key, const std::string& text) override {
    dir_.Write(NameOf(key), text);
  }
  void Remove(const DocumentKey& key) override {
    if (dir_.Exists(NameOf(key))) dir_.Remove(NameOf(key));
  }

 protected:
  FileSystemBackend::Options FileOptions() const {
    FileSystemBackend::Options options;
    options.data_dir = dir_.path();
    return options;
  }
  std::string NameOf(const DocumentKey& key) {
    const Category& category = *registry_.Find(key.category);
    return key.format == Format::kV2 ? std::string(category.v2_file)
                                     : "legacy/" + std::string(category.legacy_file);
  }

  testing::TempDir dir_;
  Executor executor_{Executor::Options{.threads = 2}};
};

class FileSystemHarness final : public DirectoryHarness {
 public:
  ModelReferenceBackend& backend() override { return files_; }
  VersionProbe* versions() override { return &files_; }
  HealthProbe* health() override { return &files_; }
  StatisticsSource* statistics() override { return &files_; }

 private:
  FileSystemBackend files_{FileOptions(), registry_, executor_, clock_};
};

class BackendsHarness : public DirectoryHarness {
 public:
  ModelReferenceBackend& backend() override { return *backends_.reader; }
  VersionProbe* versions() override { return backends_.versions.get(); }
  HealthProbe* health() override { return backends_.probes.front().get(); }
  StatisticsSource* statistics() override { return backends_.statistics.front().get(); }

 protected:
  Backends backends_;
};

class CachedFilesHarness final : public BackendsHarness {
 public:
  CachedFilesHarness() {
    backends_ =
        CacheFiles(std::make_shared<FileSystemBackend>(FileOptions(), registry_, executor_, clock_),
                   CachingBackend::Options(), clock_, executor_);
  }
};

class LocalReadOnlyHarness final : public BackendsHarness {
 public:
  LocalReadOnlyHarness() {
    backends_ =
        MakeLocalReadOnlyBackend(FileOptions(), absl::Seconds(60), registry_, clock_, executor_);
  }
};

template <typename Harness>
HarnessMaker Maker(std::string name) {
  return {std::move(name), [] { return std::make_unique<Harness>(); }};
}

}  // namespace

std::vector<HarnessMaker> AllBackends() {
  return {Maker<FakeHarness>("Fake"), Maker<FileSystemHarness>("FileSystem"),
          Maker<CachedFakeHarness>("CachingOverFake"),
          Maker<CachedFilesHarness>("CachingOverFileSystem"),
          Maker<LocalReadOnlyHarness>("LocalReadOnly")};
}

}  // namespace modelref
