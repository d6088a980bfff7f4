// SPDX-License-Identifier: BSD-3-Clause
// The locks of a line between processes: the transaction lock (who may start a
// transaction now) and the server role (who receives).
#pragma once

#include <sys/types.h>

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace llp::io {

// Exclusive flock(2) on a line's device node or NAME.lock, held from the first
// byte of a request to the end of its reply. Inside the process its waiters
// come first come, first served; between processes the lock is waited for on a
// thread of its own (polling for it starves), one at most for each object,
// which is taken back by a signal (SIGRTMIN+6) when the wait is cancelled or
// runs out.
//
// flock(2) lets the process that releases it take it again before those that
// it woke; so waiters of this class hold an open-file-description lock on the
// file's first byte while they wait for the flock, and come one after the
// other through this turnstile. For others, flock(1) say, it is a plain flock.
class TransactionLock {
  struct State;

 public:
  // The lock while it is held; released with it.
  class Guard {
   public:
    Guard() noexcept = default;
    Guard(Guard&& other) noexcept;
    Guard& operator=(Guard&& other) noexcept;
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;
    ~Guard();
    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(state_); }
    void release() noexcept;

   private:
    friend class TransactionLock;
    Guard(std::shared_ptr<State> state, UniqueFd fd) noexcept;
    std::shared_ptr<State> state_;
    UniqueFd fd_;
  };

  // `file` is opened for each acquisition; a regular file is made if it is
  // missing (mode 0660), its directory is not, and nothing is in /dev.
  TransactionLock(asio::any_io_executor executor, std::filesystem::path file);
  TransactionLock(const TransactionLock&) = delete;
  TransactionLock& operator=(const TransactionLock&) = delete;
  ~TransactionLock();  // as close()

  // Waits for the lock. Errc::timeout after `timeout` (none: for ever),
  // Errc::cancelled after close() or when the operation is cancelled
  // (per-operation cancellation); an error of the file otherwise. When it
  // returns an error nothing is held and no thread is left.
  [[nodiscard]] asio::awaitable<Result<Guard>> acquire(
      std::optional<std::chrono::nanoseconds> timeout = std::nullopt);

  // Takes it if it is free now and nobody in this process waits; else Errc::busy.
  [[nodiscard]] Result<Guard> try_acquire();

  // Every wait ends with Errc::cancelled, and so does every later acquire().
  // Guards stay good.
  void close() noexcept;

  [[nodiscard]] bool held() const noexcept;            // by a Guard of this object
  [[nodiscard]] std::size_t waiting() const noexcept;  // acquisitions under way

 private:
  std::shared_ptr<State> state_;
};

// The receiver's role of a line: flock on NAME.server, not waited for. The file
// holds the pid of its holder.
class RoleLock {
 public:
  // Errc::in_use names the process that has the role.
  [[nodiscard]] static Result<RoleLock> take(const std::filesystem::path& file);

  RoleLock(RoleLock&&) noexcept = default;
  RoleLock& operator=(RoleLock&& other) noexcept;
  RoleLock(const RoleLock&) = delete;
  RoleLock& operator=(const RoleLock&) = delete;
  ~RoleLock();

 private:
  explicit RoleLock(UniqueFd fd) noexcept : fd_(std::move(fd)) {}
  void release() noexcept;
  UniqueFd fd_;
};

}  // namespace llp::io
