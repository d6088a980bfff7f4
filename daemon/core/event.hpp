// SPDX-License-Identifier: BSD-3-Clause
// Something changed: wakes every coroutine that waits for it. One thread only.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <chrono>
#include <utility>
#include <vector>

namespace llp::core {

using Clock = std::chrono::steady_clock;
inline constexpr Clock::time_point kNever = Clock::time_point::max();

// `from + d`, kNever where that would overflow.
[[nodiscard]] constexpr Clock::time_point later(Clock::time_point from, std::chrono::nanoseconds d) noexcept {
  return d >= kNever - from ? kNever : from + d;
}

// Wait in a loop: `while (!condition) co_await event.wait();`. The event must
// live as long as somebody waits.
class Event {
 public:
  explicit Event(asio::any_io_executor executor) : executor_(std::move(executor)) {}
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  [[nodiscard]] asio::awaitable<void> wait() { return wait_until(kNever); }

  // Returns after notify(), or when `deadline` has passed.
  [[nodiscard]] asio::awaitable<void> wait_until(Clock::time_point deadline) {
    Waiter waiter(*this, deadline);
    co_await waiter.timer.async_wait(asio::experimental::as_tuple(asio::use_awaitable));
  }

  void notify() {
    for (asio::steady_timer* timer : waiters_) timer->cancel();
  }

 private:
  struct Waiter {
    Waiter(Event& e, Clock::time_point deadline) : event(e), timer(e.executor_, deadline) {
      event.waiters_.push_back(&timer);
    }
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;
    ~Waiter() { std::erase(event.waiters_, &timer); }
    Event& event;
    asio::steady_timer timer;
  };

  asio::any_io_executor executor_;
  std::vector<asio::steady_timer*> waiters_;
};

}  // namespace llp::core
