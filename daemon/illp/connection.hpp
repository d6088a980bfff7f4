// SPDX-License-Identifier: BSD-3-Clause
// One connected ILLP socket: options, arming, urgent bytes, and the reading
// algorithm with the urgent mark. It knows directions and their ends, not
// transactions.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/pollable.hpp"
#include "base/result.hpp"
#include "illp/deadline.hpp"
#include "illp/options.hpp"
#include "illp/wire.hpp"

namespace llp::illp {

using Bytes = std::vector<std::uint8_t>;

enum class Transport : std::uint8_t { tcp, local };

// Bytes that mean something when they come as urgent data (MSG_OOB).
enum class Urgent : std::uint8_t { stx = 0x02, can = 0x18 };

// Sets what every ILLP socket has (close-on-exec, non-blocking, inline urgent
// data, keepalive, user timeout, no delay). For listeners too: accepted
// sockets inherit it.
[[nodiscard]] Result<void> set_socket_options(int fd, Transport transport, const Options& options);

// SO_LINGER {1,0} and {0,0}. Set on the descriptor itself: an armed socket that
// is closed in any way (also by the kernel, for a dead process) sends RST, not
// FIN (decision D-6). No effect on UNIX sockets.
[[nodiscard]] bool arm_socket(int fd) noexcept;
[[nodiscard]] bool disarm_socket(int fd) noexcept;

// Errc::system with advice where AF_UNIX has no urgent data (before Linux 5.15
// or without CONFIG_AF_UNIX_OOB).
[[nodiscard]] Result<void> check_local_urgent();

// Armed from construction until finish(). Destroying or abort()ing a
// connection that is not finished never lets its last message look whole: on
// TCP it is a reset; on UNIX sockets, which have no reset, an unfinished own
// direction is ended with CAN!. Not thread-safe: all calls from the executor's
// thread. One read and one write may be under way at a time; abort() may come
// at any time and ends them with Errc::cancelled.
class Connection {
 public:
  // Takes a connected or a connecting socket with its options set, and what is
  // to carry its bytes; nothing: the socket itself.
  Connection(asio::any_io_executor executor, UniqueFd fd, Transport transport, std::string peer,
             std::unique_ptr<Wire> wire = nullptr);
  Connection(Connection&&) noexcept = default;
  Connection& operator=(Connection&& other) noexcept;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  // Sets a secured connection up, after which peer() says who the peer proved
  // to be; before anything is read or sent. Errc::refused: there is no trust;
  // the peer was told, for at most `goodbye`. Errc::timeout, reset, cancelled.
  [[nodiscard]] asio::awaitable<Result<void>> open(Clock::time_point deadline, Options::Duration goodbye);

  // Reads what comes next, never past an urgent mark. Unknown urgent bytes are
  // dropped and counted. Errc::timeout: nothing came before the deadline;
  // Errc::reset: reset, or the peer is gone (also when its EOF was read);
  // Errc::cancelled: abort().
  [[nodiscard]] asio::awaitable<Result<InputEvent>> read(std::span<std::uint8_t> buffer,
                                                         Clock::time_point deadline);

  // One step of the same without waiting; Errc::busy: nothing there.
  [[nodiscard]] Result<InputEvent> try_read(std::span<std::uint8_t> buffer);

  // Sends what fits now; 0 when nothing does.
  [[nodiscard]] Result<std::size_t> try_send(std::span<const std::uint8_t> bytes);

  // Sends one urgent byte; Errc::timeout when it did not fit before the
  // deadline, Errc::closed after half_close().
  [[nodiscard]] asio::awaitable<Result<void>> send_urgent(Urgent byte, Clock::time_point deadline);

  // Ends the own direction: FIN, or close_notify, behind everything sent.
  // Errc::busy: there is no room for it, on secured connections only.
  [[nodiscard]] Result<void> half_close();
  // The same, waiting for room; Errc::timeout.
  [[nodiscard]] asio::awaitable<Result<void>> end_sending(Clock::time_point deadline);

  // Discards input until the peer's end, at most until the deadline; true if
  // the end (or a reset) came.
  [[nodiscard]] asio::awaitable<bool> drain(Clock::time_point deadline);

  // Waits for POLLIN/POLLOUT/errors (poll(2) flags); see Pollable::wait.
  [[nodiscard]] asio::awaitable<short> wait(short events, Clock::time_point deadline) const;

  // Every wait() under way returns POLLNVAL.
  void interrupt() noexcept { pollable_.interrupt(); }

  // True when the peer can no longer take part: reset or error, or (while the
  // own direction is open) hung up, or already closed here.
  [[nodiscard]] bool peer_gone() const noexcept;

  // Disarms: what is queued will be delivered in the background when closed.
  // Only after the own direction and the peer's have both ended.
  [[nodiscard]] Result<void> disarm();

  // Closes in the regular way if disarmed, else as abort().
  void close() noexcept;
  void abort() noexcept;

  [[nodiscard]] bool is_open() const noexcept { return pollable_.fd() >= 0; }
  [[nodiscard]] bool armed() const noexcept { return armed_; }
  [[nodiscard]] bool write_ended() const noexcept { return write_ended_; }
  [[nodiscard]] bool read_ended() const noexcept { return read_ended_; }
  [[nodiscard]] Transport transport() const noexcept { return transport_; }
  [[nodiscard]] int native_handle() const noexcept { return pollable_.fd(); }
  [[nodiscard]] const std::string& peer() const noexcept { return peer_; }
  [[nodiscard]] std::uint64_t unknown_urgent() const noexcept { return wire_->unknown_urgent(); }
  // False: STX and CAN have no bytes here, and no FIN ends a direction.
  [[nodiscard]] bool plain() const noexcept { return wire_->plain(); }
  [[nodiscard]] const asio::any_io_executor& executor() const noexcept { return pollable_.executor(); }

 private:
  [[nodiscard]] Result<InputEvent> receive(std::span<std::uint8_t> buffer);
  [[nodiscard]] asio::awaitable<void> say_goodbye(Clock::time_point deadline);
  [[nodiscard]] bool dead(short revents) const noexcept;
  [[nodiscard]] std::unexpected<Error> ended_here() const;

  Pollable pollable_;
  std::unique_ptr<Wire> wire_;
  Transport transport_;
  std::string peer_;
  bool armed_ = false;
  bool write_ended_ = false;
  bool read_ended_ = false;
  bool cancel_sent_ = false;
};

// Tells the peer that the transaction is dead: CAN!, half-close, drain for at
// most drain_time, close; where CAN! cannot be used (oob=none on TCP, own end
// already sent, no room): a reset.
[[nodiscard]] asio::awaitable<void> cancel_connection(Connection& connection, Options options);

// True if STX and CAN go as urgent data on this connection; on secured ones they
// are a reset, whatever the options say.
[[nodiscard]] bool uses_urgent(const Connection& connection, const Options& options) noexcept;

}  // namespace llp::illp
