// SPDX-License-Identifier: BSD-3-Clause
//
// X3.28 under a script: its frames, and what it promises beside script.hpp.
#pragma once

#include "script.hpp"

namespace llp::fuzz {

class X328Station : public Station<X328Station> {
  friend class Station<X328Station>;

 public:
  static constexpr std::uint64_t kTick = 37'000'000;

  X328Station(const llp_params& p, std::uint32_t cap, std::uint8_t pieces)
      : Station(LLP_PROTO_X328, p, cap, pieces) {}

 private:
  bool bounded() const { return true; }
  static bool pends(const llp_event& ev) { return !(ev.flags & LLP_END_EMPTY); }
  static bool fate(const llp_event& ev) { return (ev.cause == LLP_OK) == (ev.outcome == LLP_OUT_DELIVERED); }
  // Where a relationship exists, some timer bounds it, unless the transmitter is busy.
  bool waits() const { return !llp_idle(&e_) && e_.u.x.state != 0 && !llp_tx_wait(&e_); }

  void answer(unsigned num) {
    const std::uint8_t b[] = {kDle, static_cast<std::uint8_t>('0' + (num & 7)), kCr};
    feed(b);
  }

  void short_frame(Script&, unsigned which) {
    static constexpr std::uint8_t kBid[] = {kEnq, kCr}, kEnd[] = {kEot, kCr}, kRefusal[] = {kNak, kCr},
                                  kRint[] = {kDle, '<', kCr}, kBare[] = {kEnq},
                                  kAbort[] = {kStx, '1', '0', kEnq, kCr}, kAnew[] = {kEot, kCr, kEnq, kCr};
    switch (which) {
      case 0: feed(kBid); break;
      case 1: feed(kEnd); break;
      case 2: feed(kRefusal); break;
      case 3: feed(kRint); break;
      case 4: feed(kBare); break;
      case 5: feed(kAbort); break;
      case 6: feed(kAnew); break;
      case 7: answer(block_num_ + 7); break;
      default: answer(which); break;
    }
  }

  // Bits: 0-2 the number (as it follows, the one before, one, or this one), 3 ETX.
  void block(Script& s, unsigned how) {
    const unsigned pick = how & 7;
    if (pick == 0) peer_num_ = (peer_num_ + 1) & 7;
    if (pick == 2) peer_num_ = 1;
    if (pick > 2) peer_num_ = pick;
    const auto raw = s.take(s.next() & 0x1f);
    std::uint8_t text[0x1f];
    for (std::size_t i = 0; i < raw.size(); i++)
      text[i] = raw[i] < 32 && raw[i] != kCr ? std::uint8_t{'x'} : raw[i];
    x328_block(last_, peer_num_, std::span(text, raw.size()), how & 8 ? kEtx : kEtb);
    feed(last_.span());
  }

  void other(unsigned op, unsigned how) {
    auto io = make_io();
    switch (op) {
      case kOpOther: llp_request_turn(&e_, &io); break;
      case kOpLine:
        if (!(how & 8)) {
          pull(kOut, true);
          if (block_seen_) answer(block_num_);
          break;
        }
        llp_hangup(&e_, &io, how & 4);
        LLP_FUZZ_CHECK(!open_);
        llp_connected(&e_, &io);
        break;
      default:
        pull(kOut, true);
        if (how & 1)
          feed(last_.span());
        else
          answer(0);
        break;
    }
  }

  void frame(const llp_event& ev) {
    if (ev.out && ev.frame == LLP_FR_BLOCK) {
      block_seen_ = true;
      block_num_ = ev.num;
      LLP_FUZZ_CHECK(ev.len <= p_.block_max);
    }
    if (ev.out && ev.frame == LLP_FR_ACK && ev.num == 0) peer_num_ = 0;
  }

  Bytes last_;
  unsigned block_num_ = 0, peer_num_ = 0;
  bool block_seen_ = false;
};

// Options from the first bytes of the input.
inline llp_params x328_params(Script& s) {
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

// Reads the header; the station is at rest.
inline X328Station x328_station(Script& s) {
  const llp_params p = x328_params(s);
  const std::uint32_t cap = script_cap(s.next());
  return {p, cap, s.next()};
}

}  // namespace llp::fuzz
