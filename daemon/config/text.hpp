// SPDX-License-Identifier: BSD-3-Clause
// Text of people for messages to people.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace llp::config {

// 'text', with control characters and bytes past 7e as \xNN, and cut after 80
// characters: one line, whatever was typed.
[[nodiscard]] std::string quote(std::string_view text);

// "; did you mean 'timer_a'?" for the nearest candidate, if one is near (a
// third of the letters wrong at most, '-' and '_' alike, any case); else "".
[[nodiscard]] std::string did_you_mean(std::string_view name, std::span<const std::string> candidates);

// "a, b or c"
[[nodiscard]] std::string one_of(std::span<const std::string> words);

// The parts of "a|b|c".
[[nodiscard]] std::vector<std::string> split(std::string_view text, char separator);

// Text that roff prints as it is.
[[nodiscard]] std::string roff(std::string_view text);

}  // namespace llp::config
