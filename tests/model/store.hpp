// SPDX-License-Identifier: BSD-3-Clause
//
// What is kept of states: 32 bytes of each that was seen, and the whole of
// those that are still to be looked at, as differences from the first.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <vector>

#include "world.hpp"

namespace llp::model {

inline constexpr std::uint32_t kNoEntry = 0xffffffff;

// A state that was seen: how it was reached first, and how long the stations
// take from here to come to rest.
struct Seen {
  Fingerprint fingerprint;
  std::uint32_t parent = kNoEntry;
  std::uint32_t action = 0;
  std::uint32_t rest_ms = kNoEntry;  // unknown yet
  std::uint32_t flags = 0;
};
static_assert(sizeof(Seen) == 32);

class SeenSet {
 public:
  SeenSet() : index_(1 << 16, kNoEntry) {}
  Seen& operator[](std::uint32_t i) { return (*chunks_[i >> kBits])[i & kMask]; }
  std::uint32_t size() const { return size_; }
  std::size_t bytes() const { return chunks_.size() * sizeof(Chunk) + index_.size() * sizeof(index_[0]); }

  // The entry of a fingerprint; a new one if there is none.
  std::uint32_t find_or_add(const Fingerprint& f) {
    if (size_ * std::size_t{3} > index_.size() * 2) grow();
    std::size_t at = f.a & (index_.size() - 1);
    while (index_[at] != kNoEntry) {
      if ((*this)[index_[at]].fingerprint == f) return index_[at];
      at = (at + 1) & (index_.size() - 1);
    }
    if ((size_ & kMask) == 0) chunks_.push_back(std::make_unique<Chunk>());
    index_[at] = size_++;
    (*this)[index_[at]].fingerprint = f;
    return index_[at];
  }

 private:
  static constexpr std::uint32_t kBits = 14;
  static constexpr std::uint32_t kMask = (1U << kBits) - 1;
  using Chunk = std::array<Seen, 1U << kBits>;

  void grow() {
    std::vector<std::uint32_t> bigger(index_.size() * 2, kNoEntry);
    for (const std::uint32_t i : index_) {
      if (i == kNoEntry) continue;
      std::size_t at = (*this)[i].fingerprint.a & (bigger.size() - 1);
      while (bigger[at] != kNoEntry) at = (at + 1) & (bigger.size() - 1);
      bigger[at] = i;
    }
    index_ = std::move(bigger);
  }

  std::vector<std::unique_ptr<Chunk>> chunks_;
  std::vector<std::uint32_t> index_;
  std::uint32_t size_ = 0;
};

// A first-in, first-out queue of states.
class StateQueue {
 public:
  explicit StateQueue(const World& base) : base_(base) {}

  bool empty() const { return count_ == 0; }
  std::size_t size() const { return count_; }
  std::size_t bytes() const { return chunks_.size() * kChunk * sizeof(std::uint64_t); }
  std::uint32_t front_depth() const { return static_cast<std::uint32_t>(at(head_) >> 32); }

  void push(const World& w, std::uint32_t entry, std::uint32_t depth) {
    std::array<std::uint64_t, kWords> words{};
    std::array<std::uint64_t, kWords> base{};
    std::memcpy(words.data(), &w, sizeof(w));
    std::memcpy(base.data(), &base_, sizeof(w));
    put(static_cast<std::uint64_t>(depth) << 32 | entry);
    const std::size_t map = tail_;
    for (std::size_t i = 0; i < kMap; i++) put(0);
    for (std::size_t i = 0; i < kWords; i++) {
      const std::uint64_t d = words[i] ^ base[i];
      if (d == 0) continue;
      at(map + i / 64) |= 1ULL << (i % 64);
      put(d);
    }
    count_++;
  }

  std::uint32_t pop(World& w) {
    std::array<std::uint64_t, kWords> words{};
    std::memcpy(words.data(), &base_, sizeof(base_));
    const auto entry = static_cast<std::uint32_t>(take());
    std::array<std::uint64_t, kMap> map{};
    for (auto& m : map) m = take();
    for (std::size_t i = 0; i < kWords; i++)
      if (map[i / 64] >> (i % 64) & 1) words[i] ^= take();
    std::memcpy(&w, words.data(), sizeof(w));
    count_--;
    return entry;
  }

 private:
  static constexpr std::size_t kWords = (sizeof(World) + 7) / 8;
  static constexpr std::size_t kMap = (kWords + 63) / 64;
  static constexpr std::size_t kChunk = 1U << 15;
  using Chunk = std::array<std::uint64_t, kChunk>;

  std::uint64_t& at(std::size_t i) { return (*chunks_[i / kChunk - dropped_])[i % kChunk]; }
  const std::uint64_t& at(std::size_t i) const { return (*chunks_[i / kChunk - dropped_])[i % kChunk]; }
  void put(std::uint64_t v) {
    if (tail_ / kChunk - dropped_ == chunks_.size()) chunks_.push_back(std::make_unique<Chunk>());
    at(tail_++) = v;
  }
  std::uint64_t take() {
    const std::uint64_t v = at(head_++);
    if (head_ / kChunk > dropped_) {
      chunks_.pop_front();
      dropped_++;
    }
    return v;
  }

  const World base_;
  std::deque<std::unique_ptr<Chunk>> chunks_;
  std::size_t head_ = 0, tail_ = 0, dropped_ = 0, count_ = 0;
};

}  // namespace llp::model
