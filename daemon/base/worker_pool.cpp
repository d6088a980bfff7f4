// SPDX-License-Identifier: BSD-3-Clause
#include "base/worker_pool.hpp"

#include <pthread.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <thread>
#include <vector>

#include "base/signals.hpp"

namespace llp {

// Owned by the pool and by each of its threads, so that a thread that was left
// to itself still finds it.
struct WorkerPool::State {
  std::mutex mutex;
  std::condition_variable work;   // something is queued, or stopping
  std::condition_variable ended;  // a thread has ended
  std::deque<std::move_only_function<void()>> queue;
  std::vector<std::thread> threads;
  unsigned limit = 1;
  unsigned idle = 0;
  unsigned live = 0;
  bool stopping = false;
  std::chrono::milliseconds grace{};

  static void serve(const std::shared_ptr<State>& state) {
    ::pthread_setname_np(::pthread_self(), "llp-worker");
    std::unique_lock lock(state->mutex);
    while (true) {
      ++state->idle;
      state->work.wait(lock, [&] { return state->stopping || !state->queue.empty(); });
      --state->idle;
      if (state->queue.empty()) break;
      {
        auto job = std::move(state->queue.front());
        state->queue.pop_front();
        lock.unlock();
        job();
      }  // what the job owned goes here, outside the mutex
      lock.lock();
    }
    --state->live;
    state->ended.notify_all();
  }
};

WorkerPool::WorkerPool(unsigned threads, std::chrono::milliseconds grace)
    : state_(std::make_shared<State>()) {
  state_->limit = std::max(threads, 1U);
  state_->grace = grace;
}

WorkerPool::~WorkerPool() {
  std::vector<std::thread> threads;
  bool all = false;
  {
    std::unique_lock lock(state_->mutex);
    state_->stopping = true;
    state_->work.notify_all();
    all = state_->ended.wait_for(lock, state_->grace, [this] { return state_->live == 0; });
    threads.swap(state_->threads);
  }
  for (auto& thread : threads) {
    if (all) {
      thread.join();
    } else {
      thread.detach();
    }
  }
}

void WorkerPool::post(std::move_only_function<void()> f) {
  const std::lock_guard lock(state_->mutex);
  state_->queue.push_back(std::move(f));
  if (state_->queue.size() > state_->idle && state_->live < state_->limit) {
    const BlockSignals masked;  // signals are for the loop's thread
    state_->threads.emplace_back([state = state_] { State::serve(state); });
    ++state_->live;
  }
  state_->work.notify_one();
}

}  // namespace llp
