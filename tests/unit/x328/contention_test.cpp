// SPDX-License-Identifier: BSD-3-Clause
// Contention of two engines, all pairs of roles and options.
#include "support/wire.hpp"
#include "x328/x328_test.hpp"

namespace llp::test::x328 {
namespace {

struct Pair {
  u32 role_a, role_b, cont_a, cont_b;
};

class ContentionPairs : public ::testing::TestWithParam<int> {};

// shows: x328/5/4 x328/13/both
TEST_P(ContentionPairs, BothMessagesArrive) {
  const int bits = GetParam();
  llp_params pa = x328_params(), pb = x328_params();
  pa.role = bits & 1;
  pb.role = bits >> 1 & 1;
  pa.contention = bits >> 2 & 1;
  pb.contention = bits >> 3 & 1;
  Station a(LLP_PROTO_X328, pa), b(LLP_PROTO_X328, pb);
  Wire wire(a, b, 1041667);
  ASSERT_EQ(a.submit(1, "from a\r"), 0);
  ASSERT_EQ(b.submit(2, "from b\r"), 0);
  wire.run_while([&] { return !a.result(1).done || !b.result(2).done; }, 900 * kSec);
  const bool both_primary = pa.role == LLP_PRIMARY && pb.role == LLP_PRIMARY;
  // Of two secondaries one must yield, and only one.
  const bool yields = pa.contention != pb.contention;
  if (pa.role != pb.role || (yields && !both_primary)) {
    EXPECT_EQ(a.result(1).outcome, LLP_OUT_DELIVERED);
    EXPECT_EQ(b.result(2).outcome, LLP_OUT_DELIVERED);
    EXPECT_EQ(b.texts(), std::vector<std::string>{"from a\r"});
    EXPECT_EQ(a.texts(), std::vector<std::string>{"from b\r"});
  } else {
    // Two stations of the same role in perfect step: each gives up and says so.
    for (const Result& r : {a.result(1), b.result(2)}) {
      EXPECT_EQ(r.done, 1);
      EXPECT_TRUE(r.outcome == LLP_OUT_DELIVERED || r.cause == LLP_CAUSE_BUSY || r.cause == LLP_CAUSE_NOREPLY)
          << llp_cause_name(r.cause);
    }
    EXPECT_EQ(b.messages.size(), a.result(1).outcome == LLP_OUT_DELIVERED ? 1u : 0u);
    EXPECT_EQ(a.messages.size(), b.result(2).outcome == LLP_OUT_DELIVERED ? 1u : 0u);
  }
}

INSTANTIATE_TEST_SUITE_P(AllRolesAndOptions, ContentionPairs, ::testing::Range(0, 16));

}  // namespace
}  // namespace llp::test::x328
