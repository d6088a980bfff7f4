// SPDX-License-Identifier: BSD-3-Clause
// What is remembered of messages from the instrument, so that a repeat is known
// for one. In memory only: a restart forgets it.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "core/event.hpp"

namespace llp::core {

using Bytes = std::vector<std::uint8_t>;

// Stands for a message's exact bytes: their SHA-256 and their number.
struct MessageKey {
  std::array<std::uint8_t, 32> digest{};
  std::size_t length = 0;
  friend auto operator<=>(const MessageKey&, const MessageKey&) = default;
};
// Throws std::runtime_error if the system has no SHA-256.
[[nodiscard]] MessageKey key_of(std::span<const std::uint8_t> message);

class DuplicateStore {
 public:
  // What is known of a message.
  enum class State : std::uint8_t {
    failed,  // an application has seen some of it, and no whole reply came: a repeat is a possible duplicate
    kept,    // its whole reply came, but its sender does not know: a repeat is answered with the reply
    done,    // acknowledged: a repeat is a possible duplicate (its last acknowledgement may have been lost)
  };
  struct Found {
    State state = State::failed;
    Bytes reply;  // State::kept
  };
  struct Limits {
    std::chrono::nanoseconds window = std::chrono::minutes(10);  // an entry is good for so long
    std::size_t entries = 1024;                                  // beyond, the least recently used goes
    std::size_t bytes = std::size_t{64}
                        << 20;  // of kept replies; beyond, the least recently used is `failed`
  };

  explicit DuplicateStore(Limits limits) : limits_(limits) {}

  // What happened to a message last. `now` is the caller's clock and does not
  // run backwards.
  void failed(const MessageKey& key, Clock::time_point now) { put(key, State::failed, {}, now); }
  void keep(const MessageKey& key, Bytes reply, Clock::time_point now) {
    put(key, State::kept, std::move(reply), now);
  }
  void done(const MessageKey& key, Clock::time_point now) { put(key, State::done, {}, now); }

  // Nothing if it was never seen, or too long ago.
  [[nodiscard]] std::optional<Found> find(const MessageKey& key, Clock::time_point now);

  [[nodiscard]] std::size_t size() const noexcept { return order_.size(); }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

 private:
  struct Entry {
    MessageKey key;
    State state = State::failed;
    Bytes reply;
    Clock::time_point until;
  };
  using Order = std::list<Entry>;  // most recently used first

  void put(const MessageKey& key, State state, Bytes reply, Clock::time_point now);
  void expire(Clock::time_point now);
  void erase(Order::iterator entry);
  void drop_reply(Entry& entry) noexcept;

  Limits limits_;
  Order order_;
  std::map<MessageKey, Order::iterator> index_;
  std::size_t bytes_ = 0;
};

}  // namespace llp::core
