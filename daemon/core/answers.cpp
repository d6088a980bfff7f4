// SPDX-License-Identifier: BSD-3-Clause
// The answers of applications on their way to the instrument.
#include <utility>

#include "core/proximal.hpp"

namespace llp::core {

namespace {

// So many answers may wait while the instrument does not let us write; then it
// is not allowed to send either.
constexpr std::size_t kMaxAnswers = 16;

}  // namespace

// Queues it; without text the transaction is over.
void Proximal::answer(Answer answer) {
  if (!answer.text.empty()) {
    answers_.push_back(std::move(answer));
    if (answers_.size() >= kMaxAnswers) c_.ready.set_room(false);
    c_.changed.notify();
    return;
  }
  ++c_.counters.proximal_ok;
  c_.times.proximal.add(Clock::now() - answer.arrived);
  c_.log.info("message of {} bytes from the instrument: taken by {}, no reply", answer.key.length,
              answer.peer);
  if (c_.transaction_over) c_.transaction_over();
}

asio::awaitable<void> Proximal::write() {
  while (!c_.closed) {
    while (answers_.empty() && !c_.closed) co_await c_.changed.wait();
    if (c_.closed) break;
    Answer next = std::move(answers_.front());
    answers_.pop_front();
    writing_ = true;
    if (answers_.size() < kMaxAnswers) c_.ready.set_room(true);
    const std::size_t size = next.text.size();
    auto outgoing = c_.line->answer(next.question, next.text);
    line::SendResult sent{LLP_CAUSE_FORMAT, LLP_OUT_NOT_SENT};
    if (outgoing) {
      sent = co_await (*outgoing)->sent();
    } else if (next.unanswered) {
      c_.line->verdict(next.question, LLP_FORGET);
    }
    if (outgoing && sent.cause == LLP_OK) {
      ++c_.counters.proximal_ok;
      c_.times.proximal.add(Clock::now() - next.arrived);
      c_.log.info("message of {} bytes from the instrument: taken by {}, reply of {} bytes, {:.3f} s",
                  next.key.length, next.peer, size,
                  std::chrono::duration<double>(Clock::now() - next.arrived).count());
    } else if (outgoing && sent.outcome == LLP_OUT_NOT_SENT &&
               (sent.cause == LLP_CAUSE_VERDICT_LATE || sent.cause == LLP_CAUSE_HANGUP)) {
      co_await answer_too_late(next.key, std::move(next.text));
    } else {
      ++c_.counters.proximal_failed;
      const std::string why = outgoing ? Context::words(sent) : outgoing.error().message;
      c_.tell({{}, false, "reply-unsent", next.key.length, size, next.peer, why});
      c_.log.warning("reply of {} bytes from {} could not be written to the line: {}", size, next.peer, why);
    }
    writing_ = false;
    if (c_.transaction_over) c_.transaction_over();
    next.hold.release();
    c_.changed.notify();
  }
}

// The instrument waits no more, and knows nothing of the reply: its repeat gets
// it; with a spool, which has the message, a person may.
asio::awaitable<void> Proximal::answer_too_late(MessageKey key, Bytes text) {
  ++c_.counters.too_late;
  c_.log.warning("the reply of {} bytes to a message of {} bytes came too late: the instrument gets none; {}",
                 text.size(), key.length,
                 c_.spool ? "it is kept as a dead letter" : "it is kept for the message's repeat");
  if (c_.spool) {
    co_await keep_letter(DeadLetter::Kind::late_answer, std::move(text));
  } else {
    c_.duplicates.keep(key, std::move(text), Clock::now());
  }
}

}  // namespace llp::core
