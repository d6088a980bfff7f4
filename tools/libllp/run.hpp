// SPDX-License-Identifier: BSD-3-Clause
// Coroutines for callers that wait. Not installed.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

namespace llp::detail {

using Clock = std::chrono::steady_clock;

template <class T>
asio::awaitable<void> store(asio::awaitable<T> task, std::optional<T>& into) {
  into.emplace(co_await std::move(task));
}

// Runs the context until `task` is done; what else is ready meanwhile runs as well.
template <class T>
T run(asio::io_context& io, asio::awaitable<T> task) {
  std::optional<T> value;
  std::exception_ptr failure;
  asio::co_spawn(io, store(std::move(task), value), [&](std::exception_ptr e) { failure = std::move(e); });
  io.restart();
  while (!value && !failure) {
    if (io.run_one() == 0) throw std::logic_error("libllp: nothing is left to wait for");
  }
  io.poll();
  if (failure) std::rethrow_exception(failure);
  return std::move(*value);
}

// The same for tasks without a value.
inline void run(asio::io_context& io, asio::awaitable<void> task) {
  auto counted = [](asio::awaitable<void> t) -> asio::awaitable<bool> {
    co_await std::move(t);
    co_return true;
  };
  static_cast<void>(run(io, counted(std::move(task))));
}

// What `task` returns, or nothing when that takes too long; it then goes on by itself, so it must own what it
// uses.
template <class T>
asio::awaitable<std::optional<T>> within(Clock::time_point deadline, asio::awaitable<T> task) {
  struct Slot {
    explicit Slot(const asio::any_io_executor& executor) : timer(executor) {}
    asio::steady_timer timer;
    std::optional<T> value;
    std::exception_ptr failure;
  };
  const auto executor = co_await asio::this_coro::executor;
  const auto slot = std::make_shared<Slot>(executor);
  slot->timer.expires_at(deadline);
  asio::co_spawn(executor, std::move(task), [slot](std::exception_ptr e, T v) {
    if (e) {
      slot->failure = std::move(e);
    } else {
      slot->value.emplace(std::move(v));
    }
    slot->timer.cancel();
  });
  while (!slot->value && !slot->failure && Clock::now() < deadline) {
    co_await slot->timer.async_wait(asio::experimental::as_tuple(asio::use_awaitable));
  }
  if (slot->failure) std::rethrow_exception(slot->failure);
  co_return std::move(slot->value);
}

}  // namespace llp::detail
