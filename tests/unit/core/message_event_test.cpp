// SPDX-License-Identifier: BSD-3-Clause
// What becomes of messages and requests is told as it happens, in the words of
// the audit log and a few more, and without a byte of them.
#include "core/message_event.hpp"

#include <gmock/gmock.h>

#include "core/support.hpp"

namespace llp::core::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

struct Told {
  std::string outcome;
  bool to_instrument;
  std::size_t size, reply_size;
  std::string peer, cause;
};

class MessageEvents : public AppBench {
 protected:
  MessageEvents() {
    config.on_message = [this](const MessageEvent& e) {
      EXPECT_EQ(e.line, "lab");
      for (const std::string_view words : {e.outcome, e.peer, e.cause}) {
        EXPECT_EQ(words.find("OBX"), std::string_view::npos);
        EXPECT_EQ(words.find("MSH"), std::string_view::npos);
      }
      told.push_back({std::string(e.outcome), e.to_instrument, e.size, e.reply_size, std::string(e.peer),
                      std::string(e.cause)});
    };
  }
  // While there is something that can be told.
  ~MessageEvents() override {
    if (service) loop.run(service->stop());
    service.reset();
  }
  [[nodiscard]] std::vector<std::string> outcomes() const {
    std::vector<std::string> all;
    for (const Told& t : told) all.push_back(t.outcome);
    return all;
  }
  [[nodiscard]] bool came(std::size_t n = 1) {
    return until([&] { return told.size() >= n; });
  }
  std::vector<Told> told;
};

TEST_F(MessageEvents, AMessageThatIsTaken) {
  with_app();
  const auto id = line->arrive(kRequest);
  ASSERT_TRUE(asked());
  EXPECT_THAT(told, IsEmpty()) << "nothing has become of it yet";
  app->reply(0, kAnswer);
  ASSERT_TRUE(decided(id));
  ASSERT_THAT(outcomes(), ElementsAre("delivered"));
  EXPECT_FALSE(told[0].to_instrument);
  EXPECT_EQ(told[0].size, kRequest.size());
  EXPECT_EQ(told[0].reply_size, kAnswer.size());
  EXPECT_THAT(told[0].peer, HasSubstr("127.0.0.1"));
  EXPECT_EQ(told[0].cause, "");
}

TEST_F(MessageEvents, AMessageThatFailsAndItsRepeat) {
  with_app();
  const auto first = line->arrive(kRequest);
  ASSERT_TRUE(asked());
  app->can(0);
  ASSERT_TRUE(decided(first));
  ASSERT_THAT(outcomes(), ElementsAre("failed"));
  EXPECT_THAT(told[0].cause, Not(IsEmpty()));
  const auto second = line->arrive(kRequest);
  ASSERT_TRUE(asked(2));
  app->reply(1, kAnswer);
  ASSERT_TRUE(decided(second));
  ASSERT_THAT(outcomes(), ElementsAre("failed", "possible-duplicate", "delivered"));
  EXPECT_EQ(told[1].size, kRequest.size());
}

TEST_F(MessageEvents, AReplyThatTheLineDoesNotTake) {
  with_app();
  line->arrive(kRequest);
  ASSERT_TRUE(asked());
  app->reply(0, kAnswer);
  ASSERT_TRUE(until([&] { return !line->sent(line::Kind::answer).empty(); }));
  line->sent(line::Kind::answer)[0]->transferred(LLP_CAUSE_NOREPLY, LLP_OUT_UNKNOWN);
  ASSERT_TRUE(came(2));
  ASSERT_THAT(outcomes(), ElementsAre("delivered", "reply-unsent"));
  EXPECT_EQ(told[1].reply_size, kAnswer.size());
  EXPECT_THAT(told[1].cause, HasSubstr(llp_cause_name(LLP_CAUSE_NOREPLY)));
}

TEST_F(MessageEvents, WhatNobodyTakesIsRefused) {
  config.dist = illp::TcpEndpoint{"127.0.0.1", "0"};
  up();
  ASSERT_TRUE(decided(line->arrive(kRequest)));
  ASSERT_THAT(outcomes(), ElementsAre("refused"));
  EXPECT_THAT(told[0].cause, HasSubstr("no application"));
}

TEST_F(MessageEvents, WhatAnswersNothingIsKept) {
  with_app();
  line->arrive(kResult, [](line::Message& m) { m.late = true; });
  line->arrive(kResult + "NTE|1\r", [](line::Message& m) { m.acknowledgement = true; });
  ASSERT_TRUE(came(2));
  EXPECT_THAT(outcomes(), ElementsAre("late-reply", "stray-acknowledgement"));
}

TEST_F(MessageEvents, Requests) {
  serve_dist();
  up();
  const auto good = call(kQuery);
  ASSERT_TRUE(until([&] { return line->sent(line::Kind::request).size() == 1; }));
  auto sent = line->sent(line::Kind::request)[0];
  sent->transferred();
  line->reply(*sent, kResult);
  ASSERT_TRUE(until([&] { return good->done(); }));
  ASSERT_TRUE(came());
  const auto bad = call(kQuery);
  ASSERT_TRUE(until([&] { return line->sent(line::Kind::request).size() == 2; }));
  line->sent(line::Kind::request)[1]->transferred(LLP_CAUSE_REJECTED, LLP_OUT_UNKNOWN);
  ASSERT_TRUE(until([&] { return bad->done(); }));
  ASSERT_THAT(outcomes(), ElementsAre("answered", "failed"));
  for (const Told& t : told) {
    EXPECT_TRUE(t.to_instrument);
    EXPECT_EQ(t.size, kQuery.size());
    EXPECT_THAT(t.peer, HasSubstr("127.0.0.1"));
  }
  EXPECT_EQ(told[0].reply_size, kResult.size());
  EXPECT_THAT(told[1].cause, HasSubstr(llp_cause_name(LLP_CAUSE_REJECTED)));
}

TEST_F(MessageEvents, RequestsThatNeverGetToTheLine) {
  serve_dist();
  config.illp.max_message = 1000;
  up();
  const auto large = call(kQuery + std::string(2000, 'x') + "\r");
  ASSERT_TRUE(until([&] { return large->done(); }));
  ASSERT_TRUE(came());
  EXPECT_EQ(told[0].outcome, "refused");
  EXPECT_THAT(told[0].cause, HasSubstr("exceeds 1000 bytes"));
  // Not whole: its last segment has no end.
  const auto torn = call(kQuery.substr(0, kQuery.size() - 2));
  ASSERT_TRUE(until([&] { return torn->done(); }));
  ASSERT_TRUE(came(2));
  EXPECT_EQ(told[1].outcome, "refused");
  EXPECT_EQ(told[1].size, kQuery.size() - 2);
  // Its client dies in the middle of it.
  illp::ClientTransaction dies(
      loop.executor(), illp::TcpEndpoint{"127.0.0.1", std::to_string(service->dist_port())}, quick_options());
  ASSERT_TRUE(loop.run(dies.connect()));
  const auto part = bytes(kQuery.substr(0, 10));
  ASSERT_TRUE(loop.run(dies.write(part)));
  loop.turn();
  dies.abort();
  ASSERT_TRUE(came(3));
  EXPECT_EQ(told[2].outcome, "cut");
  EXPECT_EQ(told[2].size, 10U);
  EXPECT_TRUE(line->sent(line::Kind::request).empty());
}

}  // namespace
}  // namespace llp::core::test
