#include "service/store/store_identity.h"

#include <openssl/rand.h>

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "backends/base/durable_file.h"
#include "backends/base/etag.h"
#include "backends/base/file_identity.h"
#include "backends/base/log.h"
#include "backends/base/status_macros.h"
#include "service/store/store_reader.h"

namespace modelref {
namespace {

constexpr uint64_t kMaxIdBytes = 4096;

std::string RandomBytes(size_t size) {
  std::string bytes(size, '\0');
  RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(size));
  return bytes;
}

// The inode and the birth time of a file; empty where the file system keeps no birth time.
absl::StatusOr<std::string> BirthOf(const std::string& path) {
  ASSIGN_OR_RETURN(const FileIdentity identity, IdentifyFile(path));
  if (!identity.birth.has_value()) return std::string();
  return absl::StrCat(identity.inode, ":", absl::ToUnixNanos(*identity.birth));
}

// The id in the file, made when there is none.
absl::StatusOr<std::string> ReadOrMakeId(const std::string& path) {
  absl::StatusOr<std::string> id = ReadFileToString(path, kMaxIdBytes);
  if (id.ok()) return std::string(absl::StripAsciiWhitespace(*id));
  if (!absl::IsNotFound(id.status())) return id.status();
  const std::string made = ToHex(RandomBytes(16));
  RETURN_IF_ERROR(WriteFileDurably(path, absl::StrCat(made, "\n")));
  return made;
}

absl::Status AddDocuments(Database& database, const std::vector<DocumentKey>& keys) {
  ASSIGN_OR_RETURN(Statement insert,
                   database.Prepare("INSERT INTO documents (category, format, etag, mod_revision, "
                                    "commit_time_us, next_order, known) VALUES (?, ?, ?, 0, 0, 0, "
                                    "0) ON CONFLICT (category, format) DO NOTHING"));
  const Etag empty = Document::Empty()->etag();
  for (const DocumentKey& key : keys) {
    RETURN_IF_ERROR(insert.Bind(1, key.category)
                        .Bind(2, static_cast<int>(key.format))
                        .BindBlob(3, AsBytes(empty))
                        .Run());
  }
  return absl::OkStatus();
}

// What is known about the directory the database is in.
struct Whereabouts {
  std::string id;
  std::string birth;
};

absl::StatusOr<Whereabouts> LookAround(const std::string& directory) {
  if (directory.empty()) return Whereabouts{};
  const std::string path = directory + "/id";
  ASSIGN_OR_RETURN(std::string id, ReadOrMakeId(path));
  ASSIGN_OR_RETURN(std::string birth, BirthOf(path));
  return Whereabouts{std::move(id), std::move(birth)};
}

// Why the directory is not the one the database was made in; empty when it is.
absl::StatusOr<std::string> WasMoved(Database& database, const Whereabouts& now) {
  ASSIGN_OR_RETURN(const std::string id, ReadMeta(database, kMetaStoreId));
  ASSIGN_OR_RETURN(const std::string birth, ReadMeta(database, kMetaIdFile));
  if (id != now.id) return std::string("the directory has the id of another store");
  if (now.birth.empty()) {
    Log(LogLevel::kWarning, "store.no_birth_time",
        {{"effect",
          "a copy of this directory is not recognised; run modelrefctl epoch fork in it"}});
    return std::string();
  }
  if (birth != now.birth) return std::string("the directory was copied or restored");
  return std::string();
}

}  // namespace

absl::Status PrepareIdentity(Database& database, const std::string& directory,
                             const std::vector<DocumentKey>& keys) {
  ASSIGN_OR_RETURN(WriteTransaction transaction, WriteTransaction::Begin(database));
  ASSIGN_OR_RETURN(const Whereabouts now, LookAround(directory));
  ASSIGN_OR_RETURN(const std::string epoch, ReadMeta(database, kMetaEpoch));
  if (epoch.empty()) {
    RETURN_IF_ERROR(WriteMeta(database, kMetaEpoch, RandomBytes(16)));
  } else if (!directory.empty()) {
    ASSIGN_OR_RETURN(const std::string reason, WasMoved(database, now));
    if (!reason.empty()) {
      Log(LogLevel::kWarning, "store.epoch_forked", {{"reason", reason}});
      RETURN_IF_ERROR(ForkEpoch(database, 0));
    }
  }
  RETURN_IF_ERROR(WriteMeta(database, kMetaStoreId, now.id));
  RETURN_IF_ERROR(WriteMeta(database, kMetaIdFile, now.birth));
  RETURN_IF_ERROR(AddDocuments(database, keys));
  return transaction.Commit();
}

absl::Status ForkEpoch(Database& database, uint64_t base_revision) {
  ASSIGN_OR_RETURN(const std::string parent, ReadMeta(database, kMetaEpoch));
  ASSIGN_OR_RETURN(const std::string old_base_text, ReadMeta(database, kMetaBaseRevision));
  uint64_t old_base = 0;
  if (!absl::SimpleAtoi(old_base_text, &old_base)) old_base = 0;
  ASSIGN_OR_RETURN(const int64_t newest,
                   database.QueryInt("SELECT max(revision) FROM transactions"));
  const uint64_t head = std::max(static_cast<uint64_t>(newest), old_base);
  const uint64_t base = std::max(head, base_revision);
  const std::string epoch = RandomBytes(16);
  RETURN_IF_ERROR(WriteMeta(database, kMetaBaseRevision, absl::StrCat(base)));
  RETURN_IF_ERROR(WriteMeta(database, kMetaEpoch, epoch));
  ASSIGN_OR_RETURN(Statement insert,
                   database.Prepare("INSERT INTO forks (epoch, first_revision, parent_epoch, "
                                    "parent_revision) VALUES (?, ?, ?, ?)"));
  RETURN_IF_ERROR(
      insert.BindBlob(1, epoch).Bind(2, base + 1).BindBlob(3, parent).Bind(4, head).Run());
  return database.Execute(absl::StrCat(
      "DELETE FROM forks WHERE position <= (SELECT max(position) FROM forks) - ", kKeptForks));
}

}  // namespace modelref
