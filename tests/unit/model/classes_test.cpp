// SPDX-License-Identifier: BSD-3-Clause
//
// The model damages bytes into one or two representatives of each class. Here
// the engine itself says whether the classes are right: in every state that it
// is in during a run without faults, between any two bytes, and after one byte
// more of every class, each of the 256 bytes must do what the first of its
// class does: the same events, answers, counters, timers and state. Only what
// the byte itself is may differ: text, checks and numbers.
#include "classes.hpp"

#include <gtest/gtest.h>

#include <array>
#include <deque>
#include <string>
#include <unordered_set>
#include <vector>

#include "calls.hpp"
#include "model.hpp"

namespace llp::model {
namespace {

// A station by itself.
struct Alone {
  llp_engine e;
  std::array<std::uint8_t, kRxCap> rx;
};

class Classes {
 public:
  explicit Classes(Config c) : model_(std::move(c)) {}

  // Looks at every state of both stations.
  void run() {
    std::deque<World> todo{model_.start()};
    std::unordered_set<std::uint64_t> worlds{model_.fingerprint(model_.start()).a};
    while (!todo.empty() && !failed()) {
      const World w = todo.front();
      todo.pop_front();
      for (int s = 0; s < 2; s++) station(w, s);
      model_.successors(w, Model::Which::kAll, false, [&](const Action&, const World& next, const Step&) {
        if (worlds.insert(model_.fingerprint(next).a).second) todo.push_back(next);
      });
    }
  }
  std::size_t states() const { return seen_.size(); }
  // Classes as they should not be: all bytes are one.
  bool coarse = false;
  std::vector<std::string> differences;

 private:
  bool failed() const { return differences.size() > 5; }

  // The bytes on their way to station @s, one by one.
  void station(const World& w, int s) {
    s_ = s;
    Alone a{w.e[s], w.rx[s]};
    a.e.now = w.now;
    look(a, true);
    for (int i = 0; i < w.queued[s]; i++) {
      const auto flag = static_cast<std::uint8_t>(w.line[s][i] >> kFlagShift & 7);
      (void)feed(a, static_cast<std::uint8_t>(w.line[s][i] & 0xff), flag);
      look(a, true);
    }
  }

  void look(const Alone& a, bool go_on) {
    if (!seen_.insert(state(a)).second || failed()) return;
    std::vector<ByteClass> classes = byte_classes(model_.config().proto, a.e.p);
    if (coarse) {
      for (std::size_t i = 1; i < classes.size(); i++)
        classes[0].members.insert(classes[0].members.end(), classes[i].members.begin(),
                                  classes[i].members.end());
      classes.resize(1);
    }
    for (const ByteClass& c : classes) {
      for (const std::uint8_t flag : {LLP_FLAG_NONE, LLP_FLAG_PARITY}) {
        if (flag && !go_on) break;
        Alone first = a;
        const std::uint64_t does = feed(first, c.members.front(), flag);
        for (const std::uint8_t b : c.members) {
          Alone other = a;
          if (feed(other, b, flag) != does)
            differences.push_back(std::string(c.name) + ": " + std::to_string(b) + " in state " +
                                  llp_state_name(&a.e));
        }
        if (go_on && flag == LLP_FLAG_NONE) look(first, false);
      }
    }
  }

  // For a byte it is of no account how long a timer runs yet.
  std::uint64_t state(const Alone& a) const {
    llp_engine e = a.e;
    for (std::uint64_t& t : e.timer)
      if (t != LLP_NEVER) t = e.now + kMs;
    return llp_fingerprint(&e, e.now) * 2 + static_cast<std::uint64_t>(s_);
  }

  void did(std::uint64_t v) {
    did_ = (did_ ^ v) * 0x9e3779b97f4a7c15ULL;
    did_ ^= did_ >> 29;
  }

  // A digest of what the station does with a byte, but for what the byte is.
  std::uint64_t feed(Alone& a, std::uint8_t byte, std::uint8_t flag) {
    did_ = 1;
    llp_io io{};
    io.now = a.e.now;
    io.rx_buf = a.rx.data();
    io.rx_cap = kRxCap;
    io.rx_fixed = true;
    io.text = [](void* ctx, std::uint32_t id) {
      auto* self = static_cast<Classes*>(ctx);
      return reinterpret_cast<const std::uint8_t*>(self->model_.config().text(self->s_, item_of(id)).data());
    };
    io.event = [](void* ctx, const llp_event* ev) {
      auto* self = static_cast<Classes*>(ctx);
      // A frame's number may be the byte itself; so may a state's, which the state's name tells.
      self->did(ev->type | std::uint64_t{ev->frame} << 8 | std::uint64_t{ev->verdict} << 16 |
                std::uint64_t{ev->cause} << 24 | std::uint64_t{ev->outcome} << 32 |
                std::uint64_t{ev->flags} << 40 | std::uint64_t{ev->out} << 48);
      self->did(ev->len);
    };
    io.ctx = this;
    did(llp_rx(&a.e, &io, &byte, flag ? &flag : nullptr, 1));
    did(reinterpret_cast<std::uintptr_t>(llp_state_name(&a.e)));
    did(llp_rx_fill(&a.e));
    did(a.e.tx.ctl_len);
    for (int i = 0; i < a.e.tx.ctl_len; i++) did(a.e.tx.ctl[i]);
    did(a.e.tx.active | std::uint64_t{a.e.tx.off} << 8);
    for (const std::uint64_t t : a.e.timer) did(t == LLP_NEVER ? 0 : t - a.e.now + 1);
    for (const std::uint64_t c : a.e.count) did(c);
    return did_;
  }

  const Model model_;
  int s_ = 0;
  std::uint64_t did_ = 0;
  std::unordered_set<std::uint64_t> seen_;
};

std::vector<Config> quiet() {
  std::vector<Config> out;
  for (Config c : configs(Profile::kCheck)) {
    if (c.name.ends_with("-events")) continue;  // the options of another
    c.faults = c.events = 0;
    out.push_back(std::move(c));
  }
  return out;
}

class Alike : public ::testing::TestWithParam<Config> {};

TEST_P(Alike, BytesOfAClass) {
  Classes c(GetParam());
  c.run();
  EXPECT_GT(c.states(), 20u);
  for (const std::string& d : c.differences) ADD_FAILURE() << d;
}

INSTANTIATE_TEST_SUITE_P(Model, Alike, ::testing::ValuesIn(quiet()), [](const auto& one) {
  std::string name = one.param.name;
  for (char& c : name)
    if (c == '-') c = '_';
  return name;
});

TEST(Classes, OneForAllIsNotEnough) {
  Classes c(quiet().front());
  c.coarse = true;
  c.run();
  EXPECT_FALSE(c.differences.empty());
}

}  // namespace
}  // namespace llp::model
