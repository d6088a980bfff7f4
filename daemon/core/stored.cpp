// SPDX-License-Identifier: BSD-3-Clause
// From the spool to the application: in order, until one has it, or nobody is
// ever to have it.
#include <algorithm>
#include <array>
#include <utility>

#include "core/proximal.hpp"

namespace llp::core {

asio::awaitable<void> Proximal::deliver_stored() {
  if (!c_.spool || targets_.empty()) co_return;
  rest_ = c_.config.spool.retry_min;
  while (!c_.closed) {
    const auto& front = c_.spool->state().front;
    const auto now = Clock::now();
    if (c_.stopping || !front || now < next_try_) {
      co_await c_.changed.wait_until(front && !c_.stopping ? next_try_ : kNever);
      continue;
    }
    store::Letter letter = *front;
    stored_id_.clear();
    if (too_old(letter)) {
      co_await bury_stored(std::move(letter), "it was not delivered within max_age");
    } else if (letter.possible_duplicate && c_.config.on_duplicate == OnDuplicate::drop) {
      // Marked when the spool was found again after a restart.
      note_duplicate(letter.key.length, "removed from the spool and not delivered (on_duplicate)");
      ++c_.counters.duplicates_dropped;
      c_.audit_message(letter.key, {}, "duplicate-dropped");
      co_await remove_stored(letter.id);
    } else {
      co_await deliver_letter(std::move(letter));
    }
  }
}

// By the monotonic clock, if it was stored since our start. One from before has
// only the wall clock, which may have jumped: it gets an attempt first.
bool Proximal::too_old(const store::Letter& letter) const {
  const auto max_age = c_.config.spool.max_age;
  if (max_age <= std::chrono::nanoseconds::zero()) return false;
  const auto stored = stored_at_.find(letter.id);
  if (stored != stored_at_.end()) return Clock::now() - stored->second >= max_age;
  return tried_ == letter.id && store::age(letter.time, wall_clock()) >= max_age;
}

asio::awaitable<void> Proximal::deliver_letter(store::Letter letter) {
  auto text = co_await c_.spool->read(store::Place::queue, letter.id);
  if (!text) {
    update_room();
    c_.log.error("message {} in the spool cannot be read: {}", letter.id, text.error().message);
    if (text.error().code == Errc::malformed) ++c_.counters.torn_files;
    // What was moved aside or has gone does not come again; the disk may.
    const store::SpoolState& state = c_.spool->state();
    if (state.front && state.front->id == letter.id) rest_after_failure();
    co_return;
  }
  if (c_.stopping || c_.closed) co_return;
  if (letter.possible_duplicate || letter.attempts > 0) {
    c_.log.notice("message {} in the spool, {} bytes, may have been delivered before", letter.id,
                  letter.key.length);
  }
  stored_id_ = c_.audit_id(*text);
  auto id = std::make_shared<std::optional<store::AttemptId>>();
  const auto attempt =
      make_attempt(std::move(*text), letter.key, later(Clock::now(), c_.config.spool.reply_timeout), false,
                   letter.possible_duplicate, id);
  stored_attempt_ = attempt;
  co_await attempt->run();
  tried_ = letter.id;
  out_of_targets(*attempt);
  if (attempt->result()) {
    const std::string peer = attempt->peer();
    co_await stored_done(std::move(letter), attempt->take_reply(), peer);
  } else {
    co_await stored_failed(std::move(letter), *attempt);
  }
  // Not before its outcome is on the disk: until then a restart must take it
  // for one that was perhaps delivered.
  end_journal(*attempt, *id);
  stored_attempt_.reset();
  c_.changed.notify();
}

asio::awaitable<void> Proximal::stored_done(store::Letter letter, Bytes reply, std::string peer) {
  ++c_.counters.stored_delivered;
  c_.audit_message(letter.key, stored_id_, "delivered", reply.size(), peer);
  rest_ = c_.config.spool.retry_min;
  const auto again = unacknowledged_.find(letter.key);
  const bool unknown = again != unacknowledged_.end() && again->second == letter.id;
  if (unknown) unacknowledged_.erase(again);
  if (!reply.empty() && !expects_answer()) {
    ++c_.counters.replies_discarded;
    reply.clear();
  }
  co_await remove_stored(letter.id);
  const auto open = windows_.find(letter.id);
  if (unknown) {
    c_.log.info("message {} in the spool: taken by {}; its reply is kept for its repeat", letter.id, peer);
    c_.duplicates.keep(letter.key, std::move(reply), Clock::now());
  } else if (open != windows_.end() && !open->second.acknowledged) {
    open->second.reply = std::move(reply);
    open->second.peer = std::move(peer);
  } else if (open != windows_.end()) {
    Window over = std::move(open->second);
    windows_.erase(open);
    if (reply.empty() && over.unanswered) c_.line->verdict(over.question, LLP_FORGET);
    answer(Answer{over.question, over.unanswered, std::move(reply), std::move(over.hold), over.arrived,
                  letter.key, std::move(peer)});
  } else {
    ++c_.counters.proximal_ok;
    c_.duplicates.done(letter.key, Clock::now());
    c_.log.info("message {} in the spool, {} bytes: taken by {}", letter.id, letter.key.length, peer);
    if (!reply.empty()) {
      c_.log.notice(
          "the reply of {} bytes to message {} came after the instrument's time: kept as a dead letter",
          reply.size(), letter.id);
      co_await keep_letter(DeadLetter::Kind::late_answer, std::move(reply));
    }
  }
}

asio::awaitable<void> Proximal::stored_failed(store::Letter letter, const Attempt& attempt) {
  const illp::Failure& failure = attempt.result().error();
  ++c_.counters.stored_failed;
  rest_after_failure();
  if (!attempt.handed_over()) {
    // Nobody has seen it: it waits, as it is, however long.
    c_.log.warning("message {} in the spool: {}; {} wait", letter.id, failure.error.message,
                   c_.spool->state().queued);
    co_return;
  }
  ++letter.attempts;
  c_.tell({{}, false, "attempt-failed", letter.key.length, 0, attempt.peer(), failure.error.message});
  c_.log.warning("message {} in the spool, {} bytes: attempt {} failed: {} ({})", letter.id,
                 letter.key.length, letter.attempts, failure.error.message, illp::to_string(failure.outcome));
  const auto marked = co_await c_.spool->mark(letter.id, letter.possible_duplicate, letter.attempts);
  if (!marked)
    c_.log.error("message {} in the spool cannot be marked: {}", letter.id, marked.error().message);
  const unsigned max = c_.config.spool.max_attempts;
  if (max > 0 && letter.attempts >= max && !c_.stopping) {
    const std::string reason =
        fmt::format("{} attempts failed, the last one: {}", letter.attempts, failure.error.message);
    co_await bury_stored(std::move(letter), reason);
    rest_ = c_.config.spool.retry_min;
  }
}

asio::awaitable<void> Proximal::bury_stored(store::Letter letter, std::string reason) {
  auto buried = co_await c_.spool->bury(letter.id, reason);
  update_room();
  if (!buried) {
    c_.log.error("message {} in the spool cannot be made a dead letter: {}", letter.id,
                 buried.error().message);
    rest_after_failure();
    co_return;
  }
  stored_at_.erase(letter.id);
  ++c_.counters.stored_dead;
  c_.audit_message(letter.key, stored_id_, "dead-letter", 0, {}, reason);
  ++c_.counters.dead_letters;
  unacknowledged_.erase(letter.key);
  c_.log.error("message {} in the spool, {} bytes, is a dead letter: {}", letter.id, letter.key.length,
               reason);
}

asio::awaitable<void> Proximal::remove_stored(store::MessageNumber id) {
  stored_at_.erase(id);
  const auto removed = co_await c_.spool->remove(id);
  update_room();
  if (!removed) {
    c_.log.error("message {} was delivered, but cannot be removed from the spool: {}", id,
                 removed.error().message);
  }
}

void Proximal::rest_after_failure() {
  const SpoolConfig& spool = c_.config.spool;
  // Between half of it and all of it, so that many lines do not come in step.
  const double share = std::uniform_real_distribution<double>(0.5, 1)(random_);
  const auto rest = std::chrono::duration_cast<std::chrono::nanoseconds>(rest_ * share);
  next_try_ = later(Clock::now(), rest);
  rest_ = std::min(rest_ * 2, std::max(spool.retry_min, spool.retry_max));
}

// On the disk where there is one, else in memory.
asio::awaitable<void> Proximal::keep_letter(DeadLetter::Kind kind, Bytes text) {
  ++c_.counters.dead_letters;
  constexpr std::array words{"late-reply", "stray-acknowledgement", "unclaimed-reply", "late-answer"};
  c_.tell({{}, false, words.at(static_cast<std::size_t>(kind)), text.size(), 0, {}, "kept as a dead letter"});
  if (c_.spool) {
    constexpr std::array kinds{store::LetterKind::late_reply, store::LetterKind::stray_acknowledgement,
                               store::LetterKind::unclaimed_reply, store::LetterKind::late_answer};
    const auto dropped = co_await c_.spool->keep(kinds.at(static_cast<std::size_t>(kind)), text);
    if (dropped) {
      c_.counters.dead_letters_dropped += *dropped;
      co_return;
    }
    c_.log.error("a dead letter cannot be stored, it is kept in memory: {}", dropped.error().message);
  }
  c_.counters.dead_letters_dropped +=
      c_.dead_letters.add(DeadLetter{kind, std::chrono::system_clock::now(), std::move(text)});
}

}  // namespace llp::core
