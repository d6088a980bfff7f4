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
constexpr const char* kHllpNamed = "max_data=16 max_message=16";
constexpr const char* kMllpNamed = "max_message=16";

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

// Each station with the options for the peer @preset_a or @preset_b, if any, and then its own.
Config x328_contention(std::string name, const char* preset_a, std::string_view a, const char* preset_b,
                       std::string_view b) {
  Config c = make(std::move(name), LLP_PROTO_X328, preset_a, kX328);
  c.about = "a message from each station, which may bid at the same time";
  c.station[1].params = params(c.proto, preset_b, kX328);
  set(c.station[0].params, c.proto, a);
  set(c.station[1].params, c.proto, b);
  c.station[0].own = {"a\rb"};
  c.station[1].own = {"d"};
  if (c.station[1].params.join == LLP_JOIN_CR) {
    // Both must do it alike, or their texts are others.
    set(c.station[0].params, c.proto, "join=cr");
    c.station[0].own = {"a\r\r"};
    c.station[1].own = {"d\r"};
    c.station[0].probe = "g\r";
    c.station[1].probe = "h\r";
  }
  return c;
}

Config x328_contention(std::string name, std::string_view a, std::string_view b) {
  return x328_contention(std::move(name), nullptr, a, nullptr, b);
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

// HL7 in as few bytes as will do: a request with its MSH-10, an answer whose MSA-2 names it. Options are the
// defaults.
Config named(Config c, std::string name, std::string_view settings) {
  c.name = std::move(name);
  c.about = "two requests of HL7 and their replies, which name them";
  c.named = true;
  for (Station& st : c.station) set(st.params, c.proto, settings);
  c.station[0].own = {"MSH|||||||||1", "MSH|||||||||2"};
  c.station[0].probe = "MSH|||||||||3";
  c.station[1].answer = {"MSH|\rMSA||1", "MSH|\rMSA||2", "MSH|\rMSA||3"};
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

namespace {

// What `make soak` explores as far as time and memory go.
std::vector<Config> soak_configs() {
  std::vector<Config> out;
  auto add = [&](const Config& c, int faults, int events) {
    out.push_back(bound(c, "-soak", faults, events));
  };
  add(x328_one_way(nullptr), 3, 0);
  add(hllp_exchange("hllp", nullptr, ""), 4, 0);
  add(mllp2_one_way(), 4, 1);
  add(x328_contention("x328-contention", "role=primary", "role=secondary"), 2, 1);
  add(mllp1_exchange(), 4, 1);
  add(named(hllp_exchange("hllp", nullptr, ""), "hllp-named", kHllpNamed), 2, 0);
  // What has no event together with a fault in the other profile.
  add(x328_exchange(), 1, 1);
  add(mllp2_exchange(), 1, 1);
  add(mllp2_both(), 1, 1);
  add(hllp_exchange("hllp-resend", nullptr, "on_timeout=resend"), 1, 1);
  add(hllp_both("hllp-half", "duplex=half"), 1, 1);
  add(hllp_both("hllp-both", ""), 1, 1);
  return out;
}

// Of every peer that the engine knows: its options in place of the defaults, and for X3.28 contention with a
// plain primary and with its like.
void add_presets(std::vector<Config>& out) {
  for (std::uint32_t i = 0; const llp_preset* p = llp_preset_at(i); i++) {
    const std::string name = p->name;
    if (p->proto != LLP_PROTO_X328) {
      out.push_back(bound(hllp_exchange(p->name, p->name, ""), "", 1, 0));
      out.push_back(bound(hllp_exchange(p->name, p->name, ""), "-events", 0, 1));
      continue;
    }
    out.push_back(bound(x328_one_way(p->name), "", 1, 0));
    out.push_back(bound(x328_one_way(p->name), "-events", 0, 1));
    const Config plain =
        x328_contention(name + "-contention", nullptr, "role=primary", p->name, "role=secondary");
    const Config alike = x328_contention(name + "-pair", p->name, "role=primary", p->name, "role=secondary");
    const Config same = x328_contention(name + "-equals", p->name, "", p->name, "");
    for (const Config& c : {plain, alike, same}) {
      out.push_back(bound(c, "", 1, 0));
      out.push_back(bound(c, "-events", 0, 1));
    }
  }
}

}  // namespace

std::vector<Config> configs(Profile profile) {
  if (profile == Profile::kSoak) return soak_configs();
  std::vector<Config> out;
  auto add = [&](const Config& c, int faults, int events) { out.push_back(bound(c, "", faults, events)); };
  // Again, with an event of a station.
  auto add_events = [&](const Config& c, int faults) { out.push_back(bound(c, "-events", faults, 1)); };
  const Config one_way = x328_one_way(nullptr);
  const Config hllp = hllp_exchange("hllp", nullptr, "");
  const Config resend = hllp_exchange("hllp-resend", nullptr, "on_timeout=resend");
  const Config mllp1 = mllp1_exchange();
  const Config mllp2 = mllp2_one_way();
  const Config bids = x328_contention("x328-contention", "role=primary", "role=secondary");
  const Config equals = x328_contention("x328-equals", "role=secondary", "role=secondary");
  const Config primaries = x328_contention("x328-primaries", "role=primary", "role=primary");
  add(one_way, 2, 0);
  add(hllp, 2, 0);
  add(mllp1, 2, 0);
  add(mllp2, 2, 0);
  add_events(one_way, 1);
  add_events(mllp1, 1);
  add_events(mllp2, 1);
  add_events(hllp, 1);
  for (const Config& c : {bids, equals, primaries}) {
    add(c, 1, 0);
    add_events(c, 0);
  }
  add(x328_exchange(), 1, 0);
  add_events(x328_exchange(), 0);
  add(x328_line_check(), 0, 1);
  const Config hllp_named = named(hllp, "hllp-named", kHllpNamed);
  const Config mllp1_named = named(mllp1, "mllp1-named", kMllpNamed);
  add(hllp_named, 1, 0);
  add_events(hllp_named, 1);
  add(mllp1_named, 2, 0);
  add_events(mllp1_named, 1);
  add(resend, 1, 0);
  add_events(resend, 0);
  for (const Config& c : {hllp_both("hllp-both", ""), hllp_both("hllp-half", "duplex=half")}) {
    add(c, 1, 0);
    add_events(c, 0);
  }
  add(mllp2_both(), 2, 0);
  add(mllp2_exchange(), 1, 0);
  add_events(mllp2_exchange(), 0);
  add_presets(out);
  return out;
}

}  // namespace llp::model
