// SPDX-License-Identifier: BSD-3-Clause
// From the instrument to applications: takes what arrives, delivers it, gives
// the verdict that acknowledges it, and writes the answers. Not for use outside
// daemon/core.
#pragma once

#include <asio/awaitable.hpp>
#include <deque>
#include <list>
#include <memory>
#include <string>

#include "core/attempt.hpp"
#include "core/context.hpp"

namespace llp::core {

class Proximal {
 public:
  explicit Proximal(Context& context)
      : c_(context), targets_(context.config.to, context.config.retry_min, context.config.retry_max) {}
  Proximal(const Proximal&) = delete;
  Proximal& operator=(const Proximal&) = delete;

  // The coroutines: what begins, what is whole, one message after the other to
  // the application, one answer after the other to the line, and the look for a
  // target that answers again.
  [[nodiscard]] asio::awaitable<void> watch_begins();
  [[nodiscard]] asio::awaitable<void> read();
  [[nodiscard]] asio::awaitable<void> serve();
  [[nodiscard]] asio::awaitable<void> write();
  [[nodiscard]] asio::awaitable<void> probe();

  [[nodiscard]] bool has_target() const noexcept { return !targets_.empty(); }

  // Shutting down: a message that arrives now is served to its end, what begins
  // later is refused; then everything that waits for an application.
  void refuse_new();
  void abort();
  [[nodiscard]] bool idle() const noexcept;
  // Messages that wait for an application, or whose replies wait for the line.
  [[nodiscard]] std::size_t in_hand() const noexcept {
    return inbox_.size() + (serving_ ? 1 : 0) + answers_.size() + (writing_ ? 1 : 0);
  }
  [[nodiscard]] std::vector<TargetStatus> targets() const { return targets_.status(Clock::now()); }
  // Messages without a verdict are in hand.
  [[nodiscard]] bool deciding() const noexcept { return serving_ || !inbox_.empty(); }

 private:
  // A whole message that waits for its verdict.
  struct Inbound {
    line::Message message;
    MessageKey key;
    Clock::time_point arrived;
    Transactor::Inbound hold;
    std::shared_ptr<std::optional<line::Fate>> fate;  // once it is known
  };
  // A delivery, and who waits for it.
  struct Delivery {
    std::shared_ptr<Attempt> attempt;
    bool awaited = false;      // serve() settles it
    bool answers = false;      // accepted at `sent`: its reply goes to the line
    Transactor::Inbound hold;  // with `answers`
  };
  using DeliveryPtr = std::shared_ptr<Delivery>;
  struct Answer {
    // HLLP, MLLP 1: the message that the line keeps waiting for this answer.
    line::MessageId unanswered = 0;
    Bytes text;
    Transactor::Inbound hold;
    Clock::time_point arrived;
    std::size_t request_size = 0;
    std::string peer;
  };

  void receive(line::Message message);
  void bury(const line::Message& message, const MessageKey& key);
  void refuse(const line::Message& message, const char* why);
  [[nodiscard]] asio::awaitable<void> watch_fate(line::MessageId id,
                                                 std::shared_ptr<std::optional<line::Fate>> fate);

  [[nodiscard]] asio::awaitable<void> handle(Inbound in);
  [[nodiscard]] DeliveryPtr delivery_for(Inbound& in, bool known);
  [[nodiscard]] asio::awaitable<void> conduct(DeliveryPtr delivery);
  [[nodiscard]] asio::awaitable<bool> settle(Inbound& in, bool answer);
  [[nodiscard]] asio::awaitable<void> whole(Inbound in, Bytes reply, std::string peer);
  [[nodiscard]] asio::awaitable<void> commit_at_host(Inbound in, DeliveryPtr delivery);
  void failed(const Inbound& in, const Attempt& attempt);
  void too_late(Inbound& in, const DeliveryPtr& delivery, bool decide);
  void ended_alone(const DeliveryPtr& delivery);
  void answer(Answer answer);
  void out_of_targets(const Attempt& attempt);
  void bound_background();
  [[nodiscard]] std::size_t background() const;
  [[nodiscard]] llp_decision refusal(const line::Message& message, bool handed_over, bool late) const;
  [[nodiscard]] bool expects_answer() const { return c_.config.params.expect_in != LLP_EXPECT_NONE; }
  [[nodiscard]] Clock::time_point give_up_at(const Inbound& in) const;

  Context& c_;
  Targets targets_;
  std::deque<Inbound> inbox_;
  std::deque<Answer> answers_;
  std::list<DeliveryPtr> deliveries_;  // oldest first
  bool serving_ = false;
  bool writing_ = false;
  bool arriving_ = false;  // a message began and is not whole yet
  bool last_one_ = false;  // shutting down: one more message is taken
  bool aborted_ = false;
  bool down_ = false;  // no target answered
  std::unique_ptr<illp::ClientTransaction> probe_;
};

}  // namespace llp::core
