// SPDX-License-Identifier: BSD-3-Clause
// Two engines on a line with random faults: what X3.28 promises must hold.
//
// Promised: a message arrives whole, in order and once, or its sender is told;
// it may arrive again only after a last acknowledgement that was lost or came
// too late, and then it is marked, or the acceptance that went unheard was
// reported. Damage is one byte at a time with a line's length between, which
// the block check always sees; the slave's answers carry no check, so in them
// bytes are lost or get a line flag, but do not turn into other answers.
#include "support/wire.hpp"

#include <ostream>
#include <set>

#include "x328_test.hpp"

namespace llp::test::x328 {
namespace {

struct Faults {
  const char* name;
  double block_damage;   // chance that a byte of the master's is damaged
  double answer_damage;  // chance that a byte of the slave's is lost or flagged
  double late_verdict;   // chance that the reader takes long
  double reject;         // chance that the reader refuses
  double line_gone;      // chance that the line is cut during a message
};

struct Case {
  Faults f;
  std::uint64_t seed;
};

void PrintTo(const Case& c, std::ostream* os) { *os << c.f.name << ", seed " << c.seed; }

class Sender {
 public:
  Sender(Station& s, char tag, int total) : s_(s), tag_(tag), total_(total) {}
  bool done() const { return next_ > total_ && !current_; }
  // Submits the next message when the one before has its result; a failed one is sent again, up to three
  // times.
  void poll() {
    if (current_) {
      const Result& r = s_.result(current_);
      if (!r.done) return;
      const std::string& text = text_of_[current_];
      outcome_[text].push_back(r.done_outcome);
      const bool again = r.done_outcome != LLP_OUT_DELIVERED && tries_ < 3;
      current_ = 0;
      if (!again) {
        next_++;
        tries_ = 0;
      }
    }
    if (next_ > total_) return;
    const std::string text = make(next_);
    const std::uint32_t id = ++ids_;
    if (s_.submit(id, text) != 0) {
      ids_--;
      return;
    }
    current_ = id;
    text_of_[id] = text;
    tries_++;
  }
  std::string make(int n) const {
    std::string t = std::string("MSH|^~\\&|") + tag_ + "|" + std::to_string(n) + "\r";
    for (int i = 0; i < n % 9; i++)
      t += "OBX|" + std::to_string(i) + "|" + std::string((n * 7 + i) % 40, tag_) + "\r";
    return t;
  }
  // For each text, the outcomes of its tries.
  std::map<std::string, std::vector<llp_outcome>> outcome_;

 private:
  Station& s_;
  char tag_;
  int total_;
  int next_ = 1;
  int tries_ = 0;
  std::uint32_t current_ = 0;
  std::uint32_t ids_ = 0;
  std::map<std::uint32_t, std::string> text_of_;
};

// Checks what arrived at @s against what its peer was told.
void check(const Sender& sender, Station& s, const std::string& what) {
  std::map<std::string, int> taken;
  std::string last;
  std::set<std::string> seen;
  bool excused = false;
  for (const Received& m : s.messages) {
    ASSERT_TRUE(sender.outcome_.contains(m.text))
        << what << ": a message that was never sent: " << words(m.text);
    const bool accepted = m.settled && *m.settled != LLP_GONE && (m.acked || m.cancel_accepted);
    if (!accepted) continue;
    taken[m.text]++;
    if (m.text == last) {
      // The same message again: marked, or known to be unheard.
      EXPECT_TRUE((m.flags & LLP_END_REPEAT) || excused) << what << ": unmarked repeat";
    } else {
      EXPECT_FALSE(seen.contains(m.text)) << what << ": out of order";
    }
    seen.insert(m.text);
    last = m.text;
    excused = m.cancel_accepted;
  }
  for (const auto& [text, tries] : sender.outcome_) {
    const auto delivered = std::count(tries.begin(), tries.end(), LLP_OUT_DELIVERED);
    const auto unknown = std::count(tries.begin(), tries.end(), LLP_OUT_UNKNOWN);
    EXPECT_LE(delivered, 1) << what;
    // Delivered: it is there. Not sent, refused: it is not.
    EXPECT_GE(taken[text], delivered) << what << ": lost " << words(text.substr(0, 20));
    int unheard = 0;
    for (const Received& m : s.messages) unheard += m.text == text && m.cancel_accepted;
    EXPECT_LE(taken[text], delivered + unknown + unheard)
        << what << ": doubled " << words(text.substr(0, 20));
  }
}

class LossyWire : public ::testing::TestWithParam<Case> {};

// shows: common/promise/x328
TEST_P(LossyWire, PromiseHolds) {
  const auto& [f, seed] = GetParam();
  const std::string what = std::string(f.name) + ", seed " + std::to_string(seed);
  constexpr std::uint64_t kChar = 86806;
  constexpr int kMessages = 150;
  Rng rng(seed);

  llp_params pa = one_segment_blocks(), pb = one_segment_blocks();
  pa.block_max = pb.block_max = 45;
  pa.char_time = pb.char_time = kChar;
  pa.role = LLP_PRIMARY;
  pa.x328_on_timeout = pb.x328_on_timeout = rng.below(2);
  pa.enq_resolicit = pb.enq_resolicit = rng.below(2);
  pb.contention = rng.below(2);
  pa.flow = rng.below(2);
  Station a(LLP_PROTO_X328, pa), b(LLP_PROTO_X328, pb);
  for (Station* s : {&a, &b}) {
    s->log_frames = s->log_lost = s->log_states = s->log_timers = false;
    s->verdict_policy.reset();
  }
  Wire wire(a, b, kChar);
  // One damaged byte, then none for the length of a block and its answer.
  std::uint64_t spared[2] = {0, 0};
  wire.fault = [&](int dir, std::uint64_t index, std::uint8_t byte) -> std::vector<WireByte> {
    const auto d = static_cast<std::size_t>(dir);
    const Station& from = dir == 0 ? a : b;
    const bool master = from.state().starts_with("master");
    const double p = master ? f.block_damage : f.answer_damage;
    if (index < spared[d] || !rng.chance(p)) return {{byte, LLP_FLAG_NONE}};
    spared[d] = index + 70;
    const std::uint32_t how = rng.below(4);
    if (how == 0) return {};
    if (!master) return {{byte, LLP_FLAG_PARITY}};
    if (how == 1) return {{static_cast<std::uint8_t>(byte ^ (1U << rng.below(8))), LLP_FLAG_NONE}};
    if (how == 2)
      return {{byte, LLP_FLAG_NONE}, {static_cast<std::uint8_t>(0x20 + rng.below(90)), LLP_FLAG_NONE}};
    return {{byte, LLP_FLAG_FRAME}};
  };
  for (Station* s : {&a, &b}) {
    s->on_message = [&](Station& st, Received& m) {
      const std::uint32_t id = m.id;
      if (m.flags & LLP_END_EMPTY) return;
      const llp_decision d = rng.chance(f.reject) ? LLP_REJECT : LLP_ACCEPT;
      if (!rng.chance(f.late_verdict)) {
        st.verdict(id, d);
        return;
      }
      wire.in(rng.below(25000) * kMs, [&st, id, d] {
        st.verdict(id, d);
        st.settle();
      });
    };
  }

  Sender from_a(a, 'A', kMessages), from_b(b, 'B', kMessages);
  std::uint64_t limit = wire.now() + 400000 * kSec;
  while ((!from_a.done() || !from_b.done()) && wire.now() < limit) {
    from_a.poll();
    from_b.poll();
    wire.run_for((20 + rng.below(2000)) * kMs);
    if (rng.chance(f.line_gone)) {
      a.hangup(false);
      b.hangup(false);
      wire.run_for(50 * kMs);  // what is under way is gone with the line
      a.connect();
      b.connect();
    }
  }
  EXPECT_TRUE(from_a.done() && from_b.done()) << what;
  wire.run_for(120 * kSec);
  a.hangup();
  b.hangup();
  a.check_results();
  b.check_results();
  check(from_a, b, what + ", a to b");
  check(from_b, a, what + ", b to a");
  // The faults did happen.
  const auto both = [&](llp_counter c) { return a.count(c) + b.count(c); };
  if (f.block_damage > 0) {
    EXPECT_GT(both(LLP_C_NAKS_RECEIVED), 2u) << what;
  }
  if (f.answer_damage > 0) {
    EXPECT_GT(both(LLP_C_TIMEOUTS) + both(LLP_C_GARBAGE), 5u) << what;
  }
  if (f.late_verdict > 0) {
    EXPECT_GT(both(LLP_C_NAK_TIME), 5u) << what;
  }
  if (f.line_gone > 0) {
    EXPECT_GT(both(LLP_C_HANGUPS), 4u) << what;
  }
  if (f.block_damage == 0 && f.answer_damage == 0 && f.late_verdict == 0 && f.reject == 0 &&
      f.line_gone == 0) {
    EXPECT_EQ(a.messages.size(), static_cast<std::size_t>(kMessages)) << what;
    EXPECT_EQ(b.messages.size(), static_cast<std::size_t>(kMessages)) << what;
  }
}

std::vector<Case> cases() {
  static constexpr Faults kKinds[] = {
      {"clean", 0, 0, 0, 0, 0},
      {"damaged blocks", 0.01, 0, 0, 0, 0},
      {"damaged answers", 0, 0.03, 0, 0, 0},
      {"damage both ways", 0.01, 0.03, 0, 0, 0},
      {"late verdicts", 0, 0, 0.3, 0, 0},
      {"late verdicts and damage", 0.01, 0.02, 0.2, 0, 0},
      {"refusals", 0.005, 0.01, 0.1, 0.1, 0},
      {"lines cut", 0.005, 0.01, 0.1, 0.02, 0.02},
  };
  std::vector<Case> out;
  for (const Faults& f : kKinds)
    for (std::uint64_t seed = 1; seed <= 4; seed++) out.push_back({f, seed});
  return out;
}

INSTANTIATE_TEST_SUITE_P(Kinds, LossyWire, ::testing::ValuesIn(cases()), [](const auto& row) {
  std::string name = row.param.f.name;
  std::replace(name.begin(), name.end(), ' ', '_');
  return name + "_" + std::to_string(row.param.seed);
});

}  // namespace
}  // namespace llp::test::x328
