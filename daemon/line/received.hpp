// SPDX-License-Identifier: BSD-3-Clause
// Messages from the line: those that wait for read(), and what became of each.
// Not for use outside daemon/line.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <unordered_map>

#include "line/line.hpp"

namespace llp::line {

class Received {
 public:
  // A message that ended; `pending`: its sender waits for the acknowledgement.
  void ended(MessageId id, bool pending);
  // It waits for read().
  void queue(Message message);
  [[nodiscard]] std::optional<Message> take();
  // Empties the queue; returns the ids.
  [[nodiscard]] std::vector<MessageId> clear_queue();

  // A verdict was given, and the engine's answer to it.
  void judged(MessageId id, llp_decision decision, llp_settled settled);
  void acked(MessageId id);
  // Cancelled by the other side or the line; a message that nobody took yet is
  // forgotten. Unknown ids (messages that did not end) are ignored.
  void cancelled(MessageId id, llp_cause cause, bool accepted);
  void cancel_all(llp_cause cause);

  // What became of it, once it is known. Kept for the last kKept messages;
  // older ones and unknown ones count as cancelled.
  static constexpr std::size_t kKept = 256;
  [[nodiscard]] std::optional<Fate> fate(MessageId id) const;
  [[nodiscard]] bool knows(MessageId id) const { return entries_.contains(id); }

  [[nodiscard]] std::size_t count() const { return queue_.size(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  struct Entry {
    bool pending = false;
    bool accepted = false;
    std::optional<Fate> fate;
  };
  void settle(MessageId id, Fate fate);

  std::unordered_map<MessageId, Entry> entries_;
  std::deque<MessageId> settled_;  // oldest first
  std::deque<Message> queue_;
  std::size_t bytes_ = 0;
};

}  // namespace llp::line
