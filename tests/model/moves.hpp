// SPDX-License-Identifier: BSD-3-Clause
//
// Model::successors(): every action that is possible in a state.
//
// Bytes of one sequence or block are delivered together unless something
// happens between them: an engine's conversation does not depend on how its
// input is cut into calls (tests/unit/*/split_test.cpp), and the sender cannot
// tell. What happens between two bytes at the receiving station itself (a
// verdict, a submission, a hang-up) is an action with pos > 0. What happens at
// the sending station meanwhile happens to an engine that has handed out the
// block, so it is the same as before the first byte or after the last; what
// happens before it has handed out all of it is an action with tx.
#pragma once

#include "model.hpp"  // NOLINT(misc-header-include-cycle): the body of its templates

namespace llp::model {

template <typename Sink>
void Model::attempt(const World& w, const Action& a, Sink& sink) const {
  World next = w;
  Step step;
  if (!run(next, a, step)) return;
  const bool sent[2] = {step.output[0], step.output[1]};
  sink(a, next, step);
  if (a.tx != Tx::kAll || is_fault(a.what) || is_event(a) || w.events >= config_.events) return;
  // The same, with a transmitter that does not take everything at once.
  for (std::uint8_t at = 0; at < 2; at++) {
    if (!sent[at]) continue;
    for (int t = 1; t < static_cast<int>(Tx::kCount); t++) {
      Action b = a;
      b.tx = static_cast<Tx>(t);
      b.at = at;
      World other = w;
      Step s;
      if (run(other, b, s)) sink(b, other, s);
    }
  }
}

template <typename Sink>
void Model::successors(const World& w, Which which, bool faults, Sink sink) const {
  const bool all = which == Which::kAll;
  const bool events_left = all && w.events < config_.events;
  // With a progress search, variants of an action are events: leave them out.
  auto go = [&](const Action& a) {
    if (all) {
      attempt(w, a, sink);
      return;
    }
    World next = w;
    Step step;
    if (run(next, a, step)) sink(a, next, step);
  };
  // A message that ended is judged, or put aside, before anything else happens.
  for (std::uint8_t s = 0; s < 2; s++) {
    for (std::uint8_t i = 0; i < kInbox; i++) {
      if (w.app[s].inbox[i].stage != Stage::kEnded) continue;
      go({.what = Do::kAccept, .side = s, .rep = i});
      if (events_left) {
        if (config_.acknowledged) go({.what = Do::kHoldVerdict, .side = s, .rep = i});
        go({.what = Do::kReject, .side = s, .rep = i});
      }
      return;
    }
  }
  for (std::uint8_t s = 0; s < 2; s++) {
    if (!before_bytes(w, s)) continue;
    go({.what = Do::kTimer, .side = s});
    return;
  }
  for (std::uint8_t s = 0; s < 2; s++) {
    // Both timers ran out at once: what one station sends then does not keep the other's from it.
    if ((w.queued[0] || w.queued[1]) && llp_deadline(&w.e[s]) <= w.now) go({.what = Do::kTimer, .side = s});
    if (w.queued[s]) go({.what = Do::kDeliver, .side = s});
    for (std::uint8_t i = 0; i < kInbox; i++) {
      if (w.app[s].inbox[i].stage == Stage::kHeld) go({.what = Do::kAccept, .side = s, .rep = i});
      if (w.app[s].inbox[i].stage == Stage::kAnswer || w.app[s].inbox[i].stage == Stage::kSlow)
        go({.what = Do::kAnswer, .side = s, .rep = i});
    }
    if (!w.app[s].connected) go({.what = Do::kConnect, .side = s});
    if (w.app[s].ready != LLP_READY_ALL) go({.what = Do::kReady, .side = s});
    if (w.app[s].hold != Hold::kNone) go({.what = Do::kResume, .side = s});
  }
  if (!in_flight(w) && !answer_due(w)) {
    const unsigned mask = timers(w);
    for (std::uint8_t s = 0; s < 2; s++)
      if (mask >> s & 1) go({.what = Do::kTimer, .side = s});
  }
  if (!all) return;
  for (std::uint8_t s = 0; s < 2; s++)
    for (std::uint8_t i = 0; i < kOwn; i++) go({.what = Do::kSubmit, .side = s, .rep = i});
  if (events_left) events(w, sink);
  for (std::uint8_t s = 0; s < 2; s++) bytes(w, s, faults, sink);
}

template <typename Sink>
void Model::events(const World& w, Sink& sink) const {
  for (std::uint8_t s = 0; s < 2; s++) {
    for (std::uint8_t i = 0; i < kItems; i++)
      if (w.app[s].item[i].phase == Phase::kTaken || w.app[s].item[i].phase == Phase::kSent)
        attempt(w, {.what = Do::kAbort, .side = s, .rep = i}, sink);
    for (std::uint8_t i = 0; i < kInbox; i++)
      if (w.app[s].inbox[i].stage == Stage::kAnswer)
        attempt(w, {.what = Do::kHoldVerdict, .side = s, .rep = i}, sink);
    attempt(w, {.what = Do::kAbortRx, .side = s}, sink);
    attempt(w, {.what = Do::kTurn, .side = s}, sink);
    attempt(w, {.what = Do::kNotReady, .side = s, .rep = 0}, sink);
    attempt(w, {.what = Do::kNotReady, .side = s, .rep = LLP_READY_BID}, sink);
    attempt(w, {.what = Do::kHangup, .side = s}, sink);
    attempt(w, {.what = Do::kLineCheck, .side = s}, sink);
  }
  attempt(w, {.what = Do::kHangupBoth}, sink);
}

// Everything that can happen to the sequence or block in front of the queue towards @s.
template <typename Sink>
void Model::bytes(const World& w, int side, bool faults, Sink& sink) const {
  const auto s = static_cast<std::uint8_t>(side);
  const int n = frame(w, side);
  const bool events_left = w.events < config_.events;
  if (n == 0) {
    if (!faults) return;
    // A transmitter that is held back delays what it holds.
    if (w.app[1 - side].hold != Hold::kNone)
      for (std::uint8_t t = 0; t < 2; t++) attempt(w, {.what = Do::kLate, .side = s, .rep = t}, sink);
    if (!w.app[side].connected || !config_.line_damage) return;
    for (const std::uint8_t r : reps_[side]) attempt(w, {.what = Do::kInsert, .side = s, .rep = r}, sink);
    return;
  }
  if (faults) attempt(w, {.what = Do::kLoseFrame, .side = s}, sink);
  // The bytes before the fault are delivered once for all faults at a position.
  World at = w;
  for (std::uint8_t pos = 0; pos < n && first(at, side, 1); pos++) {
    auto here = [&](Action a) {
      a.side = s;
      World next = at;
      Step step;
      if (!run(next, a, step)) return;
      a.pos = pos;
      sink(a, next, step);
    };
    if (faults) {
      here({.what = Do::kLose});
      if (config_.line_damage) {
        here({.what = Do::kDouble});
        here({.what = Do::kFlagged, .rep = LLP_FLAG_PARITY});
        here({.what = Do::kFlagged, .rep = LLP_FLAG_OVERRUN});
        here({.what = Do::kFlagged, .rep = LLP_FLAG_BREAK});
        for (const std::uint8_t r : reps_[side]) {
          here({.what = Do::kDamage, .rep = r});
          here({.what = Do::kInsert, .rep = r});
        }
      }
      for (std::uint8_t t = 0; t < 2; t++) here({.what = Do::kLate, .rep = t});
    }
    if (pos > 0) {
      // In mid sequence, at the receiving station.
      for (std::uint8_t i = 0; i < kOwn; i++) here({.what = Do::kSubmit, .rep = i});
      for (std::uint8_t i = 0; i < kInbox; i++) {
        if (at.app[side].inbox[i].stage == Stage::kHeld) here({.what = Do::kAccept, .rep = i});
        if (at.app[side].inbox[i].stage == Stage::kSlow) here({.what = Do::kAnswer, .rep = i});
      }
      if (events_left) {
        here({.what = Do::kAbortRx});
        here({.what = Do::kNotReady, .rep = 0});
        here({.what = Do::kHangup});
        for (std::uint8_t i = 0; i < kItems; i++)
          if (at.app[side].item[i].phase == Phase::kTaken || at.app[side].item[i].phase == Phase::kSent)
            here({.what = Do::kAbort, .rep = i});
      }
    }
    if (pos + 1 == n) break;
    // What the undamaged bytes themselves bring about is the plain delivery's to report.
    Step quiet;
    if (!prefix(at, side, 1, quiet)) return;
  }
}

}  // namespace llp::model
