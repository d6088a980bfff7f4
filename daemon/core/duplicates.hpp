// SPDX-License-Identifier: BSD-3-Clause
// What is remembered of messages from the instrument, so that a repeat is known
// for one. In memory; the attempt journal brings it over a restart.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <utility>

#include "core/event.hpp"
#include "store/message_key.hpp"

namespace llp::core {

using store::Bytes;
using store::key_of;
using store::MessageKey;

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
  // As it was before a restart. `until`: kNever for an attempt whose end is not
  // known, for its message may come again at any time.
  void restore(const MessageKey& key, State state, Clock::time_point now, Clock::time_point until) {
    put(key, state, {}, now, until);
  }

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

  void put(const MessageKey& key, State state, Bytes reply, Clock::time_point now) {
    put(key, state, std::move(reply), now, later(now, limits_.window));
  }
  void put(const MessageKey& key, State state, Bytes reply, Clock::time_point now, Clock::time_point until);
  void expire(Clock::time_point now);
  void erase(Order::iterator entry);
  void drop_reply(Entry& entry) noexcept;

  Limits limits_;
  Order order_;
  std::map<MessageKey, Order::iterator> index_;
  std::size_t bytes_ = 0;
};

}  // namespace llp::core
