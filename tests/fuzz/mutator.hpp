// SPDX-License-Identifier: BSD-3-Clause
//
// A mutator that knows what an input is made of: a header of options, then
// pieces (operations of a script, or frames of a stream). It deletes, doubles,
// moves and swaps them, puts in new ones that are right or nearly so, repeats
// what came before, and joins the pieces of two inputs. One mutation in three
// is left to libFuzzer's own, which knows bytes.
#pragma once

#include <cstdint>
#include <random>
#include <span>

#include "frames.hpp"

namespace llp::fuzz {

class Random {
 public:
  explicit Random(std::uint32_t seed) : engine_(seed * 2654435761U + 1) {}
  // 0 .. n - 1; 0 if n is 0
  std::size_t below(std::size_t n) { return n ? engine_() / 7 % n : 0; }
  std::uint8_t byte() { return static_cast<std::uint8_t>(below(256)); }
  bool one_in(std::size_t n) { return below(n) == 0; }
  template <class T, std::size_t N>
  T pick(const T (&from)[N]) {
    return from[below(N)];
  }

 private:
  std::minstd_rand engine_;
};

// How the inputs of a target are made. Each target defines grammar().
struct Grammar {
  std::size_t header;                                        // bytes of options before the pieces
  std::size_t (*piece)(std::span<const std::uint8_t> rest);  // size of the first one, at least 1
  void (*make)(Random& random, Bytes& out);                  // appends one new piece, or several
};
const Grammar& grammar();

}  // namespace llp::fuzz
