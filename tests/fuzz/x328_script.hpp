// SPDX-License-Identifier: BSD-3-Clause
//
// Runs an X3.28 engine through a script of operations made of arbitrary bytes
// and checks what must hold whatever happens: order of events, bounds of the
// buffers, deadlines, results of messages, and that the borders between calls
// make no difference.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>

extern "C" {
#include "proto/llp_engine.h"
}

namespace llp::fuzz {

#define LLP_FUZZ_CHECK(cond)                                          \
  do {                                                                \
    if (!(cond)) {                                                    \
      std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond); \
      std::abort();                                                   \
    }                                                                 \
  } while (false)

// The bytes of the input, one after the other; zeroes at its end.
class Script {
 public:
  explicit Script(std::span<const std::uint8_t> data) : data_(data) {}
  bool more() const { return at_ < data_.size(); }
  std::uint8_t next() { return more() ? data_[at_++] : 0; }
  std::span<const std::uint8_t> take(std::size_t n) {
    n = std::min(n, data_.size() - at_);
    auto part = data_.subspan(at_, n);
    at_ += n;
    return part;
  }

 private:
  std::span<const std::uint8_t> data_;
  std::size_t at_ = 0;
};

class Machine {
 public:
  static constexpr std::uint32_t kIds = 64;

  // A buffer of its exact size on the heap, so that the sanitizer sees what is written behind it.
  Machine(const llp_params& p, std::uint32_t cap)
      : p_(p),
        cap_(cap),
        buf_(std::make_unique<std::uint8_t[]>(cap)),
        other_(std::make_unique<std::uint8_t[]>(cap)) {
    for (std::uint32_t i = 0; i < sizeof(text_); i++)
      text_[i] = static_cast<std::uint8_t>("ABCDEF|12345678\r"[i % 16]);
    llp_engine_init(&e_, LLP_PROTO_X328, &p_, now_);
    auto io = make_io();
    llp_connected(&e_, &io);
    llp_set_ready(&e_, &io, LLP_READY_ALL);
  }

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

  void feed(std::span<const std::uint8_t> bytes, const std::uint8_t* flags) {
    // A copy is fed byte by byte and must end in the same state.
    llp_engine copy = e_;
    std::memcpy(other_.get(), buf_.get(), llp_rx_fill(&e_));
    feed_all(e_, buf_.get(), bytes, flags, bytes.size(), true);
    feed_all(copy, other_.get(), bytes, flags, 1, false);
    LLP_FUZZ_CHECK(llp_fingerprint(&e_, now_) == llp_fingerprint(&copy, now_));
    LLP_FUZZ_CHECK(llp_rx_fill(&e_) == llp_rx_fill(&copy));
    LLP_FUZZ_CHECK(std::memcmp(buf_.get(), other_.get(), llp_rx_fill(&e_)) == 0);
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

 private:
  llp_io make_io(bool quiet = false) {
    llp_io io{};
    io.now = now_;
    io.rx_buf = buf_.get();
    io.rx_cap = cap_;
    io.rx_fixed = true;
    io.text = [](void* ctx, std::uint32_t id) {
      auto* self = static_cast<Machine*>(ctx);
      LLP_FUZZ_CHECK(id && id < kIds && (self->taken_[id] || id == self->submitting_) && !self->done_[id]);
      return static_cast<const std::uint8_t*>(self->text_);
    };
    io.event = quiet ? [](void*, const llp_event*) {}
                     : [](void* ctx, const llp_event* ev) { static_cast<Machine*>(ctx)->event(*ev); };
    io.ctx = this;
    return io;
  }

  void feed_all(llp_engine& e, std::uint8_t* buf, std::span<const std::uint8_t> bytes,
                const std::uint8_t* flags, std::size_t chunk, bool loud) {
    std::size_t done = 0;
    int idle = 0;
    while (done < bytes.size()) {
      const std::size_t n = std::min(chunk, bytes.size() - done);
      auto io = make_io(!loud);
      io.rx_buf = buf;
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
    switch (op & 15) {
      case 0: feed(s.take((op >> 4) + 1), nullptr); break;
      case 1: {
        const std::uint8_t flag = op >> 4 & 7 ? static_cast<std::uint8_t>(op >> 4 & 7) : 3;
        const std::uint8_t byte = flag == LLP_FLAG_BREAK || flag == LLP_FLAG_OVERRUN ? 0 : s.next();
        feed(std::span(&byte, 1), &flag);
        break;
      }
      case 2: sequence(op >> 4); break;
      case 3: block(s, op >> 4); break;
      case 4:
        if (llp_deadline(&e_) != LLP_NEVER && llp_deadline(&e_) > now_)
          advance(llp_deadline(&e_) - now_);
        else
          advance(0);
        break;
      case 5: advance((static_cast<std::uint64_t>(op >> 4) + 1) * 37'000'000); break;
      case 6: {
        static constexpr std::uint32_t kFlags[] = {LLP_SUBMIT_EXPECT_NONE, 0, LLP_SUBMIT_REPLY,
                                                   LLP_SUBMIT_EXPECT_OPT};
        submit(1 + s.next(), kFlags[op >> 4 & 3]);
        break;
      }
      case 7: {
        const auto d = static_cast<llp_decision>(op >> 4 & 3);
        const std::uint32_t id = op & 0x40 ? pending_ : s.next();
        const auto r = llp_verdict(&e_, &io, id, d);
        LLP_FUZZ_CHECK(r == LLP_ACKNOWLEDGED || r == LLP_LATE || r == LLP_GONE);
        // Only a message that still waits can be settled.
        LLP_FUZZ_CHECK(r == LLP_GONE || id == ended_);
        break;
      }
      case 8: llp_set_ready(&e_, &io, op >> 4 & 3); break;
      case 9: llp_abort(&e_, &io, op & 0x80 ? s.next() : next_out_ - 1); break;
      case 10: llp_abort_rx(&e_, &io); break;
      case 11: llp_request_turn(&e_, &io); break;
      case 12: pull((op >> 4) + 1, false); break;
      case 13: pull(4096, true); break;
      case 14:
        if (!(op & 0x80)) {
          pull(4096, true);
          if (block_seen_) answer(block_num_);
          break;
        }
        llp_hangup(&e_, &io, op & 0x40);
        LLP_FUZZ_CHECK(!open_);
        llp_connected(&e_, &io);
        break;
      default:
        LLP_FUZZ_CHECK(llp_state_name(&e_) != nullptr);
        (void)llp_idle(&e_);
        (void)llp_can_withdraw(&e_, next_out_ - 1);
        pull(4096, true);
        answer(0);
        break;
    }
  }

  void answer(unsigned num) {
    const std::uint8_t b[] = {0x10, static_cast<std::uint8_t>('0' + (num & 7)), 0x0d};
    feed(b, nullptr);
  }

  void sequence(unsigned which) {
    static constexpr std::uint8_t kEnq[] = {5, 13}, kEot[] = {4, 13}, kNak[] = {0x15, 13},
                                  kRint[] = {0x10, 0x3c, 13};
    static constexpr std::uint8_t kBare[] = {5}, kAbort[] = {2, '1', '0', 5, 13}, kBid[] = {4, 13, 5, 13};
    switch (which) {
      case 0: feed(kEnq, nullptr); break;
      case 1: feed(kEot, nullptr); break;
      case 2: feed(kNak, nullptr); break;
      case 3: feed(kRint, nullptr); break;
      case 4: feed(kBare, nullptr); break;
      case 5: feed(kAbort, nullptr); break;
      case 6: feed(kBid, nullptr); break;
      case 7: answer(block_num_ + 7); break;
      default: answer(which); break;
    }
  }

  // A block with a right check. Bits: 0-2 the number (as it follows, the one before, one), 3 ETX.
  void block(Script& s, unsigned how) {
    static std::uint8_t b[512];
    const unsigned size = s.next();
    const auto text = s.take(size & 0x1f);
    std::size_t n = 0;
    const unsigned pick = how & 7;
    if (pick == 0) peer_num_ = (peer_num_ + 1) & 7;
    if (pick == 2) peer_num_ = 1;
    if (pick > 2) peer_num_ = pick;
    char head[8];
    std::snprintf(head, sizeof head, "%u%05zu", peer_num_, text.size());
    b[n++] = 2;
    std::memcpy(b + n, head, 6);
    n += 6;
    for (std::uint8_t c : text) b[n++] = c < 32 && c != 13 ? 'x' : c;
    b[n++] = how & 8 ? 3 : 0x17;
    std::uint8_t x = 0;
    for (std::size_t i = 1; i < n; i++) x ^= b[i];
    static constexpr char kDigits[] = "0123456789ABCDEF";
    b[n++] = static_cast<std::uint8_t>(kDigits[x >> 4]);
    b[n++] = static_cast<std::uint8_t>(kDigits[x & 15]);
    b[n++] = 13;
    feed(std::span(b, n), nullptr);
  }

  void pull(std::size_t cap, bool to_end) {
    std::uint8_t out[4096];
    std::size_t total = 0, n;
    do {
      auto io = make_io();
      n = llp_tx(&e_, &io, out, std::min(cap, sizeof out));
      LLP_FUZZ_CHECK(n <= cap);
      total += n;
      LLP_FUZZ_CHECK(total < 2000);
    } while (to_end && n);
    if (!to_end) return;
    LLP_FUZZ_CHECK(!llp_tx_pending(&e_));
    auto io = make_io();
    llp_tx_empty(&e_, &io);
  }

  void event(const llp_event& ev) {
    switch (ev.type) {
      case LLP_EV_BEGIN:
        LLP_FUZZ_CHECK(!open_ && ev.id && ev.id != last_begun_);
        open_ = last_begun_ = ev.id;
        text_len_ = 0;
        break;
      case LLP_EV_DATA:
        LLP_FUZZ_CHECK(open_ && ev.id == open_);
        LLP_FUZZ_CHECK(ev.off + ev.len <= cap_);
        text_len_ += ev.len;
        LLP_FUZZ_CHECK(text_len_ <= p_.max_message);
        break;
      case LLP_EV_END:
        LLP_FUZZ_CHECK(open_ && ev.id == open_ && ev.len == text_len_);
        LLP_FUZZ_CHECK(!pending_ || !(ev.flags & LLP_END_PENDING));
        LLP_FUZZ_CHECK(!(ev.flags & LLP_END_EMPTY) == !!(ev.flags & LLP_END_PENDING));
        LLP_FUZZ_CHECK(!(ev.flags & LLP_END_EMPTY) == (ev.len != 0));
        ended_ = ev.id;
        if (ev.flags & LLP_END_PENDING) pending_ = ev.id;
        open_ = 0;
        break;
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
        LLP_FUZZ_CHECK(ev.cause < LLP_CAUSE__N && (ev.cause == LLP_OK) == (ev.outcome == LLP_OUT_DELIVERED));
        sent_[ev.id]++;
        break;
      case LLP_EV_DONE:
        LLP_FUZZ_CHECK(ev.id < kIds && taken(ev.id) && sent_[ev.id] == 1 && !done_[ev.id]);
        done_[ev.id]++;
        break;
      case LLP_EV_LOST: LLP_FUZZ_CHECK(ev.bytes && ev.len && ev.len <= 16); break;
      case LLP_EV_FRAME:
        LLP_FUZZ_CHECK(ev.frame < LLP_FR__N && ev.verdict < LLP_FV__N);
        if (ev.out && ev.frame == LLP_FR_BLOCK) {
          block_seen_ = true;
          block_num_ = ev.num;
          LLP_FUZZ_CHECK(ev.len <= p_.block_max);
        }
        if (ev.out && ev.frame == LLP_FR_ACK && ev.num == 0) peer_num_ = 0;
        break;
      case LLP_EV_TIMER: LLP_FUZZ_CHECK(ev.num < LLP_T__N); break;
      default: LLP_FUZZ_CHECK(ev.type == LLP_EV_STATE); break;
    }
  }

  bool taken(std::uint32_t id) const { return taken_[id] || id == submitting_; }

  void check() {
    for (int i = 0; i < LLP_C__N; i++) {
      LLP_FUZZ_CHECK(e_.count[i] >= counts_[i]);
      counts_[i] = e_.count[i];
    }
    // A verdict of reject or forget ends the wait without an event.
    if (e_.pend.state == LLP_PEND_NONE) pending_ = 0;
    LLP_FUZZ_CHECK(e_.rx.good <= e_.rx.fill && e_.rx.fill <= cap_);
    LLP_FUZZ_CHECK(!pending_ == (e_.pend.state == LLP_PEND_NONE));
    LLP_FUZZ_CHECK(!open_ == !e_.rx.begun);
    // Where a relationship exists, some timer bounds it, unless the transmitter is busy.
    if (!llp_idle(&e_) && e_.u.x.state != 0)
      LLP_FUZZ_CHECK(llp_deadline(&e_) != LLP_NEVER || llp_tx_wait(&e_));
  }

  void finish() {
    auto io = make_io();
    llp_hangup(&e_, &io, true);
    LLP_FUZZ_CHECK(!open_);
    check();
    LLP_FUZZ_CHECK(e_.pend.state == LLP_PEND_NONE);
    for (std::uint32_t id = 1; id < next_out_; id++) LLP_FUZZ_CHECK(sent_[id] == 1 && done_[id] == 1);
  }

  llp_params p_;
  std::uint32_t cap_;
  std::unique_ptr<std::uint8_t[]> buf_, other_;
  llp_engine e_;
  std::uint64_t now_ = 1'000'000'000;
  std::uint8_t text_[512];
  std::uint64_t counts_[LLP_C__N] = {};
  bool taken_[kIds] = {};
  std::uint8_t sent_[kIds] = {}, done_[kIds] = {};
  std::uint32_t next_out_ = 1, submitting_ = 0;
  std::uint32_t open_ = 0, last_begun_ = 0, text_len_ = 0, pending_ = 0, ended_ = 0;
  unsigned block_num_ = 0, peer_num_ = 0;
  bool block_seen_ = false;
};

// Options from the first bytes of the input.
inline llp_params script_params(Script& s) {
  llp_params p{};
  llp_params_default(&p, LLP_PROTO_X328);
  const unsigned a = s.next(), b = s.next(), c = s.next();
  p.role = a & 1;
  p.nak_term = !(a & 2);
  p.strict_term = a >> 2 & 1;
  p.accept_plain_ack = a >> 3 & 1;
  p.bcc_high = (a >> 4 & 3) % 3;
  p.join = a >> 6 & 1;
  p.blocking = a >> 7 & 1;
  p.x328_on_timeout = b & 1;
  p.enq_resolicit = !(b & 2);
  p.contention = b >> 2 & 1;
  p.gap = b >> 3 & 1;
  p.rint = b >> 4 & 1;
  p.flow = b >> 5 & 1;
  p.max_message = b & 0x40 ? 40 : 2000;
  p.replace = b & 0x80 ? '?' : 0;
  p.max_rx_text = c & 1 ? 20 : 4096;
  p.block_max = c & 2 ? 7 : 233;
  p.retries_l = c >> 2 & 3;
  p.retries_n = c >> 4 & 1;
  p.retries_m = c >> 5 & 1;
  p.timer_e = c & 0x40 ? 0 : p.timer_e;
  p.char_time = c & 0x80 ? 1'041'667 : 0;
  return p;
}

}  // namespace llp::fuzz
