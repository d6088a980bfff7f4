// SPDX-License-Identifier: BSD-3-Clause
//
// Two stations joined by a wire in virtual time, with loss, delay and silence
// at random over fixed seeds. What MLLP promises, and no more: release 2 never
// loses or mixes messages because of these; release 1 promises nothing, so it
// is only asked to carry messages over a clean line.
#include "mllp/mllp_fixture.hpp"
#include "support/wire.hpp"

namespace llp::test::mllp {
namespace {

constexpr std::uint64_t kChar = 86806;  // 115200 baud

std::string message(int n, std::size_t size) {
  std::string s = "MSH|^~\\&|A|B|C|D|20260101||ORU^R01|" + std::to_string(n) + "|P|2.3\r";
  while (s.size() < size) s += "OBX|" + std::to_string(s.size()) + "|NM|X||1.0\r";
  return s;
}

llp_params params(Options options = {}) {
  llp_params p =
      with({{"release", "2"}, {"t_in", "10s"}, {"t_c", "5s"}, {"peer_t_c", "5s"}, {"peer_resends", "3"}});
  for (const auto& [name, value] : options) EXPECT_EQ(llp_params_set(&p, LLP_PROTO_MLLP, name, value), 0);
  p.char_time = kChar;
  return p;
}

// Drops whole blocks: a commit reply that never comes, a block swallowed.
Wire::Fault drop_blocks(double p, std::uint64_t seed) {
  auto rng = std::make_shared<Rng>(seed);
  auto drop = std::make_shared<std::array<bool, 2>>();
  return [=](int dir, std::uint64_t, std::uint8_t byte) -> std::vector<WireByte> {
    auto& d = (*drop)[static_cast<std::size_t>(dir)];
    if (byte == 0x0b) d = rng->chance(p);
    if (d) return {};
    return {{byte, LLP_FLAG_NONE}};
  };
}

// Cuts what is sent: from some byte on nothing comes until the next block.
Wire::Fault cut_blocks(double p, std::uint64_t seed) {
  auto rng = std::make_shared<Rng>(seed);
  auto left = std::make_shared<std::array<std::uint32_t, 2>>();
  return [=](int dir, std::uint64_t, std::uint8_t byte) -> std::vector<WireByte> {
    auto& n = (*left)[static_cast<std::size_t>(dir)];
    if (byte == 0x0b) n = rng->chance(p) ? 1 + rng->below(100) : 1000000;
    if (n > 0) --n;
    if (n == 0) return {};
    return {{byte, LLP_FLAG_NONE}};
  };
}

// a sends, b commits; every message that a was told of as delivered is there, in order, whole.
void transfer(const llp_params& pa, const llp_params& pb, const Wire::Fault& fault, int n, int* delivered,
              int* repeats, const std::function<void(Station&, Received&)>& reader = {}) {
  Station a(LLP_PROTO_MLLP, pa), b(LLP_PROTO_MLLP, pb);
  for (auto* s : {&a, &b}) s->log_frames = s->log_states = s->log_timers = false;
  if (reader) {
    b.verdict_policy.reset();
    b.on_message = reader;
  }
  Wire wire(a, b, kChar);
  wire.fault = fault;
  std::vector<std::string> sent, committed;
  for (int i = 0; i < n; i++) {
    const auto id = static_cast<std::uint32_t>(i + 1);
    const std::string text = message(i, 100 + static_cast<std::size_t>(i) * 7 % 300);
    ASSERT_EQ(a.submit(id, text), 0);
    ASSERT_TRUE(wire.run_while([&] { return a.result(id).done == 0; }, 1000 * kSec));
    sent.push_back(text);
    if (a.result(id).done_outcome == LLP_OUT_DELIVERED) {
      committed.push_back(text);
      if (delivered) ++*delivered;
    }
  }
  wire.run_for(100 * kSec);
  // What b holds: whole messages in the order of sending, repeats next to the first.
  std::size_t at = 0;
  std::vector<std::string> held;
  for (const auto& m : b.messages) {
    if (m.cancelled) continue;
    while (at < sent.size() && sent[at] != m.text) at++;
    ASSERT_LT(at, sent.size()) << "not a message of ours, or out of order: " << words(m.text);
    if (!held.empty() && held.back() == m.text) {
      if (repeats) ++*repeats;
      continue;
    }
    held.push_back(m.text);
  }
  // Nothing that was acknowledged is missing.
  std::size_t k = 0;
  for (const auto& text : committed) {
    while (k < held.size() && held[k] != text) k++;
    ASSERT_LT(k, held.size()) << "acknowledged and lost: " << words(text);
  }
  a.hangup();
  b.hangup();
  a.check_results();
  b.check_results();
}

TEST(MllpPair, CleanLine) {
  int delivered = 0, repeats = 0;
  transfer(params(), params(), {}, 50, &delivered, &repeats);
  EXPECT_EQ(delivered, 50);
  EXPECT_EQ(repeats, 0);
}

// shows: common/promise/mllp2
TEST(MllpPair, LossOverManySeeds) {
  int delivered = 0, repeats = 0;
  for (std::uint64_t seed = 1; seed <= 40; seed++) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    transfer(params(), params(), drop_blocks(0.2, seed), 30, &delivered, &repeats);
  }
  EXPECT_GT(delivered, 1000);
  EXPECT_GT(repeats, 50);  // lost commit replies do lead to repeats
}

TEST(MllpPair, LossWithDedupHasNoRepeats) {
  int repeats = 0;
  for (std::uint64_t seed = 1; seed <= 20; seed++) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    transfer(params(), params({{"dedup", "yes"}}), drop_blocks(0.2, seed), 30, nullptr, &repeats);
  }
  EXPECT_EQ(repeats, 0);
}

// shows: common/promise/mllp2
TEST(MllpPair, CutBlocksOverManySeeds) {
  for (const char* flow : {"no", "yes"})
    for (std::uint64_t seed = 1; seed <= 20; seed++) {
      SCOPED_TRACE("seed " + std::to_string(seed));
      transfer(params(), params({{"flow", flow}}), cut_blocks(0.2, seed), 30, nullptr, nullptr);
    }
}

// shows: common/promise/mllp2
TEST(MllpPair, DelayBelowTheSettlingTime) {
  // Replies late by up to T_c and a little: late ACKs meet the resend or the settling.
  for (std::uint64_t seed = 1; seed <= 20; seed++) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Station a(LLP_PROTO_MLLP, params()), b(LLP_PROTO_MLLP, params({{"dedup", "yes"}}));
    Rng rng(seed);
    std::deque<std::pair<std::uint64_t, std::uint32_t>> verdicts;
    b.verdict_policy.reset();
    Wire wire(a, b, kChar);
    b.on_message = [&](Station&, Received& m) {
      const std::uint32_t id = m.id;
      wire.in(rng.below(5400) * kMs, [&b, id] { b.verdict(id, LLP_ACCEPT); });
    };
    int delivered = 0;
    for (int i = 0; i < 30; i++) {
      const auto id = static_cast<std::uint32_t>(i + 1);
      ASSERT_EQ(a.submit(id, message(i, 200)), 0);
      ASSERT_TRUE(wire.run_while([&] { return a.result(id).done == 0; }, 1000 * kSec));
      ASSERT_EQ(a.result(id).done_outcome, LLP_OUT_DELIVERED) << i;
      delivered++;
      // It is there, and it is the last that b took.
      std::size_t last = b.messages.size();
      while (last > 0 && b.messages[last - 1].cancelled) last--;
      ASSERT_GT(last, 0u);
      EXPECT_EQ(b.messages[last - 1].text, message(i, 200));
    }
    EXPECT_EQ(delivered, 30);
    std::size_t whole = 0;
    for (const auto& m : b.messages) whole += !m.cancelled;
    EXPECT_EQ(whole, 30u);
  }
}

// shows: mllp/D-7
TEST(MllpPair, BothDirectionsAtOnce) {
  for (std::uint64_t seed = 1; seed <= 20; seed++) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Station a(LLP_PROTO_MLLP, params()), b(LLP_PROTO_MLLP, params());
    Wire wire(a, b, kChar);
    Rng rng(seed);
    wire.fault = drop_blocks(0.1, seed);
    for (int i = 0; i < 20; i++) {
      const auto id = static_cast<std::uint32_t>(i + 1);
      ASSERT_EQ(a.submit(id, message(i, 300)), 0);
      wire.run_for(rng.below(40) * kMs);
      ASSERT_EQ(b.submit(id, message(1000 + i, 300)), 0);
      ASSERT_TRUE(wire.run_while([&] { return !a.result(id).done || !b.result(id).done; }, 1000 * kSec));
      for (auto* s : {&a, &b}) {
        if (s->result(id).done_outcome != LLP_OUT_DELIVERED) continue;
        Station& other = s == &a ? b : a;
        ASSERT_FALSE(other.messages.empty());
        EXPECT_EQ(other.messages.back().text, message(s == &a ? i : 1000 + i, 300));
      }
    }
  }
}

// shows: common/promise/mllp1
TEST(MllpPair, Release1CleanLine) {
  llp_params p = with({});
  p.char_time = kChar;
  Station a(LLP_PROTO_MLLP, p), b(LLP_PROTO_MLLP, p);
  Wire wire(a, b, kChar);
  std::uint32_t reply = 1000;
  b.on_message = [&](Station& s, Received&) {
    wire.in(0, [&s, &reply] { s.submit(reply++, kA, LLP_SUBMIT_REPLY); });
  };
  for (int i = 0; i < 20; i++) {
    const auto id = static_cast<std::uint32_t>(i + 1);
    ASSERT_EQ(a.submit(id, kM, 0), 0);
    ASSERT_TRUE(wire.run_while([&] { return a.result(id).done == 0; }, 100 * kSec));
    EXPECT_EQ(a.result(id).done_cause, LLP_OK);
    EXPECT_EQ(a.messages.back().text, kA);
  }
  EXPECT_EQ(b.messages.size(), 20u);
}

}  // namespace
}  // namespace llp::test::mllp
