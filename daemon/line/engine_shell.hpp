// SPDX-License-Identifier: BSD-3-Clause
// The engine with what it needs around it: memory for what is received, bounded;
// the time; and its callbacks as virtual functions. No input or output here.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "line/clock.hpp"
#include "line/line.hpp"

namespace llp::line {

// What llp_submit() of a station at rest says to this text: 0, -EMSGSIZE,
// -EILSEQ, -EINVAL.
[[nodiscard]] int check_text(llp_protocol protocol, const llp_params& params,
                             std::span<const std::uint8_t> text, std::uint32_t flags);

class EngineShell {
 public:
  // What the engine reports. Called from within the calls below; must not call
  // the shell, must not throw.
  class Sink {
   public:
    virtual ~Sink() = default;
    virtual void engine_event(const llp_event& event) noexcept = 0;
    // LLP_EV_END with the message's text.
    virtual void engine_message(const llp_event& event, std::span<const std::uint8_t> text) noexcept = 0;
    // Text of a submitted message.
    virtual std::span<const std::uint8_t> engine_text(std::uint32_t id) noexcept = 0;
  };

  EngineShell(llp_protocol protocol, const llp_params& params, std::shared_ptr<Clock> clock, Sink& sink);

  // Before the first connected() only: the time of one character is known now.
  void set_char_time(std::chrono::nanoseconds char_time);

  void connected();
  void hangup(bool final);
  // Returns how many bytes were consumed; all, but after a message's end. Too
  // long a message is the engine's to refuse.
  [[nodiscard]] std::size_t rx(std::span<const std::uint8_t> bytes, const std::uint8_t* flags);
  [[nodiscard]] std::size_t tx(std::span<std::uint8_t> out);
  void tx_empty();
  void timeout();
  void set_ready(std::uint32_t ready);
  [[nodiscard]] int submit(std::uint32_t id, std::uint32_t len, std::uint32_t flags);
  [[nodiscard]] int answer(std::uint32_t id, std::uint32_t len, std::uint32_t question);
  void abort(std::uint32_t id);
  llp_settled verdict(std::uint32_t id, llp_decision decision);
  void abort_rx();

  [[nodiscard]] bool tx_pending() const { return llp_tx_pending(engine_.get()); }
  [[nodiscard]] bool tx_wait() const { return llp_tx_wait(engine_.get()); }
  [[nodiscard]] std::uint64_t deadline() const { return llp_deadline(engine_.get()); }
  [[nodiscard]] bool can_submit(std::uint32_t flags) const { return llp_can_submit(engine_.get(), flags); }
  [[nodiscard]] bool can_withdraw(std::uint32_t id) const { return llp_can_withdraw(engine_.get(), id); }
  [[nodiscard]] bool idle() const { return llp_idle(engine_.get()); }
  [[nodiscard]] const llp_engine& engine() const { return *engine_; }
  [[nodiscard]] const llp_params& params() const { return params_; }
  [[nodiscard]] llp_protocol protocol() const { return protocol_; }

  [[nodiscard]] int check(std::span<const std::uint8_t> text, std::uint32_t flags) const {
    return check_text(protocol_, params_, text, flags);
  }

  // Bytes held for what is being received.
  [[nodiscard]] std::size_t memory() const { return rx_.capacity(); }

 private:
  [[nodiscard]] llp_io make_io();
  void shrink();

  llp_protocol protocol_;
  llp_params params_;
  std::shared_ptr<Clock> clock_;
  Sink& sink_;
  std::unique_ptr<llp_engine> engine_;
  std::vector<std::uint8_t> rx_;
  std::size_t rx_max_;
};

}  // namespace llp::line
