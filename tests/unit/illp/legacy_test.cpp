// SPDX-License-Identifier: BSD-3-Clause
// Applications as they were written for the original; peer/legacy_peer.c is one.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "illp/support.hpp"

namespace llp::illp::test {
namespace {

constexpr int kCancelled = 0x18;  // CAN, as the program says it

// One of these programs, between two pipes.
class LegacyPeer {
 public:
  LegacyPeer(const std::string& role, const std::string& argument) {
    std::array<int, 2> in{};
    std::array<int, 2> out{};
    if (::pipe2(in.data(), O_CLOEXEC) != 0 || ::pipe2(out.data(), O_CLOEXEC) != 0)
      throw std::runtime_error("pipe2");
    const UniqueFd its_in(in[0]);
    const UniqueFd its_out(out[1]);
    input_.reset(in[1]);
    output_.reset(out[0]);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, its_in.get(), STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, its_out.get(), STDOUT_FILENO);
    std::string program = LLP_LEGACY_PEER;
    std::string first = role;
    std::string second = argument;
    const std::array<char*, 4> words{program.data(), first.data(), second.data(), nullptr};
    const int error = ::posix_spawn(&pid_, program.c_str(), &actions, nullptr, words.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (error != 0) throw std::runtime_error(program + ": " + errno_text(error));
  }
  ~LegacyPeer() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  LegacyPeer(const LegacyPeer&) = delete;
  LegacyPeer& operator=(const LegacyPeer&) = delete;

  // The line that a server says first.
  std::string line() {
    std::string said;
    for (char c = 0; read_byte(c) && c != '\n';) said += c;
    return said;
  }
  // Gives it all of its standard input; what it then writes, to the end.
  std::string answer_to(std::string_view text) {
    while (!text.empty()) {
      const ssize_t n = ::write(input_.get(), text.data(), text.size());
      if (n <= 0) throw std::runtime_error("the program does not read");
      text.remove_prefix(static_cast<std::size_t>(n));
    }
    input_.reset();
    std::string said;
    for (char c = 0; read_byte(c);) said += c;
    return said;
  }
  // Its exit status, or -1 if a signal ended it.
  int wait() {
    int status = 0;
    if (::waitpid(std::exchange(pid_, -1), &status, 0) < 0) throw std::runtime_error("waitpid");
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  bool read_byte(char& c) {
    if (!wait_for(output_.get(), POLLIN)) throw std::runtime_error("the program says nothing");
    return ::read(output_.get(), &c, 1) == 1;
  }

  UniqueFd input_;
  UniqueFd output_;
  pid_t pid_ = -1;
};

class LegacyServer {
 public:
  explicit LegacyServer(int connections)
      : program_("server", std::to_string(connections)),
        endpoint_(TcpEndpoint{"127.0.0.1", program_.line()}) {}
  // The exit status of the last connection's process.
  int wait() { return program_.wait(); }
  [[nodiscard]] const Endpoint& endpoint() const { return endpoint_; }

 private:
  LegacyPeer program_;
  Endpoint endpoint_;
};

// shows: illp/D-9
TEST(Legacy, ApplicationAnswers) {
  LegacyServer application(2);
  Loop loop;
  const std::string request = pattern(20000);
  for (int i = 0; i < 2; ++i) {
    ClientTransaction client(loop.executor(), application.endpoint(), quick_options());
    const auto reply = loop.run(exchange(client, bytes(request), kPatience));
    ASSERT_TRUE(reply) << reply.error().error.message;
    EXPECT_EQ(text(*reply), "old:" + request);
    loop.call([&] { client.close(); });
  }
  EXPECT_EQ(application.wait(), 0);
}

// shows: illp/D-9 illp/7/sigurg
TEST(Legacy, ApplicationSeesRestart) {
  LegacyServer application(1);
  Loop loop;
  ClientTransaction client(loop.executor(), application.endpoint(), quick_options());
  ASSERT_TRUE(loop.run(client.connect()));
  const std::string voided = "void";
  const std::string kept = "kept";
  ASSERT_TRUE(loop.run(client.write(bytes(voided))));
  ASSERT_TRUE(loop.run(client.restart()));
  ASSERT_TRUE(loop.run(client.write(bytes(kept))));
  ASSERT_TRUE(loop.run(client.finish()));
  const auto reply = loop.run(client.reply(kPatience));
  ASSERT_TRUE(reply) << reply.error().error.message;
  EXPECT_EQ(text(*reply), "old:kept");
  EXPECT_EQ(application.wait(), 0);
  loop.call([&] { client.close(); });
}

// shows: illp/D-9 illp/7/sigurg
TEST(Legacy, ApplicationSeesCancel) {
  LegacyServer application(1);
  Loop loop;
  ClientTransaction client(loop.executor(), application.endpoint(), quick_options());
  ASSERT_TRUE(loop.run(client.connect()));
  const std::string part = "part";
  ASSERT_TRUE(loop.run(client.write(bytes(part))));
  loop.run(client.cancel());
  EXPECT_EQ(application.wait(), kCancelled);
}

// The old client: connects, writes, half-closes, reads with SIGURG armed.
struct Called {
  std::string reply;
  int status = -1;
};
Called legacy_client(const Endpoint& endpoint, std::string_view request) {
  LegacyPeer program("client", std::get<TcpEndpoint>(endpoint).service);
  Called called;
  called.reply = program.answer_to(request);
  called.status = program.wait();
  return called;
}

asio::awaitable<void> restart_then_reply(std::shared_ptr<ServerTransaction> tx) {
  const std::string voided = "void";
  (void)co_await tx->write(bytes(voided));
  (void)co_await tx->restart();
  const std::string kept = "kept";
  (void)co_await tx->reply(bytes(kept));
}

asio::awaitable<void> shared_part_then_cancel(std::shared_ptr<ServerTransaction> tx) {
  const std::string part = "part";
  (void)co_await tx->write(bytes(part));
  co_await tx->cancel("as the test wants");
}

// shows: illp/D-9
TEST(Legacy, ClientIsServed) {
  ServerOptions options;
  options.illp = quick_options();
  const std::string request = pattern(20000);
  {
    const TestServer server(Transport::tcp, options, echo("new:"));
    const Called called = legacy_client(server.endpoint(), request);
    EXPECT_EQ(called.status, 0);
    EXPECT_EQ(called.reply, "new:" + request);
  }
  {
    const TestServer server(Transport::tcp, options, restart_then_reply);
    const Called called = legacy_client(server.endpoint(), request);
    EXPECT_EQ(called.status, 0);
    EXPECT_EQ(called.reply, "kept");
  }
  {
    const TestServer server(Transport::tcp, options, shared_part_then_cancel);
    EXPECT_EQ(legacy_client(server.endpoint(), request).status, kCancelled);
  }
}

}  // namespace
}  // namespace llp::illp::test
