// SPDX-License-Identifier: BSD-3-Clause
// An open serial port: locked, set up, and put back as it was found. What is
// here may block (opening, closing) and is called from a worker.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "io/line_spec.hpp"
#include "io/port_lock.hpp"
#include "io/tty_settings.hpp"

namespace llp::io {

class TtyPort {
 public:
  // Locks and opens the port, never waiting for carrier, and sets it up.
  // Errc::not_found, in_use, permission: later perhaps; invalid: never.
  [[nodiscard]] static Result<std::unique_ptr<TtyPort>> open(const Tty& tty, const std::string& lock_dir,
                                                             bool low_latency);
  TtyPort(const TtyPort&) = delete;
  TtyPort& operator=(const TtyPort&) = delete;
  // Discards output that has not left (close(2) would wait for it, up to 30 s),
  // restores the settings, unlocks, closes.
  ~TtyPort();

  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  [[nodiscard]] const TtySettings& settings() const noexcept { return settings_; }
  // A pseudo terminal has no wire.
  [[nodiscard]] bool has_wire() const noexcept { return !pseudo_; }
  // Sentences for the debug log: what could not be had and does not matter.
  [[nodiscard]] const std::vector<std::string>& notes() const noexcept { return notes_; }

  // Bytes written that the driver still has, 0 also where it cannot tell.
  [[nodiscard]] std::size_t output_queued() const noexcept;
  // Whether the transmitter's own FIFO is empty, where the driver can tell.
  [[nodiscard]] std::optional<bool> transmitter_empty() const noexcept;
  // Overruns since the last call, where the driver counts them.
  [[nodiscard]] std::uint64_t new_overruns() noexcept;

 private:
  TtyPort(PortLock lock, UniqueFd fd) noexcept : fd_(std::move(fd)), lock_(std::move(lock)) {}
  [[nodiscard]] Result<void> set_up(const Tty& tty, bool low_latency);
  void ask_low_latency();

  UniqueFd fd_;
  PortLock lock_;  // destroyed before the descriptor is closed
  bool pseudo_ = false;
  TtySettings settings_;
  std::optional<TtySettings> found_;
  std::optional<int> found_serial_flags_;
  bool counts_ = true;
  std::uint64_t overruns_ = 0;
  std::vector<std::string> notes_;
};

// When the last byte written leaves the wire, by reckoning: each character
// takes its time after the one before it.
class TransmitClock {
 public:
  using Clock = std::chrono::steady_clock;
  explicit TransmitClock(std::chrono::nanoseconds char_time) noexcept : char_time_(char_time) {}
  void wrote(std::size_t bytes, Clock::time_point now) noexcept {
    if (now > empty_at_) empty_at_ = now;
    empty_at_ += char_time_ * static_cast<std::int64_t>(bytes);
  }
  [[nodiscard]] Clock::time_point empty_at() const noexcept { return empty_at_; }

 private:
  std::chrono::nanoseconds char_time_;
  Clock::time_point empty_at_;
};

// What the driver tells of its output.
struct TransmitState {
  std::size_t queued = 0;  // bytes that it still has
  bool has_wire = true;
  std::optional<bool> empty;  // the transmitter itself, where it can tell
};

// How long to wait before looking again whether the last byte has left; 0: it
// has. Where the driver cannot tell (USB adapters): when it should have by the
// clock, and 20 ms more for what an adapter holds back.
[[nodiscard]] std::chrono::nanoseconds until_empty(const TransmitState& state, const TransmitClock& clock,
                                                   std::chrono::nanoseconds char_time,
                                                   TransmitClock::Clock::time_point now) noexcept;

}  // namespace llp::io
