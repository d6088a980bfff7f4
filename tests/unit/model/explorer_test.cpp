// SPDX-License-Identifier: BSD-3-Clause
//
// The explorer within tiny bounds, for the sanitizers; its real bounds are those of `make model`.
#include "explorer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>

namespace llp::model {
namespace {

struct Bound {
  const char* name;
  int faults, events;
};

class Tiny : public ::testing::TestWithParam<Bound> {};

TEST_P(Tiny, NothingIsViolated) {
  bool found = false;
  for (Config c : configs(Profile::kCheck)) {
    if (c.name != GetParam().name) continue;
    found = true;
    c.faults = GetParam().faults;
    c.events = GetParam().events;
    const Model model(c);
    const Report r = Explorer(model, {}).run();
    for (const Violation& v : r.violations)
      ADD_FAILURE() << rule_name(v.finding.rule) << " " << v.finding.what;
    EXPECT_EQ(r.completed, c.faults);
    EXPECT_GT(r.rests, 0u);
    EXPECT_GT(r.states, r.rests);
  }
  EXPECT_TRUE(found);
}

constexpr Bound kBounds[] = {
    {"x328", 0, 0},  {"x328-contention", 0, 0}, {"x328-exchange", 0, 0},  {"hllp", 0, 1},
    {"mllp1", 1, 0}, {"mllp2", 1, 0},           {"mllp2-exchange", 0, 1}, {"vista-x328-contention", 0, 0}};
INSTANTIATE_TEST_SUITE_P(Bounds, Tiny, ::testing::ValuesIn(kBounds));

// What is explored does not become less without anybody noticing.

// The bounds that texts are kept small by; the role may be the other one.
bool is_bound(std::string_view key) {
  return key == "block_max" || key == "max_message" || key == "timer_e" || key == "role";
}

bool has_options(const Config& c, const llp_params& p, const llp_preset& preset) {
  std::istringstream words(preset.settings);
  std::string word;
  while (words >> word) {
    const std::size_t eq = word.find('=');
    const std::string key = word.substr(0, eq);
    if (is_bound(key)) continue;
    llp_params as = p;
    EXPECT_EQ(llp_params_set(&as, c.proto, key.c_str(), word.substr(eq + 1).c_str()), 0) << word;
    if (std::memcmp(&as, &p, sizeof(as)) != 0) return false;
  }
  return true;
}

bool contends(const Config& c) {
  return c.proto == LLP_PROTO_X328 && !c.station[0].own.empty() && !c.station[1].own.empty();
}

// Some configuration with a fault and some with an event are what @is says.
template <typename Is>
void expect_both(const char* what, Is is) {
  bool fault = false;
  bool event = false;
  for (const Config& c : configs(Profile::kCheck)) {
    if (!is(c)) continue;
    fault |= c.faults > 0;
    event |= c.events > 0;
  }
  EXPECT_TRUE(fault) << what << ": none with a fault";
  EXPECT_TRUE(event) << what << ": none with an event";
}

TEST(Explored, ContentionInEveryRole) {
  for (const auto& [a, b] :
       {std::pair{LLP_PRIMARY, LLP_SECONDARY}, {LLP_SECONDARY, LLP_SECONDARY}, {LLP_PRIMARY, LLP_PRIMARY}}) {
    expect_both("roles", [a, b](const Config& c) {
      return contends(c) && c.station[0].params.role == static_cast<std::uint32_t>(a) &&
             c.station[1].params.role == static_cast<std::uint32_t>(b);
    });
  }
}

TEST(Explored, EachPresetContends) {
  int presets = 0;
  for (std::uint32_t i = 0; const llp_preset* p = llp_preset_at(i); i++) {
    expect_both(p->name, [p](const Config& c) {
      return c.proto == p->proto && has_options(c, c.station[0].params, *p) &&
             has_options(c, c.station[1].params, *p);
    });
    if (p->proto != LLP_PROTO_X328) continue;
    presets++;
    for (const bool both : {false, true}) {
      expect_both(p->name, [p, both](const Config& c) {
        return contends(c) && c.station[0].params.role == LLP_PRIMARY &&
               c.station[1].params.role == LLP_SECONDARY && has_options(c, c.station[1].params, *p) &&
               has_options(c, c.station[0].params, *p) == both;
      });
    }
    // As people set them: the same at both ends.
    expect_both(p->name, [p](const Config& c) {
      return contends(c) && c.station[0].params.role == c.station[1].params.role &&
             has_options(c, c.station[0].params, *p) && has_options(c, c.station[1].params, *p);
    });
  }
  EXPECT_GE(presets, 2);
}

// Replies that name their requests, with the options that HL7 has without anybody setting them.
TEST(Explored, NamedReplies) {
  for (const llp_protocol proto : {LLP_PROTO_HLLP, LLP_PROTO_MLLP}) {
    expect_both(llp_protocol_name(proto), [proto](const Config& c) {
      llp_params p{};
      llp_params_default(&p, proto);
      return c.proto == proto && c.named && c.station[0].params.match == p.match && c.station[1].answers;
    });
  }
}

std::string base_name(std::string name) {
  for (const std::string_view end : {"-events", "-soak"})
    if (name.ends_with(end)) name.resize(name.size() - end.size());
  return name;
}

// In the same run, a fault of the line and an event of a station: of every protocol in the check, of
// everything but the peers' options in one of the profiles.
TEST(Explored, AFaultTogetherWithAnEvent) {
  for (const llp_protocol proto : {LLP_PROTO_X328, LLP_PROTO_HLLP, LLP_PROTO_MLLP}) {
    for (const std::uint32_t release : {1u, 2u}) {
      bool found = false;
      for (const Config& c : configs(Profile::kCheck))
        found |= c.proto == proto && c.faults > 0 && c.events > 0 &&
                 (proto != LLP_PROTO_MLLP || c.station[0].params.release == release);
      EXPECT_TRUE(found) << proto << " " << release;
    }
  }
  std::set<std::string> together;
  std::set<std::string> presets;
  for (const Profile profile : {Profile::kCheck, Profile::kSoak})
    for (const Config& c : configs(profile))
      if (c.faults > 0 && c.events > 0) together.insert(base_name(c.name));
  for (std::uint32_t i = 0; const llp_preset* p = llp_preset_at(i); i++) presets.insert(p->name);
  for (const Config& c : configs(Profile::kCheck)) {
    const std::string name = base_name(c.name);
    // Rests of the line check are told apart by when it is due, and stations alike collide for long.
    if (name == "x328-line-check" || name == "x328-equals" || name == "x328-primaries") continue;
    const bool preset = std::ranges::any_of(presets, [&](const auto& p) { return name.starts_with(p); });
    EXPECT_TRUE(preset || together.contains(name)) << name;
  }
}

}  // namespace
}  // namespace llp::model
