// SPDX-License-Identifier: BSD-3-Clause
#include "io/tty_settings.hpp"

#include <gtest/gtest.h>
#include <termios.h>

#include "io/tty_port.hpp"

namespace llp::io {
namespace {

using namespace std::chrono_literals;

// A terminal as a login leaves it.
TtySettings cooked() {
  TtySettings s;
  s.iflag = ICRNL | IXON | BRKINT | IGNPAR | ISTRIP;
  s.oflag = OPOST | ONLCR;
  s.lflag = ISIG | ICANON | ECHO | ECHOE | IEXTEN;
  s.cflag = B38400 | CS8 | CREAD | HUPCL | PARODD | CRTSCTS;
  s.ispeed = s.ospeed = 38400;
  return s;
}

// shows: x328/D-1
TEST(TtySettings, RawAndDamageIsSeen) {
  const auto s = line_settings(cooked(), Tty{"/dev/x"});
  EXPECT_EQ(s.iflag, static_cast<std::uint32_t>(INPCK | PARMRK));
  EXPECT_EQ(s.oflag, 0U);
  EXPECT_EQ(s.lflag, 0U);
  EXPECT_EQ(s.cflag, static_cast<std::uint32_t>(B9600 | CS8 | CREAD | CLOCAL | HUPCL));
  EXPECT_EQ(s.ospeed, 9600U);
  EXPECT_EQ(s.cc[VMIN], 1);
  EXPECT_EQ(s.cc[VTIME], 0);
}

// shows: x328/D-1
TEST(TtySettings, Modes) {
  struct Case {
    TtyMode mode;
    std::uint32_t cflag = 0;
    const char* name = "";
    unsigned bits = 0;  // on the wire
  };
  for (const auto& c :
       {Case{{8, 'n', 1}, CS8, "8N1", 10}, Case{{7, 'e', 1}, CS7 | PARENB, "7E1", 10},
        Case{{8, 'e', 1}, CS8 | PARENB, "8E1", 11}, Case{{8, 'o', 1}, CS8 | PARENB | PARODD, "8O1", 11},
        Case{{7, 'o', 1}, CS7 | PARENB | PARODD, "7O1", 10}, Case{{7, 'n', 2}, CS7 | CSTOPB, "7N2", 10},
        Case{{6, 's', 2}, CS6 | PARENB | CMSPAR | CSTOPB, "6S2", 10},
        Case{{5, 'm', 1}, CS5 | PARENB | PARODD | CMSPAR, "5M1", 8}}) {
    Tty tty{"/dev/x", 1000, c.mode, TtyFlow::none, false};
    const auto s = line_settings(cooked(), tty);
    constexpr std::uint32_t kMask = CSIZE | PARENB | PARODD | CMSPAR | CSTOPB | CRTSCTS;
    EXPECT_EQ(s.cflag & kMask, c.cflag) << c.name;
    EXPECT_EQ(mode_of(s), c.mode) << c.name;
    EXPECT_EQ(describe(c.mode), c.name);
    EXPECT_EQ(char_time_of(s), c.bits * 1ms) << c.name;
    EXPECT_EQ(damage_of(s), c.mode.parity == 'n' ? LineFlag::frame : LineFlag::parity);
    EXPECT_EQ(mask_of(s), (1U << c.mode.bits) - 1);
  }
}

TEST(TtySettings, RatesHaveTheUsualCodesOrTheirNumber) {
  const auto rate = [](unsigned baud) {
    return line_settings(cooked(), Tty{"/dev/x", baud, {}, TtyFlow::none, false});
  };
  EXPECT_EQ(rate(9600).cflag & CBAUD, static_cast<std::uint32_t>(B9600));
  EXPECT_EQ(rate(921600).cflag & CBAUD, static_cast<std::uint32_t>(B921600));
  EXPECT_EQ(rate(50).cflag & CBAUD, static_cast<std::uint32_t>(B50));
  constexpr std::uint32_t kBother = 0010000;
  EXPECT_EQ(rate(10400).cflag & CBAUD, kBother);
  EXPECT_EQ(rate(10400).ospeed, 10400U);
  EXPECT_EQ(rate(10400).ispeed, 10400U);
}

TEST(TtySettings, FlowControl) {
  Tty tty{"/dev/x", 9600, {}, TtyFlow::rtscts, false};
  EXPECT_NE(line_settings(cooked(), tty).cflag & CRTSCTS, 0U);
  EXPECT_EQ(line_settings(cooked(), tty).iflag & (IXON | IXOFF), 0U);
  tty.flow = TtyFlow::xonxoff;
  EXPECT_EQ(line_settings(cooked(), tty).cflag & CRTSCTS, 0U);
  EXPECT_EQ(line_settings(cooked(), tty).iflag & (IXON | IXOFF), static_cast<std::uint32_t>(IXON | IXOFF));
}

TEST(TtySettings, Keep) {
  Tty tty{"/dev/x", 9600, {}, TtyFlow::none, true};
  auto found = cooked();
  found.cflag |= PARENB | CSTOPB;
  const auto s = line_settings(found, tty);
  EXPECT_EQ(s.cflag, found.cflag | CLOCAL);
  EXPECT_EQ(s.ospeed, found.ospeed);
  EXPECT_EQ(s.lflag, 0U);
  EXPECT_EQ(s.oflag, 0U);
  EXPECT_EQ(s.iflag, static_cast<std::uint32_t>(INPCK | PARMRK | IXON));
}

TEST(TtySettings, WhatTheDriverCannotDoIsSaid) {
  const auto asked = line_settings(cooked(), Tty{"/dev/x", 9600, {7, 'e', 1}, TtyFlow::none, false});
  EXPECT_TRUE(check_settings(asked, asked, "/dev/x"));
  auto got = asked;
  got.cflag = (got.cflag & ~static_cast<std::uint32_t>(CSIZE | PARENB)) | CS8;
  auto checked = check_settings(asked, got, "/dev/x");
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, Errc::invalid);
  EXPECT_EQ(checked.error().message, "/dev/x cannot do 7E1; it does 8N1");
  got = asked;
  got.ospeed = 9888;  // 3 %
  EXPECT_TRUE(check_settings(asked, got, "/dev/x"));
  got.ospeed = 9889;
  checked = check_settings(asked, got, "/dev/x");
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().message, "/dev/x cannot do 9600 baud; it does 9889");
  got.ospeed = 9311;
  EXPECT_FALSE(check_settings(asked, got, "/dev/x"));
}

TEST(TtySettings, WhatNoTtyCanBe) {
  EXPECT_TRUE(check_spec(Tty{"/dev/x"}));
  EXPECT_EQ(check_spec(Tty{""}).error().code, Errc::invalid);
  for (const TtyMode mode : {TtyMode{4, 'n', 1}, TtyMode{9, 'n', 1}, TtyMode{8, 'x', 1}, TtyMode{8, 'n', 0},
                             TtyMode{8, 'n', 3}, TtyMode{8, '\0', 1}}) {
    EXPECT_EQ(check_spec(Tty{"/dev/x", 9600, mode, TtyFlow::none, false}).error().code, Errc::invalid);
  }
  for (const unsigned baud : {0U, 20'000'001U}) {
    EXPECT_EQ(check_spec(Tty{"/dev/x", baud, {}, TtyFlow::none, false}).error().code, Errc::invalid);
    EXPECT_TRUE(check_spec(Tty{"/dev/x", baud, {}, TtyFlow::none, true}));
  }
}

TEST(TtySettings, CharTimeIsNotTooShort) {
  TtySettings s = line_settings(cooked(), Tty{"/dev/x"});
  EXPECT_EQ(char_time_of(s), 1041667ns);
  s.ospeed = 0;
  EXPECT_EQ(char_time_of(s), 0ns);
}

TEST(TransmitClock, OneCharacterAfterTheOther) {
  TransmitClock clock(1ms);
  const TransmitClock::Clock::time_point start{1s};
  clock.wrote(10, start);
  EXPECT_EQ(clock.empty_at(), start + 10ms);
  clock.wrote(5, start + 4ms);  // still sending
  EXPECT_EQ(clock.empty_at(), start + 15ms);
  clock.wrote(1, start + 100ms);  // idle since
  EXPECT_EQ(clock.empty_at(), start + 101ms);
  clock.wrote(0, start + 100ms);
  EXPECT_EQ(clock.empty_at(), start + 101ms);
}

// shows: common/1
TEST(UntilEmpty, WhatTheDriverTells) {
  TransmitClock clock(1ms);
  const TransmitClock::Clock::time_point now{10s};
  clock.wrote(100, now);  // until 100 ms from now, by the clock
  const auto wait = [&](TransmitState state, TransmitClock::Clock::time_point at) {
    return until_empty(state, clock, 1ms, at);
  };
  // Bytes in the driver's queue: their time, within bounds.
  EXPECT_EQ(wait({7, true, true}, now), 7ms);
  EXPECT_EQ(wait({4000, true, std::nullopt}, now), 50ms);
  EXPECT_EQ(until_empty({1, true, std::nullopt}, clock, 10us, now), 1ms);
  EXPECT_EQ(wait({5, true, true}, now + 1s), 5ms);  // held back by flow control: the clock does not count
  // The transmitter itself, where it can tell, whatever the clock says.
  EXPECT_EQ(wait({0, true, false}, now), 1ms);
  EXPECT_EQ(wait({0, true, true}, now), 0ns);
  EXPECT_EQ(wait({0, true, false}, now + 1s), 1ms);
  // Where it cannot: the clock and 20 ms.
  EXPECT_EQ(wait({0, true, std::nullopt}, now), 120ms);
  EXPECT_EQ(wait({0, true, std::nullopt}, now + 119ms), 1ms);
  EXPECT_EQ(wait({0, true, std::nullopt}, now + 120ms), 0ns);
  EXPECT_EQ(wait({0, true, std::nullopt}, now + 1s), 0ns);
  // No wire.
  EXPECT_EQ(wait({0, false, std::nullopt}, now), 0ns);
  EXPECT_EQ(wait({9, false, std::nullopt}, now), 9ms);
}

TEST(LineSpec, Describes) {
  EXPECT_EQ(describe(LineSpec(Tty{"/dev/ttyUSB0"})), "/dev/ttyUSB0 9600 8N1");
  EXPECT_EQ(describe(LineSpec(Tty{"/dev/ttyS1", 19200, {7, 'e', 1}, TtyFlow::rtscts, false})),
            "/dev/ttyS1 19200 7E1 rtscts");
  EXPECT_EQ(describe(LineSpec(Tty{"/dev/ttyS1", 1, {}, TtyFlow::none, true})), "/dev/ttyS1 (settings kept)");
  EXPECT_EQ(describe(LineSpec(Pty{})), "pseudo terminal");
  EXPECT_EQ(describe(LineSpec(Pty{"/run/x"})), "pseudo terminal /run/x");
  EXPECT_EQ(describe(LineSpec(TcpConnect{"lab-ts1", "4001"})), "tcp lab-ts1:4001");
  EXPECT_EQ(describe(LineSpec(TcpConnect{"::1", "4001"})), "tcp [::1]:4001");
  EXPECT_EQ(describe(LineSpec(TcpListen{"", "4001"})), "tcp listen localhost:4001");
  EXPECT_EQ(describe(LineSpec(TcpListen{"*", "llp"})), "tcp listen *:llp");
  EXPECT_EQ(describe(LineSpec(UnixConnect{"/run/x"})), "unix /run/x");
  EXPECT_EQ(describe(LineSpec(UnixListen{"/run/x"})), "unix listen /run/x");
}

}  // namespace
}  // namespace llp::io
