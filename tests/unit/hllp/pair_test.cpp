// SPDX-License-Identifier: BSD-3-Clause
//
// Two stations joined by a wire in virtual time, with damage at random over
// fixed seeds. What HLLP promises, and no more: damage that the check sees
// leads to a message that is whole, in order and once, or its sender is told.
#include "hllp/hllp_fixture.hpp"
#include "support/wire.hpp"

namespace llp::test::hllp {
namespace {

// One character at 9600 baud.
constexpr std::uint64_t kChar = 1041667;

std::string message(int n, std::size_t size) {
  std::string s = "MSH|^~\\&|A|B|C|D|20260101||ORU^R01|" + std::to_string(n) + "|P|2.3\r";
  while (s.size() < size) s += "OBX|" + std::to_string(s.size()) + "|NM|X||1.0\r";
  return s;
}

std::string reply_to(const std::string& request) {
  std::size_t at = 0;
  for (int i = 0; i < 9; i++) at = request.find('|', at) + 1;
  const std::string id = request.substr(at, request.find('|', at) - at);
  return "MSH|^~\\&|B|A|D|C|20260101||ACK|R" + id + "|P|2.3\rMSA|AA|" + id + "\r";
}

struct Outcome {
  int delivered = 0, failed = 0, repeats = 0, lost_silently = 0;
};

// a sends @n requests one after the other, b answers each.
struct Pair {
  Pair(const llp_params& pa, const llp_params& pb)
      : a(LLP_PROTO_HLLP, pa), b(LLP_PROTO_HLLP, pb), wire(a, b, kChar) {
    for (auto* s : {&a, &b}) s->log_frames = s->log_states = s->log_timers = false;
    b.verdict_policy.reset();
    b.on_message = [this](Station& s, Received& m) {
      if (m.flags & LLP_END_EMPTY) return;
      s.verdict(m.id, LLP_ACCEPT_ANSWER);
      answers.push_back(reply_to(m.text));
      pump();
    };
  }

  void pump() {
    if (!answers.empty()) wire.in(5 * kMs, [this] { pump(); });
    while (!answers.empty() && llp_can_submit(&b.e(), LLP_SUBMIT_REPLY)) {
      EXPECT_EQ(b.submit(next_answer++, answers.front(), LLP_SUBMIT_REPLY), 0);
      answers.pop_front();
    }
  }

  Outcome run(int n, std::size_t size) {
    Outcome o;
    for (int i = 0; i < n; i++) {
      const auto id = static_cast<std::uint32_t>(i + 1);
      const std::string text = message(i, size);
      EXPECT_EQ(a.submit(id, text, 0), 0);
      const bool over = wire.run_while([&] { return a.result(id).done == 0; }, 4000 * kSec);
      EXPECT_TRUE(over) << "message " << i;
      wire.run_for(2 * kSec);  // what is still on its way
      std::size_t copies = 0;
      for (std::size_t k = seen; k < b.messages.size(); k++) {
        EXPECT_EQ(b.messages[k].text, text) << "message " << i;  // whole, in order
        if (copies++) {
          o.repeats++;
          EXPECT_TRUE(b.messages[k].flags & LLP_END_REPEAT);  // and marked
        }
      }
      seen = b.messages.size();
      const Result& r = a.result(id);
      if (r.done_cause == LLP_OK) {
        o.delivered++;
        EXPECT_GE(copies, 1u) << "message " << i;
        EXPECT_FALSE(a.messages.empty());
        EXPECT_EQ(a.messages.back().text, reply_to(text));
        EXPECT_EQ(a.messages.back().reply_to, id);
      } else {
        o.failed++;
      }
    }
    a.hangup();
    b.hangup();
    a.check_results();
    b.check_results();
    return o;
  }

  Station a, b;
  Wire wire;
  std::deque<std::string> answers;
  std::uint32_t next_answer = 1000;
  std::size_t seen = 0;
};

// One byte in a block is damaged, or lost, or doubled: the check sees it.
Wire::Fault one_byte_in(double p, std::uint64_t seed, bool flags = false) {
  auto rng = std::make_shared<Rng>(seed);
  auto used = std::make_shared<std::array<bool, 2>>();
  auto kind = std::make_shared<int>(0);
  auto left = std::make_shared<std::array<int, 2>>();
  return [=](int dir, std::uint64_t, std::uint8_t byte) -> std::vector<WireByte> {
    auto& n = (*left)[static_cast<std::size_t>(dir)];
    if (byte == 0x0b) n = rng->chance(p) ? 1 + static_cast<int>(rng->below(120)) : 0;
    if (n == 0) return {{byte, LLP_FLAG_NONE}};
    if (--n > 0) return {{byte, LLP_FLAG_NONE}};
    (void)used;
    *kind = static_cast<int>(rng->below(flags ? 5 : 3));
    switch (*kind) {
      case 0: return {{static_cast<std::uint8_t>(byte ^ (1u << rng->below(8))), LLP_FLAG_NONE}};
      case 1: return {};
      case 2: return {{byte, LLP_FLAG_NONE}, {byte, LLP_FLAG_NONE}};
      case 3: return {{static_cast<std::uint8_t>(byte ^ 4u), LLP_FLAG_PARITY}};
      default: return {{0, LLP_FLAG_OVERRUN}};
    }
  };
}

TEST(HllpPair, CleanLine) {
  Pair p(with({}, kChar), with({}, kChar));
  const Outcome o = p.run(50, 500);
  EXPECT_EQ(o.delivered, 50);
  EXPECT_EQ(o.repeats, 0);
  EXPECT_EQ(p.a.count(LLP_C_RETRANSMISSIONS) + p.b.count(LLP_C_NAKS_SENT), 0u);
}

// shows: common/promise/hllp
TEST(HllpPair, DamageOverManySeeds) {
  int delivered = 0, failed = 0, repeats = 0;
  std::uint64_t naks = 0;
  for (std::uint64_t seed = 1; seed <= 40; seed++) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Pair p(with({}, kChar), with({}, kChar));
    p.wire.fault = one_byte_in(0.3, seed, true);
    const Outcome o = p.run(20, 100 + seed * 10);
    delivered += o.delivered;
    failed += o.failed;
    repeats += o.repeats;
    naks += p.b.count(LLP_C_NAKS_SENT);
  }
  // The faults did happen, and most messages came through.
  EXPECT_GT(naks, 20u);
  EXPECT_GT(delivered, 600);
  RecordProperty("delivered", delivered);
  RecordProperty("failed", failed);
  RecordProperty("repeats", repeats);
}

// shows: common/promise/hllp
TEST(HllpPair, DamagedRequestsOnlyNeverRepeat) {
  for (std::uint64_t seed = 1; seed <= 30; seed++) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Pair p(with({{"bad_response", "nak"}}, kChar), with({}, kChar));
    auto fault = one_byte_in(0.3, seed);
    p.wire.fault = [fault](int dir, std::uint64_t i, std::uint8_t byte) -> std::vector<WireByte> {
      if (dir == 0) return fault(dir, i, byte);
      return {{byte, LLP_FLAG_NONE}};
    };
    EXPECT_EQ(p.run(20, 300).repeats, 0);
  }
}

TEST(HllpPair, DamagedRepliesWithNakNeverRepeatTheRequest) {
  for (std::uint64_t seed = 1; seed <= 30; seed++) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Pair p(with({{"bad_response", "nak"}}, kChar), with({}, kChar));
    auto fault = one_byte_in(0.5, seed);
    p.wire.fault = [fault](int dir, std::uint64_t i, std::uint8_t byte) -> std::vector<WireByte> {
      if (dir == 1) return fault(dir, i, byte);
      return {{byte, LLP_FLAG_NONE}};
    };
    EXPECT_EQ(p.run(20, 300).repeats, 0);
  }
}

// shows: common/promise/hllp
TEST(HllpPair, LostRepliesRepeatOnlyIfConfigured) {
  for (const char* how : {"fail", "resend"}) {
    Pair p(with({{"on_timeout", how}, {"match", "msa_id"}}, kChar), with({}, kChar));
    int block = 0;
    bool drop = false;
    p.wire.fault = [&](int dir, std::uint64_t, std::uint8_t byte) -> std::vector<WireByte> {
      if (dir == 1 && byte == 0x0b) drop = ++block % 2;
      if (dir == 1 && drop) return {};
      return {{byte, LLP_FLAG_NONE}};
    };
    const Outcome o = p.run(10, 200);
    if (how == std::string("fail")) {
      EXPECT_EQ(o.failed, 5);
      EXPECT_EQ(o.repeats, 0);
    } else {
      EXPECT_EQ(o.delivered, 10);
      EXPECT_EQ(o.repeats, 10);
    }
  }
}

TEST(HllpPair, HalfDuplexBothSend) {
  // Both have requests; nothing may be lost, whoever waits for whom.
  const llp_params half = with({{"duplex", "half"}, {"match", "msa_id"}}, kChar);
  Station a(LLP_PROTO_HLLP, half), b(LLP_PROTO_HLLP, half);
  Wire wire(a, b, kChar);
  std::map<Station*, std::deque<std::string>> answers;
  std::uint32_t id = 5000;
  for (auto* s : {&a, &b}) {
    s->verdict_policy.reset();
    s->on_message = [&](Station& st, Received& m) {
      const bool reply = m.flags & LLP_END_REPLY;
      st.verdict(m.id, reply ? LLP_ACCEPT : LLP_ACCEPT_ANSWER);
      if (!reply) answers[&st].push_back(reply_to(m.text));
    };
  }
  int rounds = 0;
  // As a shell does: an answer goes out as soon as it can be submitted.
  std::function<void()> tick = [&] {
    for (auto* s : {&a, &b}) {
      if (answers[s].empty() || !llp_can_submit(&s->e(), LLP_SUBMIT_REPLY)) continue;
      s->submit(id++, answers[s].front(), LLP_SUBMIT_REPLY);
      answers[s].pop_front();
    }
    if (rounds < 20) wire.in(5 * kMs, tick);
  };
  wire.in(0, tick);
  for (; rounds < 20; rounds++) {
    const auto aid = static_cast<std::uint32_t>(2 * rounds + 1);
    const std::uint32_t bid = aid + 1;
    ASSERT_EQ(a.submit(aid, message(rounds, 200), 0), 0);
    // At once, while it arrives, while it is served, while it is answered.
    wire.run_for(static_cast<std::uint64_t>(rounds) * 25 * kMs);
    const bool can = llp_can_submit(&b.e(), 0);
    ASSERT_EQ(b.submit(bid, message(1000 + rounds, 200), 0), can ? 0 : -EBUSY);
    const bool both = b.results.contains(bid);
    ASSERT_TRUE(
        wire.run_while([&] { return !a.result(aid).done || (both && !b.result(bid).done); }, 1000 * kSec));
    EXPECT_EQ(a.result(aid).done_cause, LLP_OK) << rounds;
    if (both) {
      EXPECT_EQ(b.result(bid).done_cause, LLP_OK) << rounds;
    }
    wire.run_for(kSec);
  }
}

TEST(HllpPair, FlowThroughUnderDamage) {
  for (std::uint64_t seed = 1; seed <= 20; seed++) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Pair p(with({{"flow", "yes"}}, kChar), with({{"flow", "yes"}}, kChar));
    p.wire.fault = one_byte_in(0.3, seed, true);
    p.run(10, 2500);
  }
}

}  // namespace
}  // namespace llp::test::hllp
