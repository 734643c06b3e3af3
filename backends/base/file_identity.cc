#include "backends/base/file_identity.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

#include "backends/base/durable_file.h"

namespace modelref {
namespace {

// linux/magic.h has only some of them.
constexpr uint64_t kNetworkTypes[] = {
    0x6969,      // NFS
    0x517B,      // SMB
    0xFE534D42,  // SMB2
    0xFF534D42,  // CIFS
    0x65735546,  // FUSE: sshfs, s3fs, glusterfs, virtiofs, …
    0x01021997,  // 9P
    0x00C36400,  // Ceph
    0x5346414F,  // AFS
    0x6B414653,  // kAFS
    0x73757245,  // Coda
    0x0BD00BD0,  // Lustre
    0x47504653,  // GPFS
    0xAAD7AAEA,  // PanFS
    0x01161970,  // GFS2
    0x7461636F,  // OCFS2
    0x19830326,  // BeeGFS
    0x786F4256,  // VirtualBox's shared folders
    0xBACBACBC,  // VMware's shared folders
};

}  // namespace

absl::StatusOr<FileIdentity> IdentifyFile(const std::string& path) {
  struct statx info = {};
  if (statx(AT_FDCWD, path.c_str(), AT_STATX_SYNC_AS_STAT, STATX_INO | STATX_BTIME, &info) != 0) {
    return ErrnoStatus(errno, "statx", path);
  }
  FileIdentity identity;
  identity.inode = info.stx_ino;
  identity.device = makedev(info.stx_dev_major, info.stx_dev_minor);
  if ((info.stx_mask & STATX_BTIME) != 0) {
    identity.birth =
        absl::FromUnixSeconds(info.stx_btime.tv_sec) + absl::Nanoseconds(info.stx_btime.tv_nsec);
  }
  return identity;
}

bool IsNetworkFileSystemType(uint64_t type) {
  return std::find(std::begin(kNetworkTypes), std::end(kNetworkTypes), type) !=
         std::end(kNetworkTypes);
}

bool IsNetworkFileSystem(const std::string& path) {
  struct statfs info;
  if (statfs(path.c_str(), &info) != 0) return false;
  // The field is signed on some machines; the types have 32 bits.
  return IsNetworkFileSystemType(static_cast<uint64_t>(info.f_type) & 0xFFFFFFFF);
}

}  // namespace modelref
