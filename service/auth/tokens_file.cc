#include "service/auth/tokens_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "backends/base/log.h"
#include "backends/base/status_macros.h"

namespace modelref {
namespace {

// Times of files are coarse: what changed twice within this looks the same.
constexpr absl::Duration kCoarse = absl::Seconds(2);

// `message` begins with the path.
absl::Status Unusable(absl::string_view message) {
  return Error(absl::StatusCode::kFailedPrecondition, "TOKENS_FILE",
               absl::StrCat("tokens file ", message));
}

absl::Status Unusable(const std::string& path, absl::string_view why) {
  return Unusable(absl::StrCat(path, ": ", why));
}

// Of the file with this inode, which was read.
absl::Status CheckOwner(const std::string& path, uint64_t inode) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0) {
    return Unusable(ErrnoStatus(errno, "stat", path).message());
  }
  if (info.st_ino != inode) return Unusable(path, "was replaced while it was read");
  if (info.st_uid != 0 && info.st_uid != geteuid()) {
    return Unusable(path, "belongs neither to root nor to the user of this process");
  }
  return CheckTokensMode(path, info.st_mode);
}

absl::Status Expired() {
  return Error(absl::StatusCode::kUnauthenticated, "TOKEN_EXPIRED", "the token has expired");
}

}  // namespace

absl::Status CheckTokensMode(const std::string& path, mode_t mode) {
  if ((mode & (S_IWGRP | S_IWOTH)) == 0) return absl::OkStatus();
  return Unusable(path, absl::StrCat("others than its owner may write it; run: chmod go-w ", path));
}

absl::StatusOr<TokenTable> ReadTokensFile(const std::string& path, FileVersion* version) {
  absl::StatusOr<FileContent> content = ReadFile(path, kMaxTokensFileBytes);
  if (!content.ok()) return Unusable(content.status().message());
  RETURN_IF_ERROR(CheckOwner(path, content->version.inode));
  *version = content->version;
  absl::StatusOr<std::vector<TokenEntry>> entries = ParseTokens(content->bytes);
  if (!entries.ok()) return Unusable(path, entries.status().message());
  return TokenTable(*std::move(entries));
}

absl::StatusOr<std::unique_ptr<TokensFile>> TokensFile::Open(const std::string& path,
                                                             Clock& clock) {
  FileVersion version;
  absl::StatusOr<TokenTable> table = ReadTokensFile(path, &version);
  if (!table.ok()) return table.status();
  return std::unique_ptr<TokensFile>(new TokensFile(path, clock, *std::move(table), version));
}

TokensFile::TokensFile(std::string path, Clock& clock, TokenTable table, const FileVersion& version)
    : path_(std::move(path)),
      clock_(clock),
      version_(ToString(version)),
      looked_(clock.TimeNow()),
      table_(std::make_shared<const TokenTable>(std::move(table))) {
  status_.loads = 1;
}

std::optional<absl::StatusOr<Caller>> TokensFile::Find(absl::string_view secret) const {
  const std::shared_ptr<const TokenTable> tokens = table();
  const TokenEntry* entry = tokens->Find(secret);
  if (entry == nullptr) return std::nullopt;
  if (entry->expires <= clock_.TimeNow()) return Expired();
  Caller caller;
  caller.id = entry->id;
  caller.name = entry->name;
  caller.role = entry->role;
  caller.source = IdentitySource::kToken;
  caller.expires = entry->expires;
  return caller;
}

bool TokensFile::Look() {
  const absl::Time now = clock_.TimeNow();
  MutexLock lock(&look_mutex_);
  const bool expired = table()->NextExpiry(looked_) <= now;
  looked_ = now;
  return LookAtFile(now) || expired;
}

bool TokensFile::LookAtFile(absl::Time now) {
  const absl::StatusOr<FileVersion> seen = StatFile(path_);
  const std::string version = seen.ok() ? ToString(*seen) : "";
  const bool may_hide_change = seen.ok() && now - seen->modified < kCoarse;
  if (seen.ok() && version == version_ && !may_hide_change) {
    Reset();
    return false;
  }
  if (seen.ok() && version == wrong_version_ && !may_hide_change) return false;
  FileVersion read_version;
  absl::StatusOr<TokenTable> read = ReadTokensFile(path_, &read_version);
  if (!read.ok()) {
    wrong_version_ = read_version == FileVersion() ? "" : ToString(read_version);
    Failed(read.status(), absl::StrCat(version, " ", read.status().message()));
    return false;
  }
  Reset();
  version_ = ToString(read_version);
  if (read->entries() == table()->entries()) return false;
  MutexLock lock(&mutex_);
  Log(LogLevel::kInfo, "auth.tokens_reloaded", {{"tokens", absl::StrCat(read->entries().size())}});
  table_ = std::make_shared<const TokenTable>(*std::move(read));
  ++status_.loads;
  return true;
}

// The file is in use.
void TokensFile::Reset() {
  failed_version_.clear();
  wrong_version_.clear();
  MutexLock lock(&mutex_);
  status_.failure = absl::OkStatus();
}

void TokensFile::Failed(const absl::Status& failure, absl::string_view version) {
  if (failed_version_ == version) return;
  failed_version_ = std::string(version);
  Log(LogLevel::kWarning, "auth.tokens_file_not_usable",
      {{"error", std::string(failure.message())},
       {"effect", "the tokens that were read before stay in use"}});
  MutexLock lock(&mutex_);
  ++status_.failures;
  status_.failure = failure;
}

std::shared_ptr<const TokenTable> TokensFile::table() const {
  MutexLock lock(&mutex_);
  return table_;
}

TokensFile::Status TokensFile::status() const {
  MutexLock lock(&mutex_);
  Status status = status_;
  status.tokens = table_->entries().size();
  return status;
}

}  // namespace modelref
