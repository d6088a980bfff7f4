// SPDX-License-Identifier: BSD-3-Clause
#include <gtest/gtest.h>

#include <llp/address.hpp>

namespace llp {
namespace {

using Kind = Address::Kind;

Address good(std::string_view text) {
  const auto address = parse_address(text);
  EXPECT_TRUE(address) << text << ": " << (address ? "" : address.error().message);
  return address.value_or(Address{});
}

TEST(Address, HostAndPort) {
  EXPECT_EQ(good("lab:2575"), (Address{Kind::tcp, "lab", "2575", ""}));
  EXPECT_EQ(good("[::1]:2575"), (Address{Kind::tcp, "::1", "2575", ""}));
  EXPECT_EQ(good("2575"), (Address{Kind::tcp, "", "2575", ""}));
  EXPECT_EQ(good("*:hl7"), (Address{Kind::tcp, "*", "hl7", ""}));
}

TEST(Address, OtherKinds) {
  EXPECT_EQ(good("unix:/run/x"), (Address{Kind::local, "", "", "/run/x"}));
  EXPECT_EQ(good("/dev/ttyUSB0,9600,7e1"), (Address{Kind::tty, "", "", "/dev/ttyUSB0,9600,7e1"}));
  EXPECT_EQ(good("tty:/dev/ttyS0"), (Address{Kind::tty, "", "", "/dev/ttyS0"}));
  EXPECT_EQ(good("pty:-"), (Address{Kind::pty, "", "", "-"}));
  EXPECT_EQ(good("/dev/llp0"), (Address{Kind::device, "", "", "/dev/llp0"}));
  EXPECT_EQ(good("/dev/llp/analyser"), (Address{Kind::device, "", "", "/dev/llp/analyser"}));
  EXPECT_EQ(good("llp:analyser"), (Address{Kind::device, "", "", "/dev/llp/analyser"}));
}

TEST(Address, WhatIsNoneSaysWhatIsAllowed) {
  for (const char* text :
       {"", "lab:", "unix:", "llp:", "llp:../x", "[::1]", "::1:80", "/dev/ttyS0,fast", "tty:"}) {
    const auto address = parse_address(text);
    ASSERT_FALSE(address) << text;
    EXPECT_EQ(address.error().code, Errc::invalid) << text;
    EXPECT_FALSE(address.error().message.empty()) << text;
  }
}

TEST(Address, AsText) {
  for (const char* text :
       {"lab:2575", "[::1]:2575", "unix:/run/x", "/dev/ttyS0,9600", "pty:-", "/dev/llp/analyser"}) {
    EXPECT_EQ(to_string(good(text)), text);
  }
}

TEST(Protocols, ByName) {
  for (const Protocol p : {Protocol::illp, Protocol::mllp, Protocol::mllp2, Protocol::hllp, Protocol::x328}) {
    EXPECT_EQ(parse_protocol(to_string(p)).value(), p);
  }
  EXPECT_EQ(parse_protocol("MLLP").error().code, Errc::invalid);
}

}  // namespace
}  // namespace llp
