// SPDX-License-Identifier: BSD-3-Clause
#include "config.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace llp::model {

namespace {

constexpr std::uint64_t kUs = 1000;

// Options as people write them: "role=primary block_max=2".
void set(llp_params& p, llp_protocol proto, std::string_view settings) {
  while (!settings.empty()) {
    const std::size_t end = std::min(settings.find(' '), settings.size());
    const std::string word(settings.substr(0, end));
    settings.remove_prefix(std::min(end + 1, settings.size()));
    if (word.empty()) continue;
    const std::size_t eq = word.find('=');
    if (llp_params_set(&p, proto, word.substr(0, eq).c_str(), word.substr(eq + 1).c_str()) != 0) std::abort();
  }
}

llp_params params(llp_protocol proto, const char* preset, std::string_view settings) {
  llp_params p{};
  llp_params_default(&p, proto);
  if (preset && llp_preset_apply(&p, proto, preset) != 0) std::abort();
  set(p, proto, settings);
  p.char_time = 1;  // kCharTime
  if (llp_params_check(&p, proto)) std::abort();
  return p;
}

// Both stations with the same options.
Config make(std::string name, llp_protocol proto, const char* preset, std::string_view settings) {
  Config c;
  c.name = std::move(name);
  c.proto = proto;
  for (Station& s : c.station) {
    s.params = params(proto, preset, settings);
    s.submit = LLP_SUBMIT_EXPECT_NONE;
  }
  c.station[0].probe = "g";
  c.station[1].probe = "h";
  return c;
}

// Blocks of two bytes, and text that is soon too long: the bounds are small so that they are met. The
// line check of an idle line is a configuration of its own: a deadline that recurs tells states apart.
constexpr const char* kX328 = "block_max=2 max_rx_text=4 max_message=8 timer_e=0";
constexpr const char* kHllp = "max_data=6 max_message=8";
constexpr const char* kMllp = "max_message=6";

// Each message of the other station is answered, and one's own expect an answer.
void with_answers(Config& c, int asks, int answers) {
  c.station[asks].submit = 0;
  c.station[answers].answers = true;
  c.station[answers].answer = answers ? std::array<std::string, kAnswers>{"s", "t", "u"}
                                      : std::array<std::string, kAnswers>{"p", "q", "r"};
}

Config x328_one_way(const char* preset) {
  Config c = make(preset ? preset : "x328", LLP_PROTO_X328, preset, kX328);
  c.about = "two messages, the first of two blocks, from the primary to the secondary";
  if (!preset) set(c.station[0].params, c.proto, "role=primary");
  c.station[0].own = {"a\rb", "c"};
  if (c.station[0].params.join == LLP_JOIN_CR) {
    c.station[0].own = {"a\r\r", "c\r"};
    c.station[0].probe = "g\r";
    c.station[1].probe = "h\r";
  }
  return c;
}

Config x328_contention(const char* name, const char* role_a, const char* role_b) {
  Config c = make(name, LLP_PROTO_X328, nullptr, kX328);
  c.about = "a message from each station, which may bid at the same time";
  set(c.station[0].params, c.proto, role_a);
  set(c.station[1].params, c.proto, role_b);
  c.station[0].own = {"a\rb"};
  c.station[1].own = {"d"};
  return c;
}

Config x328_line_check() {
  Config c = make("x328-line-check", LLP_PROTO_X328, nullptr, kX328);
  c.about = "a message from the primary, on a line that is checked while it is idle";
  for (Station& st : c.station) set(st.params, c.proto, "timer_e=180s");
  set(c.station[0].params, c.proto, "role=primary");
  c.station[0].own = {"c"};
  return c;
}

Config x328_exchange() {
  Config c = make("x328-exchange", LLP_PROTO_X328, nullptr, kX328);
  c.about = "a request from the primary and its reply";
  set(c.station[0].params, c.proto, "role=primary");
  c.station[0].own = {"a"};
  with_answers(c, 0, 1);
  c.station[1].probe.clear();
  return c;
}

Config hllp_exchange(const char* name, const char* preset, const char* settings) {
  Config c = make(name, LLP_PROTO_HLLP, preset, kHllp);
  c.about = "two requests and their replies";
  for (Station& s : c.station) set(s.params, c.proto, settings);
  c.station[0].own = {"ab", "c"};
  with_answers(c, 0, 1);
  c.station[1].probe.clear();
  c.acknowledged = false;
  return c;
}

Config hllp_both(const char* name, const char* settings) {
  Config c = make(name, LLP_PROTO_HLLP, nullptr, kHllp);
  c.about = "a message from each station that nothing answers";
  for (Station& s : c.station) set(s.params, c.proto, settings);
  c.station[0].own = {"ab"};
  c.station[1].own = {"d"};
  c.acknowledged = false;
  return c;
}

Config mllp1_exchange() {
  Config c = make("mllp1", LLP_PROTO_MLLP, nullptr, kMllp);
  c.about = "two requests and their replies";
  c.station[0].own = {"ab", "c"};
  with_answers(c, 0, 1);
  c.station[1].probe.clear();
  c.acknowledged = false;
  c.checked = false;
  return c;
}

Config mllp2_one_way() {
  Config c = make("mllp2", LLP_PROTO_MLLP, nullptr, kMllp);
  c.about = "two messages from one station";
  for (Station& s : c.station) set(s.params, c.proto, "release=2");
  c.station[0].own = {"ab", "c"};
  c.checked = false;
  return c;
}

Config mllp2_both() {
  Config c = mllp2_one_way();
  c.name = "mllp2-both";
  c.about = "a message from each station";
  c.station[0].own = {"ab"};
  c.station[1].own = {"d"};
  return c;
}

Config mllp2_exchange() {
  Config c = mllp2_one_way();
  c.name = "mllp2-exchange";
  c.about = "a request and its reply";
  c.station[0].own = {"ab"};
  with_answers(c, 0, 1);
  c.station[1].probe.clear();
  return c;
}

Config bound(Config c, const char* suffix, int faults, int events) {
  c.name += suffix;
  c.faults = faults;
  c.events = events;
  return c;
}

}  // namespace

const std::string& Config::text(int s, int item) const {
  static const std::string none;
  const Station& st = station.at(static_cast<std::size_t>(s));
  if (item < kOwn) return static_cast<std::size_t>(item) < st.own.size() ? st.own[item] : none;
  if (item == kProbe) return st.probe;
  return item < kItems ? st.answer.at(static_cast<std::size_t>(item - kAnswers)) : none;
}

int Config::find(int s, std::string_view wanted) const {
  for (int i = 0; i < kItems; i++)
    if (!text(s, i).empty() && text(s, i) == wanted) return i;
  return -1;
}

std::uint64_t Config::rest_bound() const {
  std::uint64_t sum = 0;
  for (const Station& st : station) {
    const llp_params& p = st.params;
    const std::uint64_t messages =
        st.own.size() + (st.answers ? station[0].own.size() + station[1].own.size() : 0) + 1;
    std::uint64_t one = 0;
    if (proto == LLP_PROTO_X328) {
      // Bids, each with its answer or a pause; two blocks, each with its repeats; what follows.
      const std::uint64_t bids = p.retries_n + 2ULL * p.retries_m + 3;
      const std::uint64_t blocks = 2ULL * (p.retries_l + p.retries_n + 2);
      one = (bids + blocks) * p.timer_a + bids * (p.bid_pause + p.cont_secondary) + p.timer_d +
            p.recovery_pause + p.rint_pause;
    } else if (proto == LLP_PROTO_HLLP) {
      one = (p.send_retries + 2ULL) * (p.reply_timeout + p.t_in) + p.nak_wait;
    } else {
      one = (p.resends + 2ULL) * (p.t_c + p.t_in) + p.settle_max;
    }
    const std::uint64_t guard = p.late_guard ? p.late_guard : p.reply_timeout;
    if (!(st.submit & LLP_SUBMIT_EXPECT_NONE)) one += 2ULL * p.reply_timeout + guard;
    sum += messages * one;
  }
  return sum * kUs;
}

std::vector<Config> configs(Profile profile) {
  const bool soak = profile == Profile::kSoak;
  std::vector<Config> out;
  // Each configuration with many faults, and again with fewer and an event of a station.
  auto add = [&](const Config& c, int faults, int events) {
    out.push_back(bound(c, soak && faults ? "-soak" : "", faults, events));
  };
  const Config one_way = x328_one_way(nullptr);
  const Config bids = x328_contention("x328-contention", "role=primary", "role=secondary");
  const Config hllp = hllp_exchange("hllp", nullptr, "");
  const Config mllp1 = mllp1_exchange();
  const Config mllp2 = mllp2_one_way();
  if (soak) {
    add(one_way, 3, 0);
    add(hllp, 4, 0);
    add(mllp2, 4, 1);
    add(bids, 2, 1);
    add(mllp1, 4, 1);
    return out;
  }
  add(one_way, 2, 0);
  add(hllp, 2, 0);
  add(mllp1, 2, 0);
  add(mllp2, 2, 0);
  out.push_back(bound(one_way, "-events", 1, 1));
  out.push_back(bound(mllp1, "-events", 1, 1));
  out.push_back(bound(mllp2, "-events", 1, 1));
  out.push_back(bound(hllp, "-events", 0, 1));
  add(bids, 1, 0);
  out.push_back(bound(bids, "-events", 0, 1));
  add(x328_contention("x328-equals", "role=secondary", "role=secondary"), 1, 0);
  add(x328_exchange(), 1, 0);
  add(x328_line_check(), 0, 1);
  add(hllp_exchange("hllp-resend", nullptr, "on_timeout=resend"), 1, 0);
  add(hllp_both("hllp-both", ""), 1, 0);
  add(hllp_both("hllp-half", "duplex=half"), 1, 0);
  add(mllp2_both(), 2, 0);
  add(mllp2_exchange(), 1, 0);
  for (std::uint32_t i = 0; const llp_preset* p = llp_preset_at(i); i++)
    add(p->proto == LLP_PROTO_X328 ? x328_one_way(p->name) : hllp_exchange(p->name, p->name, ""), 1, 0);
  return out;
}

}  // namespace llp::model
