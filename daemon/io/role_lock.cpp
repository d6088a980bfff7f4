// SPDX-License-Identifier: BSD-3-Clause
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <string>
#include <utility>

#include "base/process.hpp"
#include "io/transaction_lock.hpp"

namespace llp::io {

namespace {

// The pid that the holder wrote, or what the kernel knows.
std::string holder_of(int fd) {
  char text[32] = {};
  const ssize_t n = ::pread(fd, text, sizeof text - 1, 0);
  pid_t pid = 0;
  if (n > 0) std::from_chars(text, text + n, pid);
  if (pid <= 0) pid = flock_holder(fd).value_or(0);
  return pid > 0 ? describe_process(pid) : std::string("another process");
}

}  // namespace

Result<RoleLock> RoleLock::take(const std::filesystem::path& file) {
  UniqueFd fd(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0660));
  if (!fd) return fail_errno(fmt::format("cannot open {}", file.string()));
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail_errno(fmt::format("cannot lock {}", file.string()));
    return fail(Errc::in_use,
                fmt::format("line {} is served by {}", file.stem().string(), holder_of(fd.get())));
  }
  const std::string pid = fmt::format("{}\n", ::getpid());
  if (::ftruncate(fd.get(), 0) != 0 ||
      ::pwrite(fd.get(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    return fail_errno(fmt::format("cannot write {}", file.string()));
  }
  return RoleLock(std::move(fd));
}

RoleLock& RoleLock::operator=(RoleLock&& other) noexcept {
  if (this != &other) {
    release();
    fd_ = std::move(other.fd_);
  }
  return *this;
}

RoleLock::~RoleLock() { release(); }

// The file stays: removing it would let two processes lock two files of one name.
void RoleLock::release() noexcept {
  if (!fd_) return;
  static_cast<void>(!::ftruncate(fd_.get(), 0));
  fd_.reset();
}

}  // namespace llp::io
