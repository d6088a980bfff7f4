// SPDX-License-Identifier: BSD-3-Clause
// Every default that the specifications state or that was decided.
#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string>
#include <vector>

extern "C" {
#include "proto/llp_params.h"
}

namespace {

struct Default {
  const char* name;
  const char* value;
};

const std::vector<Default> kX328 = {
    {"timer_a", "6s"},        {"timer_b", "3s"},
    {"timer_d", "30s"},       {"timer_e", "180s"},
    {"cont_primary", "1s"},   {"cont_secondary", "3s"},
    {"retries_l", "5"},       {"retries_m", "10"},
    {"retries_n", "5"},       {"bid_pause", "1s"},
    {"recovery_pause", "5s"}, {"t_term", "100ms"},
    {"peer_timer_a", "6s"},   {"rint_pause", "3s"},
    {"quiet", "100ms"},       {"b_margin", "1s"},
    {"role", "secondary"},    {"nak_term", "yes"},
    {"strict_term", "no"},    {"accept_plain_ack", "no"},
    {"bcc_high", "full"},     {"join", "plain"},
    {"blocking", "segment"},  {"block_max", "233"},
    {"max_rx_text", "4096"},  {"on_timeout", "retransmit"},
    {"enq_resolicit", "yes"}, {"contention", "backoff"},
    {"gap", "nak"},           {"rint", "finish"},
    {"illegal", "reject"},    {"max_message", "16777216"},
    {"reply_timeout", "60s"}, {"flow", "no"},
    {"match", "auto"},
};

const std::vector<Default> kHllp = {
    {"vv", "23"},
    {"send_checksum", "xor"},
    {"xor_scope", "data"},
    {"xor_fn", "xor"},
    {"c999", "skip_xor"},
    {"eb_cr", "optional"},
    {"stuff", "0"},
    {"unstuff", "count"},
    {"bad_response", "resend"},
    {"on_timeout", "fail"},
    {"duplex", "full"},
    {"data", "pass"},
    {"vv_check", "digits"},
    {"max_data", "99994"},
    {"max_message", "99994"},
    {"send_retries", "5"},
    {"nak_wait", "2s"},
    {"queue", "8"},
    {"t_in", "10s"},
    {"t_term", "100ms"},
    {"sb", "0x0b"},
    {"eb_char", "0x1c"},
    {"reply_timeout", "60s"},
    {"connect_retries", "3"},
    {"connect_pause", "1s"},
    {"resend_after_reconnect", "no"},
    {"flow", "no"},
    {"match", "auto"},
};

const std::vector<Default> kMllp = {
    {"release", "1"},
    {"eb", "auto"},
    {"vt", "restart"},
    {"lost", "log"},
    {"eof", "drop"},
    {"dedup", "no"},
    {"illegal", "reject"},
    {"add_cr", "no"},
    {"on_fail", "nothing"},
    {"t_c", "30s"},
    {"t_in", "60s"},
    {"t_fs", "200ms"},
    {"peer_t_c", "30s"},
    {"peer_resends", "2"},
    {"resends", "3"},
    {"settle_min", "100ms"},
    {"settle_max", "1s"},
    {"sb", "0x0b"},
    {"eb_char", "0x1c"},
    {"reply_timeout", "30s"},
    {"connect_retries", "3"},
    {"connect_pause", "1s"},
    {"resend_after_reconnect", "no"},
    {"max_message", "16777216"},
    {"flow", "no"},
    {"match", "auto"},
};

// Common to all, and said elsewhere.
const std::set<std::string> kOthers = {"expect_out", "expect_in", "late_guard", "app_timeout", "tx_stall"};

// shows: common/4 x328/4/defaults hllp/D-9 hllp/D-11 hllp/D-12 hllp/5/defaults mllp/D-3 mllp/D-9
TEST(Params, DefaultsDecided) {
  const std::array<const std::vector<Default>*, LLP_PROTO__N> all = {&kX328, &kHllp, &kMllp};
  for (int p = 0; p < LLP_PROTO__N; p++) {
    const auto proto = static_cast<llp_protocol>(p);
    llp_params params{};
    llp_params_default(&params, proto);
    std::set<std::string> listed;
    for (const Default& d : *all.at(static_cast<std::size_t>(p))) {
      std::array<char, 64> text{};
      ASSERT_GE(llp_params_get(&params, proto, d.name, text.data(), text.size()), 0) << d.name;
      EXPECT_STREQ(text.data(), d.value) << llp_protocol_name(proto) << " " << d.name;
      listed.insert(d.name);
    }
    // A new parameter needs a line here.
    for (u32 i = 0; const llp_param* row = llp_param_at(i); i++) {
      if ((row->protocols >> p & 1) != 0 && !kOthers.contains(row->name)) {
        EXPECT_TRUE(listed.contains(row->name)) << llp_protocol_name(proto) << " " << row->name;
      }
    }
  }
}

}  // namespace
