// SPDX-License-Identifier: BSD-3-Clause
// Two stations joined by a line at virtual time, which tests may spoil.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "support/engine_harness.hpp"

namespace llp::test {

struct WireByte {
  std::uint8_t byte = 0;
  std::uint8_t flag = LLP_FLAG_NONE;
};

// Joins stations a and b. Time passes only in run(); both clocks follow it.
class Wire {
 public:
  // What arrives in place of one byte that was sent: any number of bytes.
  // @dir: 0 from a to b, 1 from b to a; @index counts bytes of that direction.
  using Fault = std::function<std::vector<WireByte>(int dir, std::uint64_t index, std::uint8_t byte)>;

  Wire(Station& a, Station& b, std::uint64_t char_time_ns)
      : st_{&a, &b}, char_time_(char_time_ns), now_(std::max(a.now, b.now)) {
    for (auto* s : st_) {
      s->auto_pull = false;
      s->now = now_;
    }
  }

  Fault fault;
  std::uint64_t delay = 0;  // added to every byte, ns
  bool empty_late = false;  // the transmitter is reported empty one character late
  std::string traffic[2];   // what was sent, per direction, undamaged
  std::uint64_t now() const { return now_; }

  void at(std::uint64_t when, std::function<void()> what) { calls_.emplace(when, std::move(what)); }
  void in(std::uint64_t ns, std::function<void()> what) { at(now_ + ns, std::move(what)); }

  // Until nothing is left to do before @until; false: @until came first.
  bool run_until(std::uint64_t until) {
    for (;;) {
      collect();
      const std::uint64_t t = soonest();
      if (t == LLP_NEVER) return true;
      if (t > until) {
        set_now(until);
        return false;
      }
      set_now(std::max(now_, t));
      step();
    }
  }
  bool run_for(std::uint64_t ns) { return run_until(now_ + ns); }
  // Until @done or @limit ns have passed.
  bool run_while(const std::function<bool()>& busy, std::uint64_t limit) {
    const std::uint64_t until = now_ + limit;
    for (;;) {
      collect();
      if (!busy()) return true;
      const std::uint64_t t = soonest();
      if (t == LLP_NEVER || t > until) {
        set_now(until);
        return !busy();
      }
      set_now(std::max(now_, t));
      step();
    }
  }

 private:
  struct Due {
    std::uint64_t at;
    WireByte b;
  };
  void set_now(std::uint64_t t) {
    now_ = t;
    st_[0]->now = st_[1]->now = t;
  }
  void collect() {
    for (int d = 0; d < 2; d++) {
      Station& s = *st_[d];
      std::string out = s.pull();
      for (unsigned char c : out) {
        free_[d] = std::max(free_[d], now_) + char_time_;
        traffic[d].push_back(static_cast<char>(c));
        const std::uint64_t when = free_[d] + delay;
        const std::uint64_t index = sent_[d]++;
        if (!fault) {
          line_[d].push_back({when, {c, LLP_FLAG_NONE}});
        } else {
          for (const WireByte& b : fault(d, index, c)) line_[d].push_back({when, b});
        }
      }
      if (!out.empty()) empty_at_[d] = free_[d] + (empty_late ? char_time_ : 0);
    }
  }
  std::uint64_t soonest() const {
    std::uint64_t t = LLP_NEVER;
    for (int d = 0; d < 2; d++) {
      if (!line_[d].empty()) t = std::min(t, line_[d].front().at);
      if (empty_at_[d]) t = std::min(t, *empty_at_[d]);
      t = std::min(t, st_[d]->deadline());
    }
    if (!calls_.empty()) t = std::min(t, calls_.begin()->first);
    return t;
  }
  // One thing that is due, in a fixed order.
  void step() {
    for (int d = 0; d < 2; d++) {
      if (empty_at_[d] && *empty_at_[d] <= now_) {
        empty_at_[d].reset();
        st_[d]->tx_empty();
        return;
      }
    }
    for (int d = 0; d < 2; d++) {
      if (!line_[d].empty() && line_[d].front().at <= now_) {
        const WireByte b = line_[d].front().b;
        line_[d].pop_front();
        const char c = static_cast<char>(b.byte);
        st_[1 - d]->feed(std::string_view(&c, 1), static_cast<llp_line_flag>(b.flag));
        return;
      }
    }
    if (!calls_.empty() && calls_.begin()->first <= now_) {
      auto what = std::move(calls_.begin()->second);
      calls_.erase(calls_.begin());
      what();
      return;
    }
    for (int d = 0; d < 2; d++) {
      if (st_[d]->deadline() <= now_) {
        st_[d]->timeout();
        return;
      }
    }
  }

  std::array<Station*, 2> st_;
  std::uint64_t char_time_;
  std::uint64_t now_ = 0;
  std::uint64_t free_[2] = {0, 0};
  std::uint64_t sent_[2] = {0, 0};
  std::optional<std::uint64_t> empty_at_[2];
  std::deque<Due> line_[2];
  std::multimap<std::uint64_t, std::function<void()>> calls_;
};

}  // namespace llp::test
