// SPDX-License-Identifier: BSD-3-Clause
#include "core/scope.hpp"

#include <asio/co_spawn.hpp>
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>
#include <exception>
#include <utility>

namespace llp::core {

namespace {

// co_spawn() runs the beginning within the call when it is called in the loop.
asio::awaitable<void> from_the_loop(asio::any_io_executor executor, asio::awaitable<void> task) {
  co_await asio::post(executor, asio::use_awaitable);
  co_await std::move(task);
}

}  // namespace

Scope::Scope(asio::any_io_executor executor, Logger log)
    : executor_(std::move(executor)), log_(std::move(log)), ended_(executor_) {}

void Scope::spawn(asio::awaitable<void> task) {
  auto owner = owner_.lock();
  if (!owner) return;  // being destroyed: there is nobody left to work for
  ++active_;
  asio::co_spawn(executor_, from_the_loop(executor_, std::move(task)),
                 [this, owner = std::move(owner)](const std::exception_ptr& failure) {
                   --active_;
                   ended_.notify();
                   if (!failure) return;
                   try {
                     std::rethrow_exception(failure);
                   } catch (const std::exception& e) {
                     log_.error("ended by an error: {}", e.what());
                   }
                 });
}

asio::awaitable<void> Scope::join() {
  while (active_ > 0) co_await ended_.wait();
}

}  // namespace llp::core
