// SPDX-License-Identifier: BSD-3-Clause
//
// Operations of scripts, for the mutator: where each ends, and new ones.
#pragma once

#include <algorithm>

#include "mutator.hpp"
#include "script.hpp"

namespace llp::fuzz {

// Appends operation `op`.
inline void put_op(Bytes& out, Op op, unsigned how = 0) {
  out.put(static_cast<std::uint8_t>(op | (how & 15) << 4));
}

// Appends bytes as they are, in one or several operations.
inline void put_raw(Random& random, Bytes& out, std::span<const std::uint8_t> bytes) {
  while (!bytes.empty()) {
    const std::size_t n = std::min(bytes.size(), random.one_in(3) ? 1 + random.below(16) : 16);
    put_op(out, kOpRaw, static_cast<unsigned>(n - 1));
    out.put(bytes.first(n));
    bytes = bytes.subspan(n);
  }
}

// Text of 0 to `most` bytes, mostly what a message is made of.
inline void put_text(Random& random, Bytes& out, std::size_t most) {
  const bool wild = random.one_in(6);
  for (std::size_t n = random.below(most + 1); n > 0; n--)
    out.put(wild ? random.byte() : kSampleText.bytes[random.below(SampleText::kSize)]);
}

// What a bad line, or a bad station, makes of a frame.
inline Bytes spoilt(Random& random, const Bytes& frame) {
  static constexpr std::uint8_t kControls[] = {kStx, kEtx, kEot, kEnq, kAck, kSb, kCr, kDle, kNak, kEtb, kEb};
  Bytes out;
  const auto all = frame.span();
  const std::size_t at = random.below(all.size());
  out.put(all.first(at));
  switch (random.below(6)) {
    case 0: out.put(static_cast<std::uint8_t>(all[at] ^ 1U << random.below(8))); break;
    case 1: return out;  // cut off
    case 2: break;       // one byte lost
    case 3:              // one doubled
      out.put(all[at]);
      out.put(all[at]);
      break;
    case 4:  // one put in
      out.put(random.pick(kControls));
      out.put(all[at]);
      break;
    default: out.put(static_cast<std::uint8_t>('0' + random.below(10))); break;
  }
  out.put(all.subspan(at + 1));
  return out;
}

// Size of an operation that is the same in all scripts; 0: it is one of a protocol's own.
inline std::size_t common_op_size(std::span<const std::uint8_t> rest) {
  const unsigned how = rest[0] >> 4;
  switch (rest[0] & 15) {
    case kOpRaw: return 2 + how;
    case kOpFlagged: return (how & 7) == LLP_FLAG_BREAK || (how & 7) == LLP_FLAG_OVERRUN ? 1 : 2;
    case kOpSubmit: return 2;
    case kOpVerdict: return how & 12 ? 1 : 2;
    case kOpAbort: return how & 8 ? 2 : 1;
    case kOpShort:
    case kOpBlock: return 0;
    default: return 1;
  }
}

// Appends one of the operations that are the same in all scripts.
inline void make_common_op(Random& random, Bytes& out) {
  const auto how = static_cast<unsigned>(random.below(16));
  static constexpr Op kOften[] = {kOpDue,     kOpDue,   kOpTime,  kOpVerdict,
                                  kOpVerdict, kOpDrain, kOpDrain, kOpSubmit};
  static constexpr Op kSeldom[] = {kOpFlagged, kOpReady, kOpAbort, kOpAbortRx,
                                   kOpTx,      kOpLine,  kOpOther, kOpCalm};
  const Op op = random.one_in(3) ? random.pick(kSeldom) : random.pick(kOften);
  switch (op) {
    case kOpVerdict: put_op(out, op, 4 | (random.one_in(3) ? how & 3 : 0U)); break;
    case kOpDrain: put_op(out, op, random.one_in(4) ? how : 0); break;
    case kOpSubmit:
      put_op(out, op, random.one_in(4) ? how : how & 3);
      out.put(random.byte());
      break;
    case kOpFlagged:
      put_op(out, op, how);
      if ((how & 7) != LLP_FLAG_BREAK && (how & 7) != LLP_FLAG_OVERRUN) out.put(random.byte());
      break;
    case kOpAbort: put_op(out, op, how & 7); break;
    default: put_op(out, op, how); break;
  }
}

}  // namespace llp::fuzz
