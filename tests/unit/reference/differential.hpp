// SPDX-License-Identifier: BSD-3-Clause
//
// The engine and a reference decoder on the same line: what they must agree
// on, lines made from seeds, and how a line is damaged.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "reference/engine_run.hpp"
#include "support/engine_harness.hpp"

namespace llp::reference::test {

using llp::test::Rng;

inline Line& append(Line& line, std::string_view bytes, Silence before = Silence::none) {
  for (char c : bytes) {
    line.characters.push_back({static_cast<std::uint8_t>(c), LLP_FLAG_NONE, before});
    before = Silence::none;
  }
  return line;
}

inline Line line_of_hex(std::string_view digits, Silence at_end = Silence::brief) {
  Line line;
  append(line, llp::test::hex(digits));
  line.at_end = at_end;
  return line;
}

// What is the same for both if they agree.
inline Transcript comparable(Transcript t) {
  for (Frame& f : t.frames) f = reference::comparable(f);
  return t;
}

// How often the present test failed, to end it in time.
inline int failures() {
  return testing::UnitTest::GetInstance()->current_test_info()->result()->total_part_count();
}

inline void expect_same(const Transcript& engine, const Transcript& reference, const Line& line,
                        const std::string& what) {
  const Transcript a = comparable(engine);
  const Transcript b = comparable(reference);
  if (a == b || !reference.unsettled.empty()) return;
  ADD_FAILURE() << what << "\nline: " << describe(line) << "\nengine:\n"
                << describe(a) << "reference:\n"
                << describe(b);
}

// One damage to a line. @special: the bytes that mean something in it.
inline void damage(Line& line, Rng& rng, std::string_view special) {
  std::vector<Character>& c = line.characters;
  if (c.empty()) return;
  const std::size_t at = rng.below(static_cast<std::uint32_t>(c.size()));
  const auto pos = c.begin() + static_cast<std::ptrdiff_t>(at);
  const std::size_t span = std::min<std::size_t>(1 + rng.below(rng.chance(0.2) ? 40 : 3), c.size() - at);
  const auto any = [&] {
    return static_cast<std::uint8_t>(
        rng.chance(0.7) ? special[rng.below(static_cast<std::uint32_t>(special.size()))] : rng.below(256));
  };
  switch (rng.below(10)) {
    case 0: pos->byte = static_cast<std::uint8_t>(pos->byte ^ (1U << rng.below(8))); break;
    case 1: pos->byte = any(); break;
    case 2: c.erase(pos); break;
    case 3: c.insert(pos, Character{any(), LLP_FLAG_NONE, Silence::none}); break;
    case 4: c.erase(pos, pos + static_cast<std::ptrdiff_t>(span)); break;
    case 5: {
      const std::vector<Character> copy(pos, pos + static_cast<std::ptrdiff_t>(span));
      c.insert(pos, copy.begin(), copy.end());
      break;
    }
    case 6: pos->flag = static_cast<std::uint8_t>(LLP_FLAG_BREAK + rng.below(4)); break;
    case 7: pos->before = rng.chance(0.8) ? Silence::brief : Silence::lasting; break;
    case 8:
      if (at + 1 < c.size()) std::swap(*pos, *(pos + 1));
      break;
    default: c.resize(at); break;
  }
}

// The parameters of @p that are not as by default.
inline std::string described(const llp_params& p, llp_protocol proto) {
  const llp_params d = llp::test::default_params(proto);
  std::string out;
  for (std::uint32_t i = 0; const llp_param* row = llp_param_at(i); i++) {
    if (!(row->protocols & (1U << proto))) continue;
    std::array<char, 64> now{};
    std::array<char, 64> dflt{};
    if (llp_params_get(&p, proto, row->name, now.data(), now.size()) < 0 ||
        llp_params_get(&d, proto, row->name, dflt.data(), dflt.size()) < 0)
      continue;
    if (std::string(now.data()) != dflt.data()) out += std::string(row->name) + "=" + now.data() + " ";
  }
  return out;
}

inline Silence any_end(Rng& rng) {
  const std::uint32_t n = rng.below(8);
  return n == 0 ? Silence::none : n < 6 ? Silence::brief : Silence::lasting;
}

}  // namespace llp::reference::test
