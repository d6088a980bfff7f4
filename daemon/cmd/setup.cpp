// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/setup.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <exception>
#include <string_view>
#include <utility>

#include "cmd/exit_status.hpp"
#include "config/runtime_dir.hpp"

namespace llp::cmd {

namespace {

bool write_all(int fd, std::string_view text) noexcept {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

}  // namespace

void prepare_process(bool ignore_hangup) noexcept {
  // A descriptor below 3 that is free would be taken by the first socket.
  int fd = ::open("/dev/null", O_RDWR);
  while (fd >= 0 && fd < 2) fd = ::dup(fd);
  if (fd > 2) ::close(fd);
  struct sigaction ignore{};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignore, nullptr);
  if (ignore_hangup) ::sigaction(SIGHUP, &ignore, nullptr);
}

void prevent_core_dumps() noexcept {
  const char* wanted = ::secure_getenv("LLP_CORE_DUMPS");
  if (wanted != nullptr && std::string_view(wanted) == "yes") return;
  const rlimit none{0, 0};
  (void)::setrlimit(RLIMIT_CORE, &none);
  // Where a program takes them, the limit does not count.
  (void)::prctl(PR_SET_DUMPABLE, 0);
}

void say(const char* program, const std::string& message) noexcept {
  write_all(STDERR_FILENO, std::string(program) + ": " + message + "\n");
}

void say_plain(const std::string& line) noexcept { write_all(STDERR_FILENO, line + "\n"); }

int print(const std::string& text) noexcept { return write_all(STDOUT_FILENO, text) ? kOk : kOsError; }

Result<std::filesystem::path> runtime_dir(const std::filesystem::path& chosen) {
  const auto environment = config::current_environment();
  auto directory =
      chosen.empty() ? config::default_runtime_dir(environment) : std::filesystem::absolute(chosen);
  if (auto made = config::ensure_runtime_dir(directory, environment.uid, chosen.empty()); !made) {
    return std::unexpected(std::move(made.error()));
  }
  return directory;
}

int guarded(const char* program, const std::function<int()>& body) noexcept {
  try {
    return body();
  } catch (const std::exception& e) {
    say(program, std::string("fault: ") + e.what());
  } catch (...) {
    say(program, "fault of an unknown kind");
  }
  return kSoftware;
}

}  // namespace llp::cmd
