// SPDX-License-Identifier: BSD-3-Clause
// The applications that a line's messages go to: which of them is called.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/event.hpp"
#include "core/line_service.hpp"
#include "illp/endpoint.hpp"

namespace llp::core {

// One target is called until it fails; then the others in the order of the
// list. A target that failed rests, for a time that doubles with each further
// failure; while it rests it is tried after the others only. Of that time 50 to
// 100 % are taken, at random, so that many lines do not come back in step.
class Targets {
 public:
  using Duration = std::chrono::nanoseconds;
  // `chance` gives numbers from 0 to 1; empty: at random.
  Targets(std::vector<illp::Endpoint> endpoints, Duration rest_min, Duration rest_max,
          std::function<double()> chance = {});

  [[nodiscard]] bool empty() const noexcept { return targets_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return targets_.size(); }
  [[nodiscard]] const illp::Endpoint& at(std::size_t i) const { return targets_.at(i).endpoint; }

  // All of them, in the order in which they are to be tried now.
  [[nodiscard]] std::vector<std::size_t> order(Clock::time_point now) const;

  void good(std::size_t i);
  // `why` is for people.
  void bad(std::size_t i, Clock::time_point now, std::string why = {});

  // When it may be called again; in the past: now.
  [[nodiscard]] Clock::time_point rests_until(std::size_t i) const { return targets_.at(i).until; }

  // In the order of the list.
  [[nodiscard]] std::vector<TargetStatus> status(Clock::time_point now) const;

 private:
  struct Target {
    illp::Endpoint endpoint;
    Duration rest{};
    Clock::time_point until;  // rests so long
    unsigned failures = 0;    // one after the other
    std::string failure;
  };
  std::vector<Target> targets_;
  Duration rest_min_, rest_max_;
  std::function<double()> chance_;
  std::optional<std::size_t> present_;
};

}  // namespace llp::core
