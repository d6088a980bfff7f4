// SPDX-License-Identifier: BSD-3-Clause
//
// A protocol engine with everything around it that a test needs: a buffer that
// grows, a clock that tests move, messages by id, verdicts, and a transcript of
// what happened as lines of text. `Station` is one end of a line, `Wire` joins
// two of them in virtual time and damages bytes on request.
//
// The harness itself checks what must hold in every run (order of events,
// bounds, one result for each message). A violation calls LLP_HARNESS_FAIL: a
// test failure under GoogleTest, else (fuzzers) the end of the process.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

extern "C" {
#include "proto/llp_engine.h"
}

// NOLINTBEGIN(cppcoreguidelines-macro-usage): GoogleTest names the line where it stands
#ifndef LLP_HARNESS_FAIL
#ifdef ADD_FAILURE
#define LLP_HARNESS_FAIL(text) ADD_FAILURE() << (text)
#else
#define LLP_HARNESS_FAIL(text)                               \
  do {                                                       \
    std::fprintf(stderr, "%s\n", std::string(text).c_str()); \
    std::abort();                                            \
  } while (false)
#endif
#endif
// NOLINTEND(cppcoreguidelines-macro-usage)

namespace llp::test {

inline constexpr std::uint64_t kUs = 1000;
inline constexpr std::uint64_t kMs = 1000 * kUs;
inline constexpr std::uint64_t kSec = 1000 * kMs;

// "05 0D" -> two bytes. Blanks anywhere; `10 31 0D` is one ACK1.
inline std::string hex(std::string_view digits) {
  std::string out;
  int high = -1;
  for (char c : digits) {
    int v = -1;
    if (c >= '0' && c <= '9') v = c - '0';
    if (c >= 'a' && c <= 'f') v = c - 'a' + 10;
    if (c >= 'A' && c <= 'F') v = c - 'A' + 10;
    if (v < 0) continue;
    if (high < 0) {
      high = v;
    } else {
      out.push_back(static_cast<char>(high * 16 + v));
      high = -1;
    }
  }
  return out;
}

inline std::string to_hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (unsigned char c : bytes) {
    if (!out.empty()) out += ' ';
    out += kDigits[c >> 4];
    out += kDigits[c & 15];
  }
  return out;
}

// Control bytes by name, the rest as it is: "<ENQ><CR>".
inline std::string words(std::string_view bytes) {
  static constexpr std::array<const char*, 32> kNames = {
      "NUL", "SOH", "STX", "ETX", "EOT", "ENQ", "ACK", "BEL", "BS",  "HT",  "LF",
      "VT",  "FF",  "CR",  "SO",  "SI",  "DLE", "DC1", "DC2", "DC3", "DC4", "NAK",
      "SYN", "ETB", "CAN", "EM",  "SUB", "ESC", "FS",  "GS",  "RS",  "US"};
  std::string out;
  for (unsigned char c : bytes) {
    if (c < 32) {
      out += std::string("<") + kNames[c] + ">";
    } else if (c < 127) {
      out += static_cast<char>(c);
    } else {
      out += "<" + to_hex(std::string_view(reinterpret_cast<const char*>(&c), 1)) + ">";
    }
  }
  return out;
}

// A whole message that arrived.
struct Received {
  std::uint32_t id = 0;
  std::string text;
  std::uint8_t flags = 0;
  std::uint32_t reply_to = 0;
  std::uint32_t check = 0;
  bool acked = false;      // LLP_EV_ACKED came
  bool cancelled = false;  // LLP_EV_CANCEL after its end
  bool cancel_accepted = false;
  llp_cause cause = LLP_OK;
  std::optional<llp_settled> settled;  // of the last verdict given
};

// What became of a submitted message.
struct Result {
  int sent = 0;
  int done = 0;
  llp_cause cause = LLP_OK;  // of LLP_EV_SENT
  llp_outcome outcome = LLP_OUT_NOT_SENT;
  llp_cause done_cause = LLP_OK;  // of LLP_EV_DONE
  llp_outcome done_outcome = LLP_OUT_NOT_SENT;
};

inline llp_params default_params(llp_protocol proto) {
  llp_params p{};
  llp_params_default(&p, proto);
  return p;
}

// One end of a line.
class Station {
 public:
  // Starts connected and ready for messages unless told otherwise.
  explicit Station(llp_protocol proto) : Station(proto, default_params(proto)) {}
  Station(llp_protocol proto, const llp_params& p, bool connect = true)
      : engine_(std::make_unique<llp_engine>()), rx_(16) {
    llp_engine_init(engine_.get(), proto, &p, now);
    if (connect) {
      this->connect();
      ready(LLP_READY_ALL);
    }
  }
  Station(const Station&) = delete;
  Station& operator=(const Station&) = delete;

  llp_engine& e() { return *engine_; }
  const llp_engine& e() const { return *engine_; }
  llp_params& params() { return engine_->p; }

  // ---- what a test may set ----
  std::optional<llp_decision> verdict_policy = LLP_ACCEPT;  // nullopt: by hand
  bool auto_pull = true;   // pull after every call, and say at once that the transmitter is empty
  bool auto_empty = true;  // with auto_pull: call llp_tx_empty() too
  bool fixed_buffer = false;
  std::size_t pull_size = 65536;  // bytes asked of one llp_tx()
  std::size_t growth = 0;         // bytes the buffer grows by; 0: doubles
  bool log_frames = true, log_timers = true, log_states = true, log_lost = true;
  std::uint64_t now = 1000 * kSec;
  // Called when a message was received whole, before its verdict by policy.
  std::function<void(Station&, Received&)> on_message;

  // ---- what happened ----
  std::vector<std::string> log;                                // events, in order
  std::string sent;                                            // all bytes pulled since the last take()
  std::string lost;                                            // bytes reported lost
  std::deque<Received> messages;                               // whole ones
  std::vector<std::pair<std::uint32_t, llp_cause>> cancelled;  // of messages not ended
  std::map<std::uint32_t, Result> results;
  int restarts = 0;
  int disconnects = 0;

  // ---- calls ----
  void connect() {
    auto io = make_io();
    llp_connected(engine_.get(), &io);
    after();
  }
  void hangup(bool final = true) {
    auto io = make_io();
    llp_hangup(engine_.get(), &io, final);
    after();
  }
  void ready(std::uint32_t bits) {
    auto io = make_io();
    llp_set_ready(engine_.get(), &io, bits);
    after();
  }
  // Feeds bytes, all with the same flag.
  void feed(std::string_view bytes, llp_line_flag flag = LLP_FLAG_NONE) {
    if (flag == LLP_FLAG_NONE) {
      feed_raw(bytes, nullptr);
      return;
    }
    std::vector<std::uint8_t> flags(bytes.size(), static_cast<std::uint8_t>(flag));
    feed_raw(bytes, flags.data());
  }
  // Feeds bytes with a flag for each.
  void feed_flagged(std::string_view bytes, std::span<const std::uint8_t> flags) {
    if (flags.size() != bytes.size()) LLP_HARNESS_FAIL("a flag for each byte is needed");
    feed_raw(bytes, flags.data());
  }
  void feed_hex(std::string_view digits) { feed(hex(digits)); }
  // Feeds one byte a call.
  void feed_bytewise(std::string_view bytes) {
    for (char c : bytes) feed(std::string_view(&c, 1));
  }

  // Bytes to send now.
  std::string pull() {
    std::string out;
    std::vector<std::uint8_t>& buf = pull_buffer_;
    buf.resize(pull_size);
    for (;;) {
      auto io = make_io();
      std::size_t n = llp_tx(engine_.get(), &io, buf.data(), buf.size());
      if (n == 0) break;
      if (n > buf.size()) LLP_HARNESS_FAIL("llp_tx() gave more than was asked for");
      out.append(reinterpret_cast<char*>(buf.data()), n);
    }
    if (llp_tx_pending(engine_.get())) LLP_HARNESS_FAIL("llp_tx() returned 0 with something pending");
    return out;
  }
  // At most @most of them, as a transmitter takes that is nearly full.
  std::string pull_some(std::size_t most) {
    std::string out(most, '\0');
    auto io = make_io();
    const std::size_t n = llp_tx(engine_.get(), &io, reinterpret_cast<std::uint8_t*>(out.data()), most);
    if (n > most) LLP_HARNESS_FAIL("llp_tx() gave more than was asked for");
    out.resize(n);
    return out;
  }
  void tx_empty() {
    auto io = make_io();
    llp_tx_empty(engine_.get(), &io);
  }
  // All bytes sent since the last call.
  std::string take() { return std::exchange(sent, {}); }

  std::uint64_t deadline() const { return llp_deadline(engine_.get()); }
  void timeout() {
    auto io = make_io();
    llp_timeout(engine_.get(), &io);
    after();
  }
  // Moves the clock, stopping at every deadline on the way.
  void advance(std::uint64_t ns) {
    const std::uint64_t until = now + ns;
    int guard = 0;
    while (deadline() <= until) {
      now = std::max(now, deadline());
      timeout();
      if (++guard > 1000000) {
        LLP_HARNESS_FAIL("timers never come to rest");
        return;
      }
    }
    now = until;
  }
  // Moves the clock to the next deadline and lets it pass; false: there is none.
  bool next() {
    const std::uint64_t at = deadline();
    if (at == LLP_NEVER) return false;
    now = std::max(now, at);
    timeout();
    return true;
  }
  // Time until timer @t runs out; nullopt: it does not run.
  std::optional<std::uint64_t> left(llp_timer t) const {
    const std::uint64_t at = engine_->timer[t];
    if (at == LLP_NEVER) return std::nullopt;
    return at > now ? at - now : 0;
  }

  // Returns llp_submit()'s answer.
  int submit(std::uint32_t id, std::string text, std::uint32_t flags = LLP_SUBMIT_EXPECT_NONE) {
    return give(id, std::move(text),
                [&](llp_io* io, std::uint32_t len) { return llp_submit(engine_.get(), io, id, len, flags); });
  }
  // The answer to message `to`.
  int answer(std::uint32_t id, std::string text, std::uint32_t to) {
    return give(id, std::move(text),
                [&](llp_io* io, std::uint32_t len) { return llp_answer(engine_.get(), io, id, len, to); });
  }
  void abort(std::uint32_t id) {
    auto io = make_io();
    llp_abort(engine_.get(), &io, id);
    after();
  }
  llp_settled verdict(std::uint32_t id, llp_decision d = LLP_ACCEPT) {
    auto io = make_io();
    const llp_settled s = llp_verdict(engine_.get(), &io, id, d);
    static constexpr std::array<const char*, 3> kNames = {"acknowledged", "late", "gone"};
    log.push_back("verdict " + std::to_string(id) + " " + kNames.at(s));
    if (auto* m = find(id)) m->settled = s;
    after();
    return s;
  }
  void abort_rx() {
    auto io = make_io();
    llp_abort_rx(engine_.get(), &io);
    after();
  }
  void request_turn() {
    auto io = make_io();
    llp_request_turn(engine_.get(), &io);
    after();
  }

  // ---- looking ----
  std::string state() const { return llp_state_name(engine_.get()); }
  std::uint64_t count(llp_counter c) const { return engine_->count[c]; }
  std::uint64_t fingerprint() const { return llp_fingerprint(engine_.get(), now); }
  bool idle() const { return llp_idle(engine_.get()); }
  Received* find(std::uint32_t id) {
    for (auto& m : messages)
      if (m.id == id) return &m;
    return nullptr;
  }
  const Result& result(std::uint32_t id) { return results[id]; }
  // Texts received whole, in order.
  std::vector<std::string> texts() const {
    std::vector<std::string> out;
    for (const auto& m : messages) out.push_back(m.text);
    return out;
  }
  // The transcript as one string; @what keeps only lines that begin so.
  std::string transcript(std::string_view what = {}) const {
    std::string out;
    for (const auto& line : log)
      if (line.starts_with(what)) out += line + "\n";
    return out;
  }
  bool logged(std::string_view line) const {
    return std::any_of(log.begin(), log.end(), [&](const auto& l) { return l == line; });
  }

  // After a final hangup: every message that was taken must have its results.
  void check_results() {
    for (const auto& [id, r] : results)
      if (r.sent != 1 || r.done != 1)
        LLP_HARNESS_FAIL("message " + std::to_string(id) + ": sent " + std::to_string(r.sent) +
                         " times, done " + std::to_string(r.done) + " times");
  }

  // For shells of another kind (Wire): call after anything that may have given an END.
  void settle() {
    while (!unsettled_.empty()) {
      const std::uint32_t id = unsettled_.front();
      unsettled_.pop_front();
      Received* m = find(id);
      if (on_message && m) on_message(*this, *m);
      if (verdict_policy && m && !(m->flags & LLP_END_EMPTY)) verdict(id, *verdict_policy);
    }
  }

 private:
  template <class Call>
  int give(std::uint32_t id, std::string text, Call call) {
    const auto len = static_cast<std::uint32_t>(text.size());
    if (texts_.contains(id)) return -EINVAL;
    texts_.emplace(id, std::move(text));
    results[id];
    auto io = make_io();
    const int err = call(&io, len);
    if (err) {
      texts_.erase(id);
      results.erase(id);
    }
    after();
    return err;
  }
  llp_io make_io() {
    llp_io io{};
    io.now = now;
    io.rx_buf = rx_.data();
    io.rx_cap = static_cast<std::uint32_t>(rx_.size());
    io.rx_fixed = fixed_buffer;
    io.text = [](void* ctx, std::uint32_t id) -> const std::uint8_t* {
      auto* self = static_cast<Station*>(ctx);
      auto it = self->texts_.find(id);
      if (it == self->texts_.end()) {
        LLP_HARNESS_FAIL("text asked for that was done with: " + std::to_string(id));
        std::abort();
      }
      return reinterpret_cast<const std::uint8_t*>(it->second.data());
    };
    io.event = [](void* ctx, const llp_event* ev) { static_cast<Station*>(ctx)->take_event(*ev); };
    io.ctx = this;
    return io;
  }

  // An exactly sized heap block, so that a sanitizer sees reads past either end.
  void feed_raw(std::string_view bytes, const std::uint8_t* flags) {
    std::size_t done = 0;
    int stuck = 0;
    while (done < bytes.size()) {
      const std::size_t n = bytes.size() - done;
      auto copy = std::make_unique<std::uint8_t[]>(n);
      std::memcpy(copy.get(), bytes.data() + done, n);
      auto io = make_io();
      const std::uint32_t ends = ends_;
      const std::size_t k = llp_rx(engine_.get(), &io, copy.get(), flags ? flags + done : nullptr, n);
      if (k > n) LLP_HARNESS_FAIL("llp_rx() consumed more than was given");
      if (llp_rx_fill(engine_.get()) > rx_.size()) LLP_HARNESS_FAIL("rx_buf overrun");
      done += k;
      const bool ended = ends_ != ends;
      if (k < n && !ended && (k == 0 || !llp_tx_pending(engine_.get()))) {
        if (fixed_buffer) LLP_HARNESS_FAIL("llp_rx() stopped although the buffer is fixed");
        rx_.resize(rx_.size() + (growth ? growth : rx_.size()));
        if (k == 0 && ++stuck > 8) {
          LLP_HARNESS_FAIL("llp_rx() makes no progress");
          return;
        }
      }
      if (k) stuck = 0;
      // As a shell does: a message that ended is taken and judged before the rest is read.
      after();
    }
    after();
  }

  void after() {
    settle();
    if (!auto_pull) return;
    for (int i = 0; i < 1000; i++) {
      std::string out = pull();
      sent += out;
      if (!auto_empty || !llp_tx_wait(engine_.get())) return;
      tx_empty();
      if (!llp_tx_pending(engine_.get())) return;
    }
    LLP_HARNESS_FAIL("output without end");
  }

  static std::string num(std::uint64_t v) { return std::to_string(v); }

  void take_event(const llp_event& ev) {
    std::string line;
    switch (ev.type) {
      case LLP_EV_BEGIN:
        if (open_) LLP_HARNESS_FAIL("BEGIN inside a message");
        if (ev.id == 0 || ev.id == last_begun_) LLP_HARNESS_FAIL("bad id of BEGIN");
        open_ = ev.id;
        last_begun_ = ev.id;
        text_.clear();
        line = "begin " + num(ev.id);
        break;
      case LLP_EV_DATA:
        if (open_ != ev.id) LLP_HARNESS_FAIL("DATA outside its message");
        if (std::uint64_t{ev.off} + ev.len > rx_.size()) LLP_HARNESS_FAIL("DATA outside the buffer");
        text_.append(reinterpret_cast<const char*>(rx_.data()) + ev.off, ev.len);
        line = "data " + num(ev.id) + " " + num(ev.len);
        break;
      case LLP_EV_RESTART:
        if (open_ != ev.id) LLP_HARNESS_FAIL("RESTART outside its message");
        text_.clear();
        restarts++;
        line = "restart " + num(ev.id);
        break;
      case LLP_EV_END: {
        if (open_ != ev.id) LLP_HARNESS_FAIL("END without BEGIN");
        if (ev.len != text_.size()) LLP_HARNESS_FAIL("END: length differs from the data");
        open_ = 0;
        ends_++;
        Received m;
        m.id = ev.id;
        m.text = std::exchange(text_, {});
        m.flags = ev.flags;
        m.reply_to = ev.reply_to;
        m.check = ev.check;
        messages.push_back(m);
        unsettled_.push_back(ev.id);
        line = "end " + num(ev.id) + " " + num(ev.len);
        if (ev.flags & LLP_END_PENDING) line += " pending";
        if (ev.flags & LLP_END_REPLY) line += " reply_to=" + num(ev.reply_to);
        if (ev.flags & LLP_END_ACK_MSG) line += " ack_msg";
        if (ev.flags & LLP_END_LATE) line += " late";
        if (ev.flags & LLP_END_REPEAT) line += " repeat";
        if (ev.flags & LLP_END_EMPTY) line += " empty";
        break;
      }
      case LLP_EV_CANCEL:
        line = "cancel " + num(ev.id) + " " + llp_cause_name(static_cast<llp_cause>(ev.cause));
        if (ev.flags & LLP_CANCEL_ACCEPTED) line += " accepted";
        if (open_ == ev.id) {
          open_ = 0;
          text_.clear();
          cancelled.emplace_back(ev.id, static_cast<llp_cause>(ev.cause));
        } else if (auto* m = find(ev.id)) {
          if (m->acked || m->cancelled) LLP_HARNESS_FAIL("CANCEL of a settled message " + num(ev.id));
          m->cancelled = true;
          m->cancel_accepted = ev.flags & LLP_CANCEL_ACCEPTED;
          m->cause = static_cast<llp_cause>(ev.cause);
        } else {
          LLP_HARNESS_FAIL("CANCEL of an unknown message");
        }
        break;
      case LLP_EV_ACKED: {
        auto* m = find(ev.id);
        if (!m) {
          LLP_HARNESS_FAIL("ACKED of an unknown message");
        } else {
          if (m->acked || m->cancelled) LLP_HARNESS_FAIL("ACKED of a settled message " + num(ev.id));
          m->acked = true;
        }
        line = "acked " + num(ev.id);
        break;
      }
      case LLP_EV_SENT:
      case LLP_EV_DONE: {
        auto it = results.find(ev.id);
        if (it == results.end()) {
          LLP_HARNESS_FAIL("result of a message that was not submitted");
          return;
        }
        Result& r = it->second;
        const auto cause = static_cast<llp_cause>(ev.cause);
        const auto outcome = static_cast<llp_outcome>(ev.outcome);
        if (ev.type == LLP_EV_SENT) {
          r.sent++;
          r.cause = cause;
          r.outcome = outcome;
        } else {
          r.done++;
          r.done_cause = cause;
          r.done_outcome = outcome;
          texts_.erase(ev.id);
        }
        if (r.sent > 1 || r.done > 1 || r.done > r.sent)
          LLP_HARNESS_FAIL("results of " + num(ev.id) + " out of order");
        line = std::string(ev.type == LLP_EV_SENT ? "sent " : "done ") + num(ev.id) + " " +
               llp_cause_name(cause) + ", " + llp_outcome_name(outcome);
        break;
      }
      case LLP_EV_LOST:
        if (ev.len == 0 || !ev.bytes) {
          LLP_HARNESS_FAIL("LOST of nothing");
          return;
        }
        lost.append(reinterpret_cast<const char*>(ev.bytes), ev.len);
        if (!log_lost) return;
        line = "lost " + to_hex(std::string_view(reinterpret_cast<const char*>(ev.bytes), ev.len));
        // How lost bytes are cut into events is nobody's business.
        if (!log.empty() && log.back().starts_with("lost ")) {
          log.back() += line.substr(4);
          return;
        }
        break;
      case LLP_EV_DISCONNECT:
        disconnects++;
        line = std::string("disconnect ") + llp_cause_name(static_cast<llp_cause>(ev.cause));
        break;
      case LLP_EV_FRAME:
        if (ev.frame >= LLP_FR__N || ev.verdict >= LLP_FV__N) LLP_HARNESS_FAIL("FRAME out of range");
        if (!log_frames) return;
        line = std::string("frame ") + (ev.out ? "out " : "in ") +
               llp_frame_name(static_cast<llp_frame>(ev.frame)) + " " + num(ev.num) + " " + num(ev.len) +
               " " + llp_frame_verdict_name(static_cast<llp_verdict_frame>(ev.verdict));
        if (ev.flags & LLP_FRAME_LAST) line += " last";
        if (ev.flags & LLP_FRAME_AGAIN) line += " again";
        break;
      case LLP_EV_TIMER:
        if (!log_timers) return;
        line = std::string("timer ") + llp_timer_name(engine_.get(), ev.num);
        break;
      case LLP_EV_STATE:
        if (!log_states) return;
        line = std::string("state ") + llp_state_name(engine_.get());
        break;
      default: LLP_HARNESS_FAIL("unknown event"); return;
    }
    log.push_back(std::move(line));
  }

  std::unique_ptr<llp_engine> engine_;
  std::vector<std::uint8_t> rx_;
  std::vector<std::uint8_t> pull_buffer_;
  std::map<std::uint32_t, std::string> texts_;
  std::deque<std::uint32_t> unsettled_;
  std::string text_;
  std::uint32_t open_ = 0;
  std::uint32_t last_begun_ = 0;
  std::uint32_t ends_ = 0;
};

// A small generator with the same numbers everywhere.
class Rng {
 public:
  explicit Rng(std::uint64_t seed) : s_(seed * 2 + 1) {}
  std::uint64_t next() {
    std::uint64_t z = (s_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  std::uint32_t below(std::uint32_t n) { return n ? static_cast<std::uint32_t>(next() % n) : 0; }
  bool chance(double p) { return static_cast<double>(next() >> 11) * 0x1.0p-53 < p; }

 private:
  std::uint64_t s_;
};

}  // namespace llp::test
