// SPDX-License-Identifier: BSD-3-Clause
// A message on its way out, as the line keeps it. Not for use outside
// daemon/line.
#pragma once

#include <deque>
#include <memory>
#include <optional>

#include "line/line.hpp"
#include "line/signal.hpp"

namespace llp::line {

class OutgoingMessage;

// What an outgoing message asks of its line.
class OutgoingOwner {
 public:
  virtual ~OutgoingOwner() = default;
  virtual void abort_outgoing(OutgoingMessage& item) noexcept = 0;
  [[nodiscard]] virtual bool can_withdraw_outgoing(const OutgoingMessage& item) const noexcept = 0;
  virtual void reply_taken() noexcept = 0;
};

class OutgoingMessage final : public Outgoing, public std::enable_shared_from_this<OutgoingMessage> {
 public:
  enum class State : std::uint8_t { queued, submitted, done };

  OutgoingMessage(const asio::any_io_executor& executor, std::weak_ptr<OutgoingOwner> owner, MessageId id,
                  Bytes text, Kind kind, llp_expect expect, MessageId question)
      : id_(id),
        kind_(kind),
        expect_(expect),
        question_(question),
        text_(std::move(text)),
        owner_(std::move(owner)),
        changed_(executor) {}

  asio::awaitable<SendResult> sent() override { return wait_sent(shared_from_this()); }
  asio::awaitable<Result<Message>> reply() override { return wait_reply(shared_from_this()); }
  bool can_withdraw() const noexcept override;
  void abort() noexcept override;

  [[nodiscard]] MessageId id() const noexcept { return id_; }
  [[nodiscard]] Kind kind() const noexcept { return kind_; }
  // The message that an answer is to; 0: it is none.
  [[nodiscard]] MessageId question() const noexcept { return question_; }
  [[nodiscard]] const Bytes& text() const noexcept { return text_; }
  [[nodiscard]] std::uint32_t submit_flags() const noexcept;

  State state = State::queued;
  std::uint64_t expires = LLP_NEVER;  // while queued and the wire is away

  // From the line.
  void set_sent(SendResult result);
  void set_done(SendResult result);
  void add_reply(Message reply);
  // A reply that nobody has taken yet and that is void now.
  void drop_reply(MessageId id);
  [[nodiscard]] bool has_reply() const noexcept { return !replies_.empty(); }
  [[nodiscard]] bool wanted() const noexcept { return weak_from_this().use_count() > 1; }

 private:
  static asio::awaitable<SendResult> wait_sent(std::shared_ptr<OutgoingMessage> self);
  static asio::awaitable<Result<Message>> wait_reply(std::shared_ptr<OutgoingMessage> self);

  const MessageId id_;
  const Kind kind_;
  const llp_expect expect_;
  const MessageId question_;
  Bytes text_;
  std::weak_ptr<OutgoingOwner> owner_;
  std::optional<SendResult> sent_;
  std::optional<SendResult> done_;
  std::deque<Message> replies_;
  Signal changed_;
};

// Why a request got no reply message: its exchange ended with this.
[[nodiscard]] Error exchange_error(SendResult result);

// Why the protocol does not take a text: what check_text() said. Nothing: it does.
[[nodiscard]] std::optional<Error> text_error(int checked);

}  // namespace llp::line
