// SPDX-License-Identifier: BSD-3-Clause
#include "illp/connection.hpp"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

// After <sys/ioctl.h>: SIOCATMARK of the kernel's own header.
#include <linux/sockios.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <utility>

namespace llp::illp {

namespace {

constexpr int kSendFlags = MSG_NOSIGNAL | MSG_DONTWAIT;

// Rest when poll(2) and recv(2) disagree about there being data.
constexpr auto kDisagreementRest = std::chrono::milliseconds(10);

bool would_block(int err) noexcept { return err == EAGAIN || err == EWOULDBLOCK || err == EINTR; }

// CAN! must find room behind a reader that does not read: the last resort on
// UNIX sockets, where nothing else tells an end from a cut.
void make_room(int fd) noexcept {
  int size = 0;
  socklen_t length = sizeof size;
  if (::getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, &length) != 0) return;
  (void)::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);  // the kernel doubles what is asked
}

// 1 sent, 0 no room, -1 error in errno.
int send_urgent_now(int fd, Urgent byte, bool insist) noexcept {
  const auto value = static_cast<std::uint8_t>(byte);
  for (int attempt = 0; attempt < 2; ++attempt) {
    if (::send(fd, &value, 1, kSendFlags | MSG_OOB) == 1) return 1;
    if (!would_block(errno)) return -1;
    if (!insist) break;
    make_room(fd);
  }
  return 0;
}

asio::awaitable<short> at_once(short events) { co_return events; }

// The socket itself.
class PlainWire final : public Wire {
 public:
  explicit PlainWire(int fd) noexcept : fd_(fd) {}

  Result<InputEvent> receive(std::span<std::uint8_t> buffer) override {
    for (;;) {
      // Asked after poll said that there is input, never before: what is
      // readable now is either the mark itself or lies before it, and recv stops
      // at a mark that arrives in between.
      int at_mark = 0;
      if (::ioctl(fd_, SIOCATMARK, &at_mark) != 0) at_mark = 0;
      const ssize_t n = ::recv(fd_, buffer.data(), at_mark != 0 ? 1 : buffer.size(), MSG_DONTWAIT);
      if (n < 0) {
        const int err = errno;
        if (would_block(err)) return fail(Errc::busy, "nothing to read");
        return std::unexpected(Error{errc_of(err), errno_text(err), err});
      }
      if (n == 0) return InputEvent{Input::end, 0};
      if (at_mark == 0) return InputEvent{Input::data, static_cast<std::size_t>(n)};
      if (buffer[0] == static_cast<std::uint8_t>(Urgent::stx)) return InputEvent{Input::restart, 0};
      if (buffer[0] == static_cast<std::uint8_t>(Urgent::can)) return InputEvent{Input::cancel, 0};
      ++unknown_urgent_;  // dropped: neither data nor void of anything (D-2)
    }
  }

  Result<std::size_t> send(std::span<const std::uint8_t> bytes) override {
    const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), kSendFlags);
    if (n >= 0) return static_cast<std::size_t>(n);
    const int err = errno;
    if (would_block(err)) return std::size_t{0};
    return std::unexpected(Error{errc_of(err), errno_text(err), err});
  }

  Result<void> end() override {
    if (::shutdown(fd_, SHUT_WR) == 0) return {};
    const int err = errno;
    // The kernel's word for a connection that a reset has taken away.
    if (err == ENOTCONN) return fail(Errc::reset, "connection reset by the peer");
    return std::unexpected(Error{errc_of(err), errno_text(err), err});
  }

  bool plain() const noexcept override { return true; }
  std::uint64_t unknown_urgent() const noexcept override { return unknown_urgent_; }

 private:
  int fd_;
  std::uint64_t unknown_urgent_ = 0;
};

}  // namespace

Connection::Connection(asio::any_io_executor executor, UniqueFd fd, Transport transport, std::string peer,
                       std::unique_ptr<Wire> wire)
    : pollable_(std::move(executor), std::move(fd)),
      wire_(wire ? std::move(wire) : std::make_unique<PlainWire>(pollable_.fd())),
      transport_(transport),
      peer_(std::move(peer)) {
  if (transport_ == Transport::tcp) (void)arm_socket(pollable_.fd());
  armed_ = true;
}

Connection& Connection::operator=(Connection&& other) noexcept {
  if (this != &other) {
    abort();
    pollable_ = std::move(other.pollable_);
    wire_ = std::move(other.wire_);
    transport_ = other.transport_;
    peer_ = std::move(other.peer_);
    armed_ = other.armed_;
    write_ended_ = other.write_ended_;
    read_ended_ = other.read_ended_;
    cancel_sent_ = other.cancel_sent_;
  }
  return *this;
}

Connection::~Connection() { close(); }

// What cannot be said of a living peer. A hang-up is regular once the own
// direction has ended too; which on a secured connection is no FIN.
bool Connection::dead(short revents) const noexcept {
  return (revents & POLLERR) != 0 || ((revents & POLLHUP) != 0 && !(write_ended_ && wire_->plain()));
}

std::unexpected<Error> Connection::ended_here() const {
  return fail(Errc::cancelled, peer_ + ": connection closed on this side");
}

Result<InputEvent> Connection::receive(std::span<std::uint8_t> buffer) {
  auto event = wire_->receive(buffer);
  if (!event) event.error().message.insert(0, peer_ + ": ");
  return event;
}

Result<InputEvent> Connection::try_read(std::span<std::uint8_t> buffer) {
  if (!is_open()) return ended_here();
  const short revents = pollable_.poll_now(POLLIN | POLLRDHUP);
  if (revents == 0 && wire_->plain()) return fail(Errc::busy, peer_ + ": nothing to read");
  if (dead(revents)) {
    // What is left counts for nothing, but a CAN! in it tells why, or an alert.
    for (;;) {
      auto rest = receive(buffer);
      if (rest && (rest->kind == Input::data || rest->kind == Input::restart)) continue;
      if (rest && rest->kind == Input::cancel) return rest;
      read_ended_ = true;
      if (!rest && rest.error().code == Errc::reset && !wire_->plain()) return rest;
      return fail(Errc::reset, peer_ + ": connection reset by the peer");
    }
  }
  auto event = receive(buffer);
  if (event && event->kind == Input::end) {
    read_ended_ = true;
    // A peer that died after its end, or (UNIX) in the middle: only poll tells.
    if (dead(pollable_.poll_now(0))) {
      return fail(Errc::reset, peer_ + ": the peer ended its direction and was gone at once");
    }
  }
  return event;
}

asio::awaitable<Result<InputEvent>> Connection::read(std::span<std::uint8_t> buffer,
                                                     Clock::time_point deadline) {
  bool was_ready = false;
  for (;;) {
    auto event = try_read(buffer);
    if (event || event.error().code != Errc::busy) co_return event;
    if (was_ready && wire_->plain()) {
      const auto rest = std::min(deadline, deadline_after(kDisagreementRest));
      co_await pollable_.wait(0, rest);
    }
    const short ready = co_await wait(POLLIN, deadline);
    if (ready == 0) co_return fail(Errc::timeout, peer_ + ": nothing came in time");
    was_ready = true;
  }
}

Result<std::size_t> Connection::try_send(std::span<const std::uint8_t> bytes) {
  if (!is_open()) return ended_here();
  auto sent = wire_->send(bytes);
  if (!sent) sent.error().message.insert(0, peer_ + ": ");
  return sent;
}

asio::awaitable<Result<void>> Connection::send_urgent(Urgent byte, Clock::time_point deadline) {
  if (write_ended_) co_return fail(Errc::closed, peer_ + ": urgent data after the own end is impossible");
  for (;;) {
    if (!is_open()) co_return ended_here();
    const int sent = send_urgent_now(pollable_.fd(), byte, byte == Urgent::can);
    if (sent < 0) co_return fail_errno(peer_);
    if (sent > 0) {
      cancel_sent_ = byte == Urgent::can;
      co_return Result<void>{};
    }
    const short ready = co_await pollable_.wait(POLLOUT, deadline);
    if (ready == 0) co_return fail(Errc::timeout, peer_ + ": no room for urgent data in time");
  }
}

Result<void> Connection::half_close() {
  if (!is_open()) return ended_here();
  auto ended = wire_->end();
  if (ended) {
    write_ended_ = true;
  } else {
    ended.error().message.insert(0, peer_ + ": ");
  }
  return ended;
}

asio::awaitable<Result<void>> Connection::end_sending(Clock::time_point deadline) {
  for (;;) {
    auto ended = half_close();
    if (ended || ended.error().code != Errc::busy) co_return ended;
    const short ready = co_await wait(POLLOUT, deadline);
    if (ready == 0) co_return fail(Errc::timeout, peer_ + ": no room for the end of the message");
  }
}

asio::awaitable<Result<void>> Connection::open(Clock::time_point deadline, Options::Duration goodbye) {
  for (;;) {
    if (!is_open()) co_return ended_here();
    auto step = wire_->open();
    if (step) {
      if (const std::string name = wire_->peer_name(); !name.empty()) peer_ += " (" + name + ")";
      co_return step;
    }
    if (step.error().code != Errc::busy) {
      if (step.error().code == Errc::refused) co_await say_goodbye(deadline_after(goodbye));
      step.error().message.insert(0, peer_ + ": ");
      co_return step;
    }
    const short ready = co_await wait(POLLIN, deadline);
    if (ready == 0) co_return fail(Errc::timeout, peer_ + ": the connection was not set up in time");
  }
}

// Why there is no trust is on its way, and a reset would overtake it: the peer
// has time to leave by itself. No FIN: to a peer without TLS it would be the end
// of a message, or of an empty reply.
asio::awaitable<void> Connection::say_goodbye(Clock::time_point deadline) {
  std::array<std::uint8_t, 4096> sink;  // NOLINT(cppcoreguidelines-pro-type-member-init): written by recv
  while (is_open() && Clock::now() < deadline) {
    const ssize_t n = ::recv(pollable_.fd(), sink.data(), sink.size(), MSG_DONTWAIT);
    if (n == 0 || (n < 0 && !would_block(errno))) break;
    if (n > 0) continue;
    const short ready = co_await pollable_.wait(POLLIN, deadline);
    if (ready == 0) break;
  }
}

asio::awaitable<bool> Connection::drain(Clock::time_point deadline) {
  std::array<std::uint8_t, 4096> sink;  // NOLINT(cppcoreguidelines-pro-type-member-init): written by recv
  for (;;) {
    const auto event = co_await read(sink, deadline);
    if (!event) co_return event.error().code == Errc::reset;
    if (event->kind == Input::end) co_return true;
    // A peer that never stops sending is not waited for either.
    if (Clock::now() >= deadline) co_return false;
  }
}

asio::awaitable<short> Connection::wait(short events, Clock::time_point deadline) const {
  // What was read from the socket already does not show there.
  if ((events & POLLIN) != 0 && wire_->pending()) return at_once(POLLIN);
  return pollable_.wait(wire_->events(events), deadline);
}

bool Connection::peer_gone() const noexcept { return !is_open() || dead(pollable_.poll_now(0)); }

Result<void> Connection::disarm() {
  if (!is_open()) return ended_here();
  if (transport_ == Transport::tcp && !disarm_socket(pollable_.fd())) {
    return fail_errno(peer_ + ": cannot disarm SO_LINGER");
  }
  armed_ = false;
  return {};
}

void Connection::close() noexcept {
  if (!is_open()) return;
  if (armed_) {
    abort();
  } else {
    pollable_.close();
  }
}

void Connection::abort() noexcept {
  if (!is_open()) return;
  if (transport_ == Transport::local && !write_ended_ && !cancel_sent_) {
    (void)send_urgent_now(pollable_.fd(), Urgent::can, true);
  }
  if (transport_ == Transport::tcp) (void)arm_socket(pollable_.fd());
  pollable_.close();
}

bool uses_urgent(const Connection& connection, const Options& options) noexcept {
  return connection.plain() && (options.oob == Oob::yes || connection.transport() == Transport::local);
}

asio::awaitable<void> cancel_connection(Connection& connection, Options options) {
  if (!connection.is_open()) co_return;
  if (!uses_urgent(connection, options) || connection.write_ended()) {
    connection.abort();
    co_return;
  }
  const auto deadline = deadline_after(options.drain_time);
  const auto sent = co_await connection.send_urgent(Urgent::can, deadline);
  if (!sent || !connection.half_close()) {
    connection.abort();
    co_return;
  }
  // Without the drain our close could reset the connection under the CAN!.
  const bool drained = co_await connection.drain(deadline);
  if (!drained || !connection.disarm()) {
    connection.abort();
    co_return;
  }
  connection.close();
}

}  // namespace llp::illp
