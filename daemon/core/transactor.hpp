// SPDX-License-Identifier: BSD-3-Clause
// Who may have a transaction on the line now: the instrument, whose messages
// never wait, or one request to it. Owns the transaction lock.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>

#include "base/log.hpp"
#include "base/result.hpp"
#include "core/event.hpp"
#include "io/transaction_lock.hpp"

namespace llp::core {

class Transactor {
 public:
  // A message from the instrument is in hand: it arrives, or waits for its
  // answer, or its answer is being written. While one is there, no request
  // begins. It has the transaction lock if that was free.
  class Inbound {
   public:
    Inbound() = default;
    Inbound(Inbound&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}
    Inbound& operator=(Inbound&& other) noexcept {
      std::swap(owner_, other.owner_);
      return *this;
    }
    Inbound(const Inbound&) = delete;
    Inbound& operator=(const Inbound&) = delete;
    ~Inbound() { release(); }
    void release() {
      if (owner_ != nullptr) std::exchange(owner_, nullptr)->leave();
    }

   private:
    friend class Transactor;
    explicit Inbound(Transactor& owner) : owner_(&owner) {}
    Transactor* owner_ = nullptr;
  };

  // A request's right to the line, with the transaction lock.
  class Turn {
   public:
    Turn(Turn&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}
    Turn& operator=(Turn&&) = delete;
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() {
      if (owner_ != nullptr) owner_->end_turn();
    }

   private:
    friend class Transactor;
    explicit Turn(Transactor& owner) : owner_(&owner) {}
    Transactor* owner_;
  };

  // `changed` is notified whenever somebody may go on.
  Transactor(asio::any_io_executor executor, std::filesystem::path lock_file, Event& changed, Logger log);

  // At the begin of a message, and again when it is whole. Takes the lock by
  // trying; if a request of this process has it, that request is asked to
  // withdraw. Never waits.
  [[nodiscard]] Inbound inbound();

  // The right to send a request: when no message from the instrument is in
  // hand, and the lock is ours. Who waits is given it with the lock at the end of
  // the message in hand, whatever begins meanwhile: an instrument that sends one
  // message after the other leaves every second turn. One caller at a time. Errc::timeout after `deadline`;
  // Errc::cancelled after close(); else what is wrong with the lock's file.
  [[nodiscard]] asio::awaitable<Result<Turn>> turn(Clock::time_point deadline);

  // Called by inbound() while a request has its turn.
  void on_inbound(std::function<void()> ask_to_withdraw) { withdraw_ = std::move(ask_to_withdraw); }

  // No turn is given while this is set (the line is being left).
  void set_held(bool held);

  [[nodiscard]] bool busy() const noexcept { return inbound_ > 0 || turn_; }
  [[nodiscard]] std::size_t inbound_count() const noexcept { return inbound_; }
  // What turn() waits for, for messages to people.
  [[nodiscard]] std::string waits_for() const;

  // Every turn() ends.
  void close() noexcept;

 private:
  void leave();
  void end_turn();

  io::TransactionLock lock_;
  Event& changed_;
  Logger log_;
  std::function<void()> withdraw_;
  std::size_t inbound_ = 0;
  io::TransactionLock::Guard inbound_lock_;
  bool turn_ = false;
  bool waiting_ = false;  // for a message to end
  bool given_ = false;    // the turn, to who waits
  io::TransactionLock::Guard turn_lock_;
  bool held_ = false;
  bool closed_ = false;
};

}  // namespace llp::core
