// SPDX-License-Identifier: BSD-3-Clause
// The word-at-a-time loops beside plain ones: same result for every byte value
// at every place.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

extern "C" {
#include "proto/engine_priv.h"
#include "proto/scan.h"
}

namespace {

using Bytes = std::vector<u8>;

bool special(u8 c) { return (c >= 0x01 && c <= 0x06) || c == 0x10 || (c >= 0x15 && c <= 0x17); }

u8 xor_of(const Bytes& b, std::size_t n) {
  u8 x = 0;
  for (std::size_t i = 0; i < n; ++i) x ^= b[i];
  return x;
}

// Calls f with every byte value at every place of texts of 0 to 40 bytes, and
// with random bytes before it.
template <class F>
void every_place(F f) {
  std::mt19937 rng(1);
  for (std::size_t size = 0; size <= 40; ++size) {
    Bytes text(size);
    for (std::size_t at = 0; at < size; ++at) {
      for (unsigned value = 0; value < 256; ++value) {
        for (auto& c : text) c = static_cast<u8>(rng() % 3 ? 0x20 + rng() % 0xe0 : rng() % 0x20);
        text[at] = static_cast<u8>(value);
        f(text);
      }
    }
    if (size == 0) f(text);
  }
}

// Long texts of what messages are made of, so that whole groups of words pass
// the quick tests, with every byte value at every place, behind every kind of
// byte that a test could carry from or borrow for.
template <class F>
void every_place_in_calm_text(F f) {
  std::mt19937 rng(2);
  for (const std::size_t size : {31U, 32U, 33U, 79U, 111U}) {
    for (std::size_t at = 0; at < size; ++at) {
      for (unsigned value = 0; value < 256; ++value) {
        Bytes text(size);
        for (auto& c : text)
          c = static_cast<u8>(rng() % 16 ? 0x20 + rng() % 0x5f : rng() % 2 ? 0x0d : 0x80 + rng() % 0x80);
        constexpr u8 kBefore[] = {0x00, 0x01, 0x0d, 0x7f, 0x80, 0xff};
        if (at) text[at - 1] = kBefore[rng() % 6];
        text[at] = static_cast<u8>(value);
        f(text);
      }
    }
  }
}

TEST(Scan, X328SpecialsAreTheTenCharactersThatTextMustNotHold) {
  for (unsigned c = 0; c < 256; ++c)
    EXPECT_EQ(llp_x328_special(static_cast<u8>(c)), special(static_cast<u8>(c))) << c;
}

TEST(Scan, X328CopyStopsAtTheFirstSpecial) {
  const auto check = [](const Bytes& text) {
    std::size_t want = 0;
    while (want < text.size() && !special(text[want])) ++want;
    Bytes to(text.size() + 8, 0xee);
    u64 acc = 0;
    ASSERT_EQ(llp_copy_text_x328(to.data(), text.data(), text.size(), &acc), want);
    ASSERT_TRUE(std::equal(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(want), to.begin()));
    ASSERT_EQ(llp_fold(acc), xor_of(text, want));
    ASSERT_EQ(llp_find_special(text.data(), text.size()), want);
    ASSERT_EQ(to[want], 0xee) << "wrote past what it took";
  };
  every_place(check);
  every_place_in_calm_text(check);
}

void copy_stops_at(u8 b1, u8 b2) {
  const auto check = [=](const Bytes& text) {
    std::size_t want = 0;
    while (want < text.size() && text[want] != b1 && text[want] != b2) ++want;
    Bytes to(text.size() + 8, 0xee);
    u64 acc = 0;
    ASSERT_EQ(llp_copy_text_2(to.data(), text.data(), text.size(), b1, b2, &acc), want);
    ASSERT_TRUE(std::equal(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(want), to.begin()));
    ASSERT_EQ(llp_fold(acc), xor_of(text, want));
    ASSERT_EQ(llp_find_2(text.data(), text.size(), b1, b2), want);
    ASSERT_EQ(to[want], 0xee);
  };
  if (b1 == 0x0b) every_place(check);
  every_place_in_calm_text(check);
}

// The two copies that make a digest, and the plain ones that they are to equal.
struct Summed {
  size_t (*sum)(u8* text, std::size_t at, const u8* src, std::size_t n, u64* acc, llp_sum* s);
  size_t (*plain)(u8* dst, const u8* src, std::size_t n, u64* acc);
};

Summed summed_x328() { return {llp_copy_sum_x328, llp_copy_text_x328}; }

template <u8 b1, u8 b2>
Summed summed_marks() {
  return {[](u8* text, std::size_t at, const u8* src, std::size_t n, u64* acc, llp_sum* s) {
            return llp_copy_sum_2(text, at, src, n, b1, b2, acc, s);
          },
          [](u8* dst, const u8* src, std::size_t n, u64* acc) {
            return llp_copy_text_2(dst, src, n, b1, b2, acc);
          }};
}

const Summed kSummed[] = {summed_x328(), summed_marks<0x0b, 0x1c>(), summed_marks<'A', 0x7f>()};

TEST(Scan, CopyWithDigestTakesWhatThePlainOneTakes) {
  for (const auto& f : kSummed) {
    const auto check = [&f](const Bytes& text) {
      Bytes plain(text.size() + 8, 0xee), summed(plain);
      u64 want_acc = 0, acc = 0;
      llp_sum sum{};
      llp_sum_begin(&sum);
      const auto want = f.plain(plain.data(), text.data(), text.size(), &want_acc);
      ASSERT_EQ(f.sum(summed.data(), 0, text.data(), text.size(), &acc, &sum), want);
      ASSERT_TRUE(
          std::equal(plain.begin(), plain.begin() + static_cast<std::ptrdiff_t>(want), summed.begin()));
      ASSERT_EQ(llp_fold(acc), llp_fold(want_acc));
      ASSERT_TRUE(std::all_of(summed.begin() + static_cast<std::ptrdiff_t>(text.size()), summed.end(),
                              [](u8 c) { return c == 0xee; }));
      // HLLP's trailer stands before the mark.
      ASSERT_TRUE(sum.done == 0 || sum.done + 8 <= want) << sum.done << " of " << want;
    };
    every_place(check);
    every_place_in_calm_text(check);
  }
}

// The digest of all but the last bytes of a text that comes in pieces, some of whose bytes the
// caller adds itself as x328_rx() does with specials.
u64 digest_of(const Bytes& text, std::mt19937& rng, std::size_t longest, const Summed& f = kSummed[0],
              std::size_t but = 0) {
  Bytes to(text.size());
  std::size_t at = 0;
  u64 acc = 0;
  llp_sum sum{};
  llp_sum_begin(&sum);
  while (at < text.size()) {
    const auto n = std::min<std::size_t>(1 + rng() % longest, text.size() - at);
    const auto k = f.sum(to.data(), at, text.data() + at, n, &acc, &sum);
    if (k == 0) {
      to[at] = text[at];
      acc ^= text[at];
      at++;
    }
    at += k;
  }
  EXPECT_EQ(to, text);
  EXPECT_EQ(llp_fold(acc), xor_of(text, text.size()));
  return llp_sum_end(&sum, to.data(), to.size() - but);
}

TEST(Scan, DigestDoesNotDependOnThePieces) {
  std::mt19937 rng(4);
  for (std::size_t size = 0; size < 300; ++size) {
    Bytes text(size);
    for (auto& c : text) c = static_cast<u8>(rng() % 50 ? 0x20 + rng() % 0x5f : rng() % 0x20);
    const u64 want = digest_of(text, rng, 1000);
    for (const auto& f : kSummed)
      for (const std::size_t longest : {1U, 7U, 40U, 130U, 1000U})
        ASSERT_EQ(digest_of(text, rng, longest, f), want) << size;
  }
}

TEST(Scan, DigestLeavesOutWhatTurnsOutAsTheTrailer) {
  std::mt19937 rng(6);
  for (std::size_t size = 0; size < 300; ++size) {
    Bytes text(size);
    for (auto& c : text) c = static_cast<u8>(0x20 + rng() % 0x5f);
    const u64 want = digest_of(text, rng, 1000);
    for (int i = 0; i < 8; ++i) text.push_back(static_cast<u8>('0' + rng() % 10));
    for (const auto& f : kSummed)
      for (const std::size_t longest : {1U, 130U, 1000U})
        ASSERT_EQ(digest_of(text, rng, longest, f, 8), want) << size;
  }
}

TEST(Scan, DigestTellsTextsApart) {
  std::mt19937 rng(5);
  for (const std::size_t size : {1U, 8U, 31U, 32U, 33U, 64U, 1000U, 9000U}) {
    Bytes text(size);
    for (auto& c : text) c = static_cast<u8>('0' + rng() % 10);
    const u64 was = digest_of(text, rng, 1000), flat = llp_digest(text.data(), size);
    for (std::size_t at = 0; at < size; at += 1 + size / 200) {
      text[at] ^= 1;
      EXPECT_NE(digest_of(text, rng, 1000), was) << size << " at " << at;
      EXPECT_NE(llp_digest(text.data(), size), flat) << size << " at " << at;
      text[at] ^= 1;
      // Two digits change places: sums and exclusive-or stay the same.
      const std::size_t other = rng() % size;
      if (text[at] == text[other]) continue;
      std::swap(text[at], text[other]);
      EXPECT_NE(digest_of(text, rng, 1000), was) << size << " at " << at << " and " << other;
      EXPECT_NE(llp_digest(text.data(), size), flat) << size << " at " << at << " and " << other;
      std::swap(text[at], text[other]);
    }
    // So do two words, next to each other or not.
    for (std::size_t at = 0; at + 16 <= size && size <= 1000; at += 8) {
      for (std::size_t other = at + 8; other + 8 <= size; other += 8) {
        Bytes swapped(text);
        std::swap_ranges(swapped.begin() + static_cast<std::ptrdiff_t>(at),
                         swapped.begin() + static_cast<std::ptrdiff_t>(at) + 8,
                         swapped.begin() + static_cast<std::ptrdiff_t>(other));
        EXPECT_NE(digest_of(swapped, rng, 1000), was) << size << " at " << at << " and " << other;
      }
    }
    text.push_back(0);
    EXPECT_NE(digest_of(text, rng, 1000), was);
    EXPECT_NE(llp_digest(text.data(), size + 1), flat);
  }
}

TEST(Scan, CopyStopsAtTheUsualMarks) { copy_stops_at(0x0b, 0x1c); }

TEST(Scan, CopyStopsAtMarksOfAnyKind) {
  copy_stops_at(0x0d, 0x0c);
  copy_stops_at('A', 0x7f);
}

TEST(Scan, FindsControlCharactersOtherThanCr) {
  const auto check = [](const Bytes& text) {
    std::size_t want = 0;
    while (want < text.size() && (text[want] >= 0x20 || text[want] == 0x0d)) ++want;
    ASSERT_EQ(llp_find_control(text.data(), text.size()), want);
  };
  every_place(check);
  every_place_in_calm_text(check);
}

TEST(Scan, CopyXorTakesAll) {
  const auto check = [](const Bytes& text) {
    Bytes to(text.size() + 1, 0xee);
    u64 acc = 0;
    llp_copy_xor(to.data(), text.data(), text.size(), &acc);
    ASSERT_TRUE(std::equal(text.begin(), text.end(), to.begin()));
    ASSERT_EQ(llp_fold(acc), xor_of(text, text.size()));
    ASSERT_EQ(to[text.size()], 0xee);
  };
  every_place(check);
  every_place_in_calm_text(check);
}

TEST(Scan, ProductsAreAlikeWithAndWithoutAWiderType) {
  const auto narrow = [](u64 a, u64 b) {
    llp_mul_narrow(&a, &b);
    return std::pair<u64, u64>(a, b);
  };
  EXPECT_EQ(narrow(~0ULL, ~0ULL), (std::pair<u64, u64>(1, ~0ULL - 1)));
  EXPECT_EQ(narrow(1ULL << 63, 6), (std::pair<u64, u64>(0, 3)));
  std::mt19937_64 rng(3);
  for (int i = 0; i < 100000; ++i) {
    const u64 a = rng() >> rng() % 64, b = rng() >> rng() % 64;
    u64 low = a, high = b;
    llp_mul(&low, &high);
    ASSERT_EQ(narrow(a, b), (std::pair<u64, u64>(low, high))) << a << " " << b;
    ASSERT_EQ(llp_mul_fold(a, b), low ^ high);
  }
}

}  // namespace
