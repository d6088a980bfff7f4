// SPDX-License-Identifier: BSD-3-Clause
// What a peer can cause is not logged each time: once an interval, with the
// number of times that were not logged.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace llp {

class LogLimit {
 public:
  using Clock = std::chrono::steady_clock;
  explicit LogLimit(Clock::duration interval = std::chrono::seconds(10)) : interval_(interval) {}

  // It happened. Nothing: be silent; else how often it was silent since it
  // last was not.
  [[nodiscard]] std::optional<std::uint64_t> happened(Clock::time_point now = Clock::now()) noexcept {
    if (said_ && now - *said_ < interval_) {
      ++silent_;
      return std::nullopt;
    }
    said_ = now;
    const std::uint64_t silent = silent_;
    silent_ = 0;
    return silent;
  }

 private:
  Clock::duration interval_;
  std::optional<Clock::time_point> said_;
  std::uint64_t silent_ = 0;
};

// ", and 12 more since the last time"; empty for none.
[[nodiscard]] inline std::string and_more(std::uint64_t silent) {
  return silent == 0 ? std::string() : ", and " + std::to_string(silent) + " more since this was last said";
}

}  // namespace llp
