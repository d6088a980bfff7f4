// SPDX-License-Identifier: BSD-3-Clause
#include "llpcat/exec.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <span>
#include <utility>

#include "base/fd.hpp"

namespace llp::cat {

namespace {

struct Pipe {
  UniqueFd read, write;
};

// A command that does not read all of its input is no reason to die: the signal of a broken pipe is held back
// in this thread, and taken away.
class NoBrokenPipe {
 public:
  NoBrokenPipe() noexcept {
    ::sigemptyset(&signal_);
    ::sigaddset(&signal_, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &signal_, &before_);
  }
  NoBrokenPipe(const NoBrokenPipe&) = delete;
  NoBrokenPipe& operator=(const NoBrokenPipe&) = delete;
  ~NoBrokenPipe() {
    const timespec now{};
    (void)::sigtimedwait(&signal_, nullptr, &now);
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t signal_{};
  sigset_t before_{};
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno("cannot make a pipe");
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

Result<pid_t> spawn(const std::string& command, int in, int out) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t none;
  sigset_t defaults;
  ::sigemptyset(&none);
  ::sigemptyset(&defaults);
  ::sigaddset(&defaults, SIGPIPE);
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawnattr_init(&attributes);
  ::posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &defaults);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::string shell = "sh";
  std::string flag = "-c";
  std::string text = command;
  std::array<char*, 4> argv{shell.data(), flag.data(), text.data(), nullptr};
  pid_t pid = -1;
  const int err = ::posix_spawn(&pid, "/bin/sh", &actions, &attributes, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  if (err != 0) return fail_errno("cannot run /bin/sh", err);
  return pid;
}

// Feeds and reads at the same time: neither side may fill the other's pipe. False: the answer is too long.
bool talk(UniqueFd to, const UniqueFd& from, std::span<const std::uint8_t> left, Bytes& answer,
          std::size_t max) {
  const NoBrokenPipe held;
  std::array<std::uint8_t, 65536> room;  // NOLINT(cppcoreguidelines-pro-type-member-init): written by read
  if (left.empty()) to.reset();
  while (true) {
    std::array<pollfd, 2> ends{pollfd{.fd = from.get(), .events = POLLIN, .revents = 0},
                               pollfd{.fd = to.get(), .events = POLLOUT, .revents = 0}};
    if (::poll(ends.data(), ends.size(), -1) < 0) continue;
    if (to && ends[1].revents != 0) {
      const ssize_t n = ::write(to.get(), left.data(), left.size());
      if (n > 0) left = left.subspan(static_cast<std::size_t>(n));
      const bool closed = n < 0 && errno != EAGAIN && errno != EINTR;  // it does not read on: its own affair
      if (closed || left.empty()) to.reset();
    }
    if (ends[0].revents == 0) continue;
    const ssize_t n = ::read(from.get(), room.data(), room.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return true;
    answer.insert(answer.end(), room.begin(), room.begin() + n);
    if (answer.size() > max) return false;
  }
}

}  // namespace

Result<Bytes> run_command(const std::string& command, const Bytes& message, std::size_t max) {
  auto in = make_pipe();
  auto out = make_pipe();
  if (!in || !out) return std::unexpected(in ? out.error() : in.error());
  if (::fcntl(in->write.get(), F_SETFL, O_NONBLOCK) != 0) return fail_errno("cannot set up a pipe");
  const auto pid = spawn(command, in->read.get(), out->write.get());
  if (!pid) return std::unexpected(pid.error());
  in->read.reset();
  out->write.reset();
  Bytes answer;
  const bool whole = talk(std::move(in->write), out->read, message, answer, max);
  out->read.reset();
  if (!whole) (void)::kill(*pid, SIGTERM);
  int status = 0;
  while (::waitpid(*pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!whole) return fail(Errc::too_large, fmt::format("--exec: the answer exceeds {} bytes", max));
  if (WIFSIGNALED(status))
    return fail(Errc::refused, fmt::format("--exec: ended by signal {}", WTERMSIG(status)));
  if (WEXITSTATUS(status) != 0) {
    return fail(Errc::refused, fmt::format("--exec: ended with status {}", WEXITSTATUS(status)));
  }
  return answer;
}

}  // namespace llp::cat
