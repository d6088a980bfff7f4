// SPDX-License-Identifier: BSD-3-Clause
#include "llpctl/system.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <iostream>
#include <optional>

#include "base/fd.hpp"
#include "base/log.hpp"
#include "base/worker_pool.hpp"
#include "line/llp_device.hpp"
#include "llpctl/daemon.hpp"
#include "llpctl/doctor_system.hpp"
#include "llpctl/happened.hpp"

extern char** environ;  // NOLINT: of the C library

namespace llp::ctl {

namespace {

std::uint64_t now(clockid_t clock) {
  timespec t{};
  static_cast<void>(::clock_gettime(clock, &t));  // only fails for a clock that does not exist
  return static_cast<std::uint64_t>(t.tv_sec) * kSecond + static_cast<std::uint64_t>(t.tv_nsec);
}

std::string time_of_day(std::uint64_t monotonic) {
  const std::uint64_t wall = now(CLOCK_REALTIME) - now(CLOCK_MONOTONIC) + monotonic;
  return fmt::format("{:%H:%M:%S}.{:03}", fmt::localtime(static_cast<std::time_t>(wall / kSecond)),
                     wall % kSecond / 1'000'000);
}

// Runs a program, its standard error ours.
Result<std::string> execute(const std::vector<std::string>& command) {
  const std::string what = fmt::format("{}", fmt::join(command, " "));
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno("cannot run " + what);
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  std::vector<char*> words;
  words.reserve(command.size() + 1);
  for (const std::string& word : command)
    words.push_back(const_cast<char*>(word.c_str()));  // NOLINT: exec's own
  words.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, writer.get(), STDOUT_FILENO);
  pid_t pid = 0;
  const int err = ::posix_spawnp(&pid, words.front(), &actions, nullptr, words.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (err != 0) return fail_errno("cannot run " + what, err);
  writer.reset();
  std::string out;
  std::array<char, 4096> buffer{};
  for (;;) {
    const ssize_t n = ::read(reader.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    out.append(buffer.data(), static_cast<std::size_t>(n));
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return fail(
        Errc::system,
        fmt::format("{} failed{}", what, WIFEXITED(status) ? fmt::format(" ({})", WEXITSTATUS(status)) : ""));
  }
  return out;
}

std::optional<bool> confirm(const std::string& question) {
  if (::isatty(STDIN_FILENO) == 0) return std::nullopt;
  fmt::print(stderr, "{}", question);
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

}  // namespace

Context system_context(asio::io_context& io) {
  const auto pool = std::make_shared<WorkerPool>(1);
  return Context{
      .open_kernel = netlink::open_kernel_control,
      .attach_system = attach::make_attach_system,
      .device =
          [&io, pool](const std::string& node) {
            io::StreamOptions options;
            options.pool = pool;
            return line::make_device_node(io.get_executor(), node, options,
                                          Logger(stderr_sink("llpctl"), LogLevel::warning));
          },
      .execute = execute,
      .time_of_day = time_of_day,
      .ask_daemon = daemon_at({}),
      .doctor_system = make_doctor_system,
      .confirm = confirm,
      .print =
          [](std::string_view text) {
            (void)std::fwrite(text.data(), 1, text.size(), stdout);
            (void)std::fflush(stdout);
          },
      .complain = [](std::string_view text) { fmt::print(stderr, "{}\n", text); },
      .io = io,
      .daemon_events = [](const asio::any_io_executor& executor) { return open_daemon_events({}, executor); },
  };
}

}  // namespace llp::ctl
