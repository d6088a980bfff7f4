// SPDX-License-Identifier: BSD-3-Clause
// The coroutines of one owner: none outlives it, and all can be waited for.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <cstddef>
#include <memory>

#include "base/log.hpp"
#include "core/event.hpp"

namespace llp::core {

class Scope {
 public:
  Scope(asio::any_io_executor executor, Logger log);
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  // What every coroutine keeps alive while it runs: the object that this scope
  // is a member of. Before the first spawn().
  void set_owner(std::weak_ptr<void> owner) { owner_ = std::move(owner); }

  // Starts it from the loop, not within the call. An exception that leaves it
  // is logged.
  void spawn(asio::awaitable<void> task);

  // Returns when none is left; the caller is not one of them.
  [[nodiscard]] asio::awaitable<void> join();

  [[nodiscard]] std::size_t active() const noexcept { return active_; }

 private:
  asio::any_io_executor executor_;
  Logger log_;
  std::weak_ptr<void> owner_;
  std::size_t active_ = 0;
  Event ended_;
};

}  // namespace llp::core
