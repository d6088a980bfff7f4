// SPDX-License-Identifier: BSD-3-Clause
// One station of a random walk: an engine with memory, and what it told.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <vector>

extern "C" {
#include "proto/llp_engine.h"
}

namespace llp::walk {

using Bytes = std::vector<std::uint8_t>;

class Station {
 public:
  // A message that arrived whole; the verdict is the return value. One without text gets none.
  using Arrived = std::function<llp_decision(const llp_event&, std::span<const std::uint8_t>)>;

  Station(llp_protocol protocol, const llp_params& params, std::uint64_t now, Arrived arrived);

  void rx(std::uint64_t now, std::span<const std::uint8_t> bytes, const std::uint8_t* flags);
  // Appends what there is to send.
  void tx(std::uint64_t now, Bytes& out);
  void tx_empty(std::uint64_t now);
  void timeout(std::uint64_t now);
  [[nodiscard]] bool submit(std::uint64_t now, Bytes text, std::uint32_t flags);
  // To be sent as the answer to the message that was accepted last, not before @at, and after those that are
  // due.
  void answer(Bytes text, std::uint64_t at) { due_.push_back({std::move(text), at}); }
  [[nodiscard]] bool answers() const { return !due_.empty(); }
  // When something happens here by itself, seen from @now.
  [[nodiscard]] std::uint64_t deadline(std::uint64_t now) const {
    const std::uint64_t at = llp_deadline(engine_.get());
    return due_.empty() || due_.front().at <= now ? at : std::min(at, due_.front().at);
  }
  [[nodiscard]] bool tx_wait() const { return llp_tx_wait(engine_.get()); }
  [[nodiscard]] bool idle() const { return llp_idle(engine_.get()) && !busy_; }

  // Of the message submitted last.
  [[nodiscard]] bool done() const { return !busy_; }
  [[nodiscard]] llp_cause cause() const { return cause_; }
  [[nodiscard]] llp_outcome outcome() const { return outcome_; }
  [[nodiscard]] const Bytes& text() const { return text_; }

  [[nodiscard]] std::uint64_t count(llp_counter c) const { return engine_->count[c]; }
  [[nodiscard]] std::uint64_t unheard() const { return unheard_; }

 private:
  [[nodiscard]] llp_io io(std::uint64_t now);
  void event(const llp_event& e);
  void settle(std::uint64_t now);

  llp_protocol protocol_;
  std::unique_ptr<llp_engine> engine_ = std::make_unique<llp_engine>();
  Bytes rx_;
  Arrived arrived_;
  llp_event ended_{};
  bool has_ended_ = false;
  Bytes text_;
  std::map<std::uint32_t, Bytes> answers_;  // that the engine may still ask for
  std::uint32_t id_ = 0, answer_id_ = 0;
  bool busy_ = false;
  struct Due {
    Bytes text;
    std::uint64_t at;
  };
  std::deque<Due> due_;  // answers to be submitted
  llp_cause cause_ = LLP_OK;
  llp_outcome outcome_ = LLP_OUT_NOT_SENT;
  std::uint64_t unheard_ = 0;  // accepted messages whose acknowledgement never went out
};

}  // namespace llp::walk
