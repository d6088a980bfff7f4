// SPDX-License-Identifier: BSD-3-Clause
// What the tests of lines share: a loop, coroutines run to their end within a
// generous limit, ptys, processes, a directory that goes away.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fd.hpp"
#include "io/make_stream.hpp"

namespace llp::io::test {

using namespace std::chrono_literals;

// Nothing here takes long; this only ends what hangs.
constexpr auto kLimit = 30s;

class TempDir {
 public:
  TempDir() {
    std::string name = testing::TempDir() + "llp-io.XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = name;
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir() {
    std::error_code ec;
    std::filesystem::remove_all(path_, ec);
  }
  [[nodiscard]] std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// A child process that runs `body` and is killed, if need be, and waited for.
class Child {
 public:
  explicit Child(const std::function<int()>& body) : pid_(::fork()) {
    if (pid_ == 0) ::_exit(body());
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() { kill(); }
  [[nodiscard]] pid_t pid() const { return pid_; }
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(std::exchange(pid_, -1), nullptr, 0);
  }
  int wait() {
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  pid_t pid_;
};

// One byte from another process, or none within the limit.
inline bool hear(int fd) {
  char c = 0;
  pollfd p{fd, POLLIN, 0};
  const int ms = static_cast<int>(std::chrono::milliseconds(kLimit).count());
  return ::poll(&p, 1, ms) == 1 && ::read(fd, &c, 1) == 1;
}
inline void tell(int fd) { static_cast<void>(!::write(fd, "x", 1)); }

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe");
    read = UniqueFd(ends[0]);
    write = UniqueFd(ends[1]);
  }
  UniqueFd read, write;
};

class LoopTest : public testing::Test {
 protected:
  LoopTest() {
    options.pool = std::make_shared<WorkerPool>(4);
    options.lock_dir = locks / "";
    options.reopen_min = options.backoff_min = 5ms;
    options.reopen_max = options.backoff_max = 20ms;
    options.stable_after = 1000ms;
    options.pty_poll = 2ms;
    options.drain = 300ms;
    options.linger = 200ms;
    options.connect_timeout = 2000ms;
  }

  // Something under way: look at `result` after run_until().
  template <class T>
  struct Task {
    std::optional<T> result;
    [[nodiscard]] bool done() const { return result.has_value(); }
  };

  template <class T>
  std::shared_ptr<Task<T>> start(asio::awaitable<T> awaitable) {
    auto task = std::make_shared<Task<T>>();
    asio::co_spawn(context, std::move(awaitable), [task](std::exception_ptr error, T value) {
      if (error) std::rethrow_exception(error);
      task->result = std::move(value);
    });
    return task;
  }

  // Runs the loop until `done`; false if the limit came first.
  bool run_until(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + kLimit;
    context.restart();
    while (!done()) {
      if (std::chrono::steady_clock::now() >= deadline) return false;
      if (context.stopped()) context.restart();
      context.run_one_for(10ms);
    }
    return true;
  }

  template <class T>
  T run(asio::awaitable<T> awaitable) {
    auto task = start(std::move(awaitable));
    if (!run_until([&] { return task->done(); })) throw std::runtime_error("the call did not end");
    return std::move(*task->result);
  }
  template <class T>
  T finish(const std::shared_ptr<Task<T>>& task) {
    if (!run_until([&] { return task->done(); })) throw std::runtime_error("the call did not end");
    return std::move(*task->result);
  }

  // Lets the loop do what it can within a moment, to give what must not happen a chance.
  void settle(std::chrono::milliseconds time = 30ms) {
    const auto until = std::chrono::steady_clock::now() + time;
    run_until([&] { return std::chrono::steady_clock::now() >= until; });
  }

  std::unique_ptr<ByteStream> make(const LineSpec& spec) {
    auto stream = make_stream(context.get_executor(), spec, options, logger);
    if (!stream) throw std::runtime_error(stream.error().message);
    return std::move(*stream);
  }

  // Reads exactly `size` bytes; what came before an error otherwise.
  std::string read(ByteStream& stream, std::size_t size) {
    std::string text;
    while (text.size() < size) {
      std::array<std::uint8_t, 4096> bytes{}, flags{};
      const auto want = std::min(size - text.size(), bytes.size());
      auto got = run(stream.read_some(std::span(bytes).first(want), std::span(flags).first(want)));
      if (!got) break;
      text.append(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(got->size));
    }
    return text;
  }
  Errc read_error(ByteStream& stream) {
    std::array<std::uint8_t, 64> bytes{}, flags{};
    auto got = run(stream.read_some(bytes, flags));
    if (got) throw std::runtime_error("read something");
    return got.error().code;
  }
  Result<void> write(ByteStream& stream, std::string_view text) {
    return run(stream.write(std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size())));
  }
  std::shared_ptr<Task<Result<ReadResult>>> start_read(ByteStream& stream) {
    return start(stream.read_some(bytes_, flags_));
  }

  // From a non-blocking descriptor, with the loop running.
  std::string read_fd(int fd, std::size_t size) {
    std::string text;
    std::array<char, 4096> bytes{};
    run_until([&] {
      const ssize_t n = ::read(fd, bytes.data(), std::min(size - text.size(), bytes.size()));
      if (n > 0) text.append(bytes.data(), static_cast<std::size_t>(n));
      return text.size() >= size || n == 0 || (n < 0 && errno != EAGAIN);
    });
    return text;
  }

  TempDir dir, locks;
  std::vector<std::string> log;
  Logger logger{[this](LogLevel, std::string_view text) { log.emplace_back(text); }, LogLevel::debug};
  StreamOptions options;
  std::array<std::uint8_t, 4096> bytes_{}, flags_{};
  asio::io_context context;  // last: what is under way goes first
};

// The master's side of a pseudo terminal of the test's own.
struct Master {
  Master() : fd(::posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)) {
    std::array<char, 128> name{};
    if (!fd || ::grantpt(fd.get()) != 0 || ::unlockpt(fd.get()) != 0 ||
        ::ptsname_r(fd.get(), name.data(), name.size()) != 0) {
      throw std::runtime_error("no pty");
    }
    slave = name.data();
  }
  void put(std::string_view text) const {
    if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
      throw std::runtime_error("write to the master");
    }
  }
  UniqueFd fd;
  std::string slave;
};

inline UniqueFd open_tty(const std::string& path) {
  return UniqueFd(::open(path.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
}

}  // namespace llp::io::test
