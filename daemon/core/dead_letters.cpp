// SPDX-License-Identifier: BSD-3-Clause
#include "core/dead_letters.hpp"

#include <iterator>
#include <utility>

namespace llp::core {

std::size_t DeadLetters::add(DeadLetter letter) {
  if (max_count_ == 0 || letter.text.size() > max_bytes_) return 1;
  std::size_t dropped = 0;
  while (letters_.size() >= max_count_ || bytes_ + letter.text.size() > max_bytes_) {
    bytes_ -= letters_.front().text.size();
    letters_.pop_front();
    ++dropped;
  }
  bytes_ += letter.text.size();
  letters_.push_back(std::move(letter));
  return dropped;
}

std::vector<DeadLetter> DeadLetters::take() {
  std::vector<DeadLetter> all(std::make_move_iterator(letters_.begin()),
                              std::make_move_iterator(letters_.end()));
  letters_.clear();
  bytes_ = 0;
  return all;
}

}  // namespace llp::core
