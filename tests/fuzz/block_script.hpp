// SPDX-License-Identifier: BSD-3-Clause
//
// Runs an HLLP or MLLP engine through a script of operations made of arbitrary
// bytes and checks what must hold whatever happens: order of events, bounds of
// buffers and output, deadlines, results of messages, no answer to a NAK, and
// that the borders between calls make no difference.
#pragma once

#include <algorithm>
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
  static constexpr std::uint32_t kCap = 2048;
  static constexpr std::uint32_t kIds = 48;
  static constexpr std::uint32_t kRxIds = 4096;
  static constexpr std::uint8_t kSb = 0x0b, kEb = 0x1c, kCr = 0x0d;

  Machine(llp_protocol proto, const llp_params& p) : proto_(proto), p_(p) {
    static constexpr char kText[] = "MSH|^~\\&|A|B|C|D|20260101||ORU^R01|42|P|2.3\rPID|1\rOBX|1|abcdefg\r";
    for (std::uint32_t i = 0; i < sizeof(text_); i += sizeof(kText) - 1)
      std::memcpy(text_ + i, kText, std::min(sizeof(kText) - 1, sizeof(text_) - i));
    std::memset(&e_, 0xa5, sizeof(e_));
    llp_engine_init(&e_, proto, &p_, now_);
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

  void pull(std::size_t cap, bool to_end, bool empty = true) {
    std::uint8_t out[2048];
    std::size_t total = 0, n;
    do {
      auto io = make_io();
      n = llp_tx(&e_, &io, out, std::min(cap, sizeof out));
      LLP_FUZZ_CHECK(n <= cap);
      total += n;
      // One block and what fits into the queue of short sequences.
      LLP_FUZZ_CHECK(total < 2 * sizeof(text_) + 200);
    } while (to_end && n);
    if (!to_end) return;
    LLP_FUZZ_CHECK(!llp_tx_pending(&e_));
    if (!empty) return;
    auto io = make_io();
    llp_tx_empty(&e_, &io);
  }

 private:
  struct Copy {
    llp_engine e;
    std::uint8_t buf[kCap];
  };

  bool r2() const { return proto_ == LLP_PROTO_MLLP && p_.release == 2; }

  llp_io make_io(bool quiet = false) {
    llp_io io{};
    io.now = now_;
    io.rx_buf = buf_;
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

  void feed(std::span<const std::uint8_t> bytes, const std::uint8_t* flags = nullptr) {
    // A copy is fed byte by byte (long input in small parts) and must end in the same state.
    copy_.e = e_;
    std::memcpy(copy_.buf, buf_, llp_rx_fill(&e_));
    feed_all(e_, buf_, bytes, flags, bytes.size(), true);
    feed_all(copy_.e, copy_.buf, bytes, flags, bytes.size() < 100 ? 1 : 13, false);
    LLP_FUZZ_CHECK(llp_fingerprint(&e_, now_) == llp_fingerprint(&copy_.e, now_));
    LLP_FUZZ_CHECK(llp_rx_fill(&e_) == llp_rx_fill(&copy_.e));
    LLP_FUZZ_CHECK(std::memcmp(buf_, copy_.buf, llp_rx_fill(&e_)) == 0);
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

  void advance(std::uint64_t ns) {
    now_ += ns;
    for (int i = 0; i < 256 && llp_deadline(&e_) <= now_; i++) {
      auto io = make_io();
      llp_timeout(&e_, &io);
    }
    LLP_FUZZ_CHECK(llp_deadline(&e_) > now_);
  }

  void step(Script& s) {
    auto io = make_io();
    const std::uint8_t op = s.next();
    const unsigned hi = op >> 4;
    switch (op & 15) {
      case 0: feed(s.take(hi + 1)); break;
      case 1: {
        const std::uint8_t flag = hi & 7 ? static_cast<std::uint8_t>(hi & 7) : 3;
        const std::uint8_t byte = flag == LLP_FLAG_BREAK || flag == LLP_FLAG_OVERRUN ? 0 : s.next();
        feed(std::span(&byte, 1), &flag);
        break;
      }
      case 2: short_block(s, hi); break;
      case 3: block(s, hi); break;
      case 4: {
        const std::uint64_t at = llp_deadline(&e_);
        advance(at != LLP_NEVER && at > now_ ? at - now_ : 0);
        break;
      }
      case 5: advance((std::uint64_t{hi} + 1) * 1'237'000'000); break;
      case 6: {
        static constexpr std::uint32_t kFlags[] = {LLP_SUBMIT_EXPECT_NONE, 0, LLP_SUBMIT_REPLY,
                                                   LLP_SUBMIT_EXPECT_OPT};
        submit(1 + s.next() * (hi & 4 ? 4u : 1u), kFlags[hi & 3]);
        break;
      }
      case 7: {
        const auto d = static_cast<llp_decision>(hi & 3);
        const std::uint32_t id = hi & 4 ? ended_ : hi & 8 ? oldest_ : s.next();
        if (d == LLP_REJECT) rejects_++;
        const auto r = llp_verdict(&e_, &io, id, d);
        LLP_FUZZ_CHECK(r == LLP_ACKNOWLEDGED || r == LLP_LATE || r == LLP_GONE);
        if (r2()) {
          LLP_FUZZ_CHECK(r == LLP_GONE || id == ended_);
        } else {
          LLP_FUZZ_CHECK(r == LLP_ACKNOWLEDGED);
        }
        if (id == oldest_) oldest_++;
        break;
      }
      case 8: llp_set_ready(&e_, &io, hi & 3); break;
      case 9: llp_abort(&e_, &io, hi & 8 ? s.next() : next_out_ - 1); break;
      case 10: llp_abort_rx(&e_, &io); break;
      case 11: repeat_block(hi); break;
      case 12: pull(hi + 1, false); break;
      case 13: pull(2048, true, !(hi & 1)); break;
      case 14:
        llp_hangup(&e_, &io, hi & 1);
        LLP_FUZZ_CHECK(!open_);
        if (hi & 2) advance((std::uint64_t{hi} >> 2) * 40'000'000'000);
        llp_connected(&e_, &io);
        break;
      default:
        LLP_FUZZ_CHECK(llp_state_name(&e_) != nullptr);
        (void)llp_idle(&e_);
        (void)llp_can_withdraw(&e_, next_out_ - 1);
        llp_request_turn(&e_, &io);
        pull(2048, true);
        break;
    }
  }

  // N block, or commit reply; bit 2 leaves its last bytes away, bit 3 damages one.
  void short_block(Script& s, unsigned how) {
    if (proto_ == LLP_PROTO_HLLP) {
      static constexpr char kReasons[] = "CXGB";
      const std::uint8_t reason = static_cast<std::uint8_t>(kReasons[how & 3]);
      hllp('N', std::span(&reason, 1));
    } else {
      begin_block();
      put(how & 1 ? 0x15 : 0x06);
      put(kEb);
      put(kCr);
    }
    send(s, how);
  }

  void block(Script& s, unsigned how) {
    const unsigned size = s.next();
    const auto text = s.take(size & 0x1f);
    std::uint8_t b[1200];
    std::size_t n = 0;
    if (how & 1) {
      static constexpr char kAck[] = "MSH|^~\\&|B\rMSA|AA|42\r";
      std::memcpy(b, kAck, sizeof kAck - 1);
      n = sizeof kAck - 1;
    }
    for (std::uint8_t c : text) b[n++] = c;
    if (how & 2)
      for (unsigned i = 0; i < (size >> 5) * 150; i++) b[n++] = static_cast<std::uint8_t>('a' + i % 25);
    if (proto_ == LLP_PROTO_HLLP) {
      hllp('D', std::span(b, n));
    } else {
      begin_block();
      for (std::size_t i = 0; i < n; i++) put(b[i]);
      put(kEb);
      put(kCr);
    }
    std::memcpy(last_, out_, len_);
    last_len_ = len_;
    send(s, how);
  }

  void repeat_block(unsigned how) {
    if (!last_len_) return;
    feed(std::span(last_, last_len_ - std::min<std::size_t>(how, last_len_ - 1)));
  }

  void send(Script& s, unsigned how) {
    if (how & 8 && len_) {
      const std::uint8_t at = s.next();
      out_[at % len_] ^= static_cast<std::uint8_t>(s.next() | 1);
    }
    if (how & 4) len_ -= std::min<std::size_t>(len_ - 1, s.next() & 31);
    feed(std::span(out_, len_));
  }

  void begin_block() {
    len_ = 0;
    put(kSb);
  }
  void put(std::uint8_t c) { out_[len_++] = c; }

  void hllp(char type, std::span<const std::uint8_t> data) {
    begin_block();
    put(static_cast<std::uint8_t>(type));
    put('2');
    put('3');
    put(kCr);
    for (std::uint8_t c : data) put(c == kSb || c == kEb ? 'x' : c);
    char trailer[16];
    unsigned acc = 0;
    for (std::size_t i = 0; i < len_; i++)
      acc = p_.xor_fn == LLP_FN_SUM256 ? (acc + out_[i]) & 255 : acc ^ out_[i];
    std::snprintf(trailer, sizeof trailer, "%05zu%03u", len_, acc);
    for (int i = 0; i < 8; i++) put(static_cast<std::uint8_t>(trailer[i]));
    put(kEb);
    put(kCr);
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
        if (p_.unstuff != LLP_UNSTUFF_SEGMENT && !p_.stuff) LLP_FUZZ_CHECK(text_len_ <= p_.max_message);
        break;
      case LLP_EV_RESTART:
        LLP_FUZZ_CHECK(open_ && ev.id == open_);
        text_len_ = 0;
        break;
      case LLP_EV_END:
        LLP_FUZZ_CHECK(open_ && ev.id == open_ && ev.len == text_len_);
        LLP_FUZZ_CHECK(!(ev.flags & LLP_END_EMPTY) == (ev.len != 0));
        LLP_FUZZ_CHECK(!pending_ || !(ev.flags & LLP_END_PENDING));
        LLP_FUZZ_CHECK(r2() == !!(ev.flags & LLP_END_PENDING));
        LLP_FUZZ_CHECK(!(ev.flags & LLP_END_REPLY) == !ev.reply_to);
        if (ev.reply_to) LLP_FUZZ_CHECK(ev.reply_to < kIds && taken_[ev.reply_to] && !done_[ev.reply_to]);
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
        LLP_FUZZ_CHECK(ev.cause < LLP_CAUSE__N && ev.outcome <= LLP_OUT_TRANSMITTED);
        sent_[ev.id]++;
        break;
      case LLP_EV_DONE:
        LLP_FUZZ_CHECK(ev.id < kIds && taken(ev.id) && sent_[ev.id] == 1 && !done_[ev.id]);
        done_[ev.id]++;
        break;
      case LLP_EV_LOST: LLP_FUZZ_CHECK(ev.bytes && ev.len); break;
      case LLP_EV_FRAME: frame(ev); break;
      case LLP_EV_TIMER: LLP_FUZZ_CHECK(ev.num < LLP_T__N); break;
      case LLP_EV_DISCONNECT: break;
      default: LLP_FUZZ_CHECK(ev.type == LLP_EV_STATE); break;
    }
  }

  // A refusal is sent only for a data block, a verdict, or time: never for a NAK.
  void frame(const llp_event& ev) {
    LLP_FUZZ_CHECK(ev.frame < LLP_FR__N && ev.verdict < LLP_FV__N);
    if (!ev.out) {
      if (ev.frame == LLP_FR_D || ev.frame == LLP_FR_MSG) data_in_++;
      if (ev.frame == LLP_FR_D && ev.verdict != LLP_FV_GOOD && ev.verdict != LLP_FV_DUPLICATE) bad_in_++;
      return;
    }
    if (ev.frame == LLP_FR_N) {
      naks_out_++;
      LLP_FUZZ_CHECK(naks_out_ <= bad_in_ + rejects_);
    }
    if (ev.frame == LLP_FR_CACK || ev.frame == LLP_FR_CNAK) {
      replies_out_++;
      LLP_FUZZ_CHECK(replies_out_ <= data_in_ + rejects_ + e_.count[LLP_C_NAK_TIME] + 1);
      LLP_FUZZ_CHECK(r2());
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
    // A message under way, in or out, is bounded by some timer, while the line is there.
    const bool busy = open_ || pending_ || e_.exch.state == LLP_X_WAIT || llp_tx_pending(&e_);
    if (busy) LLP_FUZZ_CHECK(llp_deadline(&e_) != LLP_NEVER);
  }

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

  llp_protocol proto_;
  llp_params p_;
  llp_engine e_;
  std::uint64_t now_ = 1'000'000'000;
  std::uint8_t buf_[kCap];
  Copy copy_;

 public:
  std::uint32_t cap_ = kCap;

 private:
  std::uint8_t text_[1100];
  std::uint8_t out_[2048], last_[2048];
  std::size_t len_ = 0, last_len_ = 0;
  std::uint64_t counts_[LLP_C__N] = {};
  bool taken_[kIds] = {};
  std::uint8_t sent_[kIds] = {}, done_[kIds] = {};
  std::uint32_t next_out_ = 1, submitting_ = 0;
  std::uint32_t open_ = 0, last_begun_ = 0, text_len_ = 0, pending_ = 0, ended_ = 0, oldest_ = 1;
  std::uint64_t data_in_ = 0, bad_in_ = 0, naks_out_ = 0, replies_out_ = 0, rejects_ = 0;
};

// Options from the first bytes of the input.
inline llp_params hllp_params(Script& s) {
  llp_params p{};
  llp_params_default(&p, LLP_PROTO_HLLP);
  const unsigned a = s.next(), b = s.next(), c = s.next();
  p.flow = a & 1;
  p.eb_cr_require = a >> 1 & 1;
  p.stuff = a & 4 ? 8 : 0;
  p.unstuff = a >> 3 & 1;
  p.xor_fn = a >> 4 & 1;
  p.c999 = a >> 5 & 1;
  p.send_checksum = a >> 6 & 1;
  p.duplex = a >> 7 & 1;
  p.xor_scope = (b & 3) % 3;
  p.bad_response = (b >> 2 & 3) % 3;
  p.hllp_on_timeout = b >> 4 & 1;
  p.match = b >> 5 & 3;
  p.resend_after_reconnect = b >> 7 & 1;
  p.send_retries = c & 3;
  p.queue = 1 + (c >> 2 & 7);
  p.char_time = c & 0x20 ? 1'041'667 : 0;
  p.max_data = c & 0x40 ? 60 : 99994;
  p.vv_check = (c >> 7) * 2;
  return p;
}

inline llp_params mllp_params(Script& s, std::uint32_t release) {
  llp_params p{};
  llp_params_default(&p, LLP_PROTO_MLLP);
  const unsigned a = s.next(), b = s.next(), c = s.next();
  p.release = release;
  p.resend_after_reconnect = a & 1;
  p.flow = a >> 1 & 1;
  p.eb = a >> 2 & 3;
  p.vt = (a >> 4 & 3) % 3;
  p.lost = a >> 6 & 1;
  p.eof = a >> 7 & 1;
  p.dedup = b & 1;
  p.illegal = b >> 1 & 1;
  p.add_cr = b >> 2 & 1;
  p.on_fail = b >> 3 & 1;
  p.match = b >> 4 & 3;
  p.resends = b >> 6 & 3;
  p.peer_resends = c & 3;
  p.max_message = c & 4 ? 30 : 4000;
  p.peer_t_c = c & 8 ? 5'000'000 : 30'000'000;
  return p;
}

inline std::unique_ptr<Machine> machine(llp_protocol proto, const llp_params& p, Script& s) {
  auto m = std::make_unique<Machine>(proto, p);
  // Some runs with a small buffer.
  const unsigned small = s.next();
  if (small & 1) m->cap_ = 14 + (small >> 1);
  return m;
}

}  // namespace llp::fuzz
