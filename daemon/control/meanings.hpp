// SPDX-License-Identifier: BSD-3-Clause
// What a protocol's counters tell that should be looked after, in words: of
// the kernel's lines and of those in this process alike.
#pragma once

#include <span>
#include <string_view>

namespace llp::control {

struct Meaning {
  std::string_view counter, meaning, advice;
};

// In the order of what to look at first.
[[nodiscard]] std::span<const Meaning> meanings() noexcept;
// Nothing: this counter tells of nothing that is wrong.
[[nodiscard]] const Meaning* meaning_of(std::string_view counter) noexcept;

}  // namespace llp::control
