// SPDX-License-Identifier: BSD-3-Clause
// What arrives from the line, and the look for targets. The deliveries are in
// delivery.cpp, the answers in answers.cpp.
#include "core/proximal.hpp"

#include <algorithm>
#include <utility>

namespace llp::core {

namespace {

// Whole messages that wait for the one before them. X3.28 and MLLP 2 have one
// at a time; HLLP's and MLLP 1's senders may run ahead.
constexpr std::size_t kMaxInbox = 16;

}  // namespace

asio::awaitable<void> Proximal::watch_begins() {
  for (;;) {
    const bool begun = co_await c_.line->begin();
    if (!begun) break;
    arriving_ = true;
    {
      const Transactor::Inbound hold = c_.transactor.inbound();
      co_await c_.line->received();
    }
    arriving_ = false;
    c_.changed.notify();
  }
}

asio::awaitable<void> Proximal::read() {
  for (;;) {
    auto message = co_await c_.line->read();
    if (!message) {
      if (message.error().code != Errc::cancelled && c_.failed) c_.failed(std::move(message.error()));
      break;
    }
    if (message->late || message->acknowledgement) {
      co_await bury(std::move(*message));
    } else {
      receive(std::move(*message));
    }
    c_.first_message();
    while (inbox_.size() >= kMaxInbox && !c_.closed) co_await c_.changed.wait();
  }
}

void Proximal::receive(line::Message message) {
  const MessageKey key = key_of(message.text);
  if (targets_.empty()) {
    refuse(message, "there is no application for messages from the instrument");
    return;
  }
  if (aborted_ || (c_.stopping && !std::exchange(last_one_, false))) {
    refuse(message, "the line is shut down");
    return;
  }
  c_.copies.add(message.text);
  auto fate = std::make_shared<std::optional<line::Fate>>();
  c_.scope.spawn(watch_fate(message.id, fate));
  std::string id = c_.audit_id(message.text);
  inbox_.push_back(Inbound{std::move(message), key, Clock::now(), c_.transactor.inbound(), std::move(fate),
                           std::move(id)});
  c_.changed.notify();
}

// It answers nothing that is outstanding: acknowledged, so that the instrument
// goes on, and kept for whoever may miss it; on the disk, where there is one,
// before it is acknowledged.
asio::awaitable<void> Proximal::bury(line::Message message) {
  const MessageKey key = key_of(message.text);
  const std::size_t size = message.text.size();
  const auto known = c_.duplicates.find(key, Clock::now());
  if (known && known->state == DuplicateStore::State::kept) {
    // Delivered or kept before, only its acknowledgement did not arrive.
    ++c_.counters.answered_again;
    if (c_.line->verdict(message.id, LLP_ACCEPT) == LLP_ACKNOWLEDGED) c_.duplicates.done(key, Clock::now());
    co_return;
  }
  const auto kind = message.late ? DeadLetter::Kind::late_reply : DeadLetter::Kind::stray_acknowledgement;
  if (!c_.spool) {
    if (c_.line->verdict(message.id, LLP_ACCEPT) == LLP_GONE) co_return;  // it will come again
    co_await keep_letter(kind, std::move(message.text));
  } else {
    co_await keep_letter(kind, std::move(message.text));
    // What comes again is the same letter.
    if (c_.line->verdict(message.id, LLP_ACCEPT) == LLP_GONE) c_.duplicates.keep(key, {}, Clock::now());
  }
  ++(message.late ? c_.counters.late_replies : c_.counters.stray_acknowledgements);
  c_.log.warning("{} of {} bytes from the instrument belongs to no request: kept as a dead letter",
                 message.late ? "late reply" : "acknowledgement", size);
}

void Proximal::refuse(const line::Message& message, const char* why) {
  ++c_.counters.proximal_refused;
  c_.audit_message(key_of(message.text), c_.audit_id(message.text), "refused", 0, {}, why);
  c_.log.warning("message of {} bytes from the instrument refused: {}", message.text.size(), why);
  c_.line->verdict(message.id, LLP_REJECT);
}

asio::awaitable<void> Proximal::watch_fate(line::MessageId id,
                                           std::shared_ptr<std::optional<line::Fate>> fate) {
  const line::Fate known = co_await c_.line->fate(id);
  *fate = known;
  c_.changed.notify();
}

asio::awaitable<void> Proximal::serve() {
  while (!c_.closed) {
    while (inbox_.empty() && !c_.closed) co_await c_.changed.wait();
    if (c_.closed) break;
    Inbound in = std::move(inbox_.front());
    inbox_.pop_front();
    serving_ = true;
    c_.changed.notify();
    co_await handle(std::move(in));
    serving_ = false;
    c_.changed.notify();
  }
}

bool Proximal::idle() const noexcept {
  return inbox_.empty() && answers_.empty() && !serving_ && !writing_ && !arriving_ && !stored_attempt_ &&
         std::ranges::none_of(deliveries_, [](const DeliveryPtr& d) { return d->answers; });
}

void Proximal::refuse_new() { last_one_ = arriving_; }

void Proximal::abort() {
  aborted_ = true;
  for (const DeliveryPtr& delivery : deliveries_) delivery->attempt->abort();
  if (stored_attempt_) stored_attempt_->abort();
  if (probe_) probe_->abort();
  c_.changed.notify();
}

// What the instrument is told when its message was not taken.
llp_decision Proximal::refusal(const line::Message& message, bool handed_over, bool late) const {
  if (message.pending) return LLP_REJECT;
  // HLLP: N(G) makes the instrument send it again, so that must do no harm.
  if (c_.line->protocol() == LLP_PROTO_HLLP && (handed_over || late)) return LLP_FORGET;
  return LLP_REJECT;
}

// No target answered: bids are refused until one does, if so configured.
void Proximal::out_of_targets(const Attempt& attempt) {
  if (attempt.result() || attempt.result().error().outcome != illp::Outcome::unreachable) return;
  if (c_.config.ready != Ready::target_up || std::exchange(down_, true)) return;
  c_.log.warning("no application answers: messages are refused until one does");
  c_.ready.set_up(false);
  c_.changed.notify();
}

asio::awaitable<void> Proximal::probe() {
  illp::Options once = c_.config.illp;
  once.connect_tries = 1;
  while (!c_.closed) {
    while (!down_ && !c_.closed) co_await c_.changed.wait();
    auto rest = c_.config.retry_min;
    while (down_ && !c_.closed) {
      const auto next = later(Clock::now(), rest);
      while (down_ && !c_.closed && Clock::now() < next) co_await c_.changed.wait_until(next);
      for (std::size_t i = 0; i < targets_.size() && down_ && !c_.closed && !aborted_; ++i) {
        probe_ = std::make_unique<illp::ClientTransaction>(c_.executor, targets_.at(i), once, c_.log);
        const auto connected = co_await probe_->connect();
        probe_->abort();  // nothing was sent: the application sees a reset, no message
        probe_.reset();
        if (!connected) continue;
        targets_.good(i);
        down_ = false;
        c_.log.notice("{} answers again: messages are taken", illp::to_string(targets_.at(i)));
        c_.ready.set_up(true);
      }
      rest = std::min(rest * 2, std::max(c_.config.retry_min, c_.config.retry_max));
    }
  }
}

}  // namespace llp::core
