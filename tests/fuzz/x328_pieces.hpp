// SPDX-License-Identifier: BSD-3-Clause
//
// Operations of X3.28 scripts, for the mutator.
#pragma once

#include "pieces.hpp"

namespace llp::fuzz {

inline std::size_t x328_piece(std::span<const std::uint8_t> rest) {
  if (const std::size_t n = common_op_size(rest)) return n;
  if ((rest[0] & 15) == kOpShort) return 1;
  return 2 + (rest.size() > 1 ? rest[1] & 0x1f : 0);
}

// A block with a right check; `how` as X328Station::block() reads it.
inline void put_x328_block(Random& random, Bytes& out, unsigned how) {
  Bytes text;
  put_text(random, text, random.one_in(8) ? 31 : 9);
  put_op(out, kOpBlock, how);
  out.put(static_cast<std::uint8_t>(text.size()));
  out.put(text.span());
}

inline void x328_make(Random& random, Bytes& out) {
  static constexpr unsigned kNumbers[] = {0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7};
  switch (random.below(10)) {
    case 0:
    case 1: put_x328_block(random, out, random.pick(kNumbers) | (random.one_in(2) ? 8U : 0U)); break;
    case 2: put_op(out, kOpShort, static_cast<unsigned>(random.below(16))); break;
    case 3:  // the other station answers the block sent last, or our bid
      put_op(out, random.one_in(3) ? kOpCalm : kOpLine, static_cast<unsigned>(random.below(7)));
      break;
    case 4: {  // a block that is not quite right
      Bytes frame, text;
      put_text(random, text, 12);
      x328_block(frame, static_cast<unsigned>(random.below(8)), text.span(), random.one_in(2) ? kEtx : kEtb);
      put_raw(random, out, spoilt(random, frame).span());
      break;
    }
    case 5: {  // a whole message of the other station
      put_op(out, kOpShort, 0);
      put_op(out, kOpDrain);
      for (std::size_t n = random.below(3); n > 0; n--) {
        put_x328_block(random, out, 0);
        if (random.one_in(4)) put_op(out, kOpCalm, 1);
        put_op(out, kOpDrain);
      }
      put_x328_block(random, out, 8);
      put_op(out, kOpVerdict, 4 | static_cast<unsigned>(random.below(4)));
      put_op(out, kOpDrain);
      put_op(out, kOpShort, 1);
      break;
    }
    case 6: {  // a whole message of ours
      put_op(out, kOpSubmit, static_cast<unsigned>(random.below(16)));
      out.put(random.byte());
      put_op(out, kOpCalm);
      for (std::size_t n = 1 + random.below(3); n > 0; n--) put_op(out, kOpLine);
      put_op(out, kOpDrain);
      break;
    }
    default: make_common_op(random, out); break;
  }
}

}  // namespace llp::fuzz
