// SPDX-License-Identifier: BSD-3-Clause
#include "io/tty_settings.hpp"

#include <asm/termbits.h>
#include <fmt/format.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace llp::io {

namespace {

constexpr std::array<std::pair<unsigned, std::uint32_t>, 30> kRates{{
    {50, B50},           {75, B75},           {110, B110},         {134, B134},         {150, B150},
    {200, B200},         {300, B300},         {600, B600},         {1200, B1200},       {1800, B1800},
    {2400, B2400},       {4800, B4800},       {9600, B9600},       {19200, B19200},     {38400, B38400},
    {57600, B57600},     {115200, B115200},   {230400, B230400},   {460800, B460800},   {500000, B500000},
    {576000, B576000},   {921600, B921600},   {1000000, B1000000}, {1152000, B1152000}, {1500000, B1500000},
    {2000000, B2000000}, {2500000, B2500000}, {3000000, B3000000}, {3500000, B3500000}, {4000000, B4000000},
}};
constexpr unsigned kMaxBaud = 20'000'000;

// The usual code where there is one, since the C library shows nothing else.
std::uint32_t rate_code(unsigned baud) {
  const auto* found = std::ranges::find(kRates, baud, &std::pair<unsigned, std::uint32_t>::first);
  return found != kRates.end() ? found->second : BOTHER;
}

std::uint32_t size_code(unsigned bits) {
  switch (bits) {
    case 5: return CS5;
    case 6: return CS6;
    case 7: return CS7;
    default: return CS8;
  }
}

unsigned bits_of(const TtySettings& settings) {
  switch (settings.cflag & CSIZE) {
    case CS5: return 5;
    case CS6: return 6;
    case CS7: return 7;
    default: return 8;
  }
}

}  // namespace

Result<TtySettings> get_settings(int fd) {
  termios2 t{};
  if (::ioctl(fd, TCGETS2, &t) != 0) return fail_errno("cannot read the settings of the terminal");
  TtySettings settings{t.c_iflag, t.c_oflag, t.c_cflag, t.c_lflag, t.c_line, {}, t.c_ispeed, t.c_ospeed};
  static_assert(sizeof t.c_cc == sizeof settings.cc);
  std::ranges::copy(t.c_cc, settings.cc.begin());
  return settings;
}

Result<void> set_settings(int fd, const TtySettings& settings) {
  termios2 t{};
  t.c_iflag = settings.iflag;
  t.c_oflag = settings.oflag;
  t.c_cflag = settings.cflag;
  t.c_lflag = settings.lflag;
  t.c_line = settings.line;
  std::ranges::copy(settings.cc, t.c_cc);
  t.c_ispeed = settings.ispeed;
  t.c_ospeed = settings.ospeed;
  if (::ioctl(fd, TCSETS2, &t) != 0) return fail_errno("cannot change the settings of the terminal");
  return {};
}

TtySettings raw_settings(const TtySettings& old) {
  TtySettings s = old;
  s.iflag &= ~static_cast<std::uint32_t>(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
  s.oflag &= ~static_cast<std::uint32_t>(OPOST);
  s.lflag &= ~static_cast<std::uint32_t>(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
  s.cflag &= ~static_cast<std::uint32_t>(CSIZE | PARENB);
  s.cflag |= CS8;
  s.cc[VMIN] = 1;
  s.cc[VTIME] = 0;
  return s;
}

TtySettings line_settings(const TtySettings& old, const Tty& tty) {
  TtySettings s = old;
  s.iflag = INPCK | PARMRK;
  s.oflag = 0;
  s.lflag = 0;
  s.cc[VMIN] = 1;
  s.cc[VTIME] = 0;
  s.cflag |= CREAD | CLOCAL;
  if (tty.keep) {
    s.iflag |= old.iflag & (IXON | IXOFF);
    return s;
  }
  s.cflag &=
      ~static_cast<std::uint32_t>(CSIZE | PARENB | PARODD | CMSPAR | CSTOPB | CRTSCTS | CBAUD | CIBAUD);
  s.cflag |= size_code(tty.mode.bits) | rate_code(tty.baud);
  if (tty.mode.parity != 'n') s.cflag |= PARENB;
  if (tty.mode.parity == 'o' || tty.mode.parity == 'm') s.cflag |= PARODD;
  if (tty.mode.parity == 'm' || tty.mode.parity == 's') s.cflag |= CMSPAR;
  if (tty.mode.stop == 2) s.cflag |= CSTOPB;
  if (tty.flow == TtyFlow::rtscts) s.cflag |= CRTSCTS;
  if (tty.flow == TtyFlow::xonxoff) s.iflag |= IXON | IXOFF;
  s.ispeed = s.ospeed = tty.baud;
  return s;
}

TtyMode mode_of(const TtySettings& s) {
  TtyMode mode{bits_of(s), 'n', (s.cflag & CSTOPB) != 0 ? 2U : 1U};
  if ((s.cflag & PARENB) != 0) {
    const bool odd = (s.cflag & PARODD) != 0;
    mode.parity = (s.cflag & CMSPAR) != 0 ? (odd ? 'm' : 's') : (odd ? 'o' : 'e');
  }
  return mode;
}

Result<void> check_settings(const TtySettings& asked, const TtySettings& got, const std::string& device) {
  if (mode_of(asked) != mode_of(got)) {
    return fail(Errc::invalid, fmt::format("{} cannot do {}; it does {}", device, describe(mode_of(asked)),
                                           describe(mode_of(got))));
  }
  const auto off = asked.ospeed > got.ospeed ? asked.ospeed - got.ospeed : got.ospeed - asked.ospeed;
  if (std::uint64_t{off} * 100 > std::uint64_t{asked.ospeed} * 3) {
    return fail(Errc::invalid,
                fmt::format("{} cannot do {} baud; it does {}", device, asked.ospeed, got.ospeed));
  }
  return {};
}

std::chrono::nanoseconds char_time_of(const TtySettings& s) {
  if (s.ospeed == 0) return std::chrono::nanoseconds(0);
  const TtyMode mode = mode_of(s);
  const std::uint64_t bits = 1U + mode.bits + (mode.parity != 'n' ? 1U : 0U) + mode.stop;
  return std::chrono::nanoseconds((bits * 1'000'000'000U + s.ospeed - 1) / s.ospeed);
}

LineFlag damage_of(const TtySettings& s) {
  return (s.cflag & PARENB) != 0 ? LineFlag::parity : LineFlag::frame;
}

std::uint8_t mask_of(const TtySettings& s) { return static_cast<std::uint8_t>((1U << bits_of(s)) - 1U); }

Result<void> check_spec(const Tty& tty) {
  if (tty.device.empty()) return fail(Errc::invalid, "a serial line needs the name of its device");
  if (tty.keep) return {};
  if (tty.baud < 1 || tty.baud > kMaxBaud) {
    return fail(Errc::invalid,
                fmt::format("{}: {} baud is not within 1..{}", tty.device, tty.baud, kMaxBaud));
  }
  const bool parity = std::string_view("neoms").find(tty.mode.parity) != std::string_view::npos;
  if (tty.mode.bits < 5 || tty.mode.bits > 8 || !parity || tty.mode.stop < 1 || tty.mode.stop > 2) {
    return fail(
        Errc::invalid,
        fmt::format("{}: no such mode; 5 to 8 bits, parity n, e, o, m or s, 1 or 2 stop bits", tty.device));
  }
  return {};
}

}  // namespace llp::io
