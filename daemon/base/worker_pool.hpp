// SPDX-License-Identifier: BSD-3-Clause
// A few threads for what blocks: getaddrinfo, fsync, opening and closing ttys.
// What may block without an end (a lock of another process) does not belong
// here, see interruptible_task.hpp.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/result.hpp"

namespace llp {

namespace detail {

template <class R>
struct PoolResult {
  using type = Result<R>;
};
template <class T>
struct PoolResult<Result<T>> {
  using type = Result<T>;
};

struct Unit {};

// One job and the coroutine that waits for it. Whoever comes last frees it.
template <class F>
struct PoolJob {
  using R = std::invoke_result_t<F&>;
  using Stored = std::conditional_t<std::is_void_v<R>, Unit, R>;

  PoolJob(asio::any_io_executor e, F f) : executor(std::move(e)), call(std::move(f)) {}

  std::mutex mutex;
  bool abandoned = false;  // under mutex: nobody waits any more
  asio::any_io_executor executor;
  std::optional<F> call;
  std::optional<Stored> value;
  std::exception_ptr error;

  // Touched by the waiting side's thread only.
  asio::steady_timer* wake = nullptr;
  bool done = false;

  void abandon() {
    wake = nullptr;
    const std::lock_guard lock(mutex);
    abandoned = true;
  }

  static void perform(const std::shared_ptr<PoolJob>& job) {
    {
      const std::lock_guard lock(job->mutex);
      if (job->abandoned) return;
    }
    try {
      if constexpr (std::is_void_v<R>) {
        (*job->call)();
        job->value.emplace();
      } else {
        job->value.emplace((*job->call)());
      }
    } catch (...) {
      job->error = std::current_exception();
    }
    job->call.reset();
    // Under the mutex, so that nothing is posted to a context whose waiting
    // coroutine was destroyed, perhaps with the context.
    const std::lock_guard lock(job->mutex);
    if (job->abandoned) return;
    asio::post(job->executor, [job] {
      job->done = true;
      if (job->wake != nullptr) job->wake->cancel();
    });
  }
};

}  // namespace detail

class WorkerPool {
 public:
  // Threads are started when they are needed, at most `threads` (at least 1).
  // The destructor lets what is queued finish; after `grace` it leaves threads
  // that still block (getaddrinfo can, for long) to themselves.
  explicit WorkerPool(unsigned threads = 8,
                      std::chrono::milliseconds grace = std::chrono::milliseconds(2000));
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;
  ~WorkerPool();

  // Calls f() on a worker and returns what it returned, on the caller's
  // executor: Result<T> for an f that returns T or Result<T>. What f throws is
  // thrown here. Errc::cancelled: the wait was cancelled (per-operation
  // cancellation); f is then not called if it was still queued, else its result
  // is destroyed on the worker. f must own everything it uses, for it may
  // outlive the caller. The pool must outlive the call. In a co_await, f must
  // be a named variable (moved): GCC 12 destroys a temporary with captures twice.
  template <class F>
  [[nodiscard]] asio::awaitable<typename detail::PoolResult<std::invoke_result_t<F&>>::type> run(F f);

  // Calls f() on a worker some time; f must not throw.
  void post(std::move_only_function<void()> f);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

template <class F>
asio::awaitable<typename detail::PoolResult<std::invoke_result_t<F&>>::type> WorkerPool::run(F f) {
  using Job = detail::PoolJob<F>;
  struct Waiting {
    std::shared_ptr<Job> job;
    explicit Waiting(std::shared_ptr<Job> j) : job(std::move(j)) {}
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;
    ~Waiting() { job->abandon(); }
  };
  auto executor = co_await asio::this_coro::executor;
  asio::steady_timer wake(executor, asio::steady_timer::time_point::max());
  const Waiting waiting(std::make_shared<Job>(executor, std::move(f)));
  const std::shared_ptr<Job>& job = waiting.job;
  job->wake = &wake;
  post([job] { Job::perform(job); });
  co_await wake.async_wait(asio::experimental::as_tuple(asio::use_awaitable));
  if (!job->done) co_return fail(Errc::cancelled, "the wait for a worker was cancelled");
  if (job->error) std::rethrow_exception(job->error);
  if constexpr (std::is_void_v<typename Job::R>) {
    co_return Result<void>();
  } else {
    co_return std::move(*job->value);
  }
}

}  // namespace llp
