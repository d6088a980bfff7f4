// SPDX-License-Identifier: BSD-3-Clause
#include "llpctl/words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "control/meanings.hpp"
#include "line/engine_api.hpp"

namespace llp::ctl {

namespace {

using netlink::LineStatus;
using netlink::Parameter;

}  // namespace

std::string state_words(const LineStatus& line) {
  if (!line.up) return "down";
  if ((line.flags & LLP_INFO_IDLE) == 0) return "busy: " + line.state;
  if ((line.flags & LLP_INFO_READY) != 0) return "ready";
  return (line.flags & LLP_INFO_RECEIVER) != 0 ? "receiver not ready" : "nobody receives";
}

std::string protocol_word(const LineStatus& line) {
  if (line.protocol >= LLP_PROTO__N) return fmt::format("protocol {}", line.protocol);
  const bool release2 = std::ranges::any_of(
      line.params, [](const Parameter& p) { return p.name == "release" && p.value == "2"; });
  const bool mllp2 = line.protocol == LLP_PROTOCOL_MLLP && release2;
  return mllp2 ? "mllp2" : llp_protocol_name(static_cast<llp_protocol>(line.protocol));
}

std::string policy_word(std::uint32_t policy) {
  constexpr std::array kWords{"arrival", "read", "commit"};
  return policy < kWords.size() ? kWords.at(policy) : fmt::format("policy {}", policy);
}

std::string outcome_word(std::uint32_t outcome) {
  constexpr std::array kWords{"not sent", "delivered", "refused", "outcome unknown", "transmitted"};
  return outcome < kWords.size() ? kWords.at(outcome) : fmt::format("outcome {}", outcome);
}

std::vector<std::string> flag_words(std::uint32_t flags) {
  std::vector<std::string> words;
  for (const auto& [bit, word] :
       {std::pair{LLP_INFO_UP, "up"}, std::pair{LLP_INFO_READY, "ready"},
        std::pair{LLP_INFO_RECEIVER, "receiver"}, std::pair{LLP_INFO_EXPECTATION, "expectation"},
        std::pair{LLP_INFO_FLOW, "flow"}, std::pair{LLP_INFO_IDLE, "idle"}}) {
    if ((flags & static_cast<std::uint32_t>(bit)) != 0) words.emplace_back(word);
  }
  return words;
}

std::string turnaround_words(const Turnaround& t) {
  if (t.count == 0) return "no answers yet";
  return fmt::format("p50 {}, p99 {}, longest {}, of {} answers", time_words(*t.quantile(500)),
                     time_words(*t.quantile(990)), time_words(t.longest), t.count);
}

std::string time_words(std::uint64_t nanoseconds) {
  const auto scaled = [nanoseconds](double unit, const char* name) {
    const double value = static_cast<double>(nanoseconds) / unit;
    return value < 10 && value != std::floor(value) ? fmt::format("{:.1f} {}", value, name)
                                                    : fmt::format("{:.0f} {}", value, name);
  };
  if (nanoseconds < 1'000'000) return scaled(1e3, "us");
  if (nanoseconds < 1'000'000'000) return scaled(1e6, "ms");
  return scaled(1e9, "s");
}

std::string size_words(std::uint64_t bytes) {
  if (bytes == 1) return "1 byte";
  constexpr std::uint64_t kKibi = 1024;
  if (bytes < kKibi) return fmt::format("{} bytes", bytes);
  const bool mega = bytes >= kKibi * kKibi;
  const double value = static_cast<double>(bytes) / static_cast<double>(mega ? kKibi * kKibi : kKibi);
  const char* unit = mega ? "MiB" : "KiB";
  return value == std::floor(value) ? fmt::format("{:.0f} {}", value, unit)
                                    : fmt::format("{:.1f} {}", value, unit);
}

std::vector<Finding> findings(const std::vector<netlink::Counter>& counters) {
  std::vector<Finding> found;
  for (const control::Meaning& m : control::meanings()) {
    const auto counted = std::ranges::find(counters, m.counter, &netlink::Counter::name);
    if (counted != counters.end() && counted->value != 0) {
      found.push_back({std::string(m.counter), counted->value, m.meaning, m.advice});
    }
  }
  return found;
}

bool is_trouble(std::string_view counter) { return control::meaning_of(counter) != nullptr; }

}  // namespace llp::ctl
