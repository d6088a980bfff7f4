// SPDX-License-Identifier: BSD-3-Clause
// The line's calls, its queues and its clock. The coroutines that move bytes
// are in engine_loops.cpp.
#include "line/engine_core.hpp"

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/post.hpp>
#include <cerrno>
#include <utility>

namespace llp::line {

namespace {

// Times that the loop looks for input, without waiting, before a time-out is
// taken for real.
constexpr unsigned kTurns = 4;

// Frames that answer the frame before them.
constexpr std::uint32_t kAnswers = 1U << LLP_FR_ACK | 1U << LLP_FR_NAK | 1U << LLP_FR_RINT | 1U << LLP_FR_N |
                                   1U << LLP_FR_CACK | 1U << LLP_FR_CNAK;

llp_cause cause_of(int err) {
  switch (err) {
    case -EMSGSIZE: return LLP_CAUSE_TOO_LONG;
    case -ENODEV: return LLP_CAUSE_HANGUP;
    default: return LLP_CAUSE_FORMAT;
  }
}

}  // namespace

EngineCore::EngineCore(asio::any_io_executor executor, std::unique_ptr<io::ByteStream> stream,
                       llp_protocol protocol, const llp_params& params, EngineLineOptions options, Logger log)
    : LineCore(std::move(executor), options.clock),
      stream_(std::move(stream)),
      options_(std::move(options)),
      log_(std::move(log)),
      shell_(protocol, params, clock_, *this),
      writer_(executor_),
      drainer_(executor_) {
  alarm_ = clock_->make_alarm(executor_, [this] { alarm_due(); });
}

// ---- calls ----

asio::awaitable<Result<void>> EngineCore::start(Self self) {
  if (self->closed_) co_return std::unexpected(self->was_closed());
  asio::co_spawn(self->executor_, write_loop(self), asio::detached);
  asio::co_spawn(self->executor_, drain_loop(self), asio::detached);
  asio::co_spawn(self->executor_, connection_loop(self), asio::detached);
  // A line that we make waits for its other end: nothing more can be learned.
  const bool ours = !self->stream_->local_name().empty();
  co_return co_await first_opening(self, ours ? std::chrono::nanoseconds(0) : self->options_.start_wait);
}

asio::awaitable<void> EngineCore::received(Self self) {
  while (self->arriving() && !self->closed_) co_await self->rested_.wait();
}

asio::awaitable<void> EngineCore::rest(Self self) {
  while (!self->idle() && !self->closed_) co_await self->rested_.wait();
}

llp_settled EngineCore::verdict(MessageId id, llp_decision decision) {
  const llp_settled settled = closed_ ? LLP_GONE : shell_.verdict(id, decision);
  received_.judged(id, decision, settled);
  if (decision != LLP_ACCEPT_ANSWER || settled == LLP_GONE) serving_.erase(id);
  note_question(id, decision, settled);
  fates_.notify();
  settle();
  return settled;
}

Result<std::shared_ptr<Outgoing>> EngineCore::send(Bytes text, Kind kind, llp_expect expect,
                                                   MessageId question) {
  if (closed_ || (stopping_ && kind == Kind::request)) return std::unexpected(was_closed());
  if (answers_.size() + requests_.size() >= options_.max_queued) {
    return fail(Errc::busy, "too many messages wait for the line");
  }
  do {
    ++next_id_;
  } while (next_id_ == 0 || outgoing_.contains(next_id_));
  auto item = std::make_shared<OutgoingMessage>(executor_, weak_from_this(), next_id_, std::move(text), kind,
                                                expect, question);
  if (auto error = text_error(shell_.check(item->text(), item->submit_flags()))) {
    return std::unexpected(std::move(*error));
  }
  if (kind == Kind::answer && !take_question(question)) {
    item->set_done(not_sent(LLP_CAUSE_VERDICT_LATE));
    return item;
  }
  if (!up_) item->expires = clock_->now() + reconnect_limit();
  outgoing_.emplace(item->id(), item);
  queue_of(kind).push_back(item);
  settle();
  return item;
}

void EngineCore::set_ready(bool ready) {
  wants_messages_ = ready;
  settle();
}

void EngineCore::abort_receive() {
  if (closed_) return;
  shell_.abort_rx();
  settle();
}

void EngineCore::disconnect() {
  if (closed_ || !up_ || leave_) return;
  leave_ = true;
  disconnect_at_ = std::min(disconnect_at_, after(clock_->now(), options_.linger));
  settle();
}

bool EngineCore::idle() const {
  return !writing_ && answers_.empty() && requests_.empty() && received_.count() == 0 && shell_.idle();
}

void EngineCore::abort_outgoing(OutgoingMessage& item) noexcept {
  const auto held = item.shared_from_this();
  if (item.state == OutgoingMessage::State::queued) {
    std::erase(queue_of(item.kind()), held);
    finish(held, not_sent(LLP_CAUSE_ABORTED));
  } else if (!closed_) {
    shell_.abort(item.id());
  }
  settle();
}

bool EngineCore::can_withdraw_outgoing(const OutgoingMessage& item) const noexcept {
  return !closed_ && shell_.can_withdraw(item.id());
}

asio::awaitable<void> EngineCore::stop(Self self) {
  if (!self->closed_ && !self->stopping_) {
    self->stopping_ = true;
    self->fail_queued(self->requests_, not_sent(LLP_CAUSE_ABORTED));
    std::vector<MessageId> submitted;
    for (const auto& [id, item] : self->outgoing_) {
      if (item->kind() == Kind::request) submitted.push_back(id);
    }
    for (const MessageId id : submitted) self->shell_.abort(id);
    for (const MessageId id : self->received_.clear_queue()) self->verdict(id, LLP_REJECT);
    self->shell_.abort_rx();
    self->stop_at_ = after(self->clock_->now(), self->options_.stop_grace);
    self->settle();
  }
  const auto busy = [&self] {
    return self->up_ &&
           (self->writing_ || !self->answers_.empty() || self->shell_.tx_pending() || !self->shell_.idle());
  };
  while (!self->closed_ && busy() && self->clock_->now() < self->stop_at_) co_await self->rested_.wait();
  self->close();
}

void EngineCore::close() {
  if (closed_) return;
  closed_ = true;
  up_ = false;
  shell_.hangup(true);
  answers_.clear();
  requests_.clear();
  const auto left = std::exchange(outgoing_, {});
  for (const auto& [id, item] : left) {
    item->set_done(
        not_sent(item->state == OutgoingMessage::State::queued ? LLP_CAUSE_ABORTED : LLP_CAUSE_HANGUP));
  }
  static_cast<void>(received_.clear_queue());
  received_.cancel_all(LLP_CAUSE_HANGUP);
  serving_.clear();
  questions_.clear();
  alarm_->set(LLP_NEVER);
  stream_->close();
  wake_all();
  writer_.notify();
  drainer_.notify();
}

const std::array<std::uint64_t, LLP_C__N>& EngineCore::counters() const {
  const auto& count = shell_.engine().count;
  std::copy(std::begin(count), std::end(count), counters_.begin());
  return counters_;
}

// ---- what the engine reports ----

void EngineCore::engine_event(const llp_event& event) noexcept {
  const auto cause = static_cast<llp_cause>(event.cause);
  const SendResult result{cause, static_cast<llp_outcome>(event.outcome)};
  Observer* observer = options_.observer.get();
  switch (event.type) {
    case LLP_EV_BEGIN:
      ++begins_;
      arriving_ = event.id;
      begin_.notify();
      break;
    case LLP_EV_ACKED:
      received_.acked(event.id);
      fates_.notify();
      break;
    case LLP_EV_CANCEL:
      if (arriving_ == event.id) arriving_ = 0;
      if (observer) observer->happened(event, 0);
      if (observer && !received_.knows(event.id)) observer->cut(cause);
      received_.cancelled(event.id, cause, (event.flags & LLP_CANCEL_ACCEPTED) != 0);
      serving_.erase(event.id);
      questions_.erase(event.id);
      for (const auto& [id, item] : outgoing_) item->drop_reply(event.id);
      fates_.notify();
      break;
    case LLP_EV_SENT:
    case LLP_EV_DONE: {
      const auto it = outgoing_.find(event.id);
      if (it == outgoing_.end()) break;
      if (event.type == LLP_EV_DONE) {
        finish(std::shared_ptr(it->second), result);
        break;
      }
      serving_.erase(it->second->question());
      if (observer) observer->happened(event, it->second->text().size());
      it->second->set_sent(result);
      break;
    }
    case LLP_EV_LOST:
      if (observer) {
        observer->lost(event.len);
        observer->lost_bytes({event.bytes, event.len});
      }
      break;
    case LLP_EV_DISCONNECT:
      if (observer) observer->happened(event, 0);
      log_.notice("{}: connection given up: {}", stream_->describe(), llp_cause_name(cause));
      leave_ = true;
      disconnect_at_ = std::min(disconnect_at_, after(clock_->now(), options_.linger));
      break;
    case LLP_EV_FRAME:
      if (event.out != 0 && (kAnswers >> event.frame & 1U) != 0) answer_due_ = true;
      if (observer) observer->frame(event);
      break;
    case LLP_EV_TIMER:
      if (observer) observer->timer(llp_timer_name(&shell_.engine(), event.num));
      break;
    case LLP_EV_STATE:
      if (observer) observer->state(llp_state_name(&shell_.engine()));
      break;
    default: break;  // DATA, RESTART: whole messages only are of interest
  }
}

void EngineCore::engine_message(const llp_event& event, std::span<const std::uint8_t> text) noexcept {
  arriving_ = 0;
  if ((event.flags & LLP_END_EMPTY) != 0) return;  // acknowledged and counted
  if (options_.observer) options_.observer->happened(event, text.size());
  Message message;
  message.id = event.id;
  message.text.assign(text.begin(), text.end());
  message.pending = (event.flags & LLP_END_PENDING) != 0;
  message.acknowledgement = (event.flags & LLP_END_ACK_MSG) != 0;
  message.late = (event.flags & LLP_END_LATE) != 0;
  message.repeat = (event.flags & LLP_END_REPEAT) != 0;
  received_.ended(event.id, message.pending);
  if ((event.flags & LLP_END_REPLY) != 0) {
    const auto it = outgoing_.find(event.reply_to);
    if (it != outgoing_.end() && it->second->wanted()) {
      it->second->add_reply(std::move(message));
      return;
    }
    message.late = true;  // nobody waits for it any more
  }
  if (!acknowledges() && !message.late) serving_.insert(event.id);
  received_.queue(std::move(message));
  reader_.notify();
}

std::span<const std::uint8_t> EngineCore::engine_text(std::uint32_t id) noexcept {
  return outgoing_.at(id)->text();
}

// ---- sending ----

void EngineCore::finish(const std::shared_ptr<OutgoingMessage>& item, SendResult result) {
  outgoing_.erase(item->id());
  serving_.erase(item->question());
  questions_.erase(item->question());
  item->set_done(result);
}

void EngineCore::fail_queued(Queue& queue, SendResult result) {
  const auto items = std::exchange(queue, {});
  for (const auto& item : items) finish(item, result);
}

std::shared_ptr<OutgoingMessage> EngineCore::next_to_send() const {
  const auto& queue = answers_.empty() ? requests_ : answers_;
  if (queue.empty() || !shell_.can_submit(queue.front()->submit_flags())) return nullptr;
  return queue.front();
}

void EngineCore::pump() {
  while (up_ && !leave_ && !dropped_) {
    const auto item = next_to_send();
    if (!item) return;
    const bool answer = item->kind() == Kind::answer;
    if (answer && !questions_.contains(item->question())) {
      // What it answered was cancelled meanwhile.
      answers_.pop_front();
      finish(item, not_sent(LLP_CAUSE_VERDICT_LATE));
      continue;
    }
    const auto size = static_cast<std::uint32_t>(item->text().size());
    const int err = answer ? shell_.answer(item->id(), size, item->question())
                           : shell_.submit(item->id(), size, item->submit_flags());
    if (err == -EBUSY) return;
    queue_of(item->kind()).pop_front();
    questions_.erase(item->question());
    if (err == 0) {
      if (item->state == OutgoingMessage::State::queued) item->state = OutgoingMessage::State::submitted;
      item->expires = LLP_NEVER;
    } else {
      finish(item, not_sent(cause_of(err)));
    }
  }
}

std::uint64_t EngineCore::reconnect_limit() const {
  const llp_params& p = shell_.params();
  const std::uint64_t us = shell_.protocol() == LLP_PROTO_X328
                               ? p.recovery_pause
                               : std::uint64_t{p.connect_pause} * (std::uint64_t{p.connect_retries} + 1);
  return us * 1000;
}

// ---- receiving ----

bool EngineCore::acknowledges() const {
  return shell_.protocol() == LLP_PROTO_X328 ||
         (shell_.protocol() == LLP_PROTO_MLLP && shell_.params().release == 2);
}

bool EngineCore::arriving() const {
  return arriving_ != 0 || received_.count() != 0 ||
         std::ranges::any_of(outgoing_, [](const auto& entry) { return entry.second->has_reply(); });
}

bool EngineCore::received_full() const {
  return received_.count() >= options_.max_received || received_.bytes() >= options_.max_received_bytes;
}

// Whether nothing more may be read from the line. Protocols that refuse a
// message are left to do so; the others, and whatever does not heed a refusal,
// are held back by the wire. HLLP over a wire without flow control says N
// rather than lose bytes.
bool EngineCore::hold_back() const {
  if (closed_) return false;
  if (received_.count() >= 2 * options_.max_received ||
      received_.bytes() >= 2 * options_.max_received_bytes) {
    return true;
  }
  if (acknowledges()) return false;
  if (shell_.protocol() == LLP_PROTO_HLLP && shell_.params().char_time != 0) return false;
  const std::size_t limit = shell_.protocol() == LLP_PROTO_HLLP ? shell_.params().queue : LLP_SERVED_MAX;
  return received_full() || serving_.size() >= limit;
}

void EngineCore::update_ready() {
  std::uint32_t ready = LLP_READY_ROOM;
  // What is held back by the wire is not refused as well.
  const bool room = !received_full() || (!acknowledges() && hold_back());
  if (wants_messages_ && !stopping_ && room) ready |= LLP_READY_BID;
  shell_.set_ready(ready);
}

// ---- after every change ----

void EngineCore::settle() {
  if (closed_) return;
  update_ready();
  pump();
  flush_disconnect();
  if (shell_.tx_pending()) writer_.notify();
  if (shell_.tx_wait()) drainer_.notify();
  resume_.notify();
  rested_.notify();
  set_alarm();
}

void EngineCore::flush_disconnect() {
  if (leave_ && !writing_ && !shell_.tx_pending()) drop_connection();
}

// The reader sees the end.
void EngineCore::drop_connection() {
  disconnect_at_ = LLP_NEVER;
  if (!up_ || std::exchange(dropped_, true)) return;
  stream_->disconnect();
}

// ---- time ----

void EngineCore::set_alarm() {
  if (turning_ || closed_) return;
  std::uint64_t deadline = std::min({shell_.deadline(), disconnect_at_, final_at_, stop_at_});
  for (const auto* queue : {&answers_, &requests_}) {
    for (const auto& item : *queue) deadline = std::min(deadline, item->expires);
  }
  alarm_->set(deadline);
}

// Bytes that came before the deadline go first: the loop takes a few turns.
void EngineCore::alarm_due() {
  if (closed_ || turning_) return;
  turning_ = true;
  take_turn(kTurns);
}

void EngineCore::take_turn(unsigned left) {
  asio::post(executor_, [weak = weak_from_this(), left] {
    const auto self = weak.lock();
    if (!self || self->closed_) return;
    if (left > 0) {
      self->take_turn(left - 1);
      return;
    }
    self->turning_ = false;
    self->deadlines_passed();
  });
}

void EngineCore::deadlines_passed() {
  const std::uint64_t now = clock_->now();
  if (disconnect_at_ <= now) drop_connection();
  if (final_at_ <= now) {
    final_at_ = LLP_NEVER;
    if (!up_) shell_.hangup(true);
  }
  if (stop_at_ <= now) rested_.notify();
  for (auto* queue : {&answers_, &requests_}) {
    std::vector<std::shared_ptr<OutgoingMessage>> expired;
    for (const auto& item : *queue) {
      if (item->expires <= now) expired.push_back(item);
    }
    for (const auto& item : expired) {
      std::erase(*queue, item);
      finish(item, not_sent(LLP_CAUSE_HANGUP));
    }
  }
  if (shell_.deadline() <= now) shell_.timeout();
  settle();
}

}  // namespace llp::line
