// SPDX-License-Identifier: BSD-3-Clause
#include "core/targets.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace llp::core {

Targets::Targets(std::vector<illp::Endpoint> endpoints, Duration rest_min, Duration rest_max)
    : rest_min_(rest_min), rest_max_(std::max(rest_min, rest_max)) {
  for (illp::Endpoint& endpoint : endpoints) {
    targets_.push_back(Target{std::move(endpoint), Duration::zero(), Clock::time_point::min()});
  }
}

std::vector<std::size_t> Targets::order(Clock::time_point now) const {
  std::vector<std::size_t> all(targets_.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  const auto rank = [&](std::size_t i) {
    if (i == present_) return Clock::time_point::min();
    const Clock::time_point until = targets_[i].until;
    return until <= now ? Clock::time_point::min() + Duration(1) : until;
  };
  std::ranges::stable_sort(all, {}, rank);
  return all;
}

void Targets::good(std::size_t i) {
  Target& target = targets_.at(i);
  target.rest = Duration::zero();
  target.until = Clock::time_point::min();
  present_ = i;
}

void Targets::bad(std::size_t i, Clock::time_point now) {
  Target& target = targets_.at(i);
  target.rest = std::clamp(target.rest * 2, rest_min_, rest_max_);
  target.until = later(now, target.rest);
  if (present_ == i) present_.reset();
}

}  // namespace llp::core
