// SPDX-License-Identifier: BSD-3-Clause
#include "line/outgoing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace llp::line {

namespace {

Errc code_of(llp_cause cause) {
  switch (cause) {
    case LLP_OK: return Errc::closed;
    case LLP_CAUSE_REPLY_TIMEOUT:
    case LLP_CAUSE_NOREPLY: return Errc::timeout;
    case LLP_CAUSE_HANGUP:
    case LLP_CAUSE_LINKRESET: return Errc::reset;
    case LLP_CAUSE_ABORTED: return Errc::cancelled;
    case LLP_CAUSE_BUSY: return Errc::busy;
    case LLP_CAUSE_TOO_LONG: return Errc::too_large;
    case LLP_CAUSE_FORMAT: return Errc::malformed;
    default: return Errc::refused;
  }
}

}  // namespace

Error exchange_error(SendResult result) {
  if (result.cause == LLP_OK) return Error{Errc::closed, "no reply message came, and none had to", 0};
  return Error{code_of(result.cause),
               fmt::format("{} ({})", llp_cause_name(result.cause), llp_outcome_name(result.outcome)), 0};
}

std::optional<Error> text_error(int checked) {
  switch (checked) {
    case 0: return std::nullopt;
    case -EMSGSIZE: return Error{Errc::too_large, "the message is longer than the line's protocol allows", 0};
    case -EILSEQ:
      return Error{Errc::malformed, "the message holds a character that the line's protocol cannot carry", 0};
    default: return Error{Errc::invalid, "an empty message cannot be sent", 0};
  }
}

std::uint32_t OutgoingMessage::submit_flags() const noexcept {
  if (kind_ == Kind::answer) return LLP_SUBMIT_REPLY;
  if (expect_ == LLP_EXPECT_NONE) return LLP_SUBMIT_EXPECT_NONE;
  return expect_ == LLP_EXPECT_OPTIONAL ? LLP_SUBMIT_EXPECT_OPT : 0;
}

bool OutgoingMessage::can_withdraw() const noexcept {
  if (state == State::queued) return true;
  const auto owner = owner_.lock();
  return state == State::submitted && owner && owner->can_withdraw_outgoing(*this);
}

void OutgoingMessage::abort() noexcept {
  const auto owner = owner_.lock();
  if (state != State::done && owner) owner->abort_outgoing(*this);
}

void OutgoingMessage::set_sent(SendResult result) {
  if (sent_) return;
  sent_ = result;
  changed_.notify();
}

void OutgoingMessage::set_done(SendResult result) {
  if (done_) return;
  if (!sent_) sent_ = result;
  done_ = result;
  state = State::done;
  text_ = Bytes();
  changed_.notify();
}

void OutgoingMessage::add_reply(Message reply) {
  replies_.push_back(std::move(reply));
  changed_.notify();
}

void OutgoingMessage::drop_reply(MessageId id) {
  std::erase_if(replies_, [id](const Message& m) { return m.id == id; });
}

asio::awaitable<SendResult> OutgoingMessage::wait_sent(std::shared_ptr<OutgoingMessage> self) {
  while (!self->sent_) co_await self->changed_.wait();
  co_return *self->sent_;
}

asio::awaitable<Result<Message>> OutgoingMessage::wait_reply(std::shared_ptr<OutgoingMessage> self) {
  while (self->replies_.empty() && !self->done_) co_await self->changed_.wait();
  if (!self->replies_.empty()) {
    Message reply = std::move(self->replies_.front());
    self->replies_.pop_front();
    if (const auto owner = self->owner_.lock()) owner->reply_taken();
    co_return reply;
  }
  co_return std::unexpected(exchange_error(*self->done_));
}

}  // namespace llp::line
