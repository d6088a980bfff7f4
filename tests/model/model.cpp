// SPDX-License-Identifier: BSD-3-Clause
//
// Actions: bytes, time, and what applications do.
#include "model.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "calls.hpp"
#include "classes.hpp"

namespace llp::model {

namespace {

// Timers that run while a station is at rest and end nothing.
constexpr int kLineCheckTimer = LLP_T_P3;
constexpr std::uint8_t kX328Idle = 0;

std::uint8_t more(std::uint8_t n) { return n < 3 ? n + 1 : n; }

}  // namespace

Model::Model(Config config) : config_(std::move(config)) {
  std::memset(&start_, 0, sizeof(start_));
  start_.now = kEpoch;
  Step step;
  for (int s = 0; s < 2; s++) {
    llp_engine_init(&start_.e[s], config_.proto, &config_.station[s].params, start_.now);
    Call call(*this, start_, s, step);
    llp_connected(&start_.e[s], call.io());
    llp_set_ready(&start_.e[s], call.io(), LLP_READY_ALL);
    start_.app[s].connected = 1;
    start_.app[s].ready = LLP_READY_ALL;
    start_.app[s].last_item = kItems;
    reps_[s] = representatives(config_.proto, config_.station[s].params);
  }
  flush(start_, {}, step);
  settle(start_, step);
  finish(start_, step);
}

// ---- the line ----

void Model::append(World& w, int s, const std::uint8_t* p, std::size_t n, Step& step) const {
  const int to = 1 - s;
  step.output[s] = true;
  const auto start = std::max<std::uint64_t>(w.leaves[s], w.now - kEpoch);
  w.leaves[s] = static_cast<std::uint16_t>(start + n * kCharTime);
  if (!w.app[to].connected) return;
  if (w.queued[to] + n > kWireCap) {
    step.findings.push_back(
        {Rule::kModel, static_cast<std::uint8_t>(s), 0, "more on the line than the model holds"});
    return;
  }
  std::uint16_t* q = w.line[to].data() + w.queued[to];
  std::uint16_t* due = w.due[to].data() + w.queued[to];
  for (std::size_t i = 0; i < n; i++) {
    q[i] = p[i];
    due[i] = static_cast<std::uint16_t>(start + (i + 1) * kCharTime);
  }
  for (std::size_t i = 0; i < n;) {
    const std::size_t k = frame_length(config_.proto, config_.station[s].params, {p + i, n - i});
    if (k == 0) break;
    i += k;
    q[i - 1] |= kFrameEnd;
  }
  w.queued[to] = static_cast<std::uint8_t>(w.queued[to] + n);
}

void Model::pull(World& w, int s, std::size_t most, Step& step) const {
  std::array<std::uint8_t, kWireCap> out{};
  std::size_t n = 0;
  most = std::min(most, out.size());
  Call call(*this, w, s, step);
  while (n < most) {
    const std::size_t k = llp_tx(&w.e[s], call.io(), out.data() + n, most - n);
    if (k == 0) break;
    n += k;
  }
  step.tally[s].pulled += n;
  if (n == 0) return;
  append(w, s, out.data(), n, step);
  if (step.log) call.log_bytes("sends", {out.data(), n});
}

// Takes all that the station has to send.
void Model::drain(World& w, int s, Step& step) const {
  if (w.app[s].hold == Hold::kRest || !w.app[s].connected) return;
  pull(w, s, kWireCap, step);
}

void Model::advance(World& w, std::uint64_t at, Step& step) const {
  for (;;) {
    int next = -1;
    for (int s = 0; s < 2; s++)
      if (w.leaves[s] && w.leaves[s] <= at && w.app[s].hold != Hold::kEmpty &&
          (next < 0 || w.leaves[s] < w.leaves[next]))
        next = s;
    if (next < 0) break;
    w.now = std::max(w.now, kEpoch + w.leaves[next]);
    w.leaves[next] = 0;
    // Of a transmitter that holds bytes back, the last has not left.
    if (w.app[next].hold == Hold::kRest || !w.app[next].connected) continue;
    Call call(*this, w, next, step);
    llp_tx_empty(&w.e[next], call.io());
    drain(w, next, step);
  }
  w.now = std::max(w.now, kEpoch + at);
}

// All transmitters that are not stuck become empty: only then do timers run.
void Model::empty(World& w, Step& step) const {
  std::uint64_t last = 0;
  for (int s = 0; s < 2; s++)
    if (w.app[s].hold != Hold::kEmpty) last = std::max<std::uint64_t>(last, w.leaves[s]);
  if (last) advance(w, std::max(last, w.now - kEpoch), step);
}

// With nothing on its way, transmitters become empty before anything else happens.
void Model::settle(World& w, Step& step) const {
  for (int i = 0; w.queued[0] == 0 && w.queued[1] == 0; i++) {
    std::uint64_t at = 0;
    for (int s = 0; s < 2; s++)
      if (w.leaves[s] && w.app[s].hold != Hold::kEmpty && (at == 0 || w.leaves[s] < at)) at = w.leaves[s];
    if (at == 0) return;
    advance(w, at, step);
    if (i == 50) {
      step.findings.push_back({Rule::kContract, 0, kItems, "output without end"});
      return;
    }
  }
}

void Model::flush(World& w, const Action& a, Step& step) const {
  if (a.tx != Tx::kAll && w.app[a.at].hold == Hold::kNone && llp_tx_pending(&w.e[a.at])) {
    World whole = w;
    Step unused;
    pull(whole, a.at, kWireCap, unused);
    const std::size_t n = unused.tally[a.at].pulled;
    std::size_t part = 1;
    if (a.tx == Tx::kSplitMid || a.tx == Tx::kAbortMid) part = n / 2;
    if (a.tx == Tx::kSplitLast) part = n - 1;
    if (a.tx == Tx::kEmptyLate) part = n;
    pull(w, a.at, part, step);
    w.app[a.at].hold = a.tx == Tx::kEmptyLate ? Hold::kEmpty : Hold::kRest;
    if (a.tx == Tx::kAbort1 || a.tx == Tx::kAbortMid) {
      w.app[a.at].hold = Hold::kNone;
      local(w, {.what = Do::kAbort, .side = a.at, .rep = outgoing(w, a.at)}, step);
    }
  }
  drain(w, 0, step);
  drain(w, 1, step);
}

// The first @bytes bytes towards station @s come before the sequence in front of the other queue does.
bool Model::first(const World& w, int s, int bytes) const {
  const int n = frame(w, 1 - s);
  return n == 0 || w.due[s][bytes - 1] <= w.due[1 - s][n - 1];
}

// Length of the sequence or block in front of the queue towards @s; 0: there is none.
int Model::frame(const World& w, int s) const {
  for (int i = 0; i < w.queued[s]; i++)
    if (w.line[s][i] & kFrameEnd) return i + 1;
  return w.queued[s];
}

void Model::feed(World& w, int s, int n, Step& step) const {
  std::array<std::uint8_t, kWireCap> byte{};
  std::array<std::uint8_t, kWireCap> flag{};
  n = std::min<int>(n, w.queued[s]);
  bool flagged = false;
  for (int i = 0; i < n; i++) {
    byte[i] = static_cast<std::uint8_t>(w.line[s][i] & 0xff);
    flag[i] = static_cast<std::uint8_t>(w.line[s][i] >> kFlagShift & 7);
    flagged |= flag[i] != 0;
  }
  if (n == 0) return;
  advance(w, w.due[s][n - 1], step);
  Call call(*this, w, s, step);
  if (step.log) call.log_bytes("gets", {byte.data(), static_cast<std::size_t>(n)}, flag.data());
  const auto k = static_cast<int>(
      llp_rx(&w.e[s], call.io(), byte.data(), flagged ? flag.data() : nullptr, static_cast<std::size_t>(n)));
  step.tally[s].fed += k;
  for (int i = 0; i < k; i++)
    if (flag[i]) step.tally[s].flags[flag[i]]++;
  if (k < n && !call.ended())
    step.findings.push_back({Rule::kContract, static_cast<std::uint8_t>(s), 0, "bytes not taken"});
  remove(w, s, k);
}

void Model::remove(World& w, int s, int n) const {
  w.queued[s] = static_cast<std::uint8_t>(w.queued[s] - n);
  std::memmove(w.line[s].data(), w.line[s].data() + n, w.queued[s] * sizeof(w.line[s][0]));
  std::memmove(w.due[s].data(), w.due[s].data() + n, w.queued[s] * sizeof(w.due[s][0]));
}

bool Model::prefix(World& w, int s, int n, Step& step) const {
  for (int i = 0; i < n; i++) {
    const int before = w.queued[s];
    feed(w, s, 1, step);
    flush(w, {}, step);
    if (w.queued[s] == before) return false;
    for (const Letter& l : w.app[s].inbox)
      if (l.stage == Stage::kEnded) return false;
  }
  finish(w, step);
  return true;
}

bool Model::in_flight(const World& w) const {
  return w.queued[0] || w.queued[1] || w.leaves[0] || w.leaves[1] || w.app[0].hold != Hold::kNone ||
         w.app[1].hold != Hold::kNone;
}

namespace {

// Station @s is in what the check of an X3.28 block covers: decoder states of x328.h, from a heading
// to the check. The CR after it is not covered: what stands for it may begin something.
bool in_block(const World& w, int s) {
  constexpr std::uint8_t kHeading = 4, kCheck = 7;
  const std::uint8_t dec = w.e[s].u.x.dec;
  return dec >= kHeading && dec <= kCheck;
}

// What comes next to station @s, and no more than that, is a whole sequence or block.
bool whole_next(const Config& c, const World& w, int s, int n) {
  std::array<std::uint8_t, kWireCap> b{};
  for (int i = 0; i < n; i++) b[i] = static_cast<std::uint8_t>(w.line[s][i] & 0xff);
  const std::uint8_t dec = c.proto == LLP_PROTO_X328   ? w.e[s].u.x.dec
                           : c.proto == LLP_PROTO_HLLP ? w.e[s].u.h.dec
                                                       : w.e[s].u.m.dec;
  const auto k = static_cast<std::size_t>(n);
  const bool begins =
      c.proto == LLP_PROTO_X328 ? b[0] < 0x20 && b[0] != 0x0d : b[0] == c.station[s].params.sb_char;
  return (dec == 0 || (dec == 1 && c.proto == LLP_PROTO_X328)) && begins &&
         frame_length(c.proto, c.station[1 - s].params, {b.data(), k}) == k;
}

}  // namespace

bool Model::fault(World& w, const Action& a, Step& step) const {
  const int s = a.side;
  auto& q = w.line[s];
  const int n = w.queued[s];
  bool changes = true;
  const bool stx = n > 0 && (q[0] & 0xff) == 0x02 && a.what != Do::kInsert && a.what != Do::kDouble;
  const bool control = config_.proto == LLP_PROTO_X328 && !in_block(w, s) && !stx;
  switch (a.what) {
    case Do::kLose:
    case Do::kLoseFrame: {
      const int k = a.what == Do::kLose ? 1 : frame(w, s);
      if (k == 0) return false;
      changes = a.what == Do::kLose || !whole_next(config_, w, s, k);
      advance(w, w.due[s][k - 1], step);
      remove(w, s, k);
      break;
    }
    case Do::kDamage:
      if (n == 0 || (q[0] & 0xff) == a.rep) return false;
      q[0] = static_cast<std::uint16_t>((q[0] & ~0xff) | a.rep);
      feed(w, s, 1, step);
      break;
    case Do::kFlagged: {
      if (n == 0) return false;
      const bool real = a.rep == LLP_FLAG_PARITY;
      // Break and overrun put a NUL in the byte's place.
      q[0] = static_cast<std::uint16_t>((q[0] & kFrameEnd) | (real ? q[0] & 0xff : 0) |
                                        static_cast<unsigned>(a.rep) << kFlagShift);
      feed(w, s, 1, step);
      break;
    }
    case Do::kDouble:
    case Do::kInsert: {
      if (n + 1 > kWireCap || (a.what == Do::kDouble && n == 0)) return false;
      const std::uint16_t b = a.what == Do::kDouble ? q[0] & 0xff : a.rep;
      std::memmove(q.data() + 1, q.data(), static_cast<std::size_t>(n) * sizeof(q[0]));
      std::memmove(w.due[s].data() + 1, w.due[s].data(), static_cast<std::size_t>(n) * sizeof(w.due[s][0]));
      q[0] = b;
      if (n == 0) w.due[s][0] = static_cast<std::uint16_t>(w.now - kEpoch);
      w.queued[s]++;
      feed(w, s, 1, step);
      break;
    }
    default:
      // Late: time passes while bytes are on their way, or in a transmitter that is stuck.
      if (!in_flight(w)) return false;
      empty(w, step);
      if (!(timers(w) >> a.rep & 1)) return false;
      changes = false;
      if (!perform(w, {.what = Do::kTimer, .side = a.rep}, step)) return false;
      break;
  }
  w.faults++;
  if (changes) w.ghost.damage = more(w.ghost.damage);
  if (changes && control) w.ghost.forged = more(w.ghost.forged);
  return true;
}

// ---- time ----

bool Model::only_idle_timers(const World& w) const {
  if (config_.proto != LLP_PROTO_X328) return false;
  for (const llp_engine& e : w.e)
    for (int t = 0; t < LLP_T__N; t++)
      if (e.timer[t] != LLP_NEVER && !(t == kLineCheckTimer && e.u.x.state == kX328Idle)) return false;
  return true;
}

// A timer of few characters' time runs out before the next byte comes.
bool Model::before_bytes(const World& w, int s) const {
  std::uint64_t next = LLP_NEVER;
  for (int i = 0; i < 2; i++)
    if (w.queued[i]) next = std::min(next, kEpoch + w.due[i][0]);
  return next != LLP_NEVER && llp_deadline(&w.e[s]) > w.now && llp_deadline(&w.e[s]) < next;
}

// How late the earliest timer of a station may be: 10 % and 50 ms (X3.28 decision D-21), of what
// is a lower bound of its whole length.
std::uint64_t Model::slack(const World& w, int s) const {
  const std::uint64_t at = llp_deadline(&w.e[s]);
  return 50 * kMs + (at > w.now ? (at - w.now) / 10 : 0);
}

// Stations whose earliest timer may be the next to run out.
unsigned Model::timers(const World& w) const {
  if (only_idle_timers(w)) return 0;
  const std::array<std::uint64_t, 2> at = {llp_deadline(&w.e[0]), llp_deadline(&w.e[1])};
  unsigned mask = 0;
  for (int s = 0; s < 2; s++) {
    const std::uint64_t other = at[1 - s];
    if (at[s] == LLP_NEVER) continue;
    if (other == LLP_NEVER || std::max(at[s], w.now) <= std::max(other, w.now) + slack(w, 1 - s))
      mask |= 1U << s;
  }
  return mask;
}

namespace {

std::uint64_t rounded(std::uint64_t ns) { return (ns + kMs / 2) / kMs * kMs; }

}  // namespace

// With nothing on its way, characters do not count.
void Model::snap(World& w) const {
  if (w.queued[0] || w.queued[1] || w.leaves[0] || w.leaves[1]) return;
  for (llp_engine& e : w.e) {
    for (std::uint64_t& t : e.timer)
      if (t != LLP_NEVER) t = rounded(t);
    if (e.exch.limit != LLP_NEVER) e.exch.limit = rounded(e.exch.limit);
    e.exch.remaining = rounded(e.exch.remaining);
    if (config_.proto == LLP_PROTO_X328) e.u.x.leaves = 0;
    if (config_.proto == LLP_PROTO_HLLP) e.u.h.nak_from = 0;
    if (config_.proto == LLP_PROTO_MLLP) e.u.m.dd_until = rounded(e.u.m.dd_until);
  }
}

void Model::rebase(World& w) const {
  const std::uint64_t delta = w.now - kEpoch;
  w.now = kEpoch;
  for (int s = 0; s < 2; s++) {
    for (int i = 0; i < w.queued[s]; i++)
      w.due[s][i] = static_cast<std::uint16_t>(w.due[s][i] > delta ? w.due[s][i] - delta : 0);
    // Never 0: that says that it has left.
    if (w.leaves[s]) w.leaves[s] = static_cast<std::uint16_t>(w.leaves[s] > delta ? w.leaves[s] - delta : 1);
  }
  for (llp_engine& e : w.e) {
    for (std::uint64_t& t : e.timer)
      if (t != LLP_NEVER) t -= delta;
    if (e.exch.limit != LLP_NEVER) e.exch.limit = e.exch.limit > delta ? e.exch.limit - delta : 0;
    e.now = kEpoch;
    if (config_.proto == LLP_PROTO_X328)
      e.u.x.leaves = e.u.x.leaves > kEpoch + delta ? e.u.x.leaves - delta : 0;
    if (config_.proto == LLP_PROTO_HLLP)
      e.u.h.nak_from = e.u.h.nak_from > kEpoch + delta ? e.u.h.nak_from - delta : 0;
    if (config_.proto == LLP_PROTO_MLLP && e.u.m.dd_valid)
      e.u.m.dd_until = e.u.m.dd_until > delta ? e.u.m.dd_until - delta : 0;
  }
}

void Model::finish(World& w, Step& step) const {
  audit(w, step);
  for (llp_engine& e : w.e) std::memset(e.count, 0, sizeof(e.count));
  step.tally = {};
  if (w.now != kEpoch) rebase(w);
  snap(w);
}

// ---- applications ----

bool Model::can_submit(const World& w, int s, int item) const {
  const App& app = w.app[s];
  if (!app.connected || config_.text(s, item).empty()) return false;
  if (item >= kAnswers) return llp_can_submit(&w.e[s], LLP_SUBMIT_REPLY);
  const Item& it = app.item[item];
  if (it.phase == Phase::kTaken || it.phase == Phase::kSent) return false;
  if (it.phase == Phase::kDone &&
      (!it.failed || it.aborted || it.tries > config_.resubmits || item == kProbe))
    return false;
  // In order: a later one was not begun, the one before is over.
  for (int i = item + 1; i < kOwn; i++)
    if (app.item[i].phase != Phase::kNew) return false;
  for (int i = 0; i < item && i < kOwn; i++)
    if (!config_.text(s, i).empty() && app.item[i].phase != Phase::kDone && item != kProbe) return false;
  return llp_can_submit(&w.e[s], config_.station[s].submit);
}

// An application answers before time passes, unless that it is slow is an event.
bool Model::answer_due(const World& w) const {
  for (int s = 0; s < 2; s++)
    for (const Letter& l : w.app[s].inbox)
      if (l.stage == Stage::kAnswer && can_submit(w, s, kAnswers + l.item)) return true;
  return false;
}

bool Model::submit(World& w, int s, int item, Step& step) const {
  if (!can_submit(w, s, item)) return false;
  Item& it = w.app[s].item[item];
  if (item >= kAnswers) {
    // Answers may be given again, also while the last one is kept for that.
    it.phase = Phase::kNew;
  }
  it.tries = more(it.tries);
  it.got_now = 0;
  it.failed = 0;
  it.phase = Phase::kTaken;
  const std::uint32_t id = w.tx_id[s][item] = next_id(w.tx_id[s][item], item);
  const std::string& text = config_.text(s, item);
  Call call(*this, w, s, step);
  const std::uint32_t flags = item >= kAnswers ? LLP_SUBMIT_REPLY : config_.station[s].submit;
  const int err = llp_submit(&w.e[s], call.io(), id, static_cast<std::uint32_t>(text.size()), flags);
  if (err)
    step.findings.push_back({Rule::kContract, static_cast<std::uint8_t>(s), static_cast<std::uint8_t>(item),
                             "llp_submit() refuses what llp_can_submit() allows"});
  return true;
}

bool Model::verdict(World& w, int s, int slot, llp_decision d, Step& step) const {
  App& app = w.app[s];
  Letter& l = app.inbox[slot];
  if (l.stage != Stage::kEnded && l.stage != Stage::kHeld) return false;
  const bool own_text = l.item < kItems;
  const bool answer = d == LLP_ACCEPT && config_.station[s].answers && own_text && l.item < kAnswers &&
                      l.to == kItems && !config_.text(s, kAnswers + l.item).empty();
  const bool judged = config_.acknowledged;
  Call call(*this, w, s, step);
  l.stage = judged ? Stage::kLate : Stage::kFree;
  const std::uint32_t id = w.rx_id[s][slot];
  const bool before = l.to < kAnswers && app.item[l.to].answered;
  if (l.to < kAnswers && d == LLP_ACCEPT) app.item[l.to].answered = 1;
  const llp_settled settled = llp_verdict(&w.e[s], call.io(), id, answer ? LLP_ACCEPT_ANSWER : d);
  if (settled == LLP_LATE) step.tally[s].late++;
  if (settled == LLP_GONE) step.tally[s].gone++;
  if (step.log)
    call.log(std::string(d == LLP_ACCEPT ? "accept" : "reject") + (settled == LLP_LATE   ? ": late"
                                                                   : settled == LLP_GONE ? ": gone"
                                                                                         : ""));
  if (settled == LLP_GONE) {
    if (d == LLP_ACCEPT && !judged)
      step.findings.push_back({Rule::kContract, static_cast<std::uint8_t>(s), l.item, "verdict gone"});
    if (l.to < kAnswers) app.item[l.to].answered = before;
    l.stage = Stage::kFree;
    return true;
  }
  if (d != LLP_ACCEPT) {
    l.stage = Stage::kFree;
    return true;
  }
  deliver(w, s, slot, step);
  if (settled != LLP_LATE) l.stage = answer ? Stage::kAnswer : Stage::kFree;
  return true;
}

void Model::hangup(World& w, int s, bool final, Step& step) const {
  App& app = w.app[s];
  w.queued[s] = 0;
  app.hold = Hold::kNone;
  w.leaves[s] = 0;
  w.ghost.flags |= kHung;
  Call call(*this, w, s, step);
  step.tally[s].hangups++;
  llp_hangup(&w.e[s], call.io(), final);
  app.connected = 0;
  // There, what waits for an answer is forgotten with the connection.
  if (!config_.acknowledged)
    for (Letter& l : app.inbox) l.stage = Stage::kFree;
}

bool Model::local(World& w, const Action& a, Step& step) const {
  const int s = a.side;
  App& app = w.app[s];
  Call call(*this, w, s, step);
  switch (a.what) {
    case Do::kHoldVerdict:
      if (app.inbox[a.rep].stage != Stage::kEnded && app.inbox[a.rep].stage != Stage::kAnswer) return false;
      app.inbox[a.rep].stage = app.inbox[a.rep].stage == Stage::kEnded ? Stage::kHeld : Stage::kSlow;
      return true;
    case Do::kReject: return verdict(w, s, a.rep, LLP_REJECT, step);
    case Do::kAbort: {
      if (a.rep >= kItems) return false;
      const Phase p = app.item[a.rep].phase;
      if (p != Phase::kTaken && p != Phase::kSent) return false;
      app.item[a.rep].aborted = 1;
      llp_abort(&w.e[s], call.io(), w.tx_id[s][a.rep]);
      return true;
    }
    case Do::kAbortRx:
      if (!app.open && !any(app, Stage::kHeld) && llp_idle(&w.e[s])) return false;
      llp_abort_rx(&w.e[s], call.io());
      return true;
    case Do::kTurn:
      if (config_.proto != LLP_PROTO_X328 || llp_idle(&w.e[s])) return false;
      llp_request_turn(&w.e[s], call.io());
      return true;
    case Do::kNotReady:
      if (app.ready != LLP_READY_ALL || (a.rep == LLP_READY_BID && config_.proto != LLP_PROTO_X328))
        return false;
      app.ready = a.rep;
      llp_set_ready(&w.e[s], call.io(), a.rep);
      return true;
    case Do::kHangup:
      // Of a connection, both ends are lost.
      if (!app.connected || config_.proto == LLP_PROTO_MLLP) return false;
      hangup(w, s, true, step);
      return true;
    case Do::kHangupBoth:
      if (!w.app[0].connected || !w.app[1].connected) return false;
      w.queued[0] = w.queued[1] = 0;
      hangup(w, 0, false, step);
      hangup(w, 1, false, step);
      w.queued[0] = w.queued[1] = 0;
      return true;
    default:
      if (!at_rest(w) || llp_deadline(&w.e[s]) == LLP_NEVER) return false;
      advance(w, std::max(w.now, llp_deadline(&w.e[s])) - kEpoch, step);
      step.elapsed = w.now - kEpoch;
      llp_timeout(&w.e[s], call.io());
      return true;
  }
}

bool Model::perform(World& w, const Action& a, Step& step) const {
  const int s = a.side;
  App& app = w.app[s];
  Call call(*this, w, s, step);
  switch (a.what) {
    case Do::kDeliver:
      if (w.queued[s] == 0 || !first(w, s, frame(w, s))) return false;
      feed(w, s, frame(w, s), step);
      return true;
    case Do::kTimer:
      if (!(timers(w) >> s & 1)) return false;
      advance(w, std::max(w.now, llp_deadline(&w.e[s])) - kEpoch, step);
      step.elapsed = w.now - kEpoch;
      llp_timeout(&w.e[s], call.io());
      return true;
    case Do::kAccept: return verdict(w, s, a.rep, LLP_ACCEPT, step);
    case Do::kAnswer: {
      Letter& l = app.inbox[a.rep];
      if ((l.stage != Stage::kAnswer && l.stage != Stage::kSlow) || !submit(w, s, kAnswers + l.item, step))
        return false;
      l.stage = Stage::kFree;
      return true;
    }
    case Do::kConnect:
      if (app.connected) return false;
      app.connected = 1;
      llp_connected(&w.e[s], call.io());
      return true;
    case Do::kReady:
      if (app.ready == LLP_READY_ALL) return false;
      app.ready = LLP_READY_ALL;
      llp_set_ready(&w.e[s], call.io(), LLP_READY_ALL);
      return true;
    case Do::kResume:
      if (app.hold == Hold::kNone) return false;
      // It may have become empty long ago.
      if (app.hold == Hold::kEmpty && w.leaves[s] == 0) w.leaves[s] = 1;
      app.hold = Hold::kNone;
      return true;
    case Do::kSubmit: return submit(w, s, a.rep, step);
    default: return false;
  }
}

bool Model::run(World& w, const Action& a, Step& step) const {
  if (a.pos && !prefix(w, a.side, a.pos, step)) return false;
  const bool event = is_event(a);
  bool done = false;
  if (is_fault(a.what))
    done = fault(w, a, step);
  else if (a.what >= Do::kHoldVerdict)
    done = local(w, a, step);
  else
    done = perform(w, a, step);
  if (!done) return false;
  flush(w, a, step);
  settle(w, step);
  if (event) w.events++;
  finish(w, step);
  return true;
}

}  // namespace llp::model
