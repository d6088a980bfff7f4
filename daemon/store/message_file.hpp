// SPDX-License-Identifier: BSD-3-Clause
// One message in one file: a header of lines of text, an empty line, and the
// message as it came.
//
//   llp-spool 1
//   line chem
//   id 42
//   kind message
//   time 1767225600123456789
//   length 384
//   sha256 9f86...
//   possible-duplicate no
//   attempts 0
//   reason
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "store/message_key.hpp"

namespace llp::store {

// By the wall clock, which may jump: for people and for ages, never for order.
using Time = std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>;

// How old something stored at `then` is. A clock that was set back makes it
// new, not of a negative age.
[[nodiscard]] constexpr std::chrono::nanoseconds age(Time then, Time now) noexcept {
  if (then >= now) return std::chrono::nanoseconds::zero();
  const auto a = then.time_since_epoch().count();
  const auto b = now.time_since_epoch().count();
  if (a < 0 && b > INT64_MAX + a) return std::chrono::nanoseconds::max();
  return std::chrono::nanoseconds(b - a);
}

using MessageNumber = std::uint64_t;

enum class LetterKind : std::uint8_t {
  message,                // from the instrument, for the application
  late_reply,             // of the instrument, after its request's time-out
  stray_acknowledgement,  // of the instrument, answers nothing that is outstanding
  unclaimed_reply,        // of the instrument; the client had gone
  late_answer,            // of the application; the instrument's timer had run out
};
[[nodiscard]] const char* to_string(LetterKind kind) noexcept;

// All that is known of a stored message but its content.
struct Letter {
  MessageNumber id = 0;  // grows; the order of delivery
  std::string line;
  LetterKind kind = LetterKind::message;
  Time time;  // when it was stored
  MessageKey key;
  // It may have been delivered before it was stored, or before a restart.
  bool possible_duplicate = false;
  // Deliveries that an application has seen and that failed: a further one may
  // be a duplicate, too.
  std::uint32_t attempts = 0;
  std::string reason;  // why it is a dead letter; one line, no content
};

// The header, up to and with the empty line.
[[nodiscard]] std::string header_of(const Letter& letter);
inline constexpr std::size_t kHeaderMax = 1024;

// The header at the beginning of `data`, and its size. Errc::malformed: no
// header, of another version, or torn. Keys that this version does not know
// are skipped.
struct Header {
  Letter letter;
  std::size_t size = 0;
};
[[nodiscard]] Result<Header> parse_header(std::span<const std::uint8_t> data);

}  // namespace llp::store
