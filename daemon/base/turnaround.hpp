// SPDX-License-Identifier: BSD-3-Clause
// How quickly a line answers: from the last byte of what asks for an answer to
// the first byte of the answer, in classes of powers of two.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace llp {

struct Turnaround {
  std::uint64_t count = 0;
  std::uint64_t sum = 0;      // nanoseconds
  std::uint64_t longest = 0;  // nanoseconds
  // [0] below 1 us, [n] from 2^(n-1) us to below 2^n us, the last all above.
  std::array<std::uint64_t, 24> bucket{};
  friend bool operator==(const Turnaround&, const Turnaround&) = default;

  void add(std::chrono::nanoseconds time) noexcept {
    const auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(time.count(), 0));
    ++count;
    sum += ns;
    longest = std::max(longest, ns);
    ++bucket.at(std::min(static_cast<std::size_t>(std::bit_width(ns / 1000)), bucket.size() - 1));
  }

  // An upper bound of the quantile `permille` (500: the median), nanoseconds;
  // nothing while there were no answers.
  [[nodiscard]] std::optional<std::uint64_t> quantile(unsigned permille) const {
    if (count == 0) return std::nullopt;
    const std::uint64_t rank = (count * permille + 999) / 1000;
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i + 1 < bucket.size(); ++i) {
      seen += bucket.at(i);
      if (seen >= rank) return std::min(std::uint64_t{1000} << i, longest);
    }
    return longest;
  }
};

}  // namespace llp
