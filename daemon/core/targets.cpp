// SPDX-License-Identifier: BSD-3-Clause
#include "core/targets.hpp"

#include <algorithm>
#include <numeric>
#include <random>
#include <utility>

namespace llp::core {

namespace {

std::function<double()> at_random() {
  return [random = std::minstd_rand(std::random_device{}())]() mutable {
    return std::uniform_real_distribution<double>(0, 1)(random);
  };
}

}  // namespace

Targets::Targets(std::vector<illp::Endpoint> endpoints, Duration rest_min, Duration rest_max,
                 std::function<double()> chance)
    : rest_min_(rest_min),
      rest_max_(std::max(rest_min, rest_max)),
      chance_(chance ? std::move(chance) : at_random()) {
  for (illp::Endpoint& endpoint : endpoints) {
    targets_.push_back(Target{std::move(endpoint), Duration::zero(), Clock::time_point::min(), 0, {}});
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
  target.failures = 0;
  target.failure.clear();
  present_ = i;
}

void Targets::bad(std::size_t i, Clock::time_point now, std::string why) {
  Target& target = targets_.at(i);
  target.rest = std::clamp(target.rest * 2, rest_min_, rest_max_);
  const auto most = static_cast<double>(target.rest.count());
  target.until = later(now, Duration(static_cast<Duration::rep>(most * (0.5 + chance_() / 2))));
  ++target.failures;
  target.failure = std::move(why);
  if (present_ == i) present_.reset();
}

std::vector<TargetStatus> Targets::status(Clock::time_point now) const {
  std::vector<TargetStatus> all;
  all.reserve(targets_.size());
  for (std::size_t i = 0; i < targets_.size(); ++i) {
    const Target& target = targets_[i];
    all.push_back({illp::to_string(target.endpoint), present_ == i, target.failures, target.failure,
                   target.until > now ? target.until - now : Duration::zero()});
  }
  return all;
}

}  // namespace llp::core
