// SPDX-License-Identifier: BSD-3-Clause
// From the instrument to applications: takes what arrives, delivers it, gives
// the verdict that acknowledges it, and writes the answers. Not for use outside
// daemon/core.
#pragma once

#include <asio/awaitable.hpp>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "core/attempt.hpp"
#include "core/context.hpp"

namespace llp::core {

class Proximal {
 public:
  explicit Proximal(Context& context)
      : c_(context),
        targets_(context.config.to, context.config.retry_min, context.config.retry_max),
        diverted_(context.config.duplicates_to ? std::vector{*context.config.duplicates_to}
                                               : std::vector<illp::Endpoint>{},
                  context.config.retry_min, context.config.retry_max) {}
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
  // With a spool: one message from it after the other to the application; the
  // ends of waiting for their replies; the look whether it can store again.
  [[nodiscard]] asio::awaitable<void> deliver_stored();
  [[nodiscard]] asio::awaitable<void> close_windows();
  [[nodiscard]] asio::awaitable<void> mend_spool();

  [[nodiscard]] bool has_target() const noexcept { return !targets_.empty(); }

  // Shutting down: a message that arrives now is served to its end, what begins
  // later is refused; then everything that waits for an application.
  void refuse_new();
  void abort();
  [[nodiscard]] bool idle() const noexcept;
  // What the spool allows, to the line.
  void update_room();
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
    std::string id;                                   // for the audit log
  };
  // A delivery, and who waits for it.
  struct Delivery {
    std::shared_ptr<Attempt> attempt;
    bool awaited = false;          // serve() settles it
    bool answers = false;          // accepted at `sent`: its reply goes to the line
    line::MessageId question = 0;  // with `answers`
    std::shared_ptr<std::optional<store::AttemptId>> journaled;
    Transactor::Inbound hold;  // with `answers`
    std::string id;            // for the audit log
  };
  using DeliveryPtr = std::shared_ptr<Delivery>;
  struct Answer {
    line::MessageId question = 0;
    // HLLP, MLLP 1: the line keeps it waiting for this answer.
    bool unanswered = false;
    Bytes text;
    Transactor::Inbound hold;
    Clock::time_point arrived;
    MessageKey key;  // of the question
    std::string peer;
  };

  // The instrument waits for the answer to a message that is in the spool.
  struct Window {
    line::MessageId question = 0;
    bool unanswered = false;  // as in Answer
    Transactor::Inbound hold;
    Clock::time_point arrived, until;
    bool acknowledged = false;   // the instrument knows that we have it
    std::optional<Bytes> reply;  // came before that was known
    std::string peer;
  };

  void receive(line::Message message);
  [[nodiscard]] asio::awaitable<void> bury(line::Message message);
  void refuse(const line::Message& message, const char* why);
  [[nodiscard]] asio::awaitable<void> watch_fate(line::MessageId id,
                                                 std::shared_ptr<std::optional<line::Fate>> fate);

  [[nodiscard]] asio::awaitable<void> handle(Inbound in);
  [[nodiscard]] DeliveryPtr delivery_for(Inbound& in, bool suspect);
  [[nodiscard]] DeliveryPtr under_way(const MessageKey& key) const;
  [[nodiscard]] asio::awaitable<void> conduct(DeliveryPtr delivery);
  [[nodiscard]] asio::awaitable<bool> settle(Inbound& in, bool answer);
  [[nodiscard]] asio::awaitable<void> whole(Inbound in, Bytes reply, std::string peer, const char* outcome);
  [[nodiscard]] asio::awaitable<void> commit_at_host(Inbound in, DeliveryPtr delivery);
  void failed(const Inbound& in, const Attempt& attempt);
  [[nodiscard]] std::shared_ptr<Attempt> make_attempt(Bytes text, const MessageKey& key,
                                                      Clock::time_point deadline, bool watch_host,
                                                      bool suspect,
                                                      std::shared_ptr<std::optional<store::AttemptId>> id);
  [[nodiscard]] asio::awaitable<Result<void>> begin_journal(
      MessageKey key, std::shared_ptr<std::optional<store::AttemptId>> id);
  void end_journal(const Attempt& attempt, const std::optional<store::AttemptId>& id);
  [[nodiscard]] asio::awaitable<void> drop_duplicate(Inbound in);
  void note_duplicate(std::size_t size, const char* what);

  [[nodiscard]] asio::awaitable<void> store(Inbound in, bool suspect);
  [[nodiscard]] asio::awaitable<void> acknowledge_stored(Inbound in, store::MessageNumber id);
  void could_not_store(const Inbound& in, const Error& error);
  [[nodiscard]] asio::awaitable<void> deliver_letter(store::Letter letter);
  [[nodiscard]] asio::awaitable<void> stored_failed(store::Letter letter, const Attempt& attempt);
  [[nodiscard]] asio::awaitable<void> stored_done(store::Letter letter, Bytes reply, std::string peer);
  [[nodiscard]] asio::awaitable<void> remove_stored(store::MessageNumber id);
  [[nodiscard]] asio::awaitable<void> keep_letter(DeadLetter::Kind kind, Bytes text);
  [[nodiscard]] asio::awaitable<void> bury_stored(store::Letter letter, std::string reason);
  [[nodiscard]] bool too_old(const store::Letter& letter) const;
  void rest_after_failure();
  void too_late(Inbound& in, const DeliveryPtr& delivery, bool decide);
  void ended_alone(const DeliveryPtr& delivery);
  void answer(Answer answer);
  [[nodiscard]] asio::awaitable<void> answer_too_late(MessageKey key, Bytes text);
  void out_of_targets(const Attempt& attempt);
  void bound_background();
  [[nodiscard]] std::size_t background() const;
  [[nodiscard]] llp_decision refusal(const line::Message& message, bool handed_over, bool late) const;
  [[nodiscard]] bool expects_answer() const { return c_.config.params.expect_in != LLP_EXPECT_NONE; }
  [[nodiscard]] Clock::time_point give_up_at(const Inbound& in) const;

  Context& c_;
  Targets targets_;
  Targets diverted_;  // for possible duplicates
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

  // With a spool.
  std::map<store::MessageNumber, Window> windows_;
  // Stored, but their senders do not know: by what they are, and in the order in which they came.
  std::map<MessageKey, store::MessageNumber> unacknowledged_;
  std::map<store::MessageNumber, Clock::time_point> stored_at_;  // of this run
  std::string stored_id_;                    // of the message being delivered, for the audit log
  store::MessageNumber tried_ = 0;           // the last one that was tried in this run
  std::shared_ptr<Attempt> stored_attempt_;  // under way
  Clock::time_point next_try_ = Clock::time_point::min();
  std::chrono::nanoseconds rest_{};
  std::minstd_rand random_{std::random_device{}()};
  bool broken_ = false;          // the disk takes nothing
  std::size_t broken_size_ = 0;  // it did not take so much
  bool full_ = false;            // said
};

}  // namespace llp::core
