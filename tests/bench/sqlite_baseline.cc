#include "tests/bench/sqlite_baseline.h"

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <ctime>
#include <filesystem>
#include <vector>

#include "absl/strings/str_cat.h"
#include "backends/base/status_macros.h"
#include "service/store/log_space.h"
#include "service/store/metadata_rows.h"
#include "service/store/schema.h"
#include "service/store/transaction_rows.h"
#include "tests/bench/bench_data.h"
#include "tests/bench/child_process.h"
#include "tests/bench/h2_client.h"

namespace modelref::bench {
namespace {

constexpr int64_t kDocument = 1;

void Check(const absl::Status& status) {
  if (!status.ok()) Die("the engine: " + std::string(status.message()));
}

Statement Prepared(Database& database, absl::string_view sql) {
  absl::StatusOr<Statement> statement = database.Prepare(sql);
  Check(statement.status());
  return *std::move(statement);
}

}  // namespace

SqliteBaseline::SqliteBaseline(const std::string& folder, size_t models, size_t record_bytes)
    : models_(models), json_(record_bytes, 'x') {
  std::filesystem::create_directories(folder);
  absl::StatusOr<std::unique_ptr<Database>> database =
      Database::Open(folder + "/baseline.db", Database::Options());
  Check(database.status());
  database_ = *std::move(database);
  metadata_.last_operation = Operation::kUpdate;
  Check(database_->Execute(absl::StrCat("PRAGMA wal_autocheckpoint = ", kLogPages)));
  Check(PrepareSchema(*database_));
  Check(database_->Execute("BEGIN IMMEDIATE"));
  Check(database_->Execute(
      "INSERT INTO documents (id, category, format, etag, mod_revision, commit_time_us, "
      "next_order, known) VALUES (1, 'clip', 2, x'00', 0, 0, 0, 1)"));
  for (size_t model = 0; model < models_; ++model) {
    const std::string name = ModelName(model);
    Check(Prepared(*database_,
                   "INSERT INTO records (id, document, name, json, etag, mod_revision) VALUES "
                   "(?, ?, ?, ?, ?, 0)")
              .Bind(1, RecordId(kDocument, model))
              .Bind(2, kDocument)
              .Bind(3, name)
              .BindBlob(4, json_)
              .BindBlob(5, digest_)
              .Run());
  }
  Check(database_->Execute("COMMIT"));
}

void SqliteBaseline::Update(size_t model) {
  const std::string name = ModelName(model);
  ++revision_;
  metadata_.last_model = name;
  ++metadata_.updates;
  Check(Prepared(*database_,
                 "INSERT INTO transactions (revision, first_event, time_us, caller, request, "
                 "chain) VALUES (?, ?, ?, ?, ?, ?)")
            .Bind(1, revision_)
            .Bind(2, revision_)
            .Bind(3, revision_)
            .Bind(4, "anonymous")
            .Bind(5, "")
            .BindBlob(6, digest_)
            .Run());
  Check(Prepared(*database_,
                 "INSERT INTO events (id, revision, document, name, operation, before, after) "
                 "VALUES (?, ?, ?, ?, 2, ?, ?)")
            .Bind(1, revision_)
            .Bind(2, revision_)
            .Bind(3, kDocument)
            .Bind(4, name)
            .BindBlob(5, json_)
            .BindBlob(6, json_)
            .Run());
  Check(Prepared(*database_, "UPDATE records SET json = ?, etag = ?, mod_revision = ? WHERE id = ?")
            .BindBlob(1, json_)
            .BindBlob(2, digest_)
            .Bind(3, revision_)
            .Bind(4, RecordId(kDocument, model))
            .Run());
  Check(Prepared(*database_,
                 "INSERT INTO versions (document, revision, etag, prev_revision) VALUES "
                 "(?, ?, ?, ?)")
            .Bind(1, kDocument)
            .Bind(2, revision_)
            .BindBlob(3, digest_)
            .Bind(4, revision_ - 1)
            .Run());
}

void SqliteBaseline::EndGroup() {
  Check(WriteMetadata(*database_, kDocument, metadata_, true));
  Check(Prepared(*database_,
                 "UPDATE documents SET etag = ?, mod_revision = ?, commit_time_us = ?, "
                 "next_order = ? WHERE id = ?")
            .BindBlob(1, digest_)
            .Bind(2, revision_)
            .Bind(3, revision_)
            .Bind(4, static_cast<uint64_t>(models_))
            .Bind(5, kDocument)
            .Run());
}

SqliteBaseline::Rate SqliteBaseline::UpdatesPerSecond(size_t group, double seconds) {
  const SteadyTime start = SteadyClock::now();
  const std::clock_t used = std::clock();
  uint64_t updates = 0;
  while (SecondsSince(start) < seconds) {
    Check(database_->Execute("BEGIN IMMEDIATE"));
    for (size_t i = 0; i < group; ++i) Update((revision_ * 7919) % models_);
    EndGroup();
    Check(database_->Execute("COMMIT"));
    updates += group;
  }
  const auto count = static_cast<double>(updates);
  const double micros = 1e6 * static_cast<double>(std::clock() - used) / CLOCKS_PER_SEC;
  return {count / SecondsSince(start), micros / count};
}

std::vector<double> AppendAndSync(const std::string& folder, size_t record_bytes, size_t group,
                                  double seconds) {
  const std::string path = folder + "/append.log";
  const int fd = open(path.c_str(), O_CREAT | O_WRONLY | O_APPEND, 0644);
  const std::string bytes(record_bytes * group, 'x');
  std::vector<double> micros;
  const SteadyTime start = SteadyClock::now();
  while (SecondsSince(start) < seconds) {
    const SteadyTime begun = SteadyClock::now();
    if (write(fd, bytes.data(), bytes.size()) < 0 || fdatasync(fd) != 0)
      Die("cannot write " + path);
    micros.push_back(1e6 * SecondsSince(begun));
  }
  close(fd);
  return micros;
}

}  // namespace modelref::bench
