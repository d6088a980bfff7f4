// SPDX-License-Identifier: BSD-3-Clause
#include "base/interruptible_task.hpp"

#include <pthread.h>

#include <asio/post.hpp>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <thread>
#include <utility>

#include "base/signals.hpp"

namespace llp {

namespace {

int interrupt_signal() noexcept { return SIGRTMIN + 6; }

void do_nothing(int /*signal*/) {}

// Once for the process. Without SA_RESTART, so that system calls return EINTR.
void install_handler() {
  static const bool installed = [] {
    struct sigaction action{};
    action.sa_handler = do_nothing;
    ::sigemptyset(&action.sa_mask);
    return ::sigaction(interrupt_signal(), &action, nullptr) == 0;
  }();
  static_cast<void>(installed);
}

}  // namespace

struct InterruptibleTask::Shared {
  Shared(asio::any_io_executor e, std::function<int()> c, std::function<void()> d)
      : executor(std::move(e)), call(std::move(c)), ended(std::move(d)) {}

  asio::any_io_executor executor;
  std::function<int()> call;
  std::function<void()> ended;

  mutable std::mutex mutex;
  std::condition_variable changed;
  std::optional<int> result;
  bool stop = false;
  bool abandoned = false;  // nobody wants to hear of the end
  std::thread thread;

  bool stopping() const {
    const std::lock_guard lock(mutex);
    return stop;
  }

  static void run(const std::shared_ptr<Shared>& self) {
    ::pthread_setname_np(::pthread_self(), "llp-wait");
    sigset_t only{};
    ::sigemptyset(&only);
    ::sigaddset(&only, interrupt_signal());
    ::pthread_sigmask(SIG_UNBLOCK, &only, nullptr);
    int result = EINTR;
    while (result == EINTR && !self->stopping()) result = self->call();
    const std::lock_guard lock(self->mutex);
    self->result = result;
    self->changed.notify_all();
    // Under the mutex: after the destructor nothing is posted any more.
    if (!self->abandoned) {
      asio::post(self->executor, [self] {
        if (!self->abandoned) self->ended();
      });
    }
  }
};

InterruptibleTask::InterruptibleTask(asio::any_io_executor executor, std::function<int()> call,
                                     std::function<void()> ended)
    : shared_(std::make_shared<Shared>(std::move(executor), std::move(call), std::move(ended))) {
  install_handler();
  const BlockSignals masked;
  shared_->thread = std::thread([shared = shared_] { Shared::run(shared); });
}

InterruptibleTask::~InterruptibleTask() {
  {
    std::unique_lock lock(shared_->mutex);
    shared_->abandoned = true;
    shared_->stop = true;
    while (!shared_->result) {
      ::pthread_kill(shared_->thread.native_handle(), interrupt_signal());
      shared_->changed.wait_for(lock, kInterruptAgain);
    }
  }
  shared_->thread.join();
}

void InterruptibleTask::interrupt() noexcept {
  const std::lock_guard lock(shared_->mutex);
  shared_->stop = true;
  if (!shared_->result) ::pthread_kill(shared_->thread.native_handle(), interrupt_signal());
}

std::optional<int> InterruptibleTask::result() const noexcept {
  const std::lock_guard lock(shared_->mutex);
  return shared_->result;
}

}  // namespace llp
