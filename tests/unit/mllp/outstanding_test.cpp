// SPDX-License-Identifier: BSD-3-Clause
// Release 2 is synchronous: one block of ours is outstanding at a time.
#include "mllp/mllp_fixture.hpp"

namespace llp::test::mllp {
namespace {

// shows: mllp/2/source-1
TEST(MllpSource, OneBlockIsOutstanding) {
  auto s = r2();
  ASSERT_EQ(s->submit(1, kM), 0);
  EXPECT_EQ(s->take(), block(kM));
  EXPECT_EQ(s->submit(2, kA), -EBUSY);
  EXPECT_EQ(s->submit(3, kA, LLP_SUBMIT_REPLY), -EBUSY);
  EXPECT_FALSE(llp_can_submit(&s->e(), LLP_SUBMIT_REPLY));
  // What goes out meanwhile are commit replies only.
  s->feed(block("theirs"));
  EXPECT_EQ(s->take(), kAck);
  s->advance(29 * kSec);
  EXPECT_EQ(s->take(), "");
  s->feed(kAck);
  EXPECT_EQ(s->result(1).done_outcome, LLP_OUT_DELIVERED);
  ASSERT_EQ(s->submit(2, kA), 0);
  EXPECT_EQ(s->take(), block(kA));
}

}  // namespace
}  // namespace llp::test::mllp
