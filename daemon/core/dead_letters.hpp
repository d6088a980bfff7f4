// SPDX-License-Identifier: BSD-3-Clause
// Messages that belong to nobody any more. In memory, bounded; the oldest go
// first. Where there is a spool they are kept there instead.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

namespace llp::core {

struct DeadLetter {
  enum class Kind : std::uint8_t {
    late_reply,             // came after its request's time-out
    stray_acknowledgement,  // answers nothing that is outstanding
    unclaimed_reply,        // its client had gone
    late_answer,            // of an application; the instrument's timer had run out
  };
  Kind kind = Kind::late_reply;
  std::chrono::system_clock::time_point when;
  std::vector<std::uint8_t> text;
};

class DeadLetters {
 public:
  // At most `count` letters of `bytes` bytes together.
  DeadLetters(std::size_t count, std::size_t bytes) : max_count_(count), max_bytes_(bytes) {}

  // Returns how many were dropped for it (itself, if there is no room for it).
  std::size_t add(DeadLetter letter);

  // Hands over all of them, oldest first.
  [[nodiscard]] std::vector<DeadLetter> take();

  [[nodiscard]] std::size_t size() const noexcept { return letters_.size(); }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

 private:
  std::size_t max_count_;
  std::size_t max_bytes_;
  std::deque<DeadLetter> letters_;
  std::size_t bytes_ = 0;
};

}  // namespace llp::core
