#include "tests/testing/small_disk.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace modelref::testing {
namespace {

constexpr char kFiller[] = ".filler";

}  // namespace

SmallDisk::SmallDisk(uint64_t bytes) {
  const std::string options = absl::StrCat("size=", bytes, ",mode=0755");
  if (mount("modelref-test", path().c_str(), "tmpfs", 0, options.c_str()) != 0) {
    why_not_ = absl::StrCat("cannot mount a small disk here: ", std::strerror(errno));
  }
}

SmallDisk::~SmallDisk() {
  if (!is_mounted()) return;
  // Lazily: a child that is being killed may still have files open.
  EXPECT_EQ(umount2(path().c_str(), MNT_DETACH), 0) << errno;
}

uint64_t SmallDisk::FreeBytes() const {
  struct statvfs info = {};
  EXPECT_EQ(statvfs(path().c_str(), &info), 0) << errno;
  return static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
}

void SmallDisk::Fill(uint64_t left) {
  const uint64_t free = FreeBytes();
  if (free <= left) return;
  const int fd = open(folder_.PathOf(kFiller).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  ASSERT_GE(fd, 0) << errno;
  const off_t old_size = lseek(fd, 0, SEEK_END);
  constexpr uint64_t kPage = 4096;
  const uint64_t more = (free - left) / kPage * kPage;
  EXPECT_EQ(posix_fallocate(fd, old_size, static_cast<off_t>(more)), 0);
  close(fd);
}

void SmallDisk::Heal() {
  if (folder_.Exists(kFiller)) folder_.Remove(kFiller);
}

}  // namespace modelref::testing
