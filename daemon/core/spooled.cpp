// SPDX-License-Identifier: BSD-3-Clause
// Commit point `spooled`: a message is on the disk before it is acknowledged.
// What happens to it then is in stored.cpp.
#include <algorithm>
#include <utility>

#include "core/proximal.hpp"

namespace llp::core {

namespace {

std::chrono::nanoseconds microseconds(std::uint32_t us) { return std::chrono::microseconds(us); }

}  // namespace

asio::awaitable<void> Proximal::store(Inbound in, bool suspect) {
  const auto stored_before = unacknowledged_.find(in.key);
  if (stored_before != unacknowledged_.end()) {
    // Its sender did not learn that we have it: one copy is enough.
    ++c_.counters.attached;
    c_.log.notice("message of {} bytes came again: it is in the spool as {}", in.key.length,
                  stored_before->second);
    const store::MessageNumber id = stored_before->second;
    unacknowledged_.erase(stored_before);
    co_await acknowledge_stored(std::move(in), id);
    co_return;
  }
  if (suspect && c_.config.on_duplicate == OnDuplicate::drop) {
    co_await drop_duplicate(std::move(in));
    co_return;
  }
  if (suspect) note_duplicate(in.key.length, "stored with a mark");
  auto letter = co_await c_.spool->put(std::move(in.message.text), in.key, suspect);
  update_room();
  if (!letter) {
    could_not_store(in, letter.error());
    co_return;
  }
  ++c_.counters.stored;
  c_.audit_message(in.key, in.id, "stored");
  stored_at_[letter->id] = Clock::now();
  co_await acknowledge_stored(std::move(in), letter->id);
}

// It is on the disk: the commit point. Its delivery goes on meanwhile.
asio::awaitable<void> Proximal::acknowledge_stored(Inbound in, store::MessageNumber id) {
  const bool answers = expects_answer();
  const llp_params& params = c_.config.params;
  Window window;
  window.question = in.message.id;
  window.unanswered = !in.message.pending && answers;
  window.hold = std::move(in.hold);
  window.arrived = in.arrived;
  window.until = later(in.arrived, in.message.pending
                                       ? microseconds(params.reply_timeout)
                                       : microseconds(llp_params_app_budget(&params, c_.line->protocol())));
  windows_[id] = std::move(window);
  const bool known = co_await settle(in, answers);
  const auto open = windows_.find(id);
  if (open == windows_.end()) co_return;
  if (!known) {
    ++c_.counters.too_late;
    c_.log.warning(
        "message of {} bytes: the instrument stopped waiting before it was acknowledged; it is in "
        "the spool as {}",
        in.key.length, id);
    // A repeat is answered with the reply, if that is here already.
    if (open->second.reply) {
      c_.duplicates.keep(in.key, std::move(*open->second.reply), Clock::now());
    } else {
      while (unacknowledged_.size() >= std::max<std::size_t>(c_.config.dup_entries, 1)) {
        unacknowledged_.erase(
            std::ranges::min_element(unacknowledged_, {}, [](const auto& e) { return e.second; }));
      }
      unacknowledged_[in.key] = id;
    }
    windows_.erase(open);
    if (c_.transaction_over) c_.transaction_over();
    co_return;
  }
  c_.duplicates.done(in.key, Clock::now());
  open->second.acknowledged = true;
  c_.log.info("message of {} bytes from the instrument: in the spool as {}", in.key.length, id);
  if (open->second.reply || !answers) {
    Window over = std::move(open->second);
    windows_.erase(open);
    if (!over.reply) {
      if (c_.transaction_over) c_.transaction_over();
      co_return;
    }
    if (over.reply->empty() && over.unanswered) c_.line->verdict(over.question, LLP_FORGET);
    answer(Answer{over.question, over.unanswered, std::move(*over.reply), std::move(over.hold), over.arrived,
                  in.key, std::move(over.peer)});
  }
  c_.changed.notify();
}

void Proximal::could_not_store(const Inbound& in, const Error& error) {
  ++c_.counters.store_refused;
  c_.audit_message(in.key, in.id, "refused", 0, {}, "it cannot be stored: " + error.message);
  ++c_.counters.proximal_failed;
  c_.log.error("message of {} bytes from the instrument refused: it cannot be stored: {}", in.key.length,
               error.message);
  // A full spool waits for what leaves it, a disk for better times.
  if (error.code != Errc::busy && error.code != Errc::too_large) {
    broken_ = true;
    broken_size_ = in.key.length + store::kHeaderMax;
    update_room();
    c_.changed.notify();
  }
  if (in.fate->has_value()) {
    ++c_.counters.too_late;
  } else {
    c_.line->verdict(in.message.id, refusal(in.message, false, false));
  }
  if (c_.transaction_over) c_.transaction_over();
}

// Whether the instrument may send.
void Proximal::update_room() {
  if (!c_.spool || c_.config.commit != CommitPoint::spooled) return;
  const store::SpoolState& state = c_.spool->state();
  if (std::exchange(full_, !state.room) != full_) {
    if (full_) {
      c_.log.warning(
          "the spool is full, {} messages wait, {} are dead letters, {} bytes: messages are refused "
          "until there is room",
          state.queued, state.dead, state.bytes);
    } else {
      c_.log.notice("the spool has room again: messages are taken");
    }
  }
  c_.ready.set_store(state.room && !broken_);
}

// The disk took nothing: looks whether it does again, and removes what could
// not be removed.
asio::awaitable<void> Proximal::mend_spool() {
  if (!c_.spool) co_return;
  const SpoolConfig& spool = c_.config.spool;
  auto rest = spool.retry_min;
  while (!c_.closed) {
    while (!broken_ && c_.spool->state().finished == 0 && !c_.closed) {
      rest = spool.retry_min;
      co_await c_.changed.wait();
    }
    const auto next = later(Clock::now(), rest);
    const std::size_t stored_then = c_.spool->state().queued;
    // What leaves the spool makes room on the disk, too.
    while (!c_.closed && Clock::now() < next && c_.spool->state().queued >= stored_then) {
      co_await c_.changed.wait_until(next);
    }
    if (c_.closed) break;
    if (c_.spool->state().finished > 0) {
      const auto tidied = co_await c_.spool->tidy();
      if (tidied) c_.log.notice("delivered messages could be removed from the spool at last");
      update_room();
    }
    if (broken_) {
      const auto good = co_await c_.spool->probe(broken_size_);
      if (good) {
        broken_ = false;
        c_.log.notice("the spool can be written again: messages are taken");
        update_room();
      }
    }
    rest = std::min(rest * 2, std::max(spool.retry_min, spool.retry_max));
  }
}

// The instrument's timer has run out: it does not wait for the answer any more.
asio::awaitable<void> Proximal::close_windows() {
  if (!c_.spool) co_return;
  while (!c_.closed) {
    auto next = kNever;
    for (const auto& [id, window] : windows_) {
      if (window.acknowledged) next = std::min(next, window.until);
    }
    co_await c_.changed.wait_until(next);
    const auto now = Clock::now();
    for (auto it = windows_.begin(); it != windows_.end();) {
      const auto following = std::next(it);
      if (it->second.acknowledged && it->second.until <= now) {
        c_.log.notice("message {} in the spool has no reply in time: the instrument gets none", it->first);
        if (it->second.unanswered) c_.line->verdict(it->second.question, LLP_FORGET);
        windows_.erase(it);
        if (c_.transaction_over) c_.transaction_over();
      }
      it = following;
    }
  }
}

}  // namespace llp::core
