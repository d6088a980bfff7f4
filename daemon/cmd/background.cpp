// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/background.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <limits>
#include <utility>

#include "cmd/exit_status.hpp"

namespace llp::cmd {

namespace {

void to_null(int fd, int flags) noexcept {
  const int null = ::open("/dev/null", flags | O_CLOEXEC);
  if (null < 0) return;
  if (null == fd) return;
  ::dup2(null, fd);
  ::close(null);
}

// The caller's half: one byte is the status of the start.
int wait_for_report(int pipe, pid_t child, const char* program) {
  int ended = 0;
  while (::waitpid(child, &ended, 0) < 0 && errno == EINTR) {
  }
  unsigned char status = 0;
  for (;;) {
    const ssize_t n = ::read(pipe, &status, 1);
    if (n == 1) return status;
    if (n < 0 && errno == EINTR) continue;
    break;
  }
  const std::string line = fmt::format("{}: ended unexpectedly while it started\n", program);
  if (::write(STDERR_FILENO, line.data(), line.size()) < 0) return kSoftware;
  return kSoftware;
}

}  // namespace

Result<Side> detach(const char* program) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno("cannot go to the background");
  UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return fail_errno("cannot go to the background");
  if (child > 0) {
    writing.reset();
    return Side(Caller{wait_for_report(reading.get(), child, program)});
  }

  // A session of its own, and not its leader: no tty that is opened can become
  // its controlling terminal.
  reading.reset();
  ::setsid();
  const pid_t grandchild = ::fork();
  if (grandchild != 0)
    ::_exit(grandchild < 0 ? kOsError : 0);  // without a word: the caller sees the pipe close
  const auto keep = static_cast<unsigned>(writing.get());
  if (keep > 3) ::close_range(3, keep - 1, 0);
  ::close_range(keep + 1, std::numeric_limits<unsigned>::max(), 0);
  if (::chdir("/") != 0) ::_exit(kOsError);
  ::umask(022);
  to_null(STDIN_FILENO, O_RDONLY);
  return Side(StartReport(std::move(writing)));
}

Result<void> StartReport::succeeded(bool keep_stderr) {
  to_null(STDOUT_FILENO, O_WRONLY);
  if (!keep_stderr) to_null(STDERR_FILENO, O_WRONLY);
  const unsigned char status = kOk;
  const ssize_t n = ::write(pipe_.get(), &status, 1);
  pipe_.reset();
  if (n != 1) return fail(Errc::closed, "the caller ended while it waited for the start");
  return {};
}

void StartReport::failed(int status) noexcept {
  const auto byte = static_cast<unsigned char>(status);
  if (pipe_ && ::write(pipe_.get(), &byte, 1) < 0) {
    // The caller is gone; nobody wants the status.
  }
  pipe_.reset();
}

void leave_terminal() noexcept {
  to_null(STDIN_FILENO, O_RDONLY);
  // The leader of a session would hang up everybody in it.
  if (::setsid() >= 0 || ::getsid(0) == ::getpid()) return;
  const UniqueFd tty(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
  if (tty) ::ioctl(tty.get(), TIOCNOTTY);
}

}  // namespace llp::cmd
