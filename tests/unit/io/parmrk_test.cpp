// SPDX-License-Identifier: BSD-3-Clause
#include "io/parmrk.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace llp::io {
namespace {

using Bytes = std::vector<std::uint8_t>;
struct Decoded {
  Bytes bytes, flags;
  bool flagged = false;
  friend bool operator==(const Decoded&, const Decoded&) = default;
};

constexpr auto kFrame = static_cast<std::uint8_t>(LineFlag::frame);
constexpr auto kParity = static_cast<std::uint8_t>(LineFlag::parity);
constexpr auto kBreak = static_cast<std::uint8_t>(LineFlag::brk);

// Feeds `pieces` one after the other, with room for `room` bytes at a time.
Decoded decode(ParmrkDecoder decoder, const std::vector<Bytes>& pieces, std::size_t room) {
  Decoded result;
  for (const auto& piece : pieces) {
    std::span<const std::uint8_t> in(piece);
    while (!in.empty()) {
      Bytes out(room), flags(room, 0xee);
      const auto count = decoder.decode(in, out, flags);
      EXPECT_TRUE(count.used > 0 || count.made > 0) << "no progress";
      EXPECT_EQ(count.flagged,
                std::any_of(flags.begin(), flags.begin() + static_cast<std::ptrdiff_t>(count.made),
                            [](auto f) { return f != 0; }));
      result.flagged |= count.flagged;
      result.bytes.insert(result.bytes.end(), out.begin(),
                          out.begin() + static_cast<std::ptrdiff_t>(count.made));
      result.flags.insert(result.flags.end(), flags.begin(),
                          flags.begin() + static_cast<std::ptrdiff_t>(count.made));
      in = in.subspan(count.used);
    }
  }
  return result;
}

// Every way of cutting `in` into pieces gives the same, with any room.
void expect_all_splits(const Bytes& in, const Decoded& want, LineFlag damage = LineFlag::frame,
                       std::uint8_t mask = 0xff) {
  ASSERT_LE(in.size(), 12U);
  for (unsigned cuts = 0; cuts < 1U << (in.size() - 1); ++cuts) {
    std::vector<Bytes> pieces(1);
    for (std::size_t i = 0; i < in.size(); ++i) {
      pieces.back().push_back(in[i]);
      if (i + 1 < in.size() && (cuts >> i & 1U) != 0) pieces.emplace_back();
    }
    for (const std::size_t room : {1U, 2U, 3U, 64U}) {
      ASSERT_EQ(decode(ParmrkDecoder(damage, mask), pieces, room), want)
          << "cuts " << cuts << " room " << room;
    }
  }
}

TEST(Parmrk, EveryByteIsItself) {
  for (unsigned c = 0; c < 0xff; ++c) {
    const auto b = static_cast<std::uint8_t>(c);
    EXPECT_EQ(decode(ParmrkDecoder(), {{b}}, 8), (Decoded{{b}, {0}, false}));
  }
  expect_all_splits({0xff, 0xff}, {{0xff}, {0}, false});
}

TEST(Parmrk, EveryDamagedByteIsMarked) {
  for (unsigned c = 1; c <= 0xff; ++c) {
    const auto b = static_cast<std::uint8_t>(c);
    expect_all_splits({0xff, 0, b}, {{b}, {kFrame}, true});
    expect_all_splits({0xff, 0, b}, {{b}, {kParity}, true}, LineFlag::parity);
  }
  expect_all_splits({0xff, 0, 0}, {{0}, {kBreak}, true}, LineFlag::parity);
}

TEST(Parmrk, Mixed) {
  expect_all_splits({'A', 0xff, 0xff, 0, 0xff, 0, 'B', 0xff, 0, 0, 0xff, 0xff},
                    {{'A', 0xff, 0, 'B', 0, 0xff}, {0, 0, 0, kFrame, kBreak, 0}, true});
  expect_all_splits({0xff, 0, 0xff, 0xff, 0xff, 0xff, 0, 0xff, 0xff, 0xff, 'C'},
                    {{0xff, 0xff, 0xff, 0xff, 'C'}, {kFrame, 0, kFrame, 0, 0}, true});
}

// Somebody else has switched PARMRK off: nothing is lost.
TEST(Parmrk, ALoneMarkIsTakenAsItself) {
  expect_all_splits({0xff, 'A', 'B', 0xff, 'C'}, {{0xff, 'A', 'B', 0xff, 'C'}, {0, 0, 0, 0, 0}, false});
}

TEST(Parmrk, CharactersHaveTheirBitsOnly) {
  expect_all_splits({0x82, 0xff, 0xff, 0xff, 0, 0xc1}, {{0x02, 0x7f, 0x41}, {0, 0, kParity}, true},
                    LineFlag::parity, 0x7f);
}

TEST(Parmrk, EveryShortInputGivesTheSameInOnePieceAndBytewise) {
  constexpr std::uint8_t kAlphabet[] = {0xff, 0x00, 'A'};
  for (unsigned n = 1; n <= 8; ++n) {
    unsigned total = 1;
    for (unsigned i = 0; i < n; ++i) total *= 3;
    for (unsigned number = 0; number < total; ++number) {
      Bytes in;
      std::vector<Bytes> single;
      for (unsigned i = 0, rest = number; i < n; ++i, rest /= 3) in.push_back(kAlphabet[rest % 3]);
      for (const auto b : in) single.push_back({b});
      ASSERT_EQ(decode(ParmrkDecoder(), {in}, 64), decode(ParmrkDecoder(), single, 1));
    }
  }
}

}  // namespace
}  // namespace llp::io
