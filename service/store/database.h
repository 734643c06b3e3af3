#pragma once

// The engine under the store, as narrow as the store needs it: open, statements, transactions, and
// whether somebody else committed. SQLite carries it today; the SQL that goes through it is
// portable.

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

struct sqlite3;
struct sqlite3_stmt;

namespace modelref {

class Database;

// A prepared statement in use. Bind by position from 1, then Step until it returns false. Returned
// to its connection's cache when destroyed. Thread-compatible, like its connection, which must
// outlive it.
class Statement {
 public:
  Statement(Database& database, sqlite3_stmt* statement)
      : database_(&database), statement_(statement) {}
  ~Statement();
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;

  // The bytes must stay valid until the statement is reset or destroyed.
  Statement& Bind(int index, absl::string_view text);
  Statement& BindBlob(int index, absl::string_view bytes);
  Statement& Bind(int index, int64_t value);
  Statement& Bind(int index, uint64_t value) { return Bind(index, static_cast<int64_t>(value)); }
  Statement& Bind(int index, int value) { return Bind(index, static_cast<int64_t>(value)); }
  Statement& BindNull(int index);

  // True: a row is there. False: there is none (any more). Errors as Database.
  absl::StatusOr<bool> Step();
  // Runs a statement that returns no rows, and makes it ready for the next values.
  absl::Status Run();
  void Reset();

  int64_t Int(int column) const;
  uint64_t Unsigned(int column) const { return static_cast<uint64_t>(Int(column)); }
  // Text or bytes of the present row, valid until the next Step.
  absl::string_view Bytes(int column) const;
  bool IsNull(int column) const;

 private:
  Database* database_;
  sqlite3_stmt* statement_;
};

// One connection. Thread-compatible: one thread at a time.
//
// Errors of every method:
//   UNAVAILABLE (STORE_BUSY)       another process held the lock for longer than `busy_timeout`.
//   RESOURCE_EXHAUSTED (DISK_FULL) no space; the transaction is undone.
//   UNAVAILABLE (STORE_IO_ERROR)   an I/O error. At a Commit: it may or may not have happened;
//                                  otherwise the transaction is undone.
//   DATA_LOSS (STORE_DAMAGED)      the file is no database, or a damaged one.
//   INTERNAL                       anything else, which is a fault of the caller.
class Database {
 public:
  struct Options {
    bool read_only = false;
    absl::Duration busy_timeout = absl::Seconds(5);
    // The name of a registered file layer of the engine; empty: its own.
    std::string file_layer;
  };

  // Opens or creates. An empty path: in memory, gone with the connection.
  static absl::StatusOr<std::unique_ptr<Database>> Open(const std::string& path,
                                                        const Options& options);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Runs statements that return no rows, separated by semicolons.
  absl::Status Execute(const std::string& sql);
  // `sql` must be a constant: statements are cached by its text.
  absl::StatusOr<Statement> Prepare(absl::string_view sql);
  // The first column of the first row of a query, 0 when there is none.
  absl::StatusOr<int64_t> QueryInt(absl::string_view sql);

  // Changes when another connection has committed since this one looked.
  absl::StatusOr<int64_t> DataVersion();
  // The number of rows all statements changed so far.
  int64_t total_changes() const;
  // The number of rows the last statement changed.
  int64_t changes() const;

 private:
  friend class Statement;
  explicit Database(sqlite3* handle) : handle_(handle) {}
  absl::Status ErrorOf(int code) const;
  void Return(sqlite3_stmt* statement);

  sqlite3* handle_;
  std::unordered_map<std::string, sqlite3_stmt*> idle_;
};

// Runs BEGIN IMMEDIATE now and ROLLBACK when it goes out of scope without a Commit.
class WriteTransaction {
 public:
  static absl::StatusOr<WriteTransaction> Begin(Database& database);
  ~WriteTransaction();
  WriteTransaction(WriteTransaction&& other) noexcept;
  WriteTransaction& operator=(WriteTransaction&&) = delete;
  absl::Status Commit();

 private:
  explicit WriteTransaction(Database& database) : database_(&database) {}
  Database* database_;  // Null when it is over.
};

}  // namespace modelref
