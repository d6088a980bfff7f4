// SPDX-License-Identifier: BSD-3-Clause
//
// Operations of HLLP and MLLP scripts, for the mutator.
#pragma once

#include "pieces.hpp"

namespace llp::fuzz {

inline std::size_t block_piece(std::span<const std::uint8_t> rest) {
  if (const std::size_t n = common_op_size(rest)) return n;
  const unsigned how = rest[0] >> 4;
  const std::size_t text = (rest[0] & 15) == kOpShort ? 0 : 1 + (rest.size() > 1 ? rest[1] & 0x1f : 0);
  return 1 + text + (how & 8 ? 2U : 0U) + (how & 4 ? 1U : 0U);
}

// A frame, as short_frame() and block() of BlockStation read it; damaged if `how` says so.
inline void put_frame(Random& random, Bytes& out, Op op, unsigned how) {
  put_op(out, op, how);
  if (op == kOpBlock) {
    Bytes text;
    put_text(random, text, random.one_in(8) ? 31 : 9);
    out.put(static_cast<std::uint8_t>(text.size() | random.below(random.one_in(4) ? 8 : 3) << 5));
    out.put(text.span());
  }
  if (how & 8) {
    out.put(random.byte());
    out.put(random.byte());
  }
  if (how & 4) out.put(static_cast<std::uint8_t>(random.below(8)));
}

template <class MakeFrame>
void block_make(Random& random, Bytes& out, MakeFrame make_frame) {
  switch (random.below(8)) {
    case 0:
    case 1:
      put_frame(random, out, kOpBlock, static_cast<unsigned>(random.below(random.one_in(3) ? 16 : 4)));
      break;
    case 2:
      put_frame(random, out, kOpShort, static_cast<unsigned>(random.below(random.one_in(3) ? 16 : 4)));
      break;
    case 3: put_op(out, kOpOther, random.one_in(3) ? static_cast<unsigned>(random.below(16)) : 0U); break;
    case 4: {  // a frame that is not quite right
      Bytes frame;
      make_frame(random, frame);
      put_raw(random, out, random.one_in(4) ? frame.span() : spoilt(random, frame).span());
      break;
    }
    case 5:  // a whole exchange
      if (random.one_in(2)) {
        put_op(out, kOpSubmit, static_cast<unsigned>(random.below(4)));
        out.put(random.byte());
        put_op(out, kOpDrain);
        put_frame(random, out, kOpShort, 0);
        put_frame(random, out, kOpBlock, 1);
      } else {
        put_frame(random, out, kOpBlock, 0);
        put_op(out, kOpVerdict, 5);
        put_op(out, kOpDrain);
        put_op(out, kOpSubmit, 2);
        out.put(random.byte());
      }
      put_op(out, kOpVerdict, 4);
      put_op(out, kOpDrain);
      break;
    default: make_common_op(random, out); break;
  }
}

inline void hllp_make(Random& random, Bytes& out) {
  block_make(random, out, [](Random& r, Bytes& frame) {
    Bytes data;
    put_text(r, data, 20);
    hllp_block(frame, r.one_in(4) ? 'N' : 'D', data.span(), r.one_in(8));
  });
}

inline void mllp_make(Random& random, Bytes& out) {
  block_make(random, out, [](Random& r, Bytes& frame) {
    Bytes content;
    put_text(r, content, 20);
    mllp_block(frame, content.span());
  });
}

}  // namespace llp::fuzz
