// SPDX-License-Identifier: BSD-3-Clause
// A line over a TCP or UNIX stream that we listen for. One peer at a time: a
// new connection replaces the old one, since a terminal server or an instrument
// that was switched off and on comes again long before its old connection
// times out.
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/system_error.hpp>
#include <cerrno>
#include <cstring>
#include <utility>
#include <variant>

#include "base/log_limit.hpp"
#include "io/socket_util.hpp"

namespace llp::io {

namespace {

// Out of descriptors or memory: before trying to accept again.
constexpr std::chrono::milliseconds kAcceptPause{500};

class ListenStream final : public SocketBase {
 public:
  ListenStream(const asio::any_io_executor& executor, const LineSpec& spec, StreamOptions options,
               Logger logger)
      : SocketBase(executor, io::describe(spec), std::move(options), std::move(logger)) {
    if (const auto* local = std::get_if<UnixListen>(&spec)) path_ = local->path;
  }
  ~ListenStream() override { remove_path(); }

  std::string local_name() const override { return local_name_; }

  // Takes the listeners into use.
  static void start(const std::shared_ptr<ListenStream>& self, std::vector<UniqueFd> listeners);

 protected:
  asio::awaitable<Result<void>> connect() override;
  void clean_up() override;

 private:
  static asio::awaitable<void> accept(std::shared_ptr<ListenStream> self, std::shared_ptr<Channel> listener);
  void accepted(UniqueFd fd);
  bool allowed(const SocketAddress& peer);
  void remove_path();

  std::string local_name_;
  std::string path_;
  struct stat made_{};  // the socket at path_
  std::vector<std::shared_ptr<Channel>> listeners_;
  std::shared_ptr<SocketChannel> next_;  // accepted, not opened yet
  LogLimit not_allowed_log_;
};

void ListenStream::start(const std::shared_ptr<ListenStream>& self, std::vector<UniqueFd> listeners) {
  self->local_name_ =
      self->path_.empty() ? to_string(address_of_socket(listeners.front().get())) : self->path_;
  if (!self->path_.empty()) ::lstat(self->path_.c_str(), &self->made_);
  for (auto& fd : listeners) {
    auto listener = std::make_shared<Channel>(self->executor_, fd.get());
    static_cast<void>(fd.release());
    self->listeners_.push_back(listener);
    asio::co_spawn(self->executor_, accept(self, std::move(listener)), asio::detached);
  }
}

asio::awaitable<void> ListenStream::accept(std::shared_ptr<ListenStream> self,
                                           std::shared_ptr<Channel> listener) {
  while (!self->stopped(*listener)) {
    UniqueFd fd(::accept4(listener->fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    const int err = errno;
    if (fd) {
      try {
        self->accepted(std::move(fd));
      } catch (const asio::system_error& e) {
        self->logger_.warning("cannot serve a connection on {}: {}", self->local_name_, e.what());
      }
    } else if (err == EMFILE || err == ENFILE || err == ENOBUFS || err == ENOMEM || err == EINVAL) {
      self->logger_.warning("cannot accept a connection on {}: {}", self->local_name_, errno_text(err));
      co_await listener->sleep(kAcceptPause);
      continue;
    }
    // One at a time, so that a flood does not keep the others waiting.
    co_await listener->wait(asio::posix::descriptor_base::wait_read);
  }
}

bool ListenStream::allowed(const SocketAddress& peer) {
  if (!path_.empty() || options_.allow.allows(peer.storage)) return true;
  if (const auto silent = not_allowed_log_.happened()) {
    logger_.warning("{}: connection refused: allow does not have this address{}", to_string(peer),
                    and_more(*silent));
  }
  if (options_.refused) options_.refused();
  return false;
}

void ListenStream::accepted(UniqueFd fd) {
  const SocketAddress address = address_of_peer(fd.get());
  if (!allowed(address)) {
    const linger at_once{1, 0};
    (void)::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    return;
  }
  const std::string peer = to_string(address);
  if (path_.empty()) set_tcp_options(fd.get(), options_);
  auto next = std::make_shared<SocketChannel>(executor_, fd.get());
  static_cast<void>(fd.release());
  if (channel_ && !channel_->ended()) {
    logger_.notice("a new connection from {} replaces the old one", peer);
    channel_->end(
        Error{Errc::reset, fmt::format("{}: replaced by a new connection from {}", name_, peer), 0});
  } else {
    logger_.info("connection from {}", peer);
  }
  next_ = std::move(next);
  wake();
}

asio::awaitable<Result<void>> ListenStream::connect() {
  while (!closed_ && !next_) co_await sleep(std::chrono::nanoseconds::max());
  if (closed_) co_return std::unexpected(closed_error());
  channel_ = std::exchange(next_, nullptr);
  co_return Result<void>();
}

void ListenStream::clean_up() {
  for (const auto& listener : listeners_) listener->shut(closed_error());
  listeners_.clear();
  next_.reset();
  remove_path();
}

// Only what we have made: another process may have put its own there since.
void ListenStream::remove_path() {
  struct stat now{};
  if (made_.st_ino != 0 && ::lstat(path_.c_str(), &now) == 0 && now.st_dev == made_.st_dev &&
      now.st_ino == made_.st_ino) {
    ::unlink(path_.c_str());
  }
  made_ = {};
}

}  // namespace

StreamResult make_listen(const asio::any_io_executor& executor, const LineSpec& spec, StreamOptions options,
                         Logger logger) {
  std::vector<UniqueFd> listeners;
  if (const auto* tcp = std::get_if<TcpListen>(&spec)) {
    if (auto checked = check_service(tcp->service); !checked) return std::unexpected(checked.error());
    auto made = listen_tcp(tcp->bind, tcp->service);
    if (!made) return std::unexpected(made.error());
    listeners = std::move(*made);
  } else {
    auto made = listen_unix(std::get<UnixListen>(spec).path, options.socket_mode);
    if (!made) return std::unexpected(made.error());
    listeners.push_back(std::move(*made));
  }
  auto stream = std::make_shared<ListenStream>(executor, spec, std::move(options), std::move(logger));
  ListenStream::start(stream, std::move(listeners));
  return stream;
}

}  // namespace llp::io
