// SPDX-License-Identifier: BSD-3-Clause
#include "config/parameters.hpp"

#include <gtest/gtest.h>

#include <string>

namespace llp::config {
namespace {

llp_params defaults(llp_protocol protocol) {
  llp_params params{};
  llp_params_default(&params, protocol);
  return params;
}

std::string set_error(llp_protocol protocol, std::string_view name, std::string_view value) {
  llp_params params = defaults(protocol);
  const auto done = set_parameter(params, protocol, name, value);
  return done ? "" : done.error().message;
}

TEST(Protocols, Names) {
  EXPECT_EQ(parse_protocol("x328"), (Protocol{LLP_PROTO_X328, false}));
  EXPECT_EQ(parse_protocol("hllp"), (Protocol{LLP_PROTO_HLLP, false}));
  EXPECT_EQ(parse_protocol("mllp"), (Protocol{LLP_PROTO_MLLP, false}));
  EXPECT_EQ(parse_protocol("mllp2"), (Protocol{LLP_PROTO_MLLP, true}));
  EXPECT_EQ(parse_protocol("mlpp").error().message,
            "'mlpp' is not a protocol, write x328, hllp, mllp or mllp2; did you mean 'mllp'?");
}

TEST(Parameters, AreSet) {
  llp_params params = defaults(LLP_PROTO_X328);
  ASSERT_TRUE(set_parameter(params, LLP_PROTO_X328, "timer_a", "8.5s"));
  EXPECT_EQ(params.timer_a, 8500000U);
  ASSERT_TRUE(set_parameter(params, LLP_PROTO_X328, "role", "primary"));
  EXPECT_EQ(params.role, static_cast<u32>(LLP_PRIMARY));
  ASSERT_TRUE(set_parameter(params, LLP_PROTO_X328, "expect", "optional"));
  EXPECT_EQ(params.expect_in, static_cast<u32>(LLP_EXPECT_OPTIONAL));
  EXPECT_EQ(params.expect_out, static_cast<u32>(LLP_EXPECT_OPTIONAL));
}

TEST(Parameters, ErrorsSayWhatIsAllowed) {
  const std::string time = " is not a time, such as 500ms, 6s or 2min; allowed are 1ms to 3600s";
  EXPECT_EQ(set_error(LLP_PROTO_X328, "timer_a", "7200s"),
            "'7200s' is out of bounds, allowed are 1ms to 3600s");
  EXPECT_EQ(set_error(LLP_PROTO_X328, "timer_e", "2us"),
            "'2us' is out of bounds, allowed are 1ms to 3600s, or 0");
  EXPECT_EQ(set_error(LLP_PROTO_X328, "timer_a", "soon"), "'soon'" + time);
  EXPECT_EQ(set_error(LLP_PROTO_X328, "timer_a", std::string_view("6\0h", 3)), "'6\\x00h'" + time);
  EXPECT_EQ(set_error(LLP_PROTO_X328, "block_max", "0"),
            "'0' is out of bounds, allowed are 1 to 99999 bytes");
  EXPECT_EQ(set_error(LLP_PROTO_X328, "retries_l", "101"),
            "'101' is out of bounds, allowed are 0 to 100 tries");
  EXPECT_EQ(set_error(LLP_PROTO_X328, "retries_l", "few"),
            "'few' is not a number, allowed are 0 to 100 tries");
  EXPECT_EQ(set_error(LLP_PROTO_HLLP, "stuff", "1"),
            "'1' is out of bounds, allowed are 8 to 99994 bytes, or 0");
  EXPECT_EQ(set_error(LLP_PROTO_X328, "nak_term", "perhaps"), "'perhaps' is not allowed, write yes or no");
  EXPECT_EQ(set_error(LLP_PROTO_X328, "bcc_high", "mask"),
            "'mask' is not allowed, write full, mask7 or vista00; did you mean 'mask7'?");
  EXPECT_EQ(set_error(LLP_PROTO_X328, "illegal", "replace:"),
            "'replace:' is not allowed, write reject, or replace: and a printable character");
  EXPECT_EQ(set_error(LLP_PROTO_MLLP, "sb", "200"),
            "'200' is out of bounds, allowed are characters from 0x01 to 0x7f, written as 0x0b, 11 or 'c'");
  EXPECT_EQ(set_error(LLP_PROTO_X328, "expect", "maybe"),
            "'maybe' is not allowed, write reply, none or optional");
}

TEST(Parameters, UnknownNames) {
  EXPECT_EQ(set_error(LLP_PROTO_X328, "timer-a", "6s"),
            "x328 has no parameter 'timer-a'; did you mean 'timer_a'?");
  EXPECT_EQ(set_error(LLP_PROTO_X328, "xor_scope", "auto"), "x328 has no parameter 'xor_scope'; hllp has");
  EXPECT_EQ(set_error(LLP_PROTO_X328, "zzz", "1"), "x328 has no parameter 'zzz'");
  EXPECT_EQ(set_error(LLP_PROTO_X328, std::string_view("timer_a\0x", 9), "6s"),
            "x328 has no parameter 'timer_a\\x00x'; did you mean 'timer_a'?");
}

TEST(Peers, AreApplied) {
  llp_params params = defaults(LLP_PROTO_X328);
  ASSERT_TRUE(apply_peer(params, LLP_PROTO_X328, "vista-x328"));
  EXPECT_EQ(params.bcc_high, static_cast<u32>(LLP_BCC_VISTA00));
  EXPECT_EQ(apply_peer(params, LLP_PROTO_X328, "vista-hllp").error().message,
            "'vista-hllp' is a peer for hllp, not for x328");
  EXPECT_EQ(
      apply_peer(params, LLP_PROTO_X328, "vista-x32").error().message,
      "'vista-x32' is not a known peer; for x328 known are vista-x328 or cmop; did you mean 'vista-x328'?");
  EXPECT_EQ(apply_peer(params, LLP_PROTO_MLLP, "epic").error().message,
            "'epic' is not a known peer; for mllp none is known");
}

TEST(Peers, EveryOneFitsItsProtocol) {
  for (u32 i = 0; const llp_preset* preset = llp_preset_at(i); i++) {
    const auto protocol = static_cast<llp_protocol>(preset->proto);
    llp_params params = defaults(protocol);
    EXPECT_TRUE(apply_peer(params, protocol, preset->name)) << preset->name;
  }
}

// Every default is within what is said to be allowed, and is taken again.
TEST(Parameters, DefaultsAreTakenAgain) {
  for (unsigned i = 0; i < LLP_PROTO__N; i++) {
    const auto protocol = static_cast<llp_protocol>(i);
    for (const std::string& name : parameter_names(protocol)) {
      if (name == "expect") continue;
      const llp_param* row = llp_param_find(protocol, name.c_str());
      ASSERT_NE(row, nullptr) << name;
      EXPECT_EQ(set_error(protocol, name, default_text(*row, protocol)), "") << name;
      EXPECT_FALSE(allowed(*row).empty());
      EXPECT_NE(("\n" + list_parameters(protocol)).find("\n" + name + " "), std::string::npos) << name;
    }
  }
}

}  // namespace
}  // namespace llp::config
