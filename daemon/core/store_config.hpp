// SPDX-License-Identifier: BSD-3-Clause
// What a line keeps on disk.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace llp::core {

// The spool of a line's messages. Its directory is DIR/NAME.
struct SpoolConfig {
  std::string dir;                                             // empty: there is none
  std::uint64_t max_bytes = std::uint64_t{1} << 30;            // of what waits and of dead letters
  std::size_t max_messages = 10000;                            // of these
  std::chrono::nanoseconds max_age = std::chrono::hours(168);  // older ones become dead letters
  unsigned max_attempts = 100;  // that an application saw and failed: a dead letter; 0: any number
  std::chrono::nanoseconds retry_min = std::chrono::seconds(1);  // after a failure, doubled up to the next
  std::chrono::nanoseconds retry_max = std::chrono::minutes(1);
  std::chrono::nanoseconds reply_timeout = std::chrono::minutes(5);  // of an application, for one message
};

// What becomes of a message that an application has perhaps seen already.
enum class OnDuplicate : std::uint8_t {
  deliver,  // it is delivered, and marked
  drop,     // it is acknowledged and not delivered; may lose it
  divert,   // it goes to another application
};

// Whether attempts are written down before they are made.
enum class JournalMode : std::uint8_t {
  automatic,  // if there is a place for it
  on,
  off,
};

struct JournalConfig {
  JournalMode mode = JournalMode::automatic;
  std::string path;       // its file; empty: `journal` in state_dir, or in the line's spool
  std::string state_dir;  // of the program; empty: none. Made if it is missing
};

}  // namespace llp::core
