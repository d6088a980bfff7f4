// SPDX-License-Identifier: BSD-3-Clause
// What can be set about ILLP connections, with the defaults of the protocol.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/result.hpp"

namespace llp::illp {

// Whether urgent data may be sent (decision D-10). `none`: STX and CAN are
// both expressed by a reset; for TCP paths with boxes that clear the URG bit.
// UNIX sockets have no reset to express anything with and no such boxes, so
// urgent data is used on them whatever this says.
enum class Oob : std::uint8_t { yes, none };

// What is asked of a received message before it counts as complete; against
// peers that do not arm, whose death looks like the end of a message. A cut
// exactly at the end of a segment cannot be seen by this.
//   none       any content
//   hl7        begins with MSH, FHS or BHS, ends with CR, holds no 02 or 18
//   automatic  a request: as hl7 if it begins with MSH, FHS or BHS, else as
//              none; a reply: as hl7 if its request begins so, else as none
// An empty reply passes always: see EmptyReply.
enum class Check : std::uint8_t { none, hl7, automatic };

// What a reply without a byte is: "accepted, no content" (decision D-3), or a
// failure. Over UNIX sockets, and from a peer that does not arm, the death of an
// application before its first byte looks the same.
enum class EmptyReply : std::uint8_t { accept, refuse };

class Security;

// Every duration must be positive. They are taken as they are: who scales
// time (--time-scale) scales before. The three keepalive intervals and the
// user timeout are in the kernel's units (whole seconds, milliseconds) and are
// rounded up to them.
struct Options {
  using Duration = std::chrono::nanoseconds;

  std::size_t max_message = std::size_t{16} << 20;      // bytes; a longer message is refused (D-5)
  Duration connect_timeout = std::chrono::seconds(10);  // for one address
  unsigned connect_tries = 3;                           // rounds over all addresses, at least 1
  Duration connect_pause = std::chrono::seconds(1);     // between rounds
  Duration idle_timeout = std::chrono::seconds(60);  // T_idle: no byte of a request; no progress of a write
  Duration drain_time = std::chrono::seconds(1);     // after CAN!, until the peer's EOF
  Oob oob = Oob::yes;
  Check check = Check::automatic;
  EmptyReply empty_reply = EmptyReply::accept;
  // How TCP connections are secured; nothing: not at all. UNIX sockets are not.
  std::shared_ptr<const Security> security;
  Duration keepalive_idle = std::chrono::seconds(30);
  Duration keepalive_interval = std::chrono::seconds(10);
  unsigned keepalive_count = 3;
  // Unacknowledged data. It replaces the keepalive's count, so it must not be
  // smaller than idle + interval * count (D-7).
  Duration user_timeout = std::chrono::seconds(60);

  // Errc::invalid naming the option and its bounds.
  [[nodiscard]] Result<void> validate() const;
};

}  // namespace llp::illp
