// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/pid_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "base/process.hpp"

namespace llp::cmd {

namespace {

// Whether the file of this name is the one that is open.
bool is_still(const std::filesystem::path& path, int fd) noexcept {
  struct stat named{};
  struct stat open{};
  return ::stat(path.c_str(), &named) == 0 && ::fstat(fd, &open) == 0 && named.st_dev == open.st_dev &&
         named.st_ino == open.st_ino;
}

Result<void> write_all(int fd, const std::string& text, const std::string& what) {
  if (::write(fd, text.data(), text.size()) != static_cast<ssize_t>(text.size())) return fail_errno(what);
  return {};
}

}  // namespace

Result<PidFile> PidFile::take(const std::filesystem::path& path, pid_t pid) {
  const std::string what = "pid file " + path.native();
  const std::string fresh = fmt::format("{}.{}", path.native(), pid);
  // Who replaces the file holds the lock of the one that was there.
  for (;;) {
    UniqueFd old(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0644));
    if (!old) return fail_errno(what);
    if (::flock(old.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) return fail_errno(what);
      const auto holder = flock_holder(old.get());
      return fail(Errc::in_use, fmt::format("{}: in use by {}", what,
                                            holder ? describe_process(*holder) : "another process"));
    }
    if (!is_still(path, old.get())) continue;  // replaced or removed meanwhile

    ::unlink(fresh.c_str());  // of an earlier life with this process id
    UniqueFd fd(::open(fresh.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644));
    if (!fd) return fail_errno(what);
    auto done = write_all(fd.get(), fmt::format("{}\n", pid), what);
    if (done && ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) done = fail_errno(what);
    if (done && ::rename(fresh.c_str(), path.c_str()) != 0) done = fail_errno(what);
    if (!done) {
      ::unlink(fresh.c_str());
      return std::unexpected(std::move(done.error()));
    }
    return PidFile(path, std::move(fd));
  }
}

void PidFile::remove() noexcept {
  if (fd_ && is_still(path_, fd_.get())) ::unlink(path_.c_str());
  fd_.reset();
}

PidFile::PidFile(PidFile&& other) noexcept : path_(std::move(other.path_)), fd_(std::move(other.fd_)) {}

PidFile& PidFile::operator=(PidFile&& other) noexcept {
  if (this != &other) {
    remove();
    path_ = std::move(other.path_);
    fd_ = std::move(other.fd_);
  }
  return *this;
}

PidFile::~PidFile() { remove(); }

}  // namespace llp::cmd
