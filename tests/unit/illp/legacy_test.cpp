// SPDX-License-Identifier: BSD-3-Clause
// Applications as they were written for the original: a process for each
// connection, not armed, urgent bytes not inline but by SIGURG and
// recv(MSG_OOB), plain read() and write().
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csetjmp>
#include <csignal>

#include "illp/support.hpp"

namespace llp::illp::test {
namespace {

// In the child only: where the handler jumps to, and what it got.
// NOLINTBEGIN(cppcoreguidelines-avoid-non-const-global-variables): a handler of signals gets nothing else
sigjmp_buf urgent_jump;
int urgent_fd = -1;
volatile sig_atomic_t urgent_value = 0;
// NOLINTEND(cppcoreguidelines-avoid-non-const-global-variables)

void on_urgent(int) {
  char byte = 0;
  if (::recv(urgent_fd, &byte, 1, MSG_OOB) != 1) return;
  urgent_value = static_cast<unsigned char>(byte);
  siglongjmp(urgent_jump, 1);
}

void catch_urgent(int fd) {
  urgent_fd = fd;
  struct sigaction action{};
  action.sa_handler = on_urgent;
  ::sigaction(SIGURG, &action, nullptr);
  ::fcntl(fd, F_SETOWN, ::getpid());
}

// Reads a message to its end; STX starts it again, CAN ends the process.
std::size_t read_message(int fd, char* buffer, std::size_t size) {
  volatile std::size_t length = 0;
  if (sigsetjmp(urgent_jump, 1) != 0) {
    if (urgent_value == 0x18) ::_exit(18);
    // What lies before the mark is void: read up to it.
    while (::sockatmark(fd) == 0) {
      char sink[512];
      if (::read(fd, sink, sizeof sink) <= 0) break;
    }
    length = 0;
  } else {
    catch_urgent(fd);  // not earlier: the handler needs somewhere to jump to
    // What came before there was a handler sent no signal.
    pollfd notice{fd, POLLPRI, 0};
    if (::poll(&notice, 1, 0) == 1 && (notice.revents & POLLPRI) != 0) (void)::raise(SIGURG);
  }
  for (;;) {
    const ssize_t n = ::read(fd, buffer + length, size - length);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    length = length + static_cast<std::size_t>(n);
  }
  return length;
}

void answer_once(int fd) {
  static char buffer[65536];
  const std::size_t length = read_message(fd, buffer, sizeof buffer);
  if (::write(fd, "old:", 4) != 4) ::_exit(1);
  if (::write(fd, buffer, length) != static_cast<ssize_t>(length)) ::_exit(1);
  ::_exit(0);  // close() by the end of the process, as they did
}

class LegacyServer {
 public:
  explicit LegacyServer(int connections) : listener_(raw_listen(Transport::tcp)), parent_(::fork()) {
    if (parent_ != 0) return;
    int status = 0;
    for (int i = 0; i < connections; ++i) {
      const int fd = ::accept(listener_.fd.get(), nullptr, nullptr);
      const pid_t child = ::fork();
      if (child == 0) answer_once(fd);
      ::close(fd);
      int one = 0;
      ::waitpid(child, &one, 0);
      status = WIFEXITED(one) ? WEXITSTATUS(one) : 99;
    }
    ::_exit(status);
  }
  // The exit status of the last connection's process.
  int wait() {
    int status = 0;
    ::waitpid(std::exchange(parent_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  ~LegacyServer() {
    if (parent_ <= 0) return;
    ::kill(parent_, SIGKILL);
    ::waitpid(parent_, nullptr, 0);
  }
  LegacyServer(const LegacyServer&) = delete;
  LegacyServer& operator=(const LegacyServer&) = delete;
  [[nodiscard]] const Endpoint& endpoint() const { return listener_.endpoint; }

 private:
  RawListener listener_;
  pid_t parent_ = -1;
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
  EXPECT_EQ(application.wait(), 18);
}

// The old client: connects, writes, half-closes, reads with SIGURG armed.
int legacy_client(const Endpoint& endpoint, std::string_view request, std::string_view expected) {
  const pid_t child = ::fork();
  if (child == 0) {
    static char buffer[65536];
    const int fd = raw_connect(endpoint).release();
    raw_send(fd, request);
    raw_finish(fd);
    const std::size_t length = read_message(fd, buffer, sizeof buffer);
    ::_exit(std::string_view(buffer, length) == expected ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

asio::awaitable<void> restart_then_reply(std::shared_ptr<ServerTransaction> tx) {
  const std::string voided = "void";
  (void)co_await tx->write(bytes(voided));
  (void)co_await tx->restart();
  const std::string kept = "kept";
  (void)co_await tx->reply(bytes(kept));
}

asio::awaitable<void> part_then_cancel(std::shared_ptr<ServerTransaction> tx) {
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
    TestServer server(Transport::tcp, options, echo("new:"));
    EXPECT_EQ(legacy_client(server.endpoint(), request, "new:" + request), 0);
  }
  {
    TestServer server(Transport::tcp, options, restart_then_reply);
    EXPECT_EQ(legacy_client(server.endpoint(), request, "kept"), 0);
  }
  {
    TestServer server(Transport::tcp, options, part_then_cancel);
    EXPECT_EQ(legacy_client(server.endpoint(), request, "never"), 18);
  }
}

}  // namespace
}  // namespace llp::illp::test
