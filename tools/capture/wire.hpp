// SPDX-License-Identifier: BSD-3-Clause
// What was seen on a line at one end of it, packet by packet: what `llpctl
// capture` writes as pcapng, and ladders, dissectors and replays read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "capture/capture.hpp"

namespace llp::capture {

// The numbers are those of the file format (docs/captures.md).
enum class PacketKind : std::uint8_t {
  bytes = 0,    // as they passed on the line
  message = 1,  // a whole message without its frames: what a line of the kernel's shows
  up = 2,       // the line is there
  down = 3,     // it is gone
};

// A byte that the line has something to say about.
struct Mark {
  std::uint32_t offset = 0;
  Flag flag = Flag::none;
  bool operator==(const Mark&) const = default;
};

struct Packet {
  std::uint64_t time = 0;  // ns since 1970
  PacketKind kind = PacketKind::bytes;
  bool out = false;      // sent by this end of the line
  bool partial = false;  // a message that goes on in the next packet of this direction
  std::string octets;
  std::vector<Mark> marks;  // in the order of their offsets, each below octets.size()
  std::uint64_t lost = 0;   // packets that are missing before this one
  bool operator==(const Packet&) const = default;
};

// The line that was listened to.
struct Listened {
  std::string name;
  std::string protocol;                                     // "x328", "hllp", "mllp"; empty: unknown
  std::vector<std::pair<std::string, std::string>> params;  // that are not at their defaults; "peer"
  std::string port;                                         // for people
  std::uint64_t baud = 0;                                   // bits per second, 0: not a wire
  bool operator==(const Listened&) const = default;
  // MLLP 2: the release is a parameter.
  [[nodiscard]] bool release2() const;
};

struct Recording {
  Listened line;
  std::vector<Packet> packets;
  bool operator==(const Recording&) const = default;
};

// What the station at `end` saw of a conversation in the text form, as if it
// had begun at `start`: what it sent and what arrived.
[[nodiscard]] Recording recording_of(const Capture& capture, Side end, std::uint64_t start);

// The text form of a recording: this end is left. Times count from its first
// packet; what was told to users is not in it, nor packets that are no bytes.
[[nodiscard]] Capture capture_of(const Recording& recording);

}  // namespace llp::capture
