// SPDX-License-Identifier: BSD-3-Clause
#include "io/tty_port.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/serial.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#ifndef TIOCSER_TEMT
#define TIOCSER_TEMT 0x01  // <asm/ioctls.h> has it, but not with <sys/ioctl.h> everywhere
#endif

namespace llp::io {

namespace {

constexpr unsigned long kTcflsh = 0x540B;  // TCFLSH without <termios.h>
constexpr int kTcoflush = 1;

// Between two looks at a queue that empties slowly, or not at all under flow
// control.
constexpr std::chrono::milliseconds kPollMin{1};
constexpr std::chrono::milliseconds kPollMax{50};
constexpr std::chrono::milliseconds kAdapterSlack{20};

std::chrono::nanoseconds poll_time(std::chrono::nanoseconds time) noexcept {
  return std::clamp<std::chrono::nanoseconds>(time, kPollMin, kPollMax);
}

// Slaves of UNIX 98 pseudo terminals have majors 136 to 143.
bool is_pseudo(dev_t device) { return major(device) >= 136 && major(device) <= 143; }

}  // namespace

Result<std::unique_ptr<TtyPort>> TtyPort::open(const Tty& tty, const std::string& lock_dir,
                                               bool low_latency) {
  std::string note;
  auto lock = PortLock::take(tty.device, lock_dir, note);
  if (!lock) return std::unexpected(lock.error());
  UniqueFd fd(::open(tty.device.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
  if (!fd) {
    if (errno == EBUSY) return std::unexpected(PortLock::exclusive_error(tty.device));
    return fail_errno(fmt::format("cannot open {}", tty.device));
  }
  std::unique_ptr<TtyPort> port(new TtyPort(std::move(*lock), std::move(fd)));
  if (!note.empty()) port->notes_.push_back(std::move(note));
  auto done = port->set_up(tty, low_latency);
  if (!done) return std::unexpected(done.error());
  return port;
}

Result<void> TtyPort::set_up(const Tty& tty, bool low_latency) {
  auto found = get_settings(fd());
  if (!found) {
    if (found.error().sys_errno == ENOTTY) {
      return fail(Errc::invalid, fmt::format("{} is not a serial port", tty.device));
    }
    return fail_errno(tty.device, found.error().sys_errno);
  }
  struct stat st{};
  pseudo_ = ::fstat(fd(), &st) == 0 && is_pseudo(st.st_rdev);
  if (auto locked = lock_.lock(fd(), !pseudo_); !locked) return locked;

  const TtySettings asked = line_settings(*found, tty);
  found_ = *found;
  if (auto set = set_settings(fd(), asked); !set) return fail_errno(tty.device, set.error().sys_errno);
  auto got = get_settings(fd());
  if (!got) return fail_errno(tty.device, got.error().sys_errno);
  settings_ = *got;
  if (pseudo_) {
    settings_.cflag = asked.cflag;  // it carries whole bytes; what was asked for holds in reading them
  } else if (!tty.keep) {
    if (auto checked = check_settings(asked, *got, tty.device); !checked) return checked;
  }
  if (low_latency && !pseudo_) ask_low_latency();
  static_cast<void>(new_overruns());  // those of before
  return {};
}

void TtyPort::ask_low_latency() {
  serial_struct serial{};
  if (::ioctl(fd(), TIOCGSERIAL, &serial) != 0) return;
  if ((serial.flags & ASYNC_LOW_LATENCY) != 0) return;
  const int found = serial.flags;
  serial.flags |= ASYNC_LOW_LATENCY;
  if (::ioctl(fd(), TIOCSSERIAL, &serial) == 0) {
    found_serial_flags_ = found;
  } else {
    notes_.push_back(fmt::format("no low latency: {}", errno_text(errno)));
  }
}

TtyPort::~TtyPort() {
  // Not where nothing is queued: on a pseudo terminal it would take from the
  // other side what it has not read yet.
  if (output_queued() > 0) ::ioctl(fd(), kTcflsh, kTcoflush);
  if (found_serial_flags_) {
    serial_struct serial{};
    if (::ioctl(fd(), TIOCGSERIAL, &serial) == 0) {
      serial.flags = *found_serial_flags_;
      ::ioctl(fd(), TIOCSSERIAL, &serial);
    }
  }
  if (found_) static_cast<void>(set_settings(fd(), *found_));
}

std::size_t TtyPort::output_queued() const noexcept {
  int queued = 0;
  return ::ioctl(fd(), TIOCOUTQ, &queued) == 0 && queued > 0 ? static_cast<std::size_t>(queued) : 0;
}

std::optional<bool> TtyPort::transmitter_empty() const noexcept {
  unsigned lsr = 0;
  if (::ioctl(fd(), TIOCSERGETLSR, &lsr) != 0) return std::nullopt;
  return (lsr & TIOCSER_TEMT) != 0;
}

std::uint64_t TtyPort::new_overruns() noexcept {
  if (!counts_) return 0;
  serial_icounter_struct count{};
  if (::ioctl(fd(), TIOCGICOUNT, &count) != 0) {
    counts_ = false;
    return 0;
  }
  const auto total =
      static_cast<std::uint32_t>(count.overrun) + static_cast<std::uint32_t>(count.buf_overrun);
  // The driver's counters are of 32 bits and wrap.
  const std::uint32_t more = total - static_cast<std::uint32_t>(overruns_);
  overruns_ = total;
  return more;
}

std::chrono::nanoseconds until_empty(const TransmitState& state, const TransmitClock& clock,
                                     std::chrono::nanoseconds char_time,
                                     TransmitClock::Clock::time_point now) noexcept {
  constexpr std::chrono::nanoseconds kNow{0};
  if (state.queued > 0) return poll_time(char_time * static_cast<std::int64_t>(state.queued));
  if (!state.has_wire) return kNow;
  if (state.empty) return *state.empty ? kNow : poll_time(char_time);
  return std::max<std::chrono::nanoseconds>(clock.empty_at() + kAdapterSlack - now, kNow);
}

}  // namespace llp::io
