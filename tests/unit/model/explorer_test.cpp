// SPDX-License-Identifier: BSD-3-Clause
//
// The explorer within tiny bounds, for the sanitizers; its real bounds are those of `make model`.
#include "explorer.hpp"

#include <gtest/gtest.h>

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

constexpr Bound kBounds[] = {{"x328", 0, 0},          {"x328-contention", 0, 0}, {"x328-exchange", 0, 0},
                             {"hllp", 0, 1},          {"mllp1", 1, 0},           {"mllp2", 1, 0},
                             {"mllp2-exchange", 0, 1}};
INSTANTIATE_TEST_SUITE_P(Bounds, Tiny, ::testing::ValuesIn(kBounds));

}  // namespace
}  // namespace llp::model
