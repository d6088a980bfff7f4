// SPDX-License-Identifier: BSD-3-Clause
// What the ILLP tests share: a loop in a thread of its own, and peers that are
// plain blocking sockets, so that nothing under test is tested by itself.
#pragma once

#include <sys/socket.h>

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/use_future.hpp>
#include <chrono>
#include <functional>
#include <future>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/fd.hpp"
#include "base/log.hpp"
#include "illp/client.hpp"
#include "illp/connection.hpp"
#include "illp/options.hpp"
#include "illp/server.hpp"

namespace llp::illp::test {

using namespace std::chrono_literals;
using namespace std::string_literals;

// Long enough for a loaded machine; only a test that fails waits for it.
inline constexpr auto kPatience = 60s;

[[nodiscard]] std::span<const std::uint8_t> bytes(std::string_view text);
[[nodiscard]] std::string text(std::span<const std::uint8_t> data);
// `size` bytes that differ along the way, none of them 02 or 18.
[[nodiscard]] std::string pattern(std::size_t size);

class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  [[nodiscard]] asio::any_io_executor executor() { return context_->get_executor(); }

  // Runs it in the loop's thread.
  template <class T>
  std::future<T> start(asio::awaitable<T> task) {
    return asio::co_spawn(*context_, std::move(task), asio::use_future);
  }
  template <class T>
  T run(asio::awaitable<T> task) {
    auto result = start(std::move(task));
    if (result.wait_for(kPatience) != std::future_status::ready) throw std::runtime_error("coroutine hangs");
    return result.get();
  }
  // Calls it in the loop's thread.
  void call(std::function<void()> function);
  // Ends the loop with whatever is suspended in it.
  void destroy();

 private:
  std::unique_ptr<asio::io_context> context_;
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> guard_;
  std::thread thread_;
};

// Two ends of one connection: `ours` for a Connection, `theirs` plain and blocking.
struct Pair {
  UniqueFd ours;
  UniqueFd theirs;
};
[[nodiscard]] Pair make_pair(Transport transport, const Options& options = {});

// A plain listener on loopback or a path; a plain connection.
struct RawListener {
  UniqueFd fd;
  Endpoint endpoint;
};
[[nodiscard]] RawListener raw_listen(Transport transport, int backlog = 8);
[[nodiscard]] UniqueFd raw_accept(int listener);
[[nodiscard]] UniqueFd raw_connect(const Endpoint& endpoint);

void raw_send(int fd, std::string_view data);
void raw_urgent(int fd, char byte);
void raw_finish(int fd);  // SHUT_WR
void raw_arm(int fd);
void raw_reset(UniqueFd& fd);  // armed close
bool wait_for(int fd, short events);

// What a plain peer reads: all data to the end, and how it ended. The socket
// reads inline; a mark's byte is in `urgent`.
struct RawResult {
  std::string data;    // since the last STX!
  std::string urgent;  // urgent bytes in order
  bool eof = false;    // else reset (err)
  int err = 0;
};
[[nodiscard]] RawResult raw_read_all(int fd);

// Runs `body` in a child that is then killed with SIGKILL; only system calls in there.
void in_killed_child(const std::function<void()>& body, const std::vector<int*>& close_in_parent);

// A directory for sockets.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  [[nodiscard]] std::string path(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
  std::string path_;
};
[[nodiscard]] TempDir& temp_dir();

// Short times for tests of time-outs, else the defaults.
[[nodiscard]] Options quick_options();

// Collects log lines.
class LogBook {
 public:
  [[nodiscard]] Logger logger();
  [[nodiscard]] bool contains(std::string_view part);

 private:
  std::mutex mutex_;
  std::vector<std::string> lines_;
};

// A server in a loop, and how to reach it.
class TestServer {
 public:
  TestServer(Transport transport, ServerOptions options, Handler handler);
  ~TestServer();
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  [[nodiscard]] const Endpoint& endpoint() const { return endpoint_; }
  [[nodiscard]] UniqueFd connect() const { return raw_connect(endpoint_); }
  [[nodiscard]] ServerCounters counters();
  [[nodiscard]] std::size_t active();
  // Until the counters (or the number active) satisfy it.
  void until(const std::function<bool(const Server&)>& condition);

  LogBook log;  // outlives the loop, where the last words are said
  Loop loop;
  std::unique_ptr<Server> server;

 private:
  Endpoint endpoint_;
};

// Answers every request with `prefix` + request.
[[nodiscard]] Handler echo(std::string prefix = {});

// For TEST_P over both transports.
[[nodiscard]] inline std::string transport_name(Transport t) { return t == Transport::tcp ? "tcp" : "local"; }

}  // namespace llp::illp::test
