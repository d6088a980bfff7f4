// SPDX-License-Identifier: BSD-3-Clause
#include "illp/support.hpp"

#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace llp::illp::test {

namespace {

[[noreturn]] void die(const char* what) {
  throw std::runtime_error(std::string(what) + ": " + errno_text(errno));
}

int poll_ms() { return static_cast<int>(std::chrono::milliseconds(kPatience).count()); }

}  // namespace

std::span<const std::uint8_t> bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string text(std::span<const std::uint8_t> data) { return {data.begin(), data.end()}; }

std::string pattern(std::size_t size) {
  std::string out(size, '\0');
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<char>(0x20 + (i * 7 + i / 251) % 0x5f);
  return out;
}

Loop::Loop() : context_(std::make_unique<asio::io_context>()) {
  guard_.emplace(asio::make_work_guard(*context_));
  thread_ = std::thread([context = context_.get()] { context->run(); });
}

Loop::~Loop() { destroy(); }

void Loop::call(std::function<void()> function) {
  auto done = asio::post(*context_, asio::use_future(std::move(function)));
  if (done.wait_for(kPatience) != std::future_status::ready) throw std::runtime_error("loop hangs");
  done.get();
}

void Loop::destroy() {
  if (!context_) return;
  guard_.reset();
  context_->stop();
  if (thread_.joinable()) thread_.join();
  context_.reset();
}

Pair make_pair(Transport transport, const Options& options) {
  Pair pair;
  if (transport == Transport::local) {
    int fds[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) die("socketpair");
    pair.ours.reset(fds[0]);
    pair.theirs.reset(fds[1]);
  } else {
    const RawListener listener = raw_listen(transport);
    pair.theirs = raw_connect(listener.endpoint);
    pair.ours = raw_accept(listener.fd.get());
  }
  if (!set_socket_options(pair.ours.get(), transport, options)) die("set_socket_options");
  return pair;
}

RawListener raw_listen(Transport transport, int backlog) {
  static std::atomic<int> number{0};
  RawListener listener;
  if (transport == Transport::local) {
    const std::string path = temp_dir().path("raw" + std::to_string(++number));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    listener.fd.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::bind(listener.fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) die("bind");
    listener.endpoint = UnixEndpoint{path};
  } else {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener.fd.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::bind(listener.fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) die("bind");
    socklen_t length = sizeof address;
    if (::getsockname(listener.fd.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0)
      die("getsockname");
    listener.endpoint = TcpEndpoint{"127.0.0.1", std::to_string(ntohs(address.sin_port))};
  }
  if (::listen(listener.fd.get(), backlog) != 0) die("listen");
  return listener;
}

UniqueFd raw_accept(int listener) {
  if (!wait_for(listener, POLLIN)) throw std::runtime_error("nobody connects");
  UniqueFd fd(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
  if (!fd) die("accept");
  return fd;
}

UniqueFd raw_connect(const Endpoint& endpoint) {
  UniqueFd fd;
  int rc = -1;
  if (const auto* local = std::get_if<UnixEndpoint>(&endpoint)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, local->path.data(), local->path.size());
    fd.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    rc = ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
  } else {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(std::get<TcpEndpoint>(endpoint).service)));
    fd.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    rc = ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
  }
  if (rc != 0) die("connect");
  return fd;
}

void raw_send(int fd, std::string_view data) {
  while (!data.empty()) {
    const ssize_t n = ::send(fd, data.data(), data.size(), MSG_NOSIGNAL);
    if (n < 0) die("send");
    data.remove_prefix(static_cast<std::size_t>(n));
  }
}

void raw_urgent(int fd, char byte) {
  if (::send(fd, &byte, 1, MSG_NOSIGNAL | MSG_OOB) != 1) die("send urgent");
}

void raw_finish(int fd) {
  // A server that refuses the request has perhaps reset it already: the reader will see.
  if (::shutdown(fd, SHUT_WR) != 0 && errno != ENOTCONN) die("shutdown");
}

void raw_arm(int fd) {
  const linger on{1, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &on, sizeof on);
}

void raw_reset(UniqueFd& fd) {
  raw_arm(fd.get());
  fd.reset();
}

bool wait_for(int fd, short events) {
  pollfd request{fd, events, 0};
  return ::poll(&request, 1, poll_ms()) == 1;
}

RawResult raw_read_all(int fd) {
  RawResult result;
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof on);
  std::vector<char> buffer(65536);
  for (;;) {
    if (!wait_for(fd, POLLIN)) throw std::runtime_error("the other end says nothing");
    int at_mark = 0;
    ::ioctl(fd, SIOCATMARK, &at_mark);
    const ssize_t n = ::recv(fd, buffer.data(), at_mark != 0 ? 1 : buffer.size(), 0);
    if (n < 0) {
      result.err = errno;
      return result;
    }
    if (n == 0) {
      result.eof = true;
      return result;
    }
    if (at_mark != 0) {
      result.urgent += buffer[0];
      if (buffer[0] == 0x02) result.data.clear();
    } else {
      result.data.append(buffer.data(), static_cast<std::size_t>(n));
    }
  }
}

void in_killed_child(const std::function<void()>& body, const std::vector<int*>& close_in_parent) {
  const pid_t child = ::fork();
  if (child < 0) die("fork");
  if (child == 0) {
    body();
    ::kill(::getpid(), SIGKILL);
    ::pause();
  }
  for (int* fd : close_in_parent) ::close(std::exchange(*fd, -1));
  int status = 0;
  if (::waitpid(child, &status, 0) != child) die("waitpid");
}

TempDir::TempDir() {
  std::string name = (std::filesystem::temp_directory_path() / "illp-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) die("mkdtemp");
  path_ = name;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

TempDir& temp_dir() {
  static TempDir dir;
  return dir;
}

Options quick_options() {
  Options options;
  options.connect_pause = 10ms;
  options.check = Check::none;
  return options;
}

Logger LogBook::logger() {
  return Logger(
      [this](LogLevel, std::string_view line) {
        const std::lock_guard lock(mutex_);
        lines_.emplace_back(line);
      },
      LogLevel::trace);
}

bool LogBook::contains(std::string_view part) {
  const std::lock_guard lock(mutex_);
  for (const std::string& line : lines_) {
    if (line.find(part) != std::string::npos) return true;
  }
  return false;
}

TestServer::TestServer(Transport transport, ServerOptions options, Handler handler) {
  static std::atomic<int> number{0};
  server = std::make_unique<Server>(loop.executor(), options, std::move(handler), log.logger());
  Endpoint at = TcpEndpoint{"127.0.0.1", "0"};
  if (transport == Transport::local) at = UnixEndpoint{temp_dir().path("srv" + std::to_string(++number))};
  const auto listening = loop.run(server->listen(at));
  if (!listening) throw std::runtime_error(listening.error().message);
  loop.call([&] {
    if (transport == Transport::tcp) at = TcpEndpoint{"127.0.0.1", std::to_string(server->ports().at(0))};
  });
  endpoint_ = at;
}

TestServer::~TestServer() {
  loop.call([this] { server.reset(); });
}

ServerCounters TestServer::counters() {
  ServerCounters copy;
  loop.call([&] { copy = server->counters(); });
  return copy;
}

std::size_t TestServer::active() {
  std::size_t n = 0;
  loop.call([&] { n = server->active(); });
  return n;
}

void TestServer::until(const std::function<bool(const Server&)>& condition) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  for (;;) {
    bool met = false;
    loop.call([&] { met = condition(*server); });
    if (met) return;
    if (std::chrono::steady_clock::now() > end) throw std::runtime_error("condition never met");
    std::this_thread::sleep_for(1ms);
  }
}

namespace {

asio::awaitable<void> answer(std::string prefix, std::shared_ptr<ServerTransaction> transaction) {
  const std::string reply = prefix + text(transaction->request());
  (void)co_await transaction->reply(bytes(reply));
}

}  // namespace

Handler echo(std::string prefix) {
  return [prefix](std::shared_ptr<ServerTransaction> t) { return answer(prefix, std::move(t)); };
}

}  // namespace llp::illp::test
