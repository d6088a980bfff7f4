// SPDX-License-Identifier: BSD-3-Clause
#include "line/clock.hpp"

#include <asio/error_code.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <utility>

#include "line/engine_api.hpp"

namespace llp::line {

namespace {

using Steady = std::chrono::steady_clock;

class SteadyAlarm final : public Alarm {
 public:
  SteadyAlarm(const asio::any_io_executor& executor, std::function<void()> due)
      : timer_(executor), due_(std::make_shared<std::function<void()>>(std::move(due))) {}

  void set(std::uint64_t deadline) override {
    if (deadline == deadline_) return;
    deadline_ = deadline;
    if (deadline == LLP_NEVER) {
      timer_.cancel();
      return;
    }
    timer_.expires_at(Steady::time_point(std::chrono::nanoseconds(deadline)));
    timer_.async_wait([this, due = std::weak_ptr(due_)](const asio::error_code& ec) {
      const auto call = due.lock();
      if (ec || !call) return;
      deadline_ = LLP_NEVER;
      (*call)();
    });
  }

 private:
  asio::steady_timer timer_;
  std::shared_ptr<std::function<void()>> due_;
  std::uint64_t deadline_ = LLP_NEVER;
};

class SteadyClock final : public Clock {
 public:
  std::uint64_t now() const noexcept override {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(Steady::now().time_since_epoch()).count());
  }
  std::unique_ptr<Alarm> make_alarm(asio::any_io_executor executor, std::function<void()> due) override {
    return std::make_unique<SteadyAlarm>(executor, std::move(due));
  }
};

}  // namespace

std::shared_ptr<Clock> steady_clock() { return std::make_shared<SteadyClock>(); }

}  // namespace llp::line
