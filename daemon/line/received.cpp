// SPDX-License-Identifier: BSD-3-Clause
#include "line/received.hpp"

#include <algorithm>
#include <utility>

namespace llp::line {

void Received::ended(MessageId id, bool pending) { entries_[id] = Entry{pending, false, std::nullopt}; }

void Received::queue(Message message) {
  bytes_ += message.text.size();
  queue_.push_back(std::move(message));
}

std::optional<Message> Received::take() {
  if (queue_.empty()) return std::nullopt;
  Message message = std::move(queue_.front());
  queue_.pop_front();
  bytes_ -= message.text.size();
  return message;
}

std::vector<MessageId> Received::clear_queue() {
  std::vector<MessageId> ids;
  ids.reserve(queue_.size());
  for (const Message& message : queue_) ids.push_back(message.id);
  queue_.clear();
  bytes_ = 0;
  return ids;
}

void Received::settle(MessageId id, Fate fate) {
  const auto it = entries_.find(id);
  if (it == entries_.end() || it->second.fate) return;
  it->second.fate = fate;
  settled_.push_back(id);
  if (settled_.size() > kKept) {
    entries_.erase(settled_.front());
    settled_.pop_front();
  }
}

void Received::judged(MessageId id, llp_decision decision, llp_settled settled) {
  const auto it = entries_.find(id);
  if (it == entries_.end()) return;
  const bool accept = decision == LLP_ACCEPT || decision == LLP_ACCEPT_ANSWER;
  it->second.accepted = accept && settled != LLP_GONE;
  if (!accept) {
    settle(id, Fate{false, false, LLP_CAUSE_REFUSED});
  } else if (settled == LLP_ACKNOWLEDGED) {
    settle(id, Fate{true, true, LLP_OK});
  } else if (settled == LLP_GONE) {
    settle(id, Fate{false, false, LLP_CAUSE_VERDICT_LATE});
  }
}

void Received::acked(MessageId id) { settle(id, Fate{true, true, LLP_OK}); }

void Received::cancelled(MessageId id, llp_cause cause, bool accepted) {
  const auto it = std::ranges::find(queue_, id, &Message::id);
  if (it != queue_.end()) {
    bytes_ -= it->text.size();
    queue_.erase(it);
  }
  settle(id, Fate{false, accepted, cause});
}

void Received::cancel_all(llp_cause cause) {
  std::vector<std::pair<MessageId, bool>> open;
  for (const auto& [id, entry] : entries_) {
    if (!entry.fate) open.emplace_back(id, entry.accepted);
  }
  for (const auto& [id, accepted] : open) settle(id, Fate{false, accepted, cause});
}

std::optional<Fate> Received::fate(MessageId id) const {
  const auto it = entries_.find(id);
  if (it == entries_.end()) return Fate{false, false, LLP_CAUSE_HANGUP};
  return it->second.fate;
}

}  // namespace llp::line
