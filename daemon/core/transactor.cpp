// SPDX-License-Identifier: BSD-3-Clause
#include "core/transactor.hpp"

#include <optional>
#include <utility>

namespace llp::core {

Transactor::Transactor(asio::any_io_executor executor, std::filesystem::path lock_file, Event& changed,
                       Logger log)
    : lock_(std::move(executor), std::move(lock_file)), changed_(changed), log_(std::move(log)) {}

Transactor::Inbound Transactor::inbound() {
  ++inbound_;
  if (turn_) {
    if (withdraw_) withdraw_();
  } else if (!inbound_lock_ && !closed_) {
    auto taken = lock_.try_acquire();
    if (taken) {
      inbound_lock_ = std::move(*taken);
    } else if (taken.error().code != Errc::busy) {
      log_.warning("{}; the instrument's message is served without it", taken.error().message);
    } else {
      log_.debug("{}; the instrument's message is served without it", taken.error().message);
    }
  }
  return Inbound(*this);
}

void Transactor::leave() {
  if (--inbound_ == 0) {
    if (waiting_ && inbound_lock_ && !held_ && !closed_) {
      waiting_ = false;
      given_ = turn_ = true;
      turn_lock_ = std::move(inbound_lock_);
    } else {
      inbound_lock_.release();
    }
  }
  changed_.notify();
}

void Transactor::end_turn() {
  turn_ = false;
  // What is left of the instrument's transaction goes on under the lock.
  if (inbound_ > 0) {
    inbound_lock_ = std::move(turn_lock_);
  } else {
    turn_lock_.release();
  }
  changed_.notify();
}

asio::awaitable<Result<Transactor::Turn>> Transactor::turn(Clock::time_point deadline) {
  for (;;) {
    while (!closed_ && !given_ && (inbound_ > 0 || held_) && Clock::now() < deadline) {
      waiting_ = true;
      co_await changed_.wait_until(deadline);
    }
    waiting_ = false;
    if (std::exchange(given_, false)) {
      Turn turn(*this);
      if (closed_) co_return fail(Errc::cancelled, "the line is shut down");
      co_return turn;
    }
    if (closed_) co_return fail(Errc::cancelled, "the line is shut down");
    if (inbound_ > 0 || held_) co_return fail(Errc::timeout, "waited in vain for " + waits_for());
    std::optional<std::chrono::nanoseconds> limit;
    if (deadline != kNever) limit = deadline - Clock::now();
    auto guard = co_await lock_.acquire(limit);
    if (!guard) co_return std::unexpected(std::move(guard.error()));
    if (closed_) co_return fail(Errc::cancelled, "the line is shut down");
    if (inbound_ == 0 && !held_) {
      turn_ = true;
      turn_lock_ = std::move(*guard);
      co_return Turn(*this);
    }
    // While we waited a message began: the lock is its own now.
    if (inbound_ > 0 && !inbound_lock_) inbound_lock_ = std::move(*guard);
  }
}

void Transactor::set_held(bool held) {
  held_ = held;
  changed_.notify();
}

std::string Transactor::waits_for() const {
  if (inbound_ > 0) return "the instrument's transaction to end";
  if (held_) return "the line to be left";
  if (turn_) return "the request before it";
  return "the transaction lock, which another process has";
}

void Transactor::close() noexcept {
  closed_ = true;
  lock_.close();
  changed_.notify();
}

}  // namespace llp::core
