// SPDX-License-Identifier: BSD-3-Clause
// Time that tests move. World runs an io_context in it: whenever nothing is
// left to do, the clock jumps to the next alarm.
#pragma once

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "line/clock.hpp"
#include "line/engine_api.hpp"

namespace llp::test {

class ManualClock final : public line::Clock {
 public:
  explicit ManualClock(std::uint64_t start = 1'000'000'000'000) : state_(std::make_shared<State>()) {
    state_->now = start;
  }

  std::uint64_t now() const noexcept override { return state_->now; }
  std::unique_ptr<line::Alarm> make_alarm(asio::any_io_executor executor,
                                          std::function<void()> due) override {
    return std::make_unique<ManualAlarm>(state_, std::move(executor), std::move(due));
  }

  // Earliest alarm, or LLP_NEVER.
  [[nodiscard]] std::uint64_t next() const {
    std::uint64_t t = LLP_NEVER;
    for (const Entry* e : state_->entries) t = std::min(t, e->deadline);
    return t;
  }
  // Rings what is due; each alarm from its executor's loop.
  void set(std::uint64_t t) {
    state_->now = std::max(state_->now, t);
    for (Entry* e : state_->entries) {
      if (e->deadline > state_->now) continue;
      e->deadline = LLP_NEVER;
      asio::post(e->executor, [due = std::weak_ptr(e->due)] {
        if (const auto call = due.lock()) (*call)();
      });
    }
  }

 private:
  struct Entry {
    asio::any_io_executor executor;
    std::shared_ptr<std::function<void()>> due;
    std::uint64_t deadline = LLP_NEVER;
  };
  struct State {
    std::uint64_t now = 0;
    std::vector<Entry*> entries;
  };
  class ManualAlarm final : public line::Alarm {
   public:
    ManualAlarm(std::shared_ptr<State> state, asio::any_io_executor executor, std::function<void()> due)
        : state_(std::move(state)),
          entry_{std::move(executor), std::make_shared<std::function<void()>>(std::move(due)), LLP_NEVER} {
      state_->entries.push_back(&entry_);
    }
    ~ManualAlarm() override { std::erase(state_->entries, &entry_); }
    void set(std::uint64_t deadline) override {
      entry_.deadline = deadline;
      if (deadline > state_->now) return;
      entry_.deadline = LLP_NEVER;
      asio::post(entry_.executor, [due = std::weak_ptr(entry_.due)] {
        if (const auto call = due.lock()) (*call)();
      });
    }

   private:
    std::shared_ptr<State> state_;
    Entry entry_;
  };

  std::shared_ptr<State> state_;
};

class World {
 public:
  asio::io_context io;
  std::shared_ptr<ManualClock> clock = std::make_shared<ManualClock>();

  // Everything that can happen without time passing.
  void poll() {
    io.restart();
    while (io.poll() != 0) {
    }
  }
  // Until `done`, or until nothing more can happen within `limit` ns.
  bool run_until(const std::function<bool()>& done, std::uint64_t limit = 3600'000'000'000) {
    const std::uint64_t end = clock->now() + limit;
    while (true) {
      poll();
      if (done()) return true;
      const std::uint64_t t = clock->next();
      if (t == LLP_NEVER || t > end) break;
      clock->set(t);
    }
    return done();
  }
  void run_for(std::uint64_t ns) {
    const std::uint64_t end = clock->now() + ns;
    run_until([] { return false; }, ns);
    clock->set(end);
    poll();
  }
  // Starts a coroutine; what it throws fails the test.
  void spawn(asio::awaitable<void> task) {
    asio::co_spawn(io, std::move(task), [](std::exception_ptr error) {
      if (error) std::rethrow_exception(error);
    });
  }
  // Runs a coroutine to its end; nothing if it does not end.
  template <class T>
  std::optional<T> await(asio::awaitable<T> task, std::uint64_t limit = 3600'000'000'000) {
    auto result = std::make_shared<std::optional<T>>();
    spawn(keep(std::move(task), result));
    run_until([&] { return result->has_value(); }, limit);
    return std::move(*result);
  }
  bool await(asio::awaitable<void> task, std::uint64_t limit = 3600'000'000'000) {
    auto ended = std::make_shared<bool>(false);
    spawn(mark(std::move(task), ended));
    return run_until([&] { return *ended; }, limit);
  }

 private:
  template <class T>
  static asio::awaitable<void> keep(asio::awaitable<T> task, std::shared_ptr<std::optional<T>> result) {
    T value = co_await std::move(task);
    *result = std::move(value);
  }
  static asio::awaitable<void> mark(asio::awaitable<void> task, std::shared_ptr<bool> ended) {
    co_await std::move(task);
    *ended = true;
  }
};

}  // namespace llp::test
