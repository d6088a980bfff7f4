// SPDX-License-Identifier: BSD-3-Clause
//
// What must be true: of each event, of each delivery, of counters, and of
// stations at rest.
#include <array>
#include <cstring>
#include <string>

#include "calls.hpp"

namespace llp::model {

namespace {

struct RuleText {
  int property;
  const char* name;
};

constexpr std::array<RuleText, static_cast<std::size_t>(Rule::kCount)> kRules = {{
    {0, "nothing"},
    {1, "a message arrived that nobody sent"},
    {1, "messages changed their order"},
    {1, "a message was not delivered, though nothing went wrong"},
    {1, "a reply was given to another request"},
    {2, "reported delivered, and is not there"},
    {2, "reported as not delivered, and is there"},
    {2, "an exchange was reported complete without its reply"},
    {3, "a message came twice, unmarked"},
    {3, "a message came twice, marked"},
    {4, "the stations never come to rest"},
    {4, "the stations take longer to come to rest than their timers add up to"},
    {4, "the stations are at rest, but something was forgotten"},
    {4, "the stations are at rest, but a new message does not pass"},
    {5, "a counter differs from what happened"},
    {0, "events or results that the interface does not allow"},
    {0, "the model's own bounds"},
}};

// States of x328.h.
constexpr std::uint8_t kX328SlaveWaits = 5;
constexpr std::uint8_t kX328SlaveReceives = 6;
// Timer of mllp.h.
constexpr std::uint32_t kMllpSettle = LLP_T_P3;

std::uint8_t more(std::uint8_t n) { return n < 3 ? n + 1 : n; }

bool says_not_delivered(std::uint8_t outcome) {
  return outcome == 1 + LLP_OUT_NOT_SENT || outcome == 1 + LLP_OUT_REFUSED;
}

std::uint64_t mix(std::uint64_t h, std::uint64_t v) {
  h = (h ^ v) * 0x9e3779b97f4a7c15ULL;
  h ^= h >> 29;
  h *= 0xbf58476d1ce4e5b9ULL;
  return h ^ (h >> 32);
}

class Hasher {
 public:
  void add(std::uint64_t v) {
    f_.a = mix(f_.a, v);
    f_.b = mix(f_.b ^ 0x5851f42d4c957f2dULL, v + 0x14057b7ef767814fULL);
  }
  void add(const void* p, std::size_t n) {
    const auto* c = static_cast<const std::uint8_t*>(p);
    while (n) {
      std::uint64_t v = 0;
      const std::size_t k = n < 8 ? n : 8;
      std::memcpy(&v, c, k);
      add(v);
      c += k;
      n -= k;
    }
  }
  Fingerprint get() const { return f_; }

 private:
  Fingerprint f_{0x243f6a8885a308d3ULL, 0x13198a2e03707344ULL};
};

}  // namespace

const char* rule_name(Rule r) { return kRules.at(static_cast<std::size_t>(r)).name; }
int rule_property(Rule r) { return kRules.at(static_cast<std::size_t>(r)).property; }

// ---- events ----

Model::Call::Call(const Model& m, World& w, int s, Step& step) : m_(m), w_(w), s_(s), step_(step) {
  io_.rx_buf = w.rx[s].data();
  io_.rx_cap = kRxCap;
  io_.rx_fixed = true;
  io_.text = [](void* ctx, std::uint32_t id) -> const std::uint8_t* {
    auto* self = static_cast<Call*>(ctx);
    const int item = item_of(id);
    if (self->w_.tx_id[self->s_][item] != id || self->w_.app[self->s_].item[item].phase == Phase::kDone)
      self->find(Rule::kContract, item, "text asked for that was done with");
    return reinterpret_cast<const std::uint8_t*>(self->m_.config_.text(self->s_, item).data());
  };
  io_.event = [](void* ctx, const llp_event* ev) { static_cast<Call*>(ctx)->event(*ev); };
  io_.ctx = this;
}

llp_io* Model::Call::io() {
  io_.now = w_.now;
  return &io_;
}

void Model::Call::find(Rule rule, int item, const char* what) {
  step_.findings.push_back({rule, static_cast<std::uint8_t>(s_), static_cast<std::uint8_t>(item), what});
}

void Model::Call::event(const llp_event& ev) {
  Tally& t = step_.tally[s_];
  App& app = w_.app[s_];
  switch (ev.type) {
    case LLP_EV_BEGIN:
      if (app.open) find(Rule::kContract, 0, "a message begins inside another");
      app.open = 1;
      w_.open_id[s_] = ev.id;
      break;
    case LLP_EV_DATA:
      if (!app.open || ev.id != w_.open_id[s_]) find(Rule::kContract, 0, "text outside a message");
      if (ev.off + ev.len > kRxCap) find(Rule::kContract, 0, "text outside the buffer");
      break;
    case LLP_EV_RESTART:
      if (!app.open || ev.id != w_.open_id[s_]) find(Rule::kContract, 0, "restart outside a message");
      break;
    case LLP_EV_END:
    case LLP_EV_CANCEL:
    case LLP_EV_ACKED: received(ev); break;
    case LLP_EV_SENT:
    case LLP_EV_DONE: reported(ev); break;
    case LLP_EV_LOST: t.lost += ev.len; break;
    case LLP_EV_FRAME: framed(ev); break;
    case LLP_EV_TIMER:
      t.timers++;
      if (ev.num == LLP_T_STALL) t.stalls++;
      if (ev.num == LLP_T_EXCHANGE && w_.e[s_].exch.guard) w_.ghost.flags |= kOutwaited;
      if (ev.num == kMllpSettle && m_.config_.proto == LLP_PROTO_MLLP) w_.ghost.flags |= kOutwaited;
      if (step_.log) log(std::string("timer ") + llp_timer_name(&w_.e[s_], ev.num));
      break;
    case LLP_EV_STATE:
      if (m_.config_.proto == LLP_PROTO_X328 && ev.num != kX328SlaveWaits && ev.num != kX328SlaveReceives)
        app.here = 0;
      if (step_.log) log(std::string("  (") + llp_state_name(&w_.e[s_]) + ")");
      break;
    default: break;
  }
}

void Model::Call::received(const llp_event& ev) {
  Tally& t = step_.tally[s_];
  App& app = w_.app[s_];
  int slot = 0;
  if (ev.type == LLP_EV_END) {
    ended_ = true;
    t.ends++;
    t.repeats += (ev.flags & LLP_END_REPEAT) != 0;
    t.late_replies += (ev.flags & LLP_END_LATE) != 0;
    if (!app.open || ev.id != w_.open_id[s_]) find(Rule::kContract, 0, "a message ends that did not begin");
    app.open = 0;
    const std::string_view text(reinterpret_cast<const char*>(w_.rx[s_].data()), ev.len);
    const int item = m_.config_.find(1 - s_, text);
    if (step_.log)
      log("receives \"" + printable(text) + "\"" + (ev.flags & LLP_END_REPEAT ? " (repeat)" : "") +
          (ev.flags & LLP_END_REPLY ? " (reply)" : "") + (ev.flags & LLP_END_LATE ? " (late)" : ""));
    if (ev.flags & LLP_END_EMPTY) return;
    while (slot < kInbox && app.inbox[slot].stage != Stage::kFree) slot++;
    if (slot == kInbox) {
      find(Rule::kModel, item, "more messages wait than the model holds");
      return;
    }
    app.inbox[slot] = {Stage::kEnded, static_cast<std::uint8_t>(item < 0 ? kItems : item), ev.flags,
                       static_cast<std::uint8_t>(ev.flags & LLP_END_REPLY ? item_of(ev.reply_to) : kItems)};
    w_.rx_id[s_][slot] = ev.id;
    return;
  }
  if (ev.type == LLP_EV_CANCEL) t.cancels++;
  if (step_.log)
    log(ev.type == LLP_EV_CANCEL
            ? std::string("cancelled: ") + llp_cause_name(static_cast<llp_cause>(ev.cause)) +
                  (ev.flags & LLP_CANCEL_ACCEPTED ? ", accepted" : "")
            : "acknowledged");
  if (ev.type == LLP_EV_CANCEL && app.open && ev.id == w_.open_id[s_]) {
    app.open = 0;
    return;
  }
  while (slot < kInbox && (app.inbox[slot].stage == Stage::kFree || w_.rx_id[s_][slot] != ev.id)) slot++;
  if (slot == kInbox) {
    // A message that was refused is cancelled too; the application has let it go.
    if (ev.type == LLP_EV_ACKED) find(Rule::kContract, 0, "the acknowledgement of an unknown message");
    return;
  }
  Letter& l = app.inbox[slot];
  const bool late = l.stage == Stage::kLate;
  if (ev.type == LLP_EV_CANCEL) {
    if ((ev.flags & LLP_CANCEL_ACCEPTED) && !late)
      find(Rule::kContract, l.item, "cancelled as accepted, and was not");
    l.stage = Stage::kFree;
    return;
  }
  if (!late) find(Rule::kContract, l.item, "acknowledged, and was not accepted");
  const bool answer = m_.config_.station[s_].answers && l.item < kAnswers && l.to == kItems &&
                      !m_.config_.text(s_, kAnswers + l.item).empty();
  l.stage = answer ? Stage::kAnswer : Stage::kFree;
}

void Model::Call::reported(const llp_event& ev) {
  Tally& t = step_.tally[s_];
  const int item = item_of(ev.id);
  Item& it = w_.app[s_].item[item];
  const bool sent = ev.type == LLP_EV_SENT;
  if (sent && ev.cause)
    t.sent_failed++;
  else if (sent)
    t.sent_ok++;
  if (step_.log)
    log(std::string(sent ? "sent: " : "done: ") + llp_cause_name(static_cast<llp_cause>(ev.cause)) + ", " +
        llp_outcome_name(static_cast<llp_outcome>(ev.outcome)));
  // Of an answer that was given again, the last one is left to itself.
  if (ev.id != w_.tx_id[s_][item]) {
    if (item < kAnswers) find(Rule::kContract, item, "a report of an unknown message");
    return;
  }
  if (it.phase != (sent ? Phase::kTaken : Phase::kSent)) find(Rule::kContract, item, "reported out of order");
  it.phase = sent ? Phase::kSent : Phase::kDone;
  it.outcome = static_cast<std::uint8_t>(1 + ev.outcome);
  it.failed = ev.cause != LLP_OK;
  if (ev.outcome == LLP_OUT_DELIVERED && !it.got_now) find(Rule::kNotDelivered, item, "");
  if (says_not_delivered(it.outcome) && it.got_now) find(Rule::kDelivered, item, "");
  const bool expects = item < kAnswers && !m_.config_.station[s_].submit;
  if (!sent && !ev.cause && expects && !it.answered) find(Rule::kNoReply, item, "");
}

void Model::Call::framed(const llp_event& ev) {
  Tally& t = step_.tally[s_];
  const bool block = ev.frame == LLP_FR_BLOCK || ev.frame == LLP_FR_D || ev.frame == LLP_FR_MSG;
  const bool nak = ev.frame == LLP_FR_NAK || ev.frame == LLP_FR_N || ev.frame == LLP_FR_CNAK;
  if (ev.out) {
    t.blocks_out += block;
    t.again_out += block && (ev.flags & LLP_FRAME_AGAIN);
    if (ev.frame == LLP_FR_D && (ev.flags & LLP_FRAME_AGAIN)) w_.ghost.flags |= kAgain;
    t.naks_out += nak;
    return;
  }
  t.duplicates += block && ev.verdict == LLP_FV_DUPLICATE;
  // X3.28 counts a NAK that answers something; there is no other kind elsewhere.
  t.naks_cut += nak && ev.verdict == LLP_FV_INCOMPLETE;
  t.naks_in += nak && ev.verdict != LLP_FV_INCOMPLETE &&
               (ev.verdict != LLP_FV_IGNORED || m_.config_.proto != LLP_PROTO_X328);
}

// ---- deliveries ----

// The application of station @s takes the message in @slot.
void Model::deliver(World& w, int s, int slot, Step& step) const {
  const Letter& l = w.app[s].inbox[slot];
  App& app = w.app[s];
  auto find = [&](Rule rule, const char* what) {
    step.findings.push_back({rule, static_cast<std::uint8_t>(1 - s), l.item, what});
  };
  if (l.item >= kItems) {
    app.last_item = kItems;
    find(Rule::kText, "");
    return;
  }
  Item& it = w.app[1 - s].item[l.item];
  if (it.tries == 0) find(Rule::kText, "it was never submitted");
  // A mark is no excuse while the message before it can still be recognised: in the same transmission
  // (X3.28), or while its answer is awaited (HLLP).
  bool known = app.here == l.item + 1;
  for (int i = 0; i < kInbox; i++)
    known |= i != slot && app.inbox[i].stage >= Stage::kAnswer && app.inbox[i].item == l.item &&
             config_.proto == LLP_PROTO_HLLP;
  const bool marked = (l.flags & LLP_END_REPEAT) && !known;
  // A message that was submitted again because its fate was unknown is a repeat, too; an answer
  // that was given again is not.
  if (it.got_now || (it.got && l.item < kAnswers)) {
    find(marked ? Rule::kMarkedRepeat : Rule::kRepeat, "");
  } else if (l.item < kOwn && !it.got) {
    for (int i = l.item + 1; i < kOwn; i++)
      if (w.app[1 - s].item[i].got) find(Rule::kOrder, "");
  }
  if ((it.phase == Phase::kSent || it.phase == Phase::kDone) && says_not_delivered(it.outcome) && !it.got_now)
    find(Rule::kDelivered, "");
  it.got = more(it.got);
  it.got_now = more(it.got_now);
  if (l.to < kAnswers) {
    if (l.item != kAnswers + l.to) find(Rule::kWrongReply, "");
  }
  app.last_item = l.item;
  if (config_.proto == LLP_PROTO_X328) app.here = static_cast<std::uint8_t>(l.item + 1);
}

// ---- counters ----

void Model::audit(World& w, Step& step) const {
  for (int s = 0; s < 2; s++) {
    const Tally& t = step.tally[s];
    const std::uint64_t* c = w.e[s].count;
    auto equal = [&](llp_counter counter, std::uint64_t n) {
      if (c[counter] != n)
        step.findings.push_back(
            {Rule::kCounter, static_cast<std::uint8_t>(s), kItems, llp_counter_name(counter)});
    };
    auto most = [&](llp_counter counter, std::uint64_t value, std::uint64_t n) {
      if (value > n)
        step.findings.push_back(
            {Rule::kCounter, static_cast<std::uint8_t>(s), kItems, llp_counter_name(counter)});
    };
    equal(LLP_C_RX_BYTES, t.fed);
    equal(LLP_C_TX_BYTES, t.pulled);
    equal(LLP_C_RX_MESSAGES, t.ends);
    equal(LLP_C_TX_MESSAGES, t.sent_ok);
    equal(LLP_C_TX_FAILED, t.sent_failed);
    equal(LLP_C_RX_CANCELLED, t.cancels);
    equal(LLP_C_TX_BLOCKS, t.blocks_out);
    equal(LLP_C_RETRANSMISSIONS, t.again_out);
    equal(LLP_C_NAKS_SENT, t.naks_out);
    // One that breaks off counts if silence ended it.
    most(LLP_C_NAKS_RECEIVED, c[LLP_C_NAKS_RECEIVED], t.naks_in + t.naks_cut);
    most(LLP_C_NAKS_RECEIVED, t.naks_in, c[LLP_C_NAKS_RECEIVED]);
    equal(LLP_C_DUPLICATES, t.duplicates);
    equal(LLP_C_REPEATS, t.repeats);
    equal(LLP_C_LOST_BYTES, t.lost);
    equal(LLP_C_FLAG_PARITY, t.flags[LLP_FLAG_PARITY]);
    equal(LLP_C_FLAG_FRAME, t.flags[LLP_FLAG_FRAME]);
    equal(LLP_C_FLAG_OVERRUN, t.flags[LLP_FLAG_OVERRUN]);
    equal(LLP_C_FLAG_BREAK, t.flags[LLP_FLAG_BREAK]);
    equal(LLP_C_HANGUPS, t.hangups);
    equal(LLP_C_VERDICTS_LATE, t.late);
    equal(LLP_C_VERDICTS_GONE, t.gone);
    equal(LLP_C_LATE_REPLIES, t.late_replies);
    equal(LLP_C_TX_STALLS, t.stalls);
    most(LLP_C_TIMEOUTS, c[LLP_C_TIMEOUTS], t.timers);
    // Each refusal has one reason; an answer repeated on request has none of its own.
    std::uint64_t reasons = 0;
    for (int r = LLP_C_NAK_CHECK; r <= LLP_C_NAK_TIME; r++) reasons += c[r];
    // HLLP's may wait for silence between the one and the other.
    most(LLP_C_NAKS_SENT, reasons, c[LLP_C_NAKS_SENT] + (config_.proto == LLP_PROTO_HLLP));
  }
}

// ---- states ----

Fingerprint Model::fingerprint(const World& w) const {
  Hasher h;
  for (int s = 0; s < 2; s++) {
    const llp_engine& e = w.e[s];
    h.add(llp_fingerprint(&e, w.now));
    // What a timer is late by, and text whose check is still to come.
    for (const std::uint64_t t : e.timer)
      if (t < w.now) h.add(t - w.now);
    h.add(w.rx[s].data(), e.rx.fill);
    h.add(&w.app[s], sizeof(App));
    h.add(w.queued[s]);
    h.add(w.line[s].data(), w.queued[s] * sizeof(w.line[s][0]));
    h.add(w.due[s].data(), w.queued[s] * sizeof(w.due[s][0]));
    h.add(w.leaves[s]);
  }
  h.add(w.events | static_cast<std::uint64_t>(w.ghost.damage > 1) << 8 |
        static_cast<std::uint64_t>(w.ghost.forged > 0) << 16);
  const bool one_counts = !config_.checked || config_.station[0].params.xor_scope == LLP_SCOPE_AUTO;
  h.add(static_cast<std::uint64_t>(w.ghost.flags) |
        static_cast<std::uint64_t>(one_counts && w.ghost.damage > 0) << 8);
  return h.get();
}

bool Model::at_rest(const World& w) const {
  if (in_flight(w)) return false;
  for (const App& app : w.app) {
    if (!app.connected || app.ready != LLP_READY_ALL) return false;
    for (const Letter& l : app.inbox)
      if (l.stage != Stage::kFree) return false;
  }
  return timers(w) == 0;
}

// Nothing more happens by itself: nothing may be left half done.
void Model::check_rest(const World& w, Step& step) const {
  for (std::uint8_t s = 0; s < 2; s++) {
    if (!llp_idle(&w.e[s]))
      step.findings.push_back({Rule::kUnfinished, s, kItems, "the station is not idle"});
    if (w.app[s].open)
      step.findings.push_back({Rule::kUnfinished, s, kItems, "a received message is still open"});
    for (std::uint8_t i = 0; i < kItems; i++) {
      const Phase p = w.app[s].item[i].phase;
      const Item& it = w.app[s].item[i];
      if (p == Phase::kDone && w.faults + w.events == 0 && (it.failed || it.got != 1))
        step.findings.push_back({Rule::kLost, s, i, ""});
      if (p == Phase::kTaken || p == Phase::kSent)
        step.findings.push_back({Rule::kUnfinished, s, i, "a submitted message was not reported on"});
    }
    for (const Letter& l : w.app[s].inbox)
      if (l.stage != Stage::kFree)
        step.findings.push_back({Rule::kUnfinished, s, l.item, "a received message is not over"});
  }
}

void Model::check_new_message(const World& w, Step& step) const {
  for (std::uint8_t s = 0; s < 2; s++) {
    if (config_.station[s].probe.empty()) continue;
    World v = w;
    Step one;
    one.log = step.log;
    if (!run(v, {.what = Do::kSubmit, .side = s, .rep = kProbe}, one)) {
      step.findings.push_back({Rule::kNewMessage, s, kProbe, "it is not taken"});
      continue;
    }
    bool moved = true;
    for (int n = 0; moved && n < 1000; n++) {
      moved = false;
      Action first;
      // The first thing that happens by itself.
      successors(v, Which::kProgress, false, [&](const Action& a, World&, Step&) {
        if (!moved) first = a;
        moved = true;
      });
      if (moved) run(v, first, one);
    }
    const Item& it = v.app[s].item[kProbe];
    if (it.phase != Phase::kDone || it.failed || it.got_now != 1 || !at_rest(v))
      step.findings.push_back({Rule::kNewMessage, s, kProbe, ""});
    for (const Finding& f : one.findings) step.findings.push_back(f);
  }
}

}  // namespace llp::model
