// SPDX-License-Identifier: BSD-3-Clause
// One message after the other to the application, and its verdict.
#include <algorithm>
#include <utility>

#include "core/proximal.hpp"

namespace llp::core {

namespace {

// Deliveries that nobody waits for any more, or whose answers are to come.
constexpr std::size_t kMaxBackground = 16;

std::chrono::nanoseconds microseconds(std::uint32_t us) { return std::chrono::microseconds(us); }

}  // namespace

// Until when the instrument waits for us to decide. Where it waits for the
// acknowledgement the line says when that is over.
Clock::time_point Proximal::give_up_at(const Inbound& in) const {
  const llp_params& params = c_.config.params;
  if (in.message.pending && params.app_timeout == 0) return kNever;
  return later(in.arrived, microseconds(llp_params_app_budget(&params, c_.line->protocol())));
}

std::size_t Proximal::background() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(deliveries_, [](const DeliveryPtr& d) { return !d->awaited; }));
}

// The oldest that nobody waits for goes first.
void Proximal::bound_background() {
  std::size_t count = background();
  for (const DeliveryPtr& delivery : deliveries_) {
    if (count <= kMaxBackground) break;
    if (delivery->awaited || delivery->answers) continue;
    delivery->attempt->abort();
    --count;
  }
}

asio::awaitable<void> Proximal::handle(Inbound in) {
  if (in.fate->has_value()) {  // it waited behind another, and its sender gave up
    ++c_.counters.too_late;
    c_.audit_message(in.key, in.id, "given-up", 0, {}, "it waited behind another");
    co_return;
  }
  const auto known = c_.duplicates.find(in.key, Clock::now());
  if (known && known->state == DuplicateStore::State::kept) {
    ++c_.counters.answered_again;
    c_.log.notice("message of {} bytes came again: answered with the reply kept for it, not delivered again",
                  in.key.length);
    co_await whole(std::move(in), known->reply, "the kept reply", "answered-again");
    co_return;
  }
  const bool suspect = known.has_value() || in.message.repeat;
  if (c_.config.commit == CommitPoint::spooled) {
    co_await store(std::move(in), suspect);
    co_return;
  }
  if (suspect && c_.config.on_duplicate == OnDuplicate::drop && !under_way(in.key)) {
    co_await drop_duplicate(std::move(in));
    co_return;
  }
  const DeliveryPtr delivery = delivery_for(in, suspect);
  Attempt& attempt = *delivery->attempt;
  const auto give_up = give_up_at(in);
  const bool at_host = c_.config.commit == CommitPoint::sent && in.message.pending;
  while (!attempt.ended() && !in.fate->has_value() && Clock::now() < give_up &&
         !(at_host && attempt.at_host())) {
    co_await c_.changed.wait_until(give_up);
  }
  if (!attempt.ended()) {
    if (at_host && attempt.at_host() && !in.fate->has_value()) {
      co_await commit_at_host(std::move(in), delivery);
    } else {
      too_late(in, delivery, !in.fate->has_value());
    }
    co_return;
  }
  delivery->awaited = false;
  if (attempt.result()) {
    co_await whole(std::move(in), attempt.take_reply(), attempt.peer(), "delivered");
  } else {
    failed(in, attempt);
  }
}

// The delivery of this message whose reply a repeat may wait for as well.
Proximal::DeliveryPtr Proximal::under_way(const MessageKey& key) const {
  for (const DeliveryPtr& delivery : deliveries_) {
    const Attempt& attempt = *delivery->attempt;
    if (attempt.key() != key || attempt.ended() || attempt.stopped() || delivery->answers) continue;
    return delivery;
  }
  return nullptr;
}

// A new delivery, or the one under way that this is the repeat of.
Proximal::DeliveryPtr Proximal::delivery_for(Inbound& in, bool suspect) {
  if (DeliveryPtr delivery = under_way(in.key)) {
    ++c_.counters.attached;
    c_.log.notice("message of {} bytes came again while {} works on it: waits for the same reply",
                  in.key.length, delivery->attempt->peer());
    delivery->awaited = true;
    return delivery;
  }
  if (suspect) {
    note_duplicate(in.key.length, c_.config.on_duplicate == OnDuplicate::divert
                                      ? "delivered to the address for these"
                                      : "delivered");
  }
  const llp_params& params = c_.config.params;
  const auto limit = std::max(microseconds(params.reply_timeout),
                              microseconds(llp_params_app_budget(&params, c_.line->protocol())));
  auto delivery = std::make_shared<Delivery>();
  delivery->awaited = true;
  delivery->id = in.id;
  delivery->journaled = std::make_shared<std::optional<store::AttemptId>>();
  delivery->attempt =
      make_attempt(std::move(in.message.text), in.key, later(in.arrived, limit),
                   c_.config.commit == CommitPoint::sent && in.message.pending, suspect, delivery->journaled);
  if (aborted_) delivery->attempt->abort();
  deliveries_.push_back(delivery);
  c_.scope.spawn(conduct(delivery));
  return delivery;
}

asio::awaitable<void> Proximal::conduct(DeliveryPtr delivery) {
  co_await delivery->attempt->run();
  deliveries_.remove(delivery);
  end_journal(*delivery->attempt, *delivery->journaled);
  out_of_targets(*delivery->attempt);
  if (!delivery->awaited) ended_alone(delivery);
  c_.changed.notify();
}

// The verdict "accept". True if the instrument knows it.
asio::awaitable<bool> Proximal::settle(Inbound& in, bool answer) {
  if (in.fate->has_value()) co_return (*in.fate)->acknowledged;
  const llp_settled settled = c_.line->verdict(in.message.id, answer ? LLP_ACCEPT_ANSWER : LLP_ACCEPT);
  if (settled == LLP_LATE) {
    while (!in.fate->has_value()) co_await c_.changed.wait();
    co_return (*in.fate)->acknowledged;
  }
  co_return settled == LLP_ACKNOWLEDGED;
}

// The application's whole reply is here: the commit point.
asio::awaitable<void> Proximal::whole(Inbound in, Bytes reply, std::string peer, const char* outcome) {
  const bool answers = !reply.empty() && expects_answer();
  const bool known = co_await settle(in, answers);
  c_.audit_message(in.key, in.id, known ? outcome : "delivered-late", reply.size(), peer);
  if (!known) {
    ++c_.counters.too_late;
    c_.duplicates.keep(in.key, std::move(reply), Clock::now());
    c_.log.warning(
        "message of {} bytes: the instrument stopped waiting before it was acknowledged; the reply "
        "is kept for its repeat",
        in.key.length);
    co_return;
  }
  c_.duplicates.done(in.key, Clock::now());
  if (!reply.empty() && !expects_answer()) ++c_.counters.replies_discarded;
  Answer all{in.message.id,      !in.message.pending, answers ? std::move(reply) : Bytes{},
             std::move(in.hold), in.arrived,          in.key,
             std::move(peer)};
  answer(std::move(all));
}

// Commit point `sent`: the instrument is told now, the reply follows when it
// comes.
asio::awaitable<void> Proximal::commit_at_host(Inbound in, DeliveryPtr delivery) {
  const bool known = co_await settle(in, expects_answer());
  if (!known) {
    delivery->awaited = false;
    ++c_.counters.too_late;
    if (delivery->attempt->ended()) ended_alone(delivery);
    co_return;
  }
  c_.duplicates.done(in.key, Clock::now());
  c_.audit_message(in.key, in.id, "sent", 0, delivery->attempt->peer());
  delivery->answers = true;
  delivery->question = in.message.id;
  delivery->awaited = false;
  delivery->hold = std::move(in.hold);
  if (delivery->attempt->ended()) {
    ended_alone(delivery);
    co_return;
  }
  while (background() > kMaxBackground && !c_.closed) co_await c_.changed.wait();
}

void Proximal::failed(const Inbound& in, const Attempt& attempt) {
  const illp::Failure& failure = attempt.result().error();
  const bool late = failure.outcome == illp::Outcome::timed_out;
  ++c_.counters.proximal_failed;
  c_.audit_message(in.key, in.id, "failed", 0, attempt.peer(), failure.error.message);
  c_.log.warning("message of {} bytes from the instrument failed: {} ({})", in.key.length,
                 failure.error.message, illp::to_string(failure.outcome));
  if (attempt.handed_over()) c_.duplicates.failed(in.key, Clock::now());
  if (!in.fate->has_value()) {
    c_.line->verdict(in.message.id, refusal(in.message, attempt.handed_over(), late));
  } else {
    ++c_.counters.too_late;
  }
  if (c_.transaction_over) c_.transaction_over();
}

// Nobody waits any more; the application may still finish, for the repeat.
void Proximal::too_late(Inbound& in, const DeliveryPtr& delivery, bool decide) {
  Attempt& attempt = *delivery->attempt;
  ++c_.counters.too_late;
  const char* why = decide ? "out of time" : llp_cause_name((*in.fate)->cause);
  c_.audit_message(in.key, in.id, "given-up", 0, attempt.peer(), why);
  c_.log.warning("message of {} bytes: {} while {} worked on it", in.key.length, why,
                 attempt.peer().empty() ? "the application" : attempt.peer());
  if (decide) c_.line->verdict(in.message.id, refusal(in.message, attempt.handed_over(), true));
  delivery->awaited = false;
  if (!attempt.handed_over()) attempt.abort();  // nobody has seen it, so nothing is lost
  bound_background();
  if (c_.transaction_over) c_.transaction_over();
}

// A delivery that no message waits for has ended.
void Proximal::ended_alone(const DeliveryPtr& delivery) {
  Attempt& attempt = *delivery->attempt;
  const auto now = Clock::now();
  if (!attempt.result()) {
    ++c_.counters.proximal_failed;
    c_.audit_message(attempt.key(), delivery->id, "failed", 0, attempt.peer(),
                     attempt.result().error().error.message);
    if (attempt.handed_over() && !delivery->answers) c_.duplicates.failed(attempt.key(), now);
    c_.log.warning("message of {} bytes{}: {} ({})", attempt.size(),
                   delivery->answers ? ", acknowledged when it was sent, has no reply" : " failed",
                   attempt.result().error().error.message, illp::to_string(attempt.result().error().outcome));
    delivery->hold.release();
    return;
  }
  Bytes reply = attempt.take_reply();
  c_.audit_message(attempt.key(), delivery->id, delivery->answers ? "delivered" : "delivered-late",
                   reply.size(), attempt.peer());
  if (!delivery->answers) {
    c_.log.notice("message of {} bytes: the reply of {} bytes came too late and is kept for its repeat",
                  attempt.size(), reply.size());
    c_.duplicates.keep(attempt.key(), std::move(reply), now);
    return;
  }
  if (!reply.empty() && !expects_answer()) {
    ++c_.counters.replies_discarded;
    reply.clear();
  }
  Answer all{delivery->question, false,         std::move(reply), std::move(delivery->hold), now,
             attempt.key(),      attempt.peer()};
  answer(std::move(all));
}

}  // namespace llp::core
