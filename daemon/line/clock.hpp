// SPDX-License-Identifier: BSD-3-Clause
// The time that a line lives by. Tests move it themselves.
#pragma once

#include <asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <memory>

namespace llp::line {

// One call in the future. Setting it again voids what was set before; a call
// that was already under way may still come, early calls must do no harm.
// Nothing is called after its destruction.
class Alarm {
 public:
  Alarm() = default;
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;
  virtual ~Alarm() = default;

  // At `deadline` (ns of the clock), never before, from the executor's loop and
  // not from within set(). LLP_NEVER: not at all.
  virtual void set(std::uint64_t deadline) = 0;
};

class Clock {
 public:
  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  virtual ~Clock() = default;

  // Nanoseconds since some fixed point; never goes backwards.
  [[nodiscard]] virtual std::uint64_t now() const noexcept = 0;
  [[nodiscard]] virtual std::unique_ptr<Alarm> make_alarm(asio::any_io_executor executor,
                                                          std::function<void()> due) = 0;
};

// std::chrono::steady_clock.
[[nodiscard]] std::shared_ptr<Clock> steady_clock();

}  // namespace llp::line
