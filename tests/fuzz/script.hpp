// SPDX-License-Identifier: BSD-3-Clause
//
// Runs one engine through a script of operations made of arbitrary bytes and
// checks what must hold whatever happens: order of events, bounds of buffers
// and output, deadlines, results of messages, counters that never go back, and
// that the borders between calls make no difference. What one protocol's
// frames look like, and what else it promises, is the derived class's.
//
// An input is a header of kHeader bytes (three of options, one for the size of
// the buffer, one that picks the feeds that are repeated in pieces), then
// operations; pieces.hpp tells where each ends.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>

#include "frames.hpp"

extern "C" {
#include "proto/llp_engine.h"
}

namespace llp::fuzz {

[[noreturn]] inline void broken(const char* file, int line, const char* promise) {
  (void)std::fprintf(stderr, "%s:%d: %s\n", file, line, promise);
  std::abort();
}
#define LLP_FUZZ_CHECK(cond)                                     \
  do {                                                           \
    if (!(cond)) ::llp::fuzz::broken(__FILE__, __LINE__, #cond); \
  } while (false)

inline constexpr std::size_t kHeader = 5;

// Operations, the low half of a byte; the high half says how.
enum Op : std::uint8_t {
  kOpRaw,      // how + 1 bytes as they are
  kOpFlagged,  // one byte with line flag `how`
  kOpShort,    // a short frame: control sequence, NAK block, commit reply
  kOpBlock,    // a block whose checks are right
  kOpDue,      // until the next deadline
  kOpTime,     // some time
  kOpSubmit,
  kOpVerdict,
  kOpReady,
  kOpAbort,
  kOpAbortRx,
  kOpOther,  // request_turn, or the last block once more
  kOpTx,     // how + 1 bytes of output
  kOpDrain,  // all output
  kOpLine,   // hang-up and connection; X3.28 also: answer the block sent last
  kOpCalm,   // all output, then an answer
};

// The bytes of the input, one after the other; zeroes at its end.
class Script {
 public:
  explicit Script(std::span<const std::uint8_t> data) : data_(data) {}
  bool more() const { return at_ < data_.size(); }
  std::uint8_t next() { return more() ? data_[at_++] : 0; }
  std::span<const std::uint8_t> take(std::size_t n) {
    n = std::min(n, data_.size() - at_);
    const auto part = data_.subspan(at_, n);
    at_ += n;
    return part;
  }

 private:
  std::span<const std::uint8_t> data_;
  std::size_t at_ = 0;
};

// Text of the messages that are sent.
struct SampleText {
  static constexpr std::uint32_t kSize = 1100;
  std::uint8_t bytes[kSize];
  constexpr SampleText() : bytes{} {
    constexpr char kText[] = "MSH|^~\\&|A|B|C|D|20260101||ORU^R01|42|P|2.3\rPID|1\rOBX|1|abcdefg\r";
    for (std::uint32_t i = 0; i < kSize; i++)
      bytes[i] = static_cast<std::uint8_t>(kText[i % (sizeof(kText) - 1)]);
  }
};
inline constexpr SampleText kSampleText;

// Length of a message to send: mostly short, for speed.
inline std::uint32_t script_length(std::uint8_t b, bool is_long) {
  return is_long ? 1U + b * 4U : 1U + (b & 63U);
}

template <class Derived>
class Station {
 public:
  static constexpr std::uint32_t kIds = 64;

  void run(Script& s) {
    while (s.more()) {
      step(s);
      check();
    }
    finish();
  }

  void submit(std::uint32_t len, std::uint32_t flags) {
    if (next_out_ >= kIds) return;
    const std::uint32_t id = next_out_;
    auto io = make_io();
    submitting_ = id;
    const bool can = llp_can_submit(&e_, flags);
    const int err = llp_submit(&e_, &io, id, len, flags);
    submitting_ = 0;
    LLP_FUZZ_CHECK(err == 0 || err == -EBUSY || err == -EINVAL || err == -ENODEV || err == -EMSGSIZE ||
                   err == -EILSEQ);
    LLP_FUZZ_CHECK(can || err != 0);
    if (err) {
      LLP_FUZZ_CHECK(sent_[id] == 0 && done_[id] == 0);
      return;
    }
    taken_[id] = true;
    next_out_++;
  }

  void pull(std::size_t cap, bool to_end, bool empty = true) {
    cap = std::min(cap, kOut);
    std::size_t total = 0, n = 0;
    do {
      auto io = make_io();
      // The end of what may be written is the end of the allocation.
      n = llp_tx(&e_, &io, out_.get() + kOut - cap, cap);
      LLP_FUZZ_CHECK(n <= cap);
      total += n;
      // One block and what fits into the queue of short sequences.
      LLP_FUZZ_CHECK(total < 2 * SampleText::kSize + 200);
    } while (to_end && n);
    if (!to_end) return;
    LLP_FUZZ_CHECK(!llp_tx_pending(&e_));
    if (!empty) return;
    auto io = make_io();
    llp_tx_empty(&e_, &io);
  }

  void feed(std::span<const std::uint8_t> bytes, const std::uint8_t* flags = nullptr) {
    // Of some feeds a copy gets the same bytes in small pieces, and must end in the same state.
    static constexpr std::uint8_t kPieces[] = {1, 1, 2, 3, 5, 7, 13, 29};
    const bool again = ((feeds_++ ^ pieces_) & 7) == 0;
    if (!again || bytes.empty()) {
      feed_all(e_, buf_.get(), bytes, flags, bytes.size(), true);
      return;
    }
    llp_engine copy = e_;
    const auto other = std::make_unique_for_overwrite<std::uint8_t[]>(cap_);
    std::memcpy(other.get(), buf_.get(), llp_rx_fill(&e_));
    feed_all(e_, buf_.get(), bytes, flags, bytes.size(), true);
    feed_all(copy, other.get(), bytes, flags, kPieces[pieces_ >> 3 & 7], false);
    LLP_FUZZ_CHECK(llp_fingerprint(&e_, now_) == llp_fingerprint(&copy, now_));
    LLP_FUZZ_CHECK(llp_rx_fill(&e_) == llp_rx_fill(&copy));
    LLP_FUZZ_CHECK(std::memcmp(buf_.get(), other.get(), llp_rx_fill(&e_)) == 0);
  }

 protected:
  static constexpr std::size_t kOut = 1280;

  Derived& self() { return static_cast<Derived&>(*this); }

  // The message waits for a verdict before it is acknowledged.
  bool asks() const { return proto_ == LLP_PROTO_X328 || (proto_ == LLP_PROTO_MLLP && p_.release == 2); }

  llp_io make_io(bool quiet = false) {
    llp_io io{};
    io.now = now_;
    io.rx_buf = buf_.get();
    io.rx_cap = cap_;
    io.rx_fixed = true;
    io.text = [](void* ctx, std::uint32_t id) {
      const auto* self = static_cast<Station*>(ctx);
      LLP_FUZZ_CHECK(id && id < kIds && self->taken(id) && !self->done_[id]);
      return static_cast<const std::uint8_t*>(kSampleText.bytes);
    };
    io.event = quiet ? [](void*, const llp_event*) {}
                     : [](void* ctx, const llp_event* ev) { static_cast<Station*>(ctx)->event(*ev); };
    io.ctx = this;
    return io;
  }

  void advance(std::uint64_t ns) {
    now_ += ns;
    for (int i = 0; i < 256 && llp_deadline(&e_) <= now_; i++) {
      auto io = make_io();
      llp_timeout(&e_, &io);
    }
    // Whatever is due has been done, or was made due in the future.
    LLP_FUZZ_CHECK(llp_deadline(&e_) > now_);
  }

  bool taken(std::uint32_t id) const { return taken_[id] || id == submitting_; }

 private:
  friend Derived;
  Station(llp_protocol proto, const llp_params& p, std::uint32_t cap, std::uint8_t pieces)
      : proto_(proto),
        p_(p),
        cap_(cap),
        pieces_(pieces),
        // Exact sizes on the heap, so that the sanitizer sees what is written behind them.
        buf_(std::make_unique_for_overwrite<std::uint8_t[]>(cap)),
        out_(std::make_unique_for_overwrite<std::uint8_t[]>(kOut)) {
    std::memset(&e_, 0xa5, sizeof e_);  // init() must not rely on what was there
    llp_engine_init(&e_, proto, &p_, now_);
    auto io = make_io();
    llp_connected(&e_, &io);
    llp_set_ready(&e_, &io, LLP_READY_ALL);
  }

  void feed_all(llp_engine& e, std::uint8_t* buf, std::span<const std::uint8_t> bytes,
                const std::uint8_t* flags, std::size_t piece, bool loud) {
    std::size_t done = 0;
    int idle = 0;
    llp_io io = make_io(!loud);
    io.rx_buf = buf;
    while (done < bytes.size()) {
      const std::size_t n = std::min(piece, bytes.size() - done);
      const std::size_t k = llp_rx(&e, &io, bytes.data() + done, flags ? flags + done : nullptr, n);
      LLP_FUZZ_CHECK(k <= n);
      LLP_FUZZ_CHECK(llp_rx_fill(&e) <= cap_);
      // It may stop after a message, but never for good.
      idle = k ? 0 : idle + 1;
      LLP_FUZZ_CHECK(idle < 3);
      done += k;
    }
  }

  void step(Script& s) {
    auto io = make_io();
    const std::uint8_t op = s.next();
    const unsigned how = op >> 4;
    switch (op & 15) {
      case kOpRaw: feed(s.take(how + 1)); break;
      case kOpFlagged: {
        const std::uint8_t flag = how & 7 ? static_cast<std::uint8_t>(how & 7) : 3;
        const std::uint8_t byte = flag == LLP_FLAG_BREAK || flag == LLP_FLAG_OVERRUN ? 0 : s.next();
        feed(std::span(&byte, 1), &flag);
        break;
      }
      case kOpShort: self().short_frame(s, how); break;
      case kOpBlock: self().block(s, how); break;
      case kOpDue: {
        const std::uint64_t at = llp_deadline(&e_);
        advance(at != LLP_NEVER && at > now_ ? at - now_ : 0);
        break;
      }
      case kOpTime: advance((std::uint64_t{how} + 1) * Derived::kTick); break;
      case kOpSubmit: {
        static constexpr std::uint32_t kFlags[] = {LLP_SUBMIT_EXPECT_NONE, 0, LLP_SUBMIT_REPLY,
                                                   LLP_SUBMIT_EXPECT_OPT};
        submit(script_length(s.next(), how & 4), kFlags[how & 3]);
        break;
      }
      case kOpVerdict: verdict(how & 4 ? ended_ : how & 8 ? oldest_ : s.next(), how & 3); break;
      case kOpReady: llp_set_ready(&e_, &io, how & 3); break;
      case kOpAbort: llp_abort(&e_, &io, how & 8 ? s.next() : next_out_ - 1); break;
      case kOpAbortRx: llp_abort_rx(&e_, &io); break;
      case kOpTx: pull(how + 1, false); break;
      case kOpDrain: pull(kOut, true, !(how & 1)); break;
      default:
        LLP_FUZZ_CHECK(llp_state_name(&e_) != nullptr);
        (void)llp_can_withdraw(&e_, next_out_ - 1);
        self().other(op & 15, how);
        break;
    }
  }

  void verdict(std::uint32_t id, unsigned what) {
    auto io = make_io();
    const auto d = static_cast<llp_decision>(what);
    if (d == LLP_REJECT) rejects_++;
    const auto r = llp_verdict(&e_, &io, id, d);
    LLP_FUZZ_CHECK(r == LLP_ACKNOWLEDGED || r == LLP_LATE || r == LLP_GONE);
    // Only a message that still waits can be settled.
    LLP_FUZZ_CHECK(asks() ? r == LLP_GONE || id == ended_ : r == LLP_ACKNOWLEDGED);
    if (id == oldest_) oldest_++;
  }

  void event(const llp_event& ev) {
    switch (ev.type) {
      case LLP_EV_BEGIN:
        LLP_FUZZ_CHECK(!open_ && ev.id && ev.id != last_begun_);
        open_ = last_begun_ = ev.id;
        text_len_ = 0;
        break;
      case LLP_EV_DATA:
        LLP_FUZZ_CHECK(open_ && ev.id == open_ && ev.len);
        LLP_FUZZ_CHECK(ev.off + ev.len <= cap_);
        text_len_ += ev.len;
        LLP_FUZZ_CHECK(text_len_ <= p_.max_message || !self().bounded());
        break;
      case LLP_EV_RESTART:
        LLP_FUZZ_CHECK(open_ && ev.id == open_);
        text_len_ = 0;
        break;
      case LLP_EV_END: ended(ev); break;
      case LLP_EV_CANCEL:
        LLP_FUZZ_CHECK(ev.id && ev.cause && ev.cause < LLP_CAUSE__N);
        if (ev.id == open_) {
          open_ = 0;
          LLP_FUZZ_CHECK(!ev.flags);
        } else {
          LLP_FUZZ_CHECK(ev.id == pending_);
          pending_ = 0;
        }
        break;
      case LLP_EV_ACKED:
        LLP_FUZZ_CHECK(ev.id && ev.id == pending_);
        pending_ = 0;
        break;
      case LLP_EV_SENT:
        LLP_FUZZ_CHECK(ev.id < kIds && taken(ev.id) && !sent_[ev.id]);
        LLP_FUZZ_CHECK(ev.cause < LLP_CAUSE__N && ev.outcome <= LLP_OUT_TRANSMITTED);
        LLP_FUZZ_CHECK(self().fate(ev));
        sent_[ev.id]++;
        break;
      case LLP_EV_DONE:
        LLP_FUZZ_CHECK(ev.id < kIds && taken(ev.id) && sent_[ev.id] == 1 && !done_[ev.id]);
        done_[ev.id]++;
        break;
      case LLP_EV_LOST: LLP_FUZZ_CHECK(ev.bytes && ev.len); break;
      case LLP_EV_FRAME:
        LLP_FUZZ_CHECK(ev.frame < LLP_FR__N && ev.verdict < LLP_FV__N);
        self().frame(ev);
        break;
      case LLP_EV_TIMER: LLP_FUZZ_CHECK(ev.num < LLP_T__N); break;
      default: LLP_FUZZ_CHECK(ev.type == LLP_EV_STATE || ev.type == LLP_EV_DISCONNECT); break;
    }
  }

  void ended(const llp_event& ev) {
    LLP_FUZZ_CHECK(open_ && ev.id == open_ && ev.len == text_len_);
    LLP_FUZZ_CHECK(!(ev.flags & LLP_END_EMPTY) == (ev.len != 0));
    // What asks for a verdict is the only one that does, and has something to decide about.
    LLP_FUZZ_CHECK(!pending_ || !(ev.flags & LLP_END_PENDING));
    LLP_FUZZ_CHECK(!!(ev.flags & LLP_END_PENDING) == self().pends(ev));
    LLP_FUZZ_CHECK(!(ev.flags & LLP_END_REPLY) == !ev.reply_to);
    if (ev.reply_to) {
      LLP_FUZZ_CHECK(ev.reply_to < kIds && taken_[ev.reply_to] && !done_[ev.reply_to]);
    }
    ended_ = ev.id;
    if (ev.flags & LLP_END_PENDING) pending_ = ev.id;
    open_ = 0;
  }

  // Counters only count up. No instrumentation: it is long, plain, and runs at every step.
  __attribute__((no_sanitize("address", "undefined", "coverage"))) bool counted() {
    bool up = true;
    for (int i = 0; i < LLP_C__N; i++) {
      up &= e_.count[i] >= counts_[i];
      counts_[i] = e_.count[i];
    }
    return up;
  }

  void check() {
    LLP_FUZZ_CHECK(counted());
    // A verdict of reject or forget ends the wait without an event.
    if (e_.pend.state == LLP_PEND_NONE) pending_ = 0;
    LLP_FUZZ_CHECK(e_.rx.good <= e_.rx.fill && e_.rx.fill <= cap_);
    LLP_FUZZ_CHECK(!pending_ == (e_.pend.state == LLP_PEND_NONE));
    LLP_FUZZ_CHECK(!open_ == !e_.rx.begun);
    LLP_FUZZ_CHECK(!self().waits() || llp_deadline(&e_) != LLP_NEVER);
  }

  // After a final hang-up nothing is left, and each message that was taken has its end.
  void finish() {
    auto io = make_io();
    llp_hangup(&e_, &io, true);
    LLP_FUZZ_CHECK(!open_);
    check();
    LLP_FUZZ_CHECK(e_.pend.state == LLP_PEND_NONE && !llp_tx_pending(&e_));
    for (std::uint32_t id = 1; id < next_out_; id++) LLP_FUZZ_CHECK(sent_[id] == 1 && done_[id] == 1);
    advance(1'000'000'000'000);
    LLP_FUZZ_CHECK(llp_idle(&e_));
    LLP_FUZZ_CHECK(llp_deadline(&e_) == LLP_NEVER);
  }

 protected:
  llp_protocol proto_;
  llp_params p_;
  llp_engine e_{};
  std::uint64_t now_ = 1'000'000'000;
  std::uint32_t cap_;
  std::uint32_t next_out_ = 1, open_ = 0, pending_ = 0, ended_ = 0;
  std::uint64_t rejects_ = 0;

 private:
  std::uint8_t pieces_;
  std::uint8_t feeds_ = 0;
  std::unique_ptr<std::uint8_t[]> buf_, out_;
  std::uint64_t counts_[LLP_C__N] = {};
  bool taken_[kIds] = {};
  std::uint8_t sent_[kIds] = {}, done_[kIds] = {};
  std::uint32_t submitting_ = 0, last_begun_ = 0, text_len_ = 0, oldest_ = 1;
};

// Size of the receive buffer from one byte of the header: some runs with a small one.
inline std::uint32_t script_cap(std::uint8_t b) { return b & 1 ? 14U + (b >> 1) : 2048U; }

}  // namespace llp::fuzz
