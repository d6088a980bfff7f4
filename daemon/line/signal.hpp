// SPDX-License-Identifier: BSD-3-Clause
// Something happened: wakes the coroutines that wait for it. One thread only.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>

namespace llp::line {

// Wait in a loop: `while (!condition) co_await signal.wait();`. The signal must
// live as long as somebody waits. A waiter that was cancelled itself returns,
// too, and leaves its loop by the exception of its next co_await.
class Signal {
 public:
  explicit Signal(const asio::any_io_executor& executor)
      : timer_(executor, asio::steady_timer::time_point::max()) {}

  [[nodiscard]] asio::awaitable<void> wait() {
    co_await timer_.async_wait(asio::experimental::as_tuple(asio::use_awaitable));
  }
  void notify() { timer_.cancel(); }

 private:
  asio::steady_timer timer_;
};

}  // namespace llp::line
