// SPDX-License-Identifier: BSD-3-Clause
#include "base/worker_pool.hpp"

#include <gtest/gtest.h>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <atomic>
#include <condition_variable>
#include <csignal>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace llp {
namespace {

using namespace std::chrono_literals;

// A gate that jobs wait at.
class Gate {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void pass() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  bool wait_for(int jobs) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 20s, [&] { return waiting_ >= jobs; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  int waiting_ = 0;
};

template <class T>
Result<T> run(asio::io_context& context, asio::awaitable<Result<T>> task) {
  std::optional<Result<T>> result;
  std::exception_ptr error;
  asio::co_spawn(context, std::move(task), [&](std::exception_ptr e, Result<T> r) {
    error = e;
    result = std::move(r);
  });
  context.restart();
  context.run_for(20s);
  if (error) std::rethrow_exception(error);
  if (!result) throw std::runtime_error("the task did not end");
  return std::move(*result);
}

TEST(WorkerPool, ReturnsWhatTheJobReturned) {
  asio::io_context context;
  WorkerPool pool(2);
  EXPECT_EQ(run(context, pool.run([] { return 7; })), 7);
  auto moved = run(context, pool.run([] { return std::make_unique<int>(8); }));
  ASSERT_TRUE(moved);
  EXPECT_EQ(**moved, 8);
  auto failed = run(context, pool.run([]() -> Result<int> { return fail(Errc::in_use, "taken"); }));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Errc::in_use);
  EXPECT_TRUE(run(context, pool.run([]() -> Result<void> { return {}; })));
  EXPECT_TRUE(run(context, pool.run([] {})));
}

TEST(WorkerPool, RunsElsewhereAndReturnsToTheLoop) {
  asio::io_context context;
  WorkerPool pool(1);
  std::thread::id worker;
  std::thread::id after;
  const auto task = [](WorkerPool& p, std::thread::id& w,
                       std::thread::id& a) -> asio::awaitable<Result<void>> {
    auto job = [] { return std::this_thread::get_id(); };
    const auto id = co_await p.run(job);
    w = *id;
    a = std::this_thread::get_id();
    co_return Result<void>();
  };
  ASSERT_TRUE(run(context, task(pool, worker, after)));
  EXPECT_NE(worker, std::this_thread::get_id());
  EXPECT_EQ(after, std::this_thread::get_id());
}

TEST(WorkerPool, ThrowsWhatTheJobThrew) {
  asio::io_context context;
  WorkerPool pool(1);
  EXPECT_THROW(static_cast<void>(run(context, pool.run([]() -> int { throw std::out_of_range("x"); }))),
               std::out_of_range);
}

TEST(WorkerPool, WorkersGetNoSignals) {
  asio::io_context context;
  WorkerPool pool(1);
  const auto blocked = run(context, pool.run([] {
    sigset_t mask;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    return ::sigismember(&mask, SIGTERM) == 1 && ::sigismember(&mask, SIGHUP) == 1;
  }));
  EXPECT_EQ(blocked, true);
}

TEST(WorkerPool, StartsNoMoreThreadsThanAllowed) {
  auto gate = std::make_shared<Gate>();
  std::mutex mutex;
  std::set<std::thread::id> ids;
  std::atomic<int> done = 0;
  {
    WorkerPool pool(3, 20s);
    for (int i = 0; i < 30; ++i) {
      pool.post([&, gate] {
        gate->pass();
        const std::lock_guard lock(mutex);
        ids.insert(std::this_thread::get_id());
        ++done;
      });
    }
    ASSERT_TRUE(gate->wait_for(3));
    gate->open();
  }  // lets what is queued finish
  EXPECT_EQ(done, 30);
  EXPECT_LE(ids.size(), 3U);
}

TEST(WorkerPool, ThreeThatBlockDoNotHoldUpTheFourth) {
  asio::io_context context;
  auto gate = std::make_shared<Gate>();
  WorkerPool pool(4, 20s);
  for (int i = 0; i < 3; ++i) pool.post([gate] { gate->pass(); });
  ASSERT_TRUE(gate->wait_for(3));
  EXPECT_EQ(run(context, pool.run([] { return 1; })), 1);
  gate->open();
}

// What a job still blocks in is left to itself, and finds everything that it owns.
TEST(WorkerPool, DestructionDoesNotWaitForever) {
  auto gate = std::make_shared<Gate>();
  auto ended = std::make_shared<Gate>();
  {
    WorkerPool pool(1, 10ms);
    pool.post([gate, ended] {
      gate->pass();
      ended->open();
    });
    ASSERT_TRUE(gate->wait_for(1));
  }
  gate->open();
  ended->pass();
}

TEST(WorkerPool, ACancelledWaitLeavesTheJobAlone) {
  asio::io_context context;
  auto gate = std::make_shared<Gate>();
  auto owned = std::make_shared<int>(5);
  const std::weak_ptr<int> watch = owned;
  asio::cancellation_signal cancel;
  std::optional<Errc> code;
  {
    WorkerPool pool(1, 20s);
    asio::co_spawn(
        context, pool.run([gate, owned] {
          gate->pass();
          return owned;
        }),
        asio::bind_cancellation_slot(cancel.slot(), [&](std::exception_ptr, Result<std::shared_ptr<int>> r) {
          code = r ? std::optional<Errc>() : r.error().code;
        }));
    owned.reset();
    context.poll();
    ASSERT_TRUE(gate->wait_for(1));
    cancel.emit(asio::cancellation_type::terminal);
    context.restart();
    context.run_for(20s);
    EXPECT_EQ(code, Errc::cancelled);
    EXPECT_FALSE(watch.expired());
    gate->open();
  }
  EXPECT_TRUE(watch.expired());  // the result went with the job
}

TEST(WorkerPool, TheContextMayGoWhileAJobRuns) {
  auto gate = std::make_shared<Gate>();
  WorkerPool pool(1, 20s);
  {
    asio::io_context context;
    asio::co_spawn(context, pool.run([gate] { gate->pass(); }), asio::detached);
    context.poll();
    ASSERT_TRUE(gate->wait_for(1));
  }
  gate->open();
}

}  // namespace
}  // namespace llp
