// SPDX-License-Identifier: BSD-3-Clause
// What carries the bytes of a connection: the plain socket, or a secured
// stream on it. A Connection waits, and knows how a transaction is ended; a
// wire only ever does one step.
#pragma once

#include <poll.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/result.hpp"

namespace llp::illp {

// What a read brought.
enum class Input : std::uint8_t {
  data,     // `size` bytes
  restart,  // STX!: everything before in this direction is void
  cancel,   // CAN!: the transaction is dead in both directions
  end,      // EOF, in the regular way
};
struct InputEvent {
  Input kind = Input::end;
  std::size_t size = 0;
};

// Errors are clauses without the peer, which the connection puts in front.
// Errc::busy: not now, wait for events(). Errc::reset: it is over. None of the
// calls waits; the descriptor is the connection's.
class Wire {
 public:
  Wire() = default;
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;
  virtual ~Wire() = default;

  // What has to be done before bytes flow. Errc::refused: one of the two does
  // not trust the other.
  [[nodiscard]] virtual Result<void> open() { return {}; }
  [[nodiscard]] virtual Result<InputEvent> receive(std::span<std::uint8_t> buffer) = 0;
  // 0 when there is no room. What was not taken must come again first.
  [[nodiscard]] virtual Result<std::size_t> send(std::span<const std::uint8_t> bytes) = 0;
  // Ends the own direction so that the peer can tell it from a cut.
  [[nodiscard]] virtual Result<void> end() = 0;

  // What poll(2) is to be asked for, instead of POLLIN to read and POLLOUT to write.
  [[nodiscard]] virtual short events(short wanted) const noexcept { return wanted; }
  // receive() has bytes without the socket.
  [[nodiscard]] virtual bool pending() const noexcept { return false; }
  // The socket itself: urgent data goes, end() is its FIN, and whether there is
  // something to read poll(2) says.
  [[nodiscard]] virtual bool plain() const noexcept { return false; }
  // Urgent bytes that mean nothing, dropped.
  [[nodiscard]] virtual std::uint64_t unknown_urgent() const noexcept { return 0; }
  // Who the peer proved to be; empty: nobody.
  [[nodiscard]] virtual std::string peer_name() const { return {}; }
};

// How connections are secured; nothing in its place: not at all.
class Security {
 public:
  Security() = default;
  Security(const Security&) = delete;
  Security& operator=(const Security&) = delete;
  virtual ~Security() = default;

  // For a connection that was accepted, and one that was made to `host`, whose
  // name or address the peer must prove.
  [[nodiscard]] virtual Result<std::unique_ptr<Wire>> accepted(int fd) const = 0;
  [[nodiscard]] virtual Result<std::unique_ptr<Wire>> called(int fd, const std::string& host) const = 0;

  // New connections are secured as the other would; those that stand, stay.
  // Both must be of one kind.
  virtual void renew(const Security& other) = 0;
};

}  // namespace llp::illp
