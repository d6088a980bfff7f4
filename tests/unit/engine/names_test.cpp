// SPDX-License-Identifier: BSD-3-Clause
// Words for people: every value has one, no two of a kind are the same, and
// what is no value is called unknown.
#include <gtest/gtest.h>

#include <cerrno>
#include <functional>
#include <set>
#include <string>

extern "C" {
#include "proto/llp_engine.h"
}

namespace {

void expect_words(int count, const std::function<const char*(int)>& name) {
  std::set<std::string> seen;
  for (int i = 0; i < count; ++i) {
    const std::string word = name(i);
    EXPECT_NE(word, "unknown") << i;
    EXPECT_TRUE(seen.insert(word).second) << i << ": " << word << " is used twice";
  }
  EXPECT_STREQ(name(count), "unknown");
  EXPECT_STREQ(name(255), "unknown");
}

TEST(Names, EveryCause) {
  expect_words(LLP_CAUSE__N, [](int i) { return llp_cause_name(static_cast<llp_cause>(i)); });
}
TEST(Names, EveryOutcome) {
  // "unknown" is what one of them is.
  expect_words(LLP_OUT_TRANSMITTED + 1, [](int i) {
    return i == LLP_OUT_UNKNOWN ? "its fate" : llp_outcome_name(static_cast<llp_outcome>(i));
  });
  EXPECT_STREQ(llp_outcome_name(LLP_OUT_UNKNOWN), "unknown");
}
TEST(Names, EveryFrame) {
  expect_words(LLP_FR__N, [](int i) { return llp_frame_name(static_cast<llp_frame>(i)); });
}
TEST(Names, EveryVerdict) {
  expect_words(LLP_FV__N, [](int i) { return llp_frame_verdict_name(static_cast<llp_verdict_frame>(i)); });
}
TEST(Names, EveryCounter) {
  expect_words(LLP_C__N, [](int i) { return llp_counter_name(static_cast<u32>(i)); });
}

TEST(Names, EveryTimer) {
  for (const auto proto : {LLP_PROTO_X328, LLP_PROTO_HLLP, LLP_PROTO_MLLP}) {
    llp_params p{};
    llp_params_default(&p, proto);
    llp_engine e{};
    llp_engine_init(&e, proto, &p, 0);
    EXPECT_STREQ(llp_timer_name(&e, LLP_T_EXCHANGE), "reply");
    EXPECT_STREQ(llp_timer_name(&e, LLP_T_STALL), "transmitter stall");
    EXPECT_STREQ(llp_timer_name(&e, LLP_T_PENDING), "verdict");
    for (u32 t = LLP_T_P0; t < LLP_T__N; ++t) EXPECT_NE(llp_timer_name(&e, t), nullptr);
    EXPECT_STREQ(llp_timer_name(&e, LLP_T__N), "unknown");
  }
}

TEST(Names, ErrnoOfACause) {
  const auto of = [](llp_cause c, llp_outcome o = LLP_OUT_NOT_SENT) { return llp_cause_errno(c, o); };
  EXPECT_EQ(of(LLP_OK), 0);
  EXPECT_EQ(of(LLP_CAUSE_HANGUP), ENODEV);
  EXPECT_EQ(of(LLP_CAUSE_HANGUP, LLP_OUT_UNKNOWN), ENODEV);
  EXPECT_EQ(of(LLP_CAUSE_NOREPLY, LLP_OUT_UNKNOWN), ECOMM);
  EXPECT_EQ(of(LLP_CAUSE_BUSY), EBUSY);
  EXPECT_EQ(of(LLP_CAUSE_NOREPLY), ETIMEDOUT);
  EXPECT_EQ(of(LLP_CAUSE_REPLY_TIMEOUT, LLP_OUT_DELIVERED), ETIMEDOUT);
  EXPECT_EQ(of(LLP_CAUSE_REJECTED, LLP_OUT_REFUSED), EREMOTEIO);
  EXPECT_EQ(of(LLP_CAUSE_INTERRUPTED), ECANCELED);
  EXPECT_EQ(of(LLP_CAUSE_ABORTED), EINTR);
  EXPECT_EQ(of(LLP_CAUSE_LINKRESET), EIO);
}

}  // namespace
