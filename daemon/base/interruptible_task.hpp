// SPDX-License-Identifier: BSD-3-Clause
// A system call that may block without an end, on a thread of its own, that can
// be taken back.
#pragma once

#include <asio/any_io_executor.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>

namespace llp {

// Runs `call` on its own thread. `call` returns 0, or an errno value; when it
// returns EINTR it is called again, unless interrupt() was called. When it has
// ended, `ended` is called on the executor.
//
// A call is taken back by a signal to its thread alone (SIGRTMIN+6, with a
// handler that does nothing; every other signal is blocked there). A signal
// that comes just before the thread enters the system call is lost, so whoever
// interrupts does it again until the call has ended; the destructor does so by
// itself, and joins.
class InterruptibleTask {
 public:
  InterruptibleTask(asio::any_io_executor executor, std::function<int()> call, std::function<void()> ended);
  InterruptibleTask(const InterruptibleTask&) = delete;
  InterruptibleTask& operator=(const InterruptibleTask&) = delete;
  ~InterruptibleTask();

  // How long to wait before interrupting once more.
  static constexpr std::chrono::milliseconds kInterruptAgain{2};
  void interrupt() noexcept;

  // What the last call returned (EINTR: it was interrupted), once it has ended.
  [[nodiscard]] std::optional<int> result() const noexcept;

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace llp
