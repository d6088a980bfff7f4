// SPDX-License-Identifier: BSD-3-Clause
// A line over a TCP or UNIX stream that we connect.
#include <fmt/format.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>
#include <variant>

#include "io/socket_util.hpp"

namespace llp::io {

namespace {

using Clock = asio::steady_timer::clock_type;

class ConnectStream final : public SocketBase {
 public:
  ConnectStream(const asio::any_io_executor& executor, const LineSpec& spec, StreamOptions options,
                Logger logger)
      : SocketBase(executor, io::describe(spec), std::move(options), std::move(logger)),
        spec_(spec),
        back_off_(options_.backoff_min, options_.backoff_max) {}

 protected:
  asio::awaitable<Result<void>> connect() override;
  void clean_up() override {
    if (connecting_) connecting_->end(closed_error());
  }

 private:
  asio::awaitable<Result<std::vector<SocketAddress>>> addresses();
  asio::awaitable<Result<void>> connect_to(SocketAddress address);
  asio::awaitable<Result<void>> connect_to_any();
  void say(const Error& error);

  LineSpec spec_;
  BackOff back_off_;
  Clock::time_point next_attempt_ = Clock::time_point::min();
  std::shared_ptr<SocketChannel> connecting_;
  std::string said_;  // the trouble that the log knows of
};

asio::awaitable<Result<std::vector<SocketAddress>>> ConnectStream::addresses() {
  if (const auto* local = std::get_if<UnixConnect>(&spec_)) {
    const auto address = unix_address(local->path);
    if (!address) co_return std::unexpected(address.error());
    co_return std::vector<SocketAddress>{*address};
  }
  const auto& tcp = std::get<TcpConnect>(spec_);
  auto lookup = [host = tcp.host, service = tcp.service] { return resolve_tcp(host, service, false); };
  co_return co_await options_.pool->run(std::move(lookup));
}

asio::awaitable<Result<void>> ConnectStream::connect_to(SocketAddress address) {
  const std::string what = fmt::format("cannot connect to {}", to_string(address));
  UniqueFd fd(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) co_return fail_errno(what);
  if (address.storage.ss_family != AF_UNIX) set_tcp_options(fd.get(), options_);
  const int err = ::connect(fd.get(), address.get(), address.size) == 0 ? 0 : errno;
  if (err != 0 && err != EINPROGRESS) co_return fail_errno(what, err);
  auto channel = std::make_shared<SocketChannel>(executor_, fd.get());
  static_cast<void>(fd.release());
  if (err == EINPROGRESS) {
    asio::steady_timer timer(executor_, options_.connect_timeout);
    const std::weak_ptr<SocketChannel> weak = channel;
    timer.async_wait([weak, what](const asio::error_code& ec) {
      const auto c = weak.lock();
      if (!ec && c) c->end(Error{Errc::timeout, what + ": no answer in time", ETIMEDOUT});
    });
    connecting_ = channel;
    const bool ready = co_await channel->wait(asio::posix::descriptor_base::wait_write);
    connecting_.reset();
    if (auto why = stopped(*channel)) co_return std::unexpected(std::move(*why));
    if (!ready) co_return fail(Errc::cancelled, "connecting was cancelled");
    int result = 0;
    socklen_t size = sizeof result;
    if (::getsockopt(channel->fd(), SOL_SOCKET, SO_ERROR, &result, &size) != 0) result = errno;
    if (result != 0) co_return fail_errno(what, result);
  }
  channel_ = std::move(channel);
  co_return Result<void>();
}

asio::awaitable<Result<void>> ConnectStream::connect_to_any() {
  const Result<std::vector<SocketAddress>> found = co_await addresses();
  if (!found) co_return std::unexpected(found.error());
  Result<void> result;
  for (const auto& address : *found) {
    if (closed_) co_return std::unexpected(closed_error());
    result = co_await connect_to(address);
    if (result || result.error().code == Errc::cancelled) break;
  }
  co_return result;
}

// A peer that is away for a night is one line in the log.
void ConnectStream::say(const Error& error) {
  if (error.message == said_) {
    logger_.debug("{}; trying again", error.message);
  } else {
    logger_.warning("{}; trying again", error.message);
    said_ = error.message;
  }
}

asio::awaitable<Result<void>> ConnectStream::connect() {
  // After a connection that was good, at once, but never faster than the
  // shortest back-off; after our own disconnect() without delay.
  if (!lost_early_) back_off_.reset();
  if (!lost_) next_attempt_ = Clock::time_point::min();
  while (!closed_) {
    const auto now = Clock::now();
    if (now < next_attempt_) {
      co_await sleep(next_attempt_ - now);
      if (closed_) break;
    }
    const Result<void> result = co_await connect_to_any();
    next_attempt_ = Clock::now() + back_off_.next();
    if (closed_) break;
    if (result) {
      if (!said_.empty()) logger_.notice("connected to {}", name_);
      said_.clear();
      co_return Result<void>();
    }
    if (result.error().code == Errc::cancelled || result.error().code == Errc::invalid) co_return result;
    say(result.error());
  }
  co_return std::unexpected(closed_error());
}

}  // namespace

StreamResult make_connect(const asio::any_io_executor& executor, const LineSpec& spec, StreamOptions options,
                          Logger logger) {
  if (const auto* tcp = std::get_if<TcpConnect>(&spec)) {
    if (tcp->host.empty()) return fail(Errc::invalid, "a TCP line that we connect needs a host");
    if (auto checked = check_service(tcp->service); !checked) return std::unexpected(checked.error());
  } else if (auto address = unix_address(std::get<UnixConnect>(spec).path); !address) {
    return std::unexpected(address.error());
  }
  return std::make_shared<ConnectStream>(executor, spec, std::move(options), std::move(logger));
}

}  // namespace llp::io
