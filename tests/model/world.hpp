// SPDX-License-Identifier: BSD-3-Clause
//
// One state of the model: two engines, what is on the line between them, and
// the programs that use them. Plain data, copied with memcpy.
#pragma once

#include <array>
#include <cstdint>
#include <type_traits>

#include "config.hpp"

namespace llp::model {

inline constexpr int kRxCap = 32;
inline constexpr int kWireCap = 120;
inline constexpr int kInbox = 4;

// The moment that every stored state calls now: states differ by what is left
// of their timers, not by when they are.
inline constexpr std::uint64_t kEpoch = 1'000'000'000 * kMs;

// A character takes a nanosecond: bytes and ends of transmission have an order
// among themselves, and no byte takes as long as a timer. When nothing is on
// its way, times are rounded to milliseconds, so that runs that differ by some
// characters lead to the same state. `due` and `leaves` count from kEpoch.
inline constexpr std::uint32_t kCharTime = 1;

// A byte on its way: value, enum llp_line_flag, and whether a sequence or block ends with it.
inline constexpr std::uint16_t kFlagShift = 8;
inline constexpr std::uint16_t kFrameEnd = 0x8000;

enum class Stage : std::uint8_t {
  kFree,
  kEnded,   // the application must now say what it does with it
  kHeld,    // it will say later
  kLate,    // accepted; its acknowledgement is still to go out
  kAnswer,  // an answer is to be submitted, as soon as the engine takes one
  kSlow,    // the same, at some time
};

enum class Phase : std::uint8_t { kNew, kTaken, kSent, kDone };

// The state of a message of one's own. Bytes only: hashed as they are.
struct Item {
  Phase phase;
  std::uint8_t tries;     // times it was submitted
  std::uint8_t outcome;   // 1 + enum llp_outcome reported last; 0: nothing
  std::uint8_t failed;    // reported with a cause
  std::uint8_t aborted;   // the application took it back
  std::uint8_t got;       // times the other application took it
  std::uint8_t got_now;   // of these, since it was submitted last
  std::uint8_t answered;  // its reply was taken
};

struct Letter {
  Stage stage;
  std::uint8_t item;   // of the other station; kItems: no message of it
  std::uint8_t flags;  // LLP_END_*
  std::uint8_t to;     // own message that it answers, if flagged LLP_END_REPLY; else kItems
};

// How the transmitter holds output back.
enum class Hold : std::uint8_t { kNone, kRest, kEmpty };

struct App {
  std::array<Item, kItems> item;
  std::array<Letter, kInbox> inbox;
  std::uint8_t ready;
  std::uint8_t connected;
  Hold hold;
  std::uint8_t open;       // a message has begun and not ended
  std::uint8_t last_item;  // taken last
  std::uint8_t here;       // 1 + the message taken in the present transmission (X3.28)
  std::array<std::uint8_t, 2> spare;
};

// What the past allows, though the stations do not know of it.
struct Ghost {
  std::uint8_t damage;  // faults that changed bytes, up to 3
  std::uint8_t forged;  // of these, outside blocks
  std::uint8_t flags;   // kHung, ...
  std::uint8_t spare;
};

inline constexpr std::uint8_t kHung = 1;       // a station lost the line, the other may not know
inline constexpr std::uint8_t kOutwaited = 2;  // a pause that late answers are waited for in went by
inline constexpr std::uint8_t kAgain = 4;      // an HLLP block was sent again

struct World {
  std::array<llp_engine, 2> e;
  std::uint64_t now;
  std::array<App, 2> app;
  Ghost ghost;
  std::uint8_t faults;
  std::uint8_t events;
  std::array<std::uint8_t, 2> queued;   // bytes in line[s]
  std::array<std::uint16_t, 2> leaves;  // station's last byte leaves its transmitter; 0: it has
  std::array<std::array<std::uint16_t, kWireCap>, 2> line;  // towards station s
  std::array<std::array<std::uint16_t, kWireCap>, 2> due;   // when each byte arrives
  std::array<std::array<std::uint8_t, kRxCap>, 2> rx;
  std::array<std::array<std::uint32_t, kInbox>, 2> rx_id;  // the engine's names, not hashed
  std::array<std::array<std::uint32_t, kItems>, 2> tx_id;
  std::array<std::uint32_t, 2> open_id;
};
static_assert(std::is_trivially_copyable_v<World>);

struct Fingerprint {
  std::uint64_t a = 0, b = 0;
  bool operator==(const Fingerprint&) const = default;
};

// What happens next. `pos`: bytes of the sequence in front that are delivered
// undamaged before; `rep`: what the kind says.
enum class Do : std::uint8_t {
  // what happens by itself
  kDeliver,  // the sequence or block in front
  kTimer,    // the earliest timer of a station
  kAccept,   // a received message; rep: slot
  kAnswer,   // submit the answer to a message; rep: slot
  kConnect,
  kReady,
  kResume,  // the transmitter goes on
  // what an application may do at any time
  kSubmit,  // its next message; rep: item
  // what counts as an event of a station
  kHoldVerdict,
  kReject,
  kAbort,  // rep: item
  kAbortRx,
  kTurn,
  kNotReady,  // rep: LLP_READY_* that is left
  kHangup,
  kHangupBoth,
  kLineCheck,  // a timer that runs while all is at rest
  // faults of the line
  kLose,
  kLoseFrame,
  kDamage,  // rep: byte
  kInsert,  // rep: byte
  kDouble,
  kFlagged,  // rep: enum llp_line_flag
  kLate,     // the rest comes after the timer of station rep
  kCount,
};

// A variant of an action: how the transmitter takes what station `at` has to send.
enum class Tx : std::uint8_t {
  kAll,     // at once
  kSplit1,  // one byte, the rest later
  kSplitMid,
  kSplitLast,  // all but the last byte
  kEmptyLate,  // all, but it is reported empty later
  kAbort1,     // one byte, then the application takes the message back
  kAbortMid,
  kCount,
};

struct Action {
  Do what = Do::kDeliver;
  Tx tx = Tx::kAll;
  std::uint8_t side = 0;  // station that it happens to; for bytes, the receiving one
  std::uint8_t at = 0;    // station whose output tx is about
  std::uint8_t pos = 0;
  std::uint8_t rep = 0;

  std::uint32_t packed() const {
    return static_cast<std::uint32_t>(what) | static_cast<std::uint32_t>(tx) << 5 |
           static_cast<std::uint32_t>(side) << 8 | static_cast<std::uint32_t>(at) << 9 |
           static_cast<std::uint32_t>(pos) << 10 | static_cast<std::uint32_t>(rep) << 18;
  }
  static Action unpack(std::uint32_t v) {
    return {static_cast<Do>(v & 31),
            static_cast<Tx>(v >> 5 & 7),
            static_cast<std::uint8_t>(v >> 8 & 1),
            static_cast<std::uint8_t>(v >> 9 & 1),
            static_cast<std::uint8_t>(v >> 10 & 0xff),
            static_cast<std::uint8_t>(v >> 18 & 0xff)};
  }
};

inline bool is_fault(Do what) { return what >= Do::kLose; }
inline bool is_event(const Action& a) {
  return (a.what >= Do::kHoldVerdict && a.what < Do::kLose) || a.tx != Tx::kAll;
}

}  // namespace llp::model
