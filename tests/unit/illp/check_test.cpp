// SPDX-License-Identifier: BSD-3-Clause
#include "illp/check.hpp"

#include <gtest/gtest.h>

#include "illp/support.hpp"

namespace llp::illp::test {
namespace {

// shows: illp/4/check
TEST(Check, WholeHl7Passes) {
  for (const char* message : {"MSH|^~\\&|\r", "FHS|\r", "BHS|x\rMSH|\rBTS|\r"}) {
    EXPECT_TRUE(check_hl7(bytes(message))) << message;
  }
}

// shows: illp/4/unarmed-mid illp/4/check
TEST(Check, CutAndForeignMessagesFail) {
  for (const char* message :
       {"", "M", "MS", "MSH", "MSH|a", "MSH|a\rPID|", "PID|\r", "\rMSH|\r", "msh|\r", "MSH|\r\n"}) {
    const auto result = check_hl7(bytes(message));
    ASSERT_FALSE(result) << message;
    EXPECT_EQ(result.error().code, Errc::malformed);
  }
}

// shows: illp/8/stray
TEST(Check, StrayUrgentBytesFail) {
  EXPECT_FALSE(check_hl7(bytes("MSH|\x02|\r")));
  EXPECT_FALSE(check_hl7(bytes("MSH|\x18|\r")));
  EXPECT_TRUE(check_hl7(bytes("MSH|\x03|\r")));
}

// shows: illp/4/check interop/11/illp/check
TEST(Check, ModesDecideWhoIsChecked) {
  EXPECT_TRUE(check_request(Check::none, bytes("MSH|cut")));
  EXPECT_FALSE(check_request(Check::automatic, bytes("MSH|cut")));
  EXPECT_TRUE(check_request(Check::automatic, bytes("H|\\^&|")));
  EXPECT_FALSE(check_request(Check::hl7, bytes("H|\\^&|\r")));
  EXPECT_TRUE(check_request(Check::hl7, bytes("MSH|\r")));

  EXPECT_TRUE(check_reply(Check::hl7, true, {}));
  EXPECT_FALSE(check_reply(Check::hl7, false, bytes("ok")));
  EXPECT_FALSE(check_reply(Check::automatic, true, bytes("MSH|cut")));
  EXPECT_FALSE(check_reply(Check::automatic, true, bytes("M")));
  EXPECT_TRUE(check_reply(Check::automatic, false, bytes("MSH|cut")));
  EXPECT_TRUE(check_reply(Check::none, true, bytes("MSH|cut")));
}

// shows: illp/D-7 interop/11/illp/max
TEST(OptionsTest, BoundsAreNamed) {
  EXPECT_TRUE(Options{}.validate());
  const auto refuses = [](auto change, const char* name) {
    Options options;
    change(options);
    const auto result = options.validate();
    ASSERT_FALSE(result) << name;
    EXPECT_EQ(result.error().code, Errc::invalid);
    EXPECT_NE(result.error().message.find(name), std::string::npos) << result.error().message;
  };
  refuses([](Options& o) { o.max_message = 0; }, "max_message");
  refuses([](Options& o) { o.connect_tries = 0; }, "connect_tries");
  refuses([](Options& o) { o.connect_timeout = 0s; }, "connect_timeout");
  refuses([](Options& o) { o.connect_pause = -1s; }, "connect_pause");
  refuses([](Options& o) { o.idle_timeout = 0s; }, "idle_timeout");
  refuses([](Options& o) { o.drain_time = 0s; }, "drain_time");
  refuses([](Options& o) { o.keepalive_idle = 40000s; }, "keepalive_idle");
  refuses([](Options& o) { o.keepalive_interval = 0s; }, "keepalive_interval");
  refuses([](Options& o) { o.keepalive_count = 128; }, "keepalive_count");
  refuses([](Options& o) { o.user_timeout = 59s; }, "user_timeout");
}

// shows: illp/D-5 illp/3/connect+refused illp/3/recv+idle illp/5/drain interop/11/illp/max
TEST(OptionsTest, DefaultsAreTheProtocols) {
  const Options options;
  EXPECT_EQ(options.max_message, 16U * 1024 * 1024);
  EXPECT_EQ(options.connect_timeout, 10s);
  EXPECT_EQ(options.connect_tries, 3U);
  EXPECT_EQ(options.connect_pause, 1s);
  EXPECT_EQ(options.idle_timeout, 60s);
  EXPECT_EQ(options.drain_time, 1s);
  EXPECT_EQ(options.oob, Oob::yes);
}

TEST(EndpointTest, Text) {
  EXPECT_EQ(to_string(TcpEndpoint{"lab", "5001"}), "lab:5001");
  EXPECT_EQ(to_string(TcpEndpoint{"", "illp"}), "localhost:illp");
  EXPECT_EQ(to_string(TcpEndpoint{"::1", "5001"}), "[::1]:5001");
  EXPECT_EQ(to_string(UnixEndpoint{"/run/x"}), "unix:/run/x");
}

}  // namespace
}  // namespace llp::illp::test
