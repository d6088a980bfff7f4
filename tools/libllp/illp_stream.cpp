// SPDX-License-Identifier: BSD-3-Clause
#include "llp/illp_stream.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <optional>
#include <utility>

#include "illp/net.hpp"
#include "libllp/dial.hpp"
#include "libllp/run.hpp"
#include "libllp/setup.hpp"

namespace llp {

namespace {

using detail::Clock;

Result<illp::Options> options_of(const ClientOptions& options) {
  if (!options.settings.empty() || !options.peer.empty()) {
    return llp::fail(Errc::invalid, "ILLP has no protocol parameters to set");
  }
  return detail::illp_options(options.timeout, options.max_message, options.urgent);
}

}  // namespace

class IllpStream::Buffer final : public std::streambuf {
 public:
  enum class Side : std::uint8_t { calling, called };

  // The connection lives in the buffer's own context.
  Buffer(Side side, illp::Options options, std::chrono::milliseconds timeout)
      : side_(side), options_(std::move(options)), timeout_(timeout) {
    setp(out_.data(), out_.data() + out_.size());
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() override {
    cancel();
    connection_.reset();
    io_.restart();
    io_.poll();
  }

  [[nodiscard]] asio::io_context& context() noexcept { return io_; }
  void attach(detail::Dialled socket) {
    connection_.emplace(io_.get_executor(), std::move(socket.fd), socket.transport, std::move(socket.peer));
  }

  [[nodiscard]] Event event() const noexcept { return event_; }
  [[nodiscard]] const Error& error() const noexcept { return error_; }

  Result<void> restart() {
    if (!connection_->is_open() || connection_->write_ended()) {
      return llp::fail(Errc::invalid, "restart() after the own message has ended");
    }
    setp(out_.data(), out_.data() + out_.size());
    if (!illp::uses_urgent(*connection_, options_)) {
      connection_->abort();
      return llp::fail(Errc::cancelled,
                       connection_->peer() + ": without urgent data the connection is reset");
    }
    return detail::run(io_, connection_->send_urgent(illp::Urgent::stx, deadline()));
  }

  Result<void> finish() {
    if (!connection_->is_open() || connection_->write_ended()) {
      return llp::fail(Errc::invalid, "finish() after the own message has ended");
    }
    if (side_ == Side::called && !read_end_) {
      return llp::fail(Errc::invalid, connection_->peer() + ": the request was not read to its end");
    }
    if (auto written = flush(); !written) return written;
    if (auto ended = connection_->half_close(); !ended) return ended;
    return end_if_complete();
  }

  void cancel() {
    if (!connection_ || !connection_->is_open()) return;
    detail::run(io_, illp::cancel_connection(*connection_, options_));
  }

 protected:
  int_type underflow() override {
    if (read_end_) return traits_type::eof();
    if (event_ == Event::cancelled) throw Cancelled();
    setg(in_.data(), in_.data(), in_.data());
    const auto room = std::span(reinterpret_cast<std::uint8_t*>(in_.data()), in_.size());
    auto got = detail::run(io_, connection_->read(room, deadline()));
    if (!got) broken(std::move(got.error()));
    switch (got->kind) {
      case illp::Input::data: break;
      case illp::Input::restart: event_ = Event::restarted; throw Restarted();
      case illp::Input::cancel: cancelled();
      case illp::Input::end: {
        read_end_ = true;
        event_ = Event::none;
        if (auto ended = end_if_complete(); !ended) broken(std::move(ended.error()));
        return traits_type::eof();
      }
    }
    event_ = Event::none;
    setg(in_.data(), in_.data(), in_.data() + got->size);
    return traits_type::to_int_type(*gptr());
  }

  int_type overflow(int_type c) override {
    if (auto written = flush(); !written) broken(std::move(written.error()));
    if (traits_type::eq_int_type(c, traits_type::eof())) return traits_type::not_eof(c);
    *pptr() = traits_type::to_char_type(c);
    pbump(1);
    return c;
  }

  int sync() override {
    if (auto written = flush(); !written) broken(std::move(written.error()));
    return 0;
  }

 private:
  [[nodiscard]] Clock::time_point deadline() const { return Clock::now() + timeout_; }

  [[noreturn]] void cancelled() {
    event_ = Event::cancelled;
    connection_->abort();
    throw Cancelled();
  }
  [[noreturn]] void broken(Error error) {
    if (event_ == Event::cancelled) throw Cancelled();
    event_ = Event::broken;
    error_ = error;
    connection_->abort();
    throw Broken(std::move(error));
  }

  // Both ends have come: what is queued is delivered in the background.
  Result<void> end_if_complete() {
    if (!read_end_ || !connection_->write_ended()) return {};
    if (auto disarmed = connection_->disarm(); !disarmed) return disarmed;
    connection_->close();
    return {};
  }

  // A failed send may be the shadow of a CAN! that waits to be read.
  void look_for_cancel() {
    std::array<std::uint8_t, 512> sink;  // NOLINT(cppcoreguidelines-pro-type-member-init): written by recv
    while (const auto got = connection_->try_read(sink)) {
      if (got->kind == illp::Input::cancel) event_ = Event::cancelled;
      if (got->kind == illp::Input::cancel || got->kind == illp::Input::end) return;
    }
  }

  Result<void> flush() {
    auto left =
        std::span(reinterpret_cast<const std::uint8_t*>(pbase()), static_cast<std::size_t>(pptr() - pbase()));
    setp(out_.data(), out_.data() + out_.size());
    if (left.empty()) return {};
    if (!connection_->is_open() || connection_->write_ended()) {
      return llp::fail(Errc::invalid, "writing after the own message has ended");
    }
    auto limit = deadline();
    while (!left.empty()) {
      const auto sent = connection_->try_send(left);
      if (!sent) {
        look_for_cancel();
        return std::unexpected(sent.error());
      }
      if (*sent > 0) {
        left = left.subspan(*sent);
        limit = deadline();
        continue;
      }
      if (detail::run(io_, connection_->wait(POLLOUT, limit)) == 0) {
        return llp::fail(Errc::timeout, connection_->peer() + ": takes no more of the message");
      }
    }
    return {};
  }

  asio::io_context io_{1};
  std::optional<illp::Connection> connection_;
  Side side_;
  illp::Options options_;
  std::chrono::milliseconds timeout_;
  std::array<char, 8192> in_{};
  std::array<char, 8192> out_{};
  bool read_end_ = false;
  Event event_ = Event::none;
  Error error_;
};

IllpStream::IllpStream(std::unique_ptr<Buffer> buffer)
    : std::iostream(buffer.get()), buffer_(std::move(buffer)) {}
IllpStream::~IllpStream() {
  exceptions(std::ios::goodbit);  // a stream without a buffer is bad, which is no news here
  rdbuf(nullptr);
}

Result<std::unique_ptr<IllpStream>> IllpStream::connect(const Address& address,
                                                        const ClientOptions& options) {
  const auto illp = options_of(options);
  if (!illp) return std::unexpected(illp.error());
  auto buffer = std::make_unique<Buffer>(Buffer::Side::calling, *illp, options.timeout);
  auto socket = detail::run(buffer->context(), detail::dial(address, *illp, Clock::now() + options.timeout));
  if (!socket) return std::unexpected(std::move(socket.error()));
  buffer->attach(std::move(*socket));
  return std::unique_ptr<IllpStream>(new IllpStream(std::move(buffer)));
}

Result<std::unique_ptr<IllpStream>> IllpStream::connect(std::string_view address,
                                                        const ClientOptions& options) {
  const auto parsed = parse_address(address);
  if (!parsed) return std::unexpected(parsed.error());
  return connect(*parsed, options);
}

Result<std::unique_ptr<IllpStream>> IllpStream::accepted(int socket, const ClientOptions& options) {
  UniqueFd fd(socket);
  const auto illp = options_of(options);
  if (!illp) return std::unexpected(illp.error());
  illp::Address peer;
  peer.length = sizeof peer.storage;
  // NOLINTNEXTLINE: the socket interface's own idiom
  if (::getpeername(fd.get(), reinterpret_cast<sockaddr*>(&peer.storage), &peer.length) != 0) {
    return fail_errno("not a connected socket");
  }
  peer.transport = peer.storage.ss_family == AF_UNIX ? illp::Transport::local : illp::Transport::tcp;
  if (auto set = illp::set_socket_options(fd.get(), peer.transport, *illp); !set) {
    return std::unexpected(std::move(set.error()));
  }
  auto buffer = std::make_unique<Buffer>(Buffer::Side::called, *illp, options.timeout);
  std::string name = illp::peer_text(fd.get(), peer, {});
  buffer->attach(detail::Dialled{std::move(fd), peer.transport, std::move(name)});
  return std::unique_ptr<IllpStream>(new IllpStream(std::move(buffer)));
}

IllpStream::Event IllpStream::event() const noexcept { return buffer_->event(); }
const Error& IllpStream::error() const noexcept { return buffer_->error(); }
Result<void> IllpStream::restart() { return buffer_->restart(); }
Result<void> IllpStream::finish() { return buffer_->finish(); }
void IllpStream::cancel() { buffer_->cancel(); }

}  // namespace llp
