// SPDX-License-Identifier: BSD-3-Clause
#include "core/duplicates.hpp"

#include <utility>

namespace llp::core {

void DuplicateStore::drop_reply(Entry& entry) noexcept {
  bytes_ -= entry.reply.size();
  entry.reply = Bytes{};
}

void DuplicateStore::erase(Order::iterator entry) {
  drop_reply(*entry);
  index_.erase(entry->key);
  order_.erase(entry);
}

void DuplicateStore::expire(Clock::time_point now) {
  for (auto entry = order_.begin(); entry != order_.end();) {
    const auto next = std::next(entry);
    if (entry->until <= now) erase(entry);
    entry = next;
  }
}

void DuplicateStore::put(const MessageKey& key, State state, Bytes reply, Clock::time_point now,
                         Clock::time_point until) {
  expire(now);
  if (const auto known = index_.find(key); known != index_.end()) erase(known->second);
  if (limits_.entries == 0) return;
  if (reply.size() > limits_.bytes) {
    state = State::failed;
    reply = Bytes{};
  }
  while (order_.size() >= limits_.entries) erase(std::prev(order_.end()));
  // Without its reply a message is still known as one that was delivered.
  for (auto entry = order_.rbegin(); entry != order_.rend() && bytes_ + reply.size() > limits_.bytes;
       ++entry) {
    if (entry->reply.empty()) continue;
    drop_reply(*entry);
    entry->state = State::failed;
  }
  bytes_ += reply.size();
  order_.push_front(Entry{key, state, std::move(reply), until});
  index_[key] = order_.begin();
}

std::optional<DuplicateStore::Found> DuplicateStore::find(const MessageKey& key, Clock::time_point now) {
  const auto known = index_.find(key);
  if (known == index_.end()) return std::nullopt;
  if (known->second->until <= now) {
    erase(known->second);
    return std::nullopt;
  }
  order_.splice(order_.begin(), order_, known->second);
  return Found{known->second->state, known->second->reply};
}

}  // namespace llp::core
