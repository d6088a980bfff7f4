// SPDX-License-Identifier: BSD-3-Clause
#include "mutator.hpp"

#include <algorithm>
#include <cstring>

extern "C" {
std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);
std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                    unsigned seed);
std::size_t LLVMFuzzerCustomCrossOver(const std::uint8_t* a, std::size_t a_size, const std::uint8_t* b,
                                      std::size_t b_size, std::uint8_t* out, std::size_t max_out,
                                      unsigned seed);
}

namespace llp::fuzz {
namespace {

using View = std::span<const std::uint8_t>;

// An input, cut into its pieces.
class Pieces {
 public:
  static constexpr std::size_t kMost = 600;

  explicit Pieces(View input) : input_(input) {
    std::size_t at = std::min(grammar().header, input.size());
    while (at < input.size() && count_ < kMost) {
      start_[count_++] = at;
      at += std::clamp<std::size_t>(grammar().piece(input.subspan(at)), 1, input.size() - at);
    }
    start_[count_] = input.size();
  }

  std::size_t count() const { return count_; }
  View header() const { return input_.first(start_[0]); }
  // Pieces from .. to - 1
  View run(std::size_t from, std::size_t to) const {
    return input_.subspan(start_[from], start_[to] - start_[from]);
  }
  // How many pieces end within the first `size` bytes.
  std::size_t within(std::size_t size) const {
    return static_cast<std::size_t>(std::upper_bound(start_ + 1, start_ + count_ + 1, size) - (start_ + 1));
  }

 private:
  View input_;
  std::size_t start_[kMost + 1] = {};
  std::size_t count_ = 0;
};

struct Range {
  std::size_t from, to;
};

// A short run of pieces that begins anywhere.
Range some(Random& random, const Pieces& pieces) {
  const std::size_t from = random.below(pieces.count());
  const std::size_t most = std::min<std::size_t>(pieces.count() - from, random.one_in(4) ? 12 : 3);
  return {from, from + 1 + random.below(most)};
}

// One change of whole pieces; false where there is nothing to change.
bool rearrange(Random& random, const Pieces& pieces, Bytes& out) {
  const std::size_t n = pieces.count();
  const std::size_t what = random.below(8);
  out.put(pieces.header());
  if (n == 0 || what < 3) {  // put in
    const std::size_t at = random.below(n + 1);
    out.put(pieces.run(0, at));
    grammar().make(random, out);
    out.put(pieces.run(at, n));
    return true;
  }
  const auto [from, to] = some(random, pieces);
  switch (what) {
    case 3:  // leave away
      out.put(pieces.run(0, from));
      out.put(pieces.run(to, n));
      return n > 1;
    case 4:  // again, at once
      out.put(pieces.run(0, to));
      out.put(pieces.run(from, n));
      return true;
    case 5: {  // again, elsewhere
      const std::size_t at = random.below(n + 1);
      out.put(pieces.run(0, at));
      out.put(pieces.run(from, to));
      out.put(pieces.run(at, n));
      return true;
    }
    case 6: {  // swapped with what follows
      const std::size_t end = to + random.below(n - to + 1);
      out.put(pieces.run(0, from));
      out.put(pieces.run(to, end));
      out.put(pieces.run(from, to));
      out.put(pieces.run(end, n));
      return end > to;
    }
    default:  // in place of it
      out.put(pieces.run(0, from));
      grammar().make(random, out);
      out.put(pieces.run(to, n));
      return true;
  }
}

// One byte of a piece or of the options.
void retouch(Random& random, Bytes& out) {
  const std::size_t header = std::min(grammar().header, out.size());
  const std::size_t at = random.one_in(4) || header == out.size()
                             ? random.below(header)
                             : header + random.below(out.size() - header);
  switch (random.below(4)) {
    case 0: out[at] ^= static_cast<std::uint8_t>(1U << random.below(8)); break;
    case 1: out[at] = static_cast<std::uint8_t>((out[at] & 15) | random.below(16) << 4); break;
    case 2: out[at] = random.byte(); break;
    default: {
      static constexpr std::uint8_t kControls[] = {kStx, kEtx, kEot, kEnq, kAck, kSb,  kCr,  kDle,
                                                   kNak, kEtb, kEb,  0,    0x0a, 0x16, 0x7f, 0x80};
      out[at] = random.pick(kControls);
      break;
    }
  }
}

// Copies what fits, whole pieces only; returns its size.
std::size_t finish(const Bytes& out, std::uint8_t* data, std::size_t max_size) {
  std::size_t size = out.size();
  if (size > max_size) {
    const Pieces pieces(out.span());
    const std::size_t fit = pieces.within(max_size);
    size = fit ? pieces.header().size() + pieces.run(0, fit).size() : max_size;
  }
  std::memcpy(data, out.span().data(), size);
  return size;
}

std::size_t mutate(std::uint8_t* data, std::size_t size, std::size_t max_size, unsigned seed) {
  Random random(seed);
  if (random.one_in(3) || max_size < 16 || size > Bytes::kMax / 2)
    return LLVMFuzzerMutate(data, size, max_size);
  Bytes now;
  now.put(View(data, size));
  while (now.size() < grammar().header + 1) now.put(random.byte());
  for (std::size_t i = 1 + random.below(3); i > 0; i--) {
    if (random.one_in(4)) {
      retouch(random, now);
      continue;
    }
    Bytes next;
    if (!rearrange(random, Pieces(now.span()), next)) continue;
    now.clear();
    now.put(next.span().first(std::min(next.size(), Bytes::kMax / 2)));
  }
  return finish(now, data, max_size);
}

// The options of one input, its first pieces, some of the other's, and its last ones.
std::size_t cross(View a, View b, std::uint8_t* data, std::size_t max_size, unsigned seed) {
  Random random(seed);
  const Pieces mine(a.first(std::min(a.size(), Bytes::kMax / 2)));
  const Pieces other(b.first(std::min(b.size(), Bytes::kMax / 2)));
  Bytes out;
  out.put(random.one_in(4) ? other.header() : mine.header());
  const std::size_t at = random.below(mine.count() + 1);
  const std::size_t from = random.below(other.count() + 1);
  out.put(mine.run(0, at));
  out.put(other.run(from, from + random.below(other.count() - from + 1)));
  if (!random.one_in(3)) out.put(mine.run(at, mine.count()));
  return finish(out, data, max_size);
}

}  // namespace
}  // namespace llp::fuzz

std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                    unsigned seed) {
  return llp::fuzz::mutate(data, size, max_size, seed);
}

std::size_t LLVMFuzzerCustomCrossOver(const std::uint8_t* a, std::size_t a_size, const std::uint8_t* b,
                                      std::size_t b_size, std::uint8_t* out, std::size_t max_out,
                                      unsigned seed) {
  return llp::fuzz::cross({a, a_size}, {b, b_size}, out, max_out, seed);
}
