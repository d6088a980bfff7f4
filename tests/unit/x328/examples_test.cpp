// SPDX-License-Identifier: BSD-3-Clause
// Whole conversations, byte for byte, with the station in either role.
#include "x328_test.hpp"

namespace llp::test::x328 {
namespace {

// One step of a conversation: what one station sends, and the whole answer.
struct Step {
  std::string master;
  std::string slave;
};

// The station under test is slave: feeds what the master sends.
void play_slave(Station& s, const std::vector<Step>& steps) {
  for (const Step& step : steps) {
    s.feed(step.master);
    EXPECT_EQ(to_hex(s.take()), to_hex(step.slave)) << "after " << words(step.master);
  }
}

// The station under test is master: expects each sequence, feeds the answers.
void play_master(Station& s, const std::vector<Step>& steps) {
  for (const Step& step : steps) {
    EXPECT_EQ(to_hex(s.take()), to_hex(step.master));
    s.feed(step.slave);
  }
  EXPECT_EQ(to_hex(s.take()), "");
}

const std::vector<Step> kSingle = {
    {kEnq, hex("10 30 0D")},
    {hex(kBlocks[1].hex), hex("10 31 0D")},
    {kEot, ""},
};

const std::vector<Step> kFourBlocks = {
    {kEnq, hex("10 30 0D")},
    {hex(kBlocks[2].hex), hex("10 31 0D")},
    {hex(kBlocks[4].hex), hex("10 32 0D")},
    {hex(kBlocks[5].hex), hex("10 33 0D")},
    {hex(kBlocks[6].hex), hex("10 34 0D")},
    {kEot, ""},
};

std::vector<Step> wrap_steps() {
  std::vector<Step> steps = {{kEnq, ack(0)}};
  for (int i = 0; i < 9; i++) steps.push_back({hex(kBlocks[9 + i].hex), ack((i + 1) & 7)});
  steps.push_back({kEot, ""});
  return steps;
}

// shows: common/5 x328/D-32 x328/3 interop/1/length interop/1/upper
TEST(X328Vectors, EncodedAsWritten) {
  for (const auto& v : kBlocks) {
    EXPECT_EQ(to_hex(block(v.num, v.text, v.last)), to_hex(hex(v.hex))) << v.name;
    if (v.num != 1 || v.text.empty() || !v.last) continue;
    Station s(LLP_PROTO_X328);
    warm_up(s);
    to_master(s, 7, std::string(v.text));
    EXPECT_EQ(to_hex(s.take()), to_hex(hex(v.hex))) << v.name;
  }
}

// shows: x328/3
TEST(X328Vectors, EveryVectorIsAccepted) {
  for (const auto& v : kBlocks) {
    Station s(LLP_PROTO_X328);
    to_slave(s);
    // Whatever its number, lead up to it.
    for (int n = 1; n < (v.num ? v.num : 8); n++) s.feed(block(n, "x", false));
    s.take();
    s.feed(hex(v.hex));
    EXPECT_EQ(to_hex(s.take()), to_hex(ack(v.num))) << v.name;
  }
}

// shows: x328/D-32 x328/2/term x328/12.1
TEST(X328Examples, SingleBlockAsSlave) {
  Station s(LLP_PROTO_X328);
  play_slave(s, kSingle);
  EXPECT_EQ(s.texts(), std::vector<std::string>{kM});
  EXPECT_TRUE(s.messages[0].acked);
  EXPECT_TRUE(s.idle());
}

// shows: x328/2/term x328/12.1 interop/1/term
TEST(X328Examples, SingleBlockAsMaster) {
  Station s(LLP_PROTO_X328);
  warm_up(s);
  ASSERT_EQ(s.submit(7, kM), 0);
  play_master(s, kSingle);
  EXPECT_EQ(s.result(7).outcome, LLP_OUT_DELIVERED);
  EXPECT_EQ(s.result(7).done, 1);
  EXPECT_TRUE(s.idle());
}

// shows: x328/12.2
TEST(X328Examples, FourBlocksAsSlave) {
  Station s(LLP_PROTO_X328);
  play_slave(s, kFourBlocks);
  EXPECT_EQ(s.texts(), std::vector<std::string>{kFour});
}

// shows: x328/12.2
TEST(X328Examples, FourBlocksAsMaster) {
  Station s(LLP_PROTO_X328, one_segment_blocks());
  warm_up(s);
  ASSERT_EQ(s.submit(7, kFour), 0);
  play_master(s, kFourBlocks);
  EXPECT_EQ(s.result(7).outcome, LLP_OUT_DELIVERED);
}

// shows: x328/12.3
TEST(X328Examples, NumberWrapAsSlave) {
  Station s(LLP_PROTO_X328);
  play_slave(s, wrap_steps());
  EXPECT_EQ(s.texts(), std::vector<std::string>{"A\rB\rC\rD\rE\rF\rG\rH\rI\r"});
}

// shows: x328/12.3
TEST(X328Examples, NumberWrapAsMaster) {
  llp_params p = x328_params();
  p.block_max = 2;
  Station s(LLP_PROTO_X328, p);
  warm_up(s);
  ASSERT_EQ(s.submit(7, "A\rB\rC\rD\rE\rF\rG\rH\rI\r"), 0);
  play_master(s, wrap_steps());
  EXPECT_EQ(s.result(7).outcome, LLP_OUT_DELIVERED);
}

// shows: x328/12.4
TEST(X328Examples, NakAndRetransmissionAsSlave) {
  Station s(LLP_PROTO_X328);
  play_slave(s, {{kEnq, ack(0)},
                 {hex(kBadBcc), kNak},
                 {hex(kBlocks[2].hex), ack(1)},
                 {hex(kBlocks[3].hex), ack(2)},
                 {kEot, ""}});
  EXPECT_EQ(s.texts(), std::vector<std::string>{kM});
  EXPECT_EQ(s.count(LLP_C_NAK_CHECK), 1u);
}

// shows: x328/12.4
TEST(X328Examples, NakAndRetransmissionAsMaster) {
  Station s(LLP_PROTO_X328, one_segment_blocks());
  warm_up(s);
  ASSERT_EQ(s.submit(7, kM), 0);
  play_master(s, {{kEnq, ack(0)},
                  {hex(kBlocks[2].hex), kNak},
                  {hex(kBlocks[2].hex), ack(1)},
                  {hex(kBlocks[3].hex), ack(2)},
                  {kEot, ""}});
  EXPECT_EQ(s.result(7).outcome, LLP_OUT_DELIVERED);
  EXPECT_EQ(s.count(LLP_C_RETRANSMISSIONS), 1u);
}

// shows: x328/12.5
TEST(X328Examples, LostAckAskedWithEnq) {
  llp_params p = one_segment_blocks();
  p.x328_on_timeout = LLP_X328_ENQ;
  Station s(LLP_PROTO_X328, p);
  warm_up(s);
  ASSERT_EQ(s.submit(7, kM), 0);
  s.feed(ack(0));
  s.feed(ack(1));
  EXPECT_EQ(to_hex(s.take()), to_hex(kEnq + hex(kBlocks[2].hex) + hex(kBlocks[3].hex)));
  s.advance(6 * kSec);
  EXPECT_EQ(to_hex(s.take()), "05 0D");
  s.feed(ack(2));
  EXPECT_EQ(to_hex(s.take()), "04 0D");
  EXPECT_EQ(s.result(7).outcome, LLP_OUT_DELIVERED);
}

// shows: x328/12.5
TEST(X328Examples, LostBlockAskedWithEnq) {
  llp_params p = one_segment_blocks();
  p.x328_on_timeout = LLP_X328_ENQ;
  Station s(LLP_PROTO_X328, p);
  warm_up(s);
  ASSERT_EQ(s.submit(7, kM), 0);
  s.feed(ack(0));
  s.feed(ack(1));
  s.advance(6 * kSec);
  s.take();
  s.feed(ack(1));
  EXPECT_EQ(to_hex(s.take()), to_hex(hex(kBlocks[3].hex)));
  s.feed(ack(2));
  EXPECT_EQ(s.take(), kEot);
  EXPECT_EQ(s.result(7).outcome, LLP_OUT_DELIVERED);
}

// shows: x328/12.5
TEST(X328Examples, LostAckRepeatedBlockAsSlave) {
  Station s(LLP_PROTO_X328);
  play_slave(s, {{kEnq, ack(0)},
                 {hex(kBlocks[2].hex), ack(1)},
                 {hex(kBlocks[3].hex), ack(2)},
                 {hex(kBlocks[3].hex), ack(2)},
                 {kEot, ""}});
  EXPECT_EQ(s.texts(), std::vector<std::string>{kM});
  EXPECT_EQ(s.count(LLP_C_DUPLICATES), 1u);
}

// shows: x328/12.5
TEST(X328Examples, LostAckEnqAsSlave) {
  Station s(LLP_PROTO_X328);
  play_slave(s, {{kEnq, ack(0)},
                 {hex(kBlocks[2].hex), ack(1)},
                 {hex(kBlocks[3].hex), ack(2)},
                 {kEnq, ack(2)},
                 {kEot, ""}});
  EXPECT_EQ(s.texts(), std::vector<std::string>{kM});
}

// shows: x328/1/reply x328/5/4 x328/12.6
TEST(X328Examples, Contention) {
  llp_params primary = x328_params(), secondary = x328_params();
  primary.role = LLP_PRIMARY;
  secondary.role = LLP_SECONDARY;
  Station p(LLP_PROTO_X328, primary), s(LLP_PROTO_X328, secondary);
  warm_up(p);
  warm_up(s);
  ASSERT_EQ(p.submit(1, "from P\r"), 0);
  ASSERT_EQ(s.submit(2, "from S\r"), 0);
  EXPECT_EQ(p.take(), kEnq);
  EXPECT_EQ(s.take(), kEnq);
  p.feed(kEnq);
  s.feed(kEnq);
  EXPECT_EQ(p.take() + s.take(), "");
  p.advance(1 * kSec);
  s.advance(1 * kSec);
  EXPECT_EQ(p.take(), kEnq);
  EXPECT_EQ(s.take(), "");
  s.feed(kEnq);
  EXPECT_EQ(s.take(), ack(0));
  p.feed(ack(0));
  s.feed(p.take());
  EXPECT_EQ(s.texts(), std::vector<std::string>{"from P\r"});
  p.feed(s.take());
  EXPECT_EQ(p.take(), kEot);
  s.feed(kEot);
  EXPECT_EQ(s.take(), kEnq);
  p.feed(kEnq);
  EXPECT_EQ(p.take(), ack(0));
  s.feed(ack(0));
  p.feed(s.take());
  s.feed(p.take());
  EXPECT_EQ(s.take(), kEot);
  EXPECT_EQ(p.texts(), std::vector<std::string>{"from S\r"});
  EXPECT_EQ(p.result(1).outcome, LLP_OUT_DELIVERED);
  EXPECT_EQ(s.result(2).outcome, LLP_OUT_DELIVERED);
}

// shows: x328/12.7
TEST(X328Examples, BlockAbortAsSlave) {
  Station s(LLP_PROTO_X328);
  play_slave(s, {{kEnq, ack(0)},
                 {hex(kBlockAbort), kNak},
                 {hex(kBlocks[2].hex), ack(1)},
                 {hex(kBlocks[3].hex), ack(2)},
                 {kEot, ""}});
  EXPECT_EQ(s.texts(), std::vector<std::string>{kM});
}

// shows: x328/10.1/sending+abort x328/12.7
TEST(X328Examples, BlockAbortAsMaster) {
  Station s(LLP_PROTO_X328, one_segment_blocks());
  warm_up(s);
  s.auto_empty = false;
  ASSERT_EQ(s.submit(7, kM), 0);
  s.auto_pull = false;
  s.tx_empty();
  s.take();
  s.feed(ack(0));
  // Twelve bytes have been handed out when the message is taken back.
  llp_io io{};
  io.now = s.now;
  static std::string text = kM;
  io.text = [](void*, std::uint32_t) { return reinterpret_cast<const std::uint8_t*>(text.data()); };
  io.event = [](void*, const llp_event*) {};
  std::uint8_t out[12];
  ASSERT_EQ(llp_tx(&s.e(), &io, out, sizeof out), 12u);
  s.abort(7);
  EXPECT_EQ(to_hex(std::string(reinterpret_cast<char*>(out), sizeof out) + s.pull()),
            to_hex(hex(kBlockAbort)));
  s.tx_empty();
  s.feed(kNak);
  EXPECT_EQ(s.pull(), kEot);
  EXPECT_EQ(s.result(7).cause, LLP_CAUSE_ABORTED);
  EXPECT_EQ(s.result(7).outcome, LLP_OUT_NOT_SENT);
}

// shows: x328/12.8
TEST(X328Examples, SenderAbortAsSlave) {
  Station s(LLP_PROTO_X328);
  play_slave(s, {{kEnq, ack(0)}, {hex(kBlocks[2].hex), ack(1)}, {kEot, ""}});
  EXPECT_TRUE(s.messages.empty());
  ASSERT_EQ(s.cancelled.size(), 1u);
  EXPECT_EQ(s.cancelled[0].second, LLP_CAUSE_SENDER_ABORT);
  EXPECT_TRUE(s.idle());
}

// shows: x328/12.8
TEST(X328Examples, SenderAbortAsMaster) {
  Station s(LLP_PROTO_X328, one_segment_blocks());
  warm_up(s);
  to_master(s, 7, kM);
  s.take();
  s.abort(7);
  EXPECT_EQ(s.take(), "");
  s.feed(ack(1));
  EXPECT_EQ(s.take(), kEot);
  EXPECT_EQ(s.result(7).cause, LLP_CAUSE_ABORTED);
  EXPECT_EQ(s.result(7).outcome, LLP_OUT_NOT_SENT);
}

// shows: x328/12.9
TEST(X328Examples, TerminationInterruptAsSlave) {
  Station s(LLP_PROTO_X328);
  s.feed(kEnq);
  s.abort_rx();
  s.take();
  s.feed(hex(kBlocks[2].hex));
  EXPECT_EQ(s.take(), kEot);
  EXPECT_TRUE(s.idle());
  EXPECT_TRUE(s.messages.empty());
}

// shows: x328/12.9
TEST(X328Examples, TerminationInterruptAsMaster) {
  Station s(LLP_PROTO_X328, one_segment_blocks());
  warm_up(s);
  to_master(s, 7, kM);
  s.take();
  s.feed(kEot);
  EXPECT_EQ(s.take(), "");
  EXPECT_EQ(s.result(7).cause, LLP_CAUSE_INTERRUPTED);
  EXPECT_EQ(s.result(7).outcome, LLP_OUT_NOT_SENT);
}

// shows: x328/2/term x328/8/4 x328/12.10
TEST(X328Examples, ReverseInterruptAsSlave) {
  Station s(LLP_PROTO_X328);
  s.feed(kEnq);
  s.take();
  ASSERT_EQ(s.submit(9, "urgent\r"), 0);
  s.request_turn();
  play_slave(s, {{hex(kBlocks[2].hex), kRint}, {hex(kBlocks[3].hex), ack(2)}});
  s.feed(kEot);
  EXPECT_EQ(s.take(), kEnq);
  s.feed(ack(0));
  EXPECT_EQ(s.take(), block(1, "urgent\r", true));
}

// shows: x328/12.10
TEST(X328Examples, ReverseInterruptAsMaster) {
  Station s(LLP_PROTO_X328, one_segment_blocks());
  warm_up(s);
  ASSERT_EQ(s.submit(7, kM), 0);
  play_master(s, {{kEnq, ack(0)}, {hex(kBlocks[2].hex), kRint}, {hex(kBlocks[3].hex), ack(2)}, {kEot, ""}});
  EXPECT_EQ(s.result(7).outcome, LLP_OUT_DELIVERED);
  // Silent for three seconds, then free to bid.
  ASSERT_EQ(s.submit(8, kM1), 0);
  EXPECT_EQ(s.take(), "");
  s.feed(kEnq);
  EXPECT_EQ(s.take(), ack(0));
}

// shows: x328/12.11
TEST(X328Examples, LineCheck) {
  Station s(LLP_PROTO_X328);
  s.advance(180 * kSec);
  EXPECT_EQ(to_hex(s.take()), "04 0D 05 0D");
  s.feed(ack(0));
  EXPECT_EQ(s.take(), kEot);
  EXPECT_EQ(s.state(), "idle");
}

// shows: x328/12.11
TEST(X328Examples, LineCheckAsSlave) {
  Station s(LLP_PROTO_X328);
  s.feed(kEot + kEnq);
  EXPECT_EQ(s.take(), ack(0));
  s.feed(kEot);
  EXPECT_EQ(s.take(), "");
  EXPECT_TRUE(s.idle());
  EXPECT_TRUE(s.cancelled.empty());
}

}  // namespace
}  // namespace llp::test::x328
