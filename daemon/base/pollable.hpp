// SPDX-License-Identifier: BSD-3-Clause
// Waiting on one descriptor as poll(2) sees it. The reactor only says that
// something may have changed; what is true is always asked of poll(2). ILLP
// needs that (after EOF a readability wait is always over, urgent notices
// arrive ahead of data, and a reset behind an EOF shows in poll alone), and so
// does the kernel's message device, whose POLLPRI comes and goes.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <chrono>
#include <memory>

#include "base/fd.hpp"

namespace llp {

// `now + d`, or the end of time where that would overflow.
[[nodiscard]] std::chrono::steady_clock::time_point deadline_after(std::chrono::nanoseconds d) noexcept;

// Owns the descriptor, which must be non-blocking. All calls from the thread
// of the executor. Several coroutines may wait at once; the object may be
// closed or destroyed meanwhile.
class Pollable {
 public:
  using Clock = std::chrono::steady_clock;

  Pollable(asio::any_io_executor executor, UniqueFd fd);
  Pollable(Pollable&&) noexcept = default;
  Pollable& operator=(Pollable&& other) noexcept;
  Pollable(const Pollable&) = delete;
  Pollable& operator=(const Pollable&) = delete;
  ~Pollable();

  // -1 once closed.
  [[nodiscard]] int fd() const noexcept;

  // poll(2) without waiting; POLLNVAL once closed.
  [[nodiscard]] short poll_now(short events) const noexcept;

  // Waits until poll(2) reports one of `events` (POLLIN, POLLOUT, POLLPRI) or POLLERR,
  // POLLHUP, POLLNVAL. Returns what it reports; 0: the deadline has passed.
  // With `events` 0 it waits for errors and hang-up only. After close() or
  // destruction: POLLNVAL.
  [[nodiscard]] asio::awaitable<short> wait(short events, Clock::time_point deadline) const;

  // Every wait() under way returns POLLNVAL; later ones are as usual.
  void interrupt() noexcept;

  // Closes the descriptor; who waits gets POLLNVAL.
  void close() noexcept;

  [[nodiscard]] const asio::any_io_executor& executor() const noexcept;

 private:
  struct State;
  std::shared_ptr<State> state_;
  static asio::awaitable<short> wait_on(std::shared_ptr<State> state, short events,
                                        Clock::time_point deadline);
};

}  // namespace llp
