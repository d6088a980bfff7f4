// SPDX-License-Identifier: BSD-3-Clause
// A line's numbers in words: state, protocol, options, turnaround, and what
// counters mean.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "netlink/kernel_control.hpp"

namespace llp::ctl {

// "down", "ready", "nobody receives", "busy: waits for ACK", ...
[[nodiscard]] std::string state_words(const netlink::LineStatus& line);
// "x328", "hllp", "mllp", "mllp2"
[[nodiscard]] std::string protocol_word(const netlink::LineStatus& line);
[[nodiscard]] std::string policy_word(std::uint32_t policy);
[[nodiscard]] std::string outcome_word(std::uint32_t outcome);
// "up", "ready", ...: for programs
[[nodiscard]] std::vector<std::string> flag_words(std::uint32_t flags);

// "p50 64 us, p99 2 ms, longest 2.5 ms, of 100 answers"
[[nodiscard]] std::string turnaround_words(const Turnaround& turnaround);
// "64 us", "1.5 ms", "2.3 s"
[[nodiscard]] std::string time_words(std::uint64_t nanoseconds);
// "384 bytes", "1.5 MiB"
[[nodiscard]] std::string size_words(std::uint64_t bytes);

// What counters tell that should be looked after.
struct Finding {
  std::string counter;
  std::uint64_t value = 0;
  std::string_view meaning;
  std::string_view advice;
};
// The most telling first.
[[nodiscard]] std::vector<Finding> findings(const std::vector<netlink::Counter>& counters);

// Whether something goes wrong when this counter moves.
[[nodiscard]] bool is_trouble(std::string_view counter);

}  // namespace llp::ctl
