// SPDX-License-Identifier: BSD-3-Clause
//
// HLLP and MLLP under a script: their frames, and what they promise beside
// script.hpp. A refusal is sent only for a data block, a verdict, or time:
// never for a NAK.
#pragma once

#include "script.hpp"

namespace llp::fuzz {

class BlockStation : public Station<BlockStation> {
  friend class Station<BlockStation>;

 public:
  static constexpr std::uint64_t kTick = 1'237'000'000;

  BlockStation(llp_protocol proto, const llp_params& p, std::uint32_t cap, std::uint8_t pieces)
      : Station(proto, p, cap, pieces) {}

 private:
  bool r2() const { return proto_ == LLP_PROTO_MLLP && p_.release == 2; }
  // Bytes taken out of stuffed data, or put into it, are not counted against the bound.
  bool bounded() const { return p_.unstuff != LLP_UNSTUFF_SEGMENT && !p_.stuff; }
  bool pends(const llp_event&) const { return r2(); }
  // What went well has arrived, or is on its way where nothing tells. One that was taken back
  // while its commit reply was on its way may have arrived all the same.
  bool fate(const llp_event& ev) const {
    if (ev.cause == LLP_OK)
      return ev.outcome == LLP_OUT_DELIVERED || (!r2() && ev.outcome == LLP_OUT_TRANSMITTED);
    return ev.outcome != LLP_OUT_DELIVERED || ev.cause == LLP_CAUSE_ABORTED;
  }
  // A message under way, in or out, is bounded by some timer, while the line is there.
  bool waits() const { return open_ || pending_ || e_.exch.state == LLP_X_WAIT || llp_tx_pending(&e_); }

  // N block, or commit reply; bit 2 leaves its last bytes away, bit 3 damages one.
  void short_frame(Script& s, unsigned how) {
    if (proto_ == LLP_PROTO_HLLP) {
      static constexpr std::uint8_t kReasons[] = {'C', 'X', 'G', 'B'};
      hllp_block(b_, 'N', std::span(&kReasons[how & 3], 1), p_.xor_fn == LLP_FN_SUM256);
    } else {
      const std::uint8_t reply = how & 1 ? kNak : kAck;
      mllp_block(b_, std::span(&reply, 1));
    }
    send(s, how);
  }

  // Bits: 0 an acknowledgement's first segments, 1 more text, 2 and 3 as above.
  void block(Script& s, unsigned how) {
    static constexpr std::uint16_t kMore[] = {0, 3, 7, 15, 30, 60, 120, 1050};
    const unsigned size = s.next();
    const auto text = s.take(size & 0x1f);
    Bytes data;
    if (how & 1) data.put(std::string_view("MSH|^~\\&|B\rMSA|AA|42\r"));
    data.put(text);
    if (how & 2) data.put(std::span(kSampleText.bytes).first(kMore[size >> 5]));
    if (proto_ == LLP_PROTO_HLLP)
      hllp_block(b_, 'D', data.span(), p_.xor_fn == LLP_FN_SUM256);
    else
      mllp_block(b_, data.span());
    last_.clear();
    last_.put(b_.span());
    send(s, how);
  }

  void send(Script& s, unsigned how) {
    if (how & 8) {
      const std::uint8_t at = s.next();
      b_[at % b_.size()] ^= static_cast<std::uint8_t>(s.next() | 1);
    }
    if (how & 4) b_.cut(std::min<std::size_t>(b_.size() - 1, s.next() & 31));
    feed(b_.span());
  }

  void other(unsigned op, unsigned how) {
    auto io = make_io();
    switch (op) {
      case kOpOther:
        // The last block once more, without its last bytes.
        if (last_.size())
          feed(last_.span().first(last_.size() - std::min<std::size_t>(how, last_.size() - 1)));
        break;
      case kOpLine:
        llp_hangup(&e_, &io, how & 1);
        LLP_FUZZ_CHECK(!open_);
        if (how & 2) advance((std::uint64_t{how} >> 2) * 40'000'000'000);
        llp_connected(&e_, &io);
        break;
      default:
        llp_request_turn(&e_, &io);
        pull(kOut, true);
        break;
    }
  }

  void frame(const llp_event& ev) {
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

  Bytes b_, last_;
  std::uint64_t data_in_ = 0, bad_in_ = 0, naks_out_ = 0, replies_out_ = 0;
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

// Reads the rest of the header; the station is at rest.
inline BlockStation block_station(llp_protocol proto, const llp_params& p, Script& s) {
  const std::uint32_t cap = script_cap(s.next());
  return {proto, p, cap, s.next()};
}

}  // namespace llp::fuzz
