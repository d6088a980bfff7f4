// SPDX-License-Identifier: BSD-3-Clause
#include "libllp/socket_stream.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/pollable.hpp"

namespace llp::detail {

namespace {

bool again(int err) noexcept { return err == EAGAIN || err == EWOULDBLOCK || err == EINTR; }

// The socket, kept by the calls under way.
struct Socket {
  Socket(const asio::any_io_executor& executor, Dialled from)
      : pollable(executor, std::move(from.fd)), name(std::move(from.peer)) {}
  Pollable pollable;
  std::string name;
  bool left = false;  // disconnect()

  std::unexpected<Error> over() const {
    return left ? fail(Errc::closed, name + ": the connection was ended on this side")
                : fail(Errc::cancelled, name + ": the connection was closed");
  }

  // What the peer sent and nobody will read would make the kernel throw away what we sent: it is read away
  // first.
  void end() noexcept {
    const int fd = pollable.fd();
    if (fd < 0) return;
    static_cast<void>(::shutdown(fd, SHUT_WR));
    std::array<std::uint8_t, 4096> sink;  // NOLINT(cppcoreguidelines-pro-type-member-init): written by recv
    for (int i = 0; i < 256 && ::recv(fd, sink.data(), sink.size(), MSG_DONTWAIT) > 0; ++i) {
    }
    pollable.close();
  }

  static asio::awaitable<Result<io::ReadResult>> read(std::shared_ptr<Socket> self,
                                                      std::span<std::uint8_t> bytes,
                                                      std::span<std::uint8_t> flags) {
    while (self->pollable.fd() >= 0) {
      const ssize_t n = ::recv(self->pollable.fd(), bytes.data(), bytes.size(), MSG_DONTWAIT);
      if (n > 0) {
        const auto size = static_cast<std::size_t>(n);
        std::ranges::fill(flags.first(size), std::uint8_t{0});
        co_return io::ReadResult{.size = size};
      }
      if (n == 0) co_return fail(Errc::closed, self->name + ": the other end closed the connection");
      if (!again(errno)) co_return fail_errno(self->name);
      co_await self->pollable.wait(POLLIN, Clock::time_point::max());
    }
    co_return self->over();
  }

  static asio::awaitable<Result<void>> write(std::shared_ptr<Socket> self,
                                             std::span<const std::uint8_t> bytes) {
    while (self->pollable.fd() >= 0) {
      if (bytes.empty()) co_return Result<void>();
      const ssize_t n = ::send(self->pollable.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n >= 0) {
        bytes = bytes.subspan(static_cast<std::size_t>(n));
        continue;
      }
      if (!again(errno)) co_return fail_errno(self->name);
      co_await self->pollable.wait(POLLOUT, Clock::time_point::max());
    }
    co_return self->over();
  }
};

class SocketStream final : public io::ByteStream {
 public:
  explicit SocketStream(std::shared_ptr<Socket> socket) : socket_(std::move(socket)) {}
  ~SocketStream() override { SocketStream::close(); }

  asio::awaitable<Result<void>> open() override { co_return Result<void>(); }
  asio::awaitable<Result<io::ReadResult>> read_some(std::span<std::uint8_t> bytes,
                                                    std::span<std::uint8_t> flags) override {
    return Socket::read(socket_, bytes, flags);
  }
  asio::awaitable<Result<void>> write(std::span<const std::uint8_t> bytes) override {
    return Socket::write(socket_, bytes);
  }
  // What the kernel took is as good as sent.
  asio::awaitable<Result<void>> wait_empty() override { co_return Result<void>(); }
  std::chrono::nanoseconds char_time() const noexcept override { return std::chrono::nanoseconds(0); }
  void disconnect() noexcept override {
    socket_->left = true;
    socket_->end();
  }
  void close() noexcept override { socket_->end(); }
  std::string describe() const override { return socket_->name; }

 private:
  std::shared_ptr<Socket> socket_;
};

}  // namespace

std::unique_ptr<io::ByteStream> make_socket_stream(const asio::any_io_executor& executor, Dialled socket) {
  return std::make_unique<SocketStream>(std::make_shared<Socket>(executor, std::move(socket)));
}

}  // namespace llp::detail
