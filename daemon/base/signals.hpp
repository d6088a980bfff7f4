// SPDX-License-Identifier: BSD-3-Clause
// Signals and threads.
#pragma once

#include <pthread.h>
#include <signal.h>

namespace llp {

// Blocks every signal in this thread while it lives; a thread started meanwhile
// never gets any.
class BlockSignals {
 public:
  BlockSignals() noexcept {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &old_);
  }
  BlockSignals(const BlockSignals&) = delete;
  BlockSignals& operator=(const BlockSignals&) = delete;
  ~BlockSignals() { ::pthread_sigmask(SIG_SETMASK, &old_, nullptr); }

 private:
  sigset_t old_{};
};

// A handler that is set for `number` no longer interrupts system calls: what is
// being printed is printed to its end.
inline void restart_calls(int number) noexcept {
  struct sigaction action{};
  if (::sigaction(number, nullptr, &action) != 0) return;
  action.sa_flags |= SA_RESTART;
  static_cast<void>(::sigaction(number, &action, nullptr));
}

}  // namespace llp
