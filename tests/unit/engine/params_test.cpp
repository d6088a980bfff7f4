// SPDX-License-Identifier: BSD-3-Clause
// The table of parameters, its text form and the presets.
#include <gtest/gtest.h>

#include <cerrno>
#include <set>
#include <string>
#include <tuple>

extern "C" {
#include "proto/llp_match.h"
#include "proto/llp_params.h"
}

namespace {

const llp_protocol kAll[] = {LLP_PROTO_X328, LLP_PROTO_HLLP, LLP_PROTO_MLLP};

llp_params defaults(llp_protocol proto) {
  llp_params p{};
  llp_params_default(&p, proto);
  return p;
}

std::string get(const llp_params& p, llp_protocol proto, const char* name) {
  char text[64];
  const int n = llp_params_get(&p, proto, name, text, sizeof(text));
  return n < 0 ? "error " + std::to_string(n) : std::string(text, static_cast<std::size_t>(n));
}

TEST(Params, TableIsSound) {
  std::set<std::pair<int, std::string>> seen;
  for (u32 i = 0; const llp_param* row = llp_param_at(i); ++i) {
    SCOPED_TRACE(row->name);
    EXPECT_LE(row->offset + sizeof(u32), sizeof(llp_params));
    EXPECT_EQ(row->offset % sizeof(u32), 0u);
    EXPECT_LE(row->min, row->max);
    EXPECT_TRUE((row->dflt >= row->min && row->dflt <= row->max) || (row->zero_ok && row->dflt == 0));
    EXPECT_NE(row->protocols, 0);
    if (row->kind == LLP_PARAM_TIME) EXPECT_EQ(row->min, 1000u) << "every timer goes down to 1 ms";
    EXPECT_GT(std::string(row->help).size(), 3u);
    EXPECT_NE(row->help[std::string(row->help).size() - 1], '.');
    EXPECT_EQ(row->kind == LLP_PARAM_ENUM, row->choices != nullptr);
    for (int proto = 0; proto < LLP_PROTO__N; ++proto)
      if (row->protocols >> proto & 1) {
        EXPECT_TRUE(seen.emplace(proto, row->name).second) << "two rows for one protocol";
      }
  }
  EXPECT_EQ(llp_param_at(100000), nullptr);
  EXPECT_GT(seen.size(), 80u);
}

TEST(Params, DefaultsPassTheCheck) {
  for (const auto proto : kAll) {
    const auto p = defaults(proto);
    EXPECT_EQ(llp_params_check(&p, proto), nullptr) << llp_protocol_name(proto);
  }
}

// shows: x328/D-15 x328/4/defaults hllp/D-9
TEST(Params, DefaultsOfTheSpecification) {
  const auto x = defaults(LLP_PROTO_X328);
  EXPECT_EQ(get(x, LLP_PROTO_X328, "timer_a"), "6s");
  EXPECT_EQ(get(x, LLP_PROTO_X328, "timer_b"), "3s");
  EXPECT_EQ(get(x, LLP_PROTO_X328, "timer_d"), "30s");
  EXPECT_EQ(get(x, LLP_PROTO_X328, "timer_e"), "180s");
  EXPECT_EQ(get(x, LLP_PROTO_X328, "role"), "secondary");
  EXPECT_EQ(get(x, LLP_PROTO_X328, "block_max"), "233");
  EXPECT_EQ(get(x, LLP_PROTO_X328, "max_rx_text"), "4096");
  EXPECT_EQ(get(x, LLP_PROTO_X328, "illegal"), "reject");
  EXPECT_EQ(get(x, LLP_PROTO_X328, "t_term"), "100ms");
  EXPECT_EQ(get(x, LLP_PROTO_X328, "reply_timeout"), "60s");
  const auto h = defaults(LLP_PROTO_HLLP);
  EXPECT_EQ(get(h, LLP_PROTO_HLLP, "vv"), "23");
  EXPECT_EQ(get(h, LLP_PROTO_HLLP, "on_timeout"), "fail");
  EXPECT_EQ(get(h, LLP_PROTO_HLLP, "sb"), "0x0b");
  EXPECT_EQ(get(h, LLP_PROTO_HLLP, "max_message"), "99994");
  const auto m = defaults(LLP_PROTO_MLLP);
  EXPECT_EQ(get(m, LLP_PROTO_MLLP, "release"), "1");
  EXPECT_EQ(get(m, LLP_PROTO_MLLP, "reply_timeout"), "30s");
  EXPECT_EQ(get(m, LLP_PROTO_MLLP, "peer_resends"), "2");
}

TEST(Params, WhatGetGivesSetTakes) {
  for (const auto proto : kAll) {
    const auto from = defaults(proto);
    llp_params to{};
    for (u32 i = 0; const llp_param* row = llp_param_at(i); ++i) {
      if (!(row->protocols >> proto & 1)) continue;
      EXPECT_EQ(llp_params_set(&to, proto, row->name, get(from, proto, row->name).c_str()), 0) << row->name;
    }
    EXPECT_EQ(memcmp(&from, &to, sizeof(to)), 0) << llp_protocol_name(proto);
  }
}

TEST(Params, EveryChoiceOfEveryEnum) {
  for (u32 i = 0; const llp_param* row = llp_param_at(i); ++i) {
    if (row->kind != LLP_PARAM_ENUM) continue;
    for (const auto proto : kAll) {
      if (!(row->protocols >> proto & 1)) continue;
      auto p = defaults(proto);
      std::string choices = row->choices;
      u32 value = 0;
      for (std::size_t at = 0; at <= choices.size(); ++value) {
        const std::size_t end = std::min(choices.find('|', at), choices.size());
        const std::string word = choices.substr(at, end - at);
        EXPECT_EQ(llp_params_set(&p, proto, row->name, word.c_str()), 0) << row->name << "=" << word;
        EXPECT_EQ(get(p, proto, row->name), word);
        EXPECT_EQ(*reinterpret_cast<const u32*>(reinterpret_cast<const char*>(&p) + row->offset), value);
        at = end + 1;
      }
      EXPECT_EQ(value, row->max + 1) << row->name << ": as many words as values";
    }
  }
}

struct SetCase {
  llp_protocol proto;
  const char* name;
  const char* value;
  int result;
  const char* text;  // what get gives afterwards
};

class ParamsSet : public testing::TestWithParam<SetCase> {};

// shows: interop/11/x328/numbers
TEST_P(ParamsSet, Case) {
  const auto& c = GetParam();
  auto p = defaults(c.proto);
  EXPECT_EQ(llp_params_set(&p, c.proto, c.name, c.value), c.result) << c.name << "=" << c.value;
  if (c.text) {
    EXPECT_EQ(get(p, c.proto, c.name), c.text);
  }
}

const llp_protocol X = LLP_PROTO_X328, H = LLP_PROTO_HLLP, M = LLP_PROTO_MLLP;

INSTANTIATE_TEST_SUITE_P(
    Table, ParamsSet,
    testing::Values(
        // times
        SetCase{X, "timer_a", "7", 0, "7s"}, SetCase{X, "timer_a", "1.5s", 0, "1500ms"},
        SetCase{X, "timer_a", "500ms", 0, "500ms"}, SetCase{X, "timer_a", "1500us", 0, "1500us"},
        SetCase{X, "timer_a", "2min", 0, "120s"}, SetCase{X, "timer_a", "1ms", 0, "1ms"},
        SetCase{X, "timer_a", "0.0015", 0, "1500us"}, SetCase{X, "timer_a", "999us", -ERANGE, "6s"},
        SetCase{X, "timer_a", "0", -ERANGE, "6s"}, SetCase{X, "timer_e", "0", 0, "0s"},
        SetCase{X, "timer_a", "3601s", -ERANGE, "6s"}, SetCase{X, "timer_a", "1h", -EINVAL, "6s"},
        SetCase{X, "timer_a", "", -EINVAL, "6s"}, SetCase{X, "timer_a", "s", -EINVAL, "6s"},
        SetCase{X, "timer_a", "1.", -EINVAL, "6s"}, SetCase{X, "timer_a", "-1", -EINVAL, "6s"},
        SetCase{X, "timer_a", "99999999999999999999", -EINVAL, "6s"},
        SetCase{X, "timer_a", "99999999999999s", -ERANGE, "6s"},
        // numbers
        SetCase{X, "block_max", "1", 0, "1"}, SetCase{X, "block_max", "99999", 0, "99999"},
        SetCase{X, "block_max", "0", -ERANGE, "233"}, SetCase{X, "block_max", "100000", -ERANGE, "233"},
        SetCase{X, "block_max", "12x", -EINVAL, "233"}, SetCase{X, "max_message", "2M", 0, "2097152"},
        SetCase{X, "max_message", "64k", 0, "65536"}, SetCase{H, "stuff", "0", 0, "0"},
        SetCase{H, "stuff", "7", -ERANGE, "0"}, SetCase{H, "stuff", "8", 0, "8"},
        SetCase{H, "max_message", "99995", -ERANGE, "99994"},
        // words
        SetCase{X, "role", "primary", 0, "primary"}, SetCase{X, "role", "prim", -EINVAL, "secondary"},
        SetCase{X, "role", "primaryx", -EINVAL, "secondary"}, SetCase{X, "role", "", -EINVAL, "secondary"},
        SetCase{X, "nak_term", "no", 0, "no"}, SetCase{X, "nak_term", "off", 0, "no"},
        SetCase{X, "strict_term", "true", 0, "yes"}, SetCase{X, "nak_term", "maybe", -EINVAL, "yes"},
        SetCase{H, "xor_scope", "data+count", 0, "data+count"},
        // characters
        SetCase{M, "sb", "0x02", 0, "0x02"}, SetCase{M, "sb", "2", 0, "0x02"},
        SetCase{M, "sb", "'S'", 0, "0x53"}, SetCase{M, "sb", "0x80", -ERANGE, "0x0b"},
        SetCase{M, "sb", "0", -ERANGE, "0x0b"}, SetCase{M, "sb", "0x", -EINVAL, "0x0b"},
        SetCase{M, "sb", "'SS'", -EINVAL, "0x0b"}, SetCase{M, "sb", "0X1f", 0, "0x1f"},
        // replacement
        SetCase{X, "illegal", "replace:?", 0, "replace:?"}, SetCase{X, "illegal", "reject", 0, "reject"},
        SetCase{X, "illegal", "replace:", -EINVAL, "reject"},
        SetCase{X, "illegal", "replace:??", -EINVAL, "reject"},
        SetCase{X, "illegal", "replac", -EINVAL, "reject"},
        SetCase{X, "illegal", "replace:\x01", -ERANGE, "reject"}, SetCase{M, "illegal", "space", 0, "space"},
        // names
        SetCase{X, "timer_z", "1", -ENOENT, nullptr}, SetCase{X, "vv", "23", -ENOENT, nullptr},
        SetCase{M, "timer_a", "6s", -ENOENT, nullptr}, SetCase{X, "", "6s", -ENOENT, nullptr},
        SetCase{X, "expect", "none", 0, nullptr}, SetCase{X, "expect", "never", -EINVAL, nullptr}));

// shows: interop/11/illp/expect
TEST(Params, ExpectSetsBothDirections) {
  auto p = defaults(X);
  ASSERT_EQ(llp_params_set(&p, X, "expect", "optional"), 0);
  EXPECT_EQ(p.expect_in, static_cast<u32>(LLP_EXPECT_OPTIONAL));
  EXPECT_EQ(p.expect_out, static_cast<u32>(LLP_EXPECT_OPTIONAL));
}

TEST(Params, Release2ResendsAfterReconnection) {
  auto p = defaults(M);
  EXPECT_EQ(p.resend_after_reconnect, 0u);
  ASSERT_EQ(llp_params_set(&p, M, "release", "2"), 0);
  EXPECT_EQ(p.resend_after_reconnect, 1u);
  ASSERT_EQ(llp_params_set(&p, M, "release", "1"), 0);
  EXPECT_EQ(p.resend_after_reconnect, 0u);
}

TEST(Params, GetReportsSmallBuffersAndUnknownNames) {
  const auto p = defaults(X);
  char text[4];
  EXPECT_EQ(llp_params_get(&p, X, "timer_e", text, sizeof(text)), -ENOSPC);
  EXPECT_EQ(llp_params_get(&p, X, "nothing", text, sizeof(text)), -ENOENT);
  EXPECT_EQ(llp_params_get(&p, X, "timer_a", text, sizeof(text)), 2);
  EXPECT_STREQ(text, "6s");
}

TEST(Params, ScaleMultipliesTimesOnly) {
  for (const auto proto : kAll) {
    const auto before = defaults(proto);
    auto after = before;
    llp_params_scale(&after, proto, 1, 50);
    for (u32 i = 0; const llp_param* row = llp_param_at(i); ++i) {
      if (!(row->protocols >> proto & 1)) continue;
      const auto at = [&](const llp_params& p) {
        return *reinterpret_cast<const u32*>(reinterpret_cast<const char*>(&p) + row->offset);
      };
      const u32 want =
          row->kind == LLP_PARAM_TIME && at(before) ? std::max(1000u, at(before) / 50) : at(before);
      EXPECT_EQ(at(after), want) << row->name;
    }
  }
}

TEST(Params, ScaleKeepsTimesWithinBounds) {
  auto p = defaults(X);
  llp_params_scale(&p, X, 1, 65535);
  EXPECT_EQ(p.timer_a, 1000u);
  p = defaults(X);
  llp_params_scale(&p, X, 65535, 1);
  EXPECT_EQ(p.timer_a, 3600u * 1000000);
  p = defaults(X);
  llp_params_scale(&p, X, 3, 7);
  EXPECT_EQ(p.timer_a, 6000000u / 7 * 3 + 6000000u % 7 * 3 / 7);
}

// shows: x328/4/a-exceeds-b
TEST(Params, CheckFindsContradictions) {
  auto p = defaults(X);
  p.timer_b = p.timer_a;
  EXPECT_STREQ(llp_params_check(&p, X), "timer_a must be longer than timer_b");
  p = defaults(X);
  p.cont_primary = p.cont_secondary;
  EXPECT_NE(llp_params_check(&p, X), nullptr);
  p = defaults(X);
  p.block_max = 100000;
  EXPECT_STREQ(llp_params_check(&p, X), "block_max");
  p = defaults(H);
  p.stuff = 3;
  EXPECT_STREQ(llp_params_check(&p, H), "stuff");
  p = defaults(H);
  p.sb_char = p.eb_char;
  EXPECT_NE(llp_params_check(&p, H), nullptr);
  p = defaults(M);
  p.settle_min = p.settle_max + 1;
  EXPECT_NE(llp_params_check(&p, M), nullptr);
}

// shows: hllp/D-19
TEST(Params, AppBudget) {
  auto p = defaults(X);
  EXPECT_EQ(llp_params_app_budget(&p, X), 18000000u);  // 0.6 x 6 s x 5
  p.retries_l = 0;
  EXPECT_EQ(llp_params_app_budget(&p, X), 3600000u);
  p.peer_timer_a = 3600000000u;
  p.retries_l = 100;
  EXPECT_EQ(llp_params_app_budget(&p, X), 0xffffffffu);
  p.app_timeout = 1234567;
  EXPECT_EQ(llp_params_app_budget(&p, X), 1234567u);
  p = defaults(H);
  EXPECT_EQ(llp_params_app_budget(&p, H), 55000000u);
  p = defaults(M);
  EXPECT_EQ(llp_params_app_budget(&p, M), 25000000u);
  p.release = 2;
  EXPECT_EQ(llp_params_app_budget(&p, M), 54000000u);  // 0.6 x 30 s x 3
}

// shows: interop/11/presets
TEST(Presets, AllApply) {
  std::set<std::string> names;
  for (u32 i = 0; const llp_preset* preset = llp_preset_at(i); ++i) {
    names.insert(preset->name);
    for (const auto proto : kAll) {
      auto p = defaults(proto);
      const int result = llp_preset_apply(&p, proto, preset->name);
      EXPECT_EQ(result, proto == preset->proto ? 0 : -EPROTOTYPE) << preset->name;
      if (result == 0) {
        EXPECT_EQ(llp_params_check(&p, proto), nullptr) << preset->name;
      }
    }
  }
  EXPECT_EQ(names, (std::set<std::string>{"vista-x328", "cmop", "vista-hllp", "sun-hllp"}));
  auto p = defaults(X);
  EXPECT_EQ(llp_preset_apply(&p, X, "vista"), -ENOENT);
}

// shows: interop/11/presets
TEST(Presets, Values) {
  auto p = defaults(X);
  ASSERT_EQ(llp_preset_apply(&p, X, "vista-x328"), 0);
  EXPECT_EQ(get(p, X, "contention"), "yield");
  EXPECT_EQ(get(p, X, "nak_term"), "no");
  EXPECT_EQ(get(p, X, "bcc_high"), "vista00");
  EXPECT_EQ(get(p, X, "enq_resolicit"), "no");
  p = defaults(X);
  ASSERT_EQ(llp_preset_apply(&p, X, "cmop"), 0);
  EXPECT_EQ(get(p, X, "join"), "cr");
  EXPECT_EQ(get(p, X, "timer_e"), "60s");
  EXPECT_EQ(get(p, X, "max_message"), "9999");
  p = defaults(H);
  ASSERT_EQ(llp_preset_apply(&p, H, "vista-hllp"), 0);
  EXPECT_EQ(get(p, H, "vv"), "22");
  EXPECT_EQ(get(p, H, "bad_response"), "nak");
  p = defaults(H);
  ASSERT_EQ(llp_preset_apply(&p, H, "sun-hllp"), 0);
  EXPECT_EQ(get(p, H, "xor_scope"), "auto");
}

TEST(Params, ProtocolNames) {
  EXPECT_STREQ(llp_protocol_name(X), "x328");
  EXPECT_STREQ(llp_protocol_name(H), "hllp");
  EXPECT_STREQ(llp_protocol_name(M), "mllp");
  EXPECT_STREQ(llp_protocol_name(LLP_PROTO__N), "unknown");
}

}  // namespace
