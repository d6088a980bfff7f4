// SPDX-License-Identifier: BSD-3-Clause
// The line's calls and its queues. The coroutines that follow the device are
// in kernel_loops.cpp.
#include "line/kernel_core.hpp"

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <cerrno>
#include <utility>

#include "line/engine_shell.hpp"
#include "line/kernel_setup.hpp"

namespace llp::line {

namespace {

// Nobody tells when the line comes to rest, or when another program's exchange
// is over: it is looked at again after so long (ns).
constexpr std::uint64_t kLook = 20'000'000;

}  // namespace

KernelCore::KernelCore(asio::any_io_executor executor, std::unique_ptr<MessageDevice> device,
                       llp_protocol protocol, const llp_params& params, KernelLineOptions options, Logger log)
    : LineCore(std::move(executor), options.clock),
      device_(std::move(device)),
      protocol_(protocol),
      params_(params),
      options_(std::move(options)),
      log_(std::move(log)) {
  alarm_ = clock_->make_alarm(executor_, [this] { looked(); });
}

// ---- calls ----

asio::awaitable<Result<void>> KernelCore::start(Self self) {
  if (self->closed_) co_return std::unexpected(self->was_closed());
  asio::co_spawn(self->executor_, device_loop(self), asio::detached);
  co_return co_await first_opening(self, self->options_.start_wait);
}

asio::awaitable<void> KernelCore::received(Self self) {
  const auto arriving = [&self] {
    return self->arriving_ != 0 || self->received_.count() != 0 ||
           (self->exchange_ && self->exchange_->item->has_reply());
  };
  while (arriving() && !self->closed_) co_await self->rested_.wait();
}

asio::awaitable<void> KernelCore::rest(Self self) {
  while (!self->idle() && !self->closed_) {
    self->look_again(kLook);
    co_await self->rested_.wait();
  }
}

llp_settled KernelCore::verdict(MessageId id, llp_decision decision) {
  llp_ioc_verdict v{};
  v.id = id - ids_;
  switch (decision) {
    case LLP_ACCEPT: v.verdict = LLP_VERDICT_ACCEPT; break;
    case LLP_ACCEPT_ANSWER: v.verdict = LLP_VERDICT_ANSWER; break;
    case LLP_REJECT: v.verdict = LLP_VERDICT_REJECT; break;
    case LLP_FORGET: v.verdict = LLP_VERDICT_FORGET; break;
  }
  const auto reply = replies_.find(id);
  MessageFile* file = reply != replies_.end() ? reply->second->file.get() : file_.get();
  llp_settled settled = LLP_GONE;
  if (file != nullptr && control(*file, LLP_IOC_VERDICT, v) == 0) {
    if (v.settled == LLP_SETTLED_ACKNOWLEDGED) settled = LLP_ACKNOWLEDGED;
    if (v.settled == LLP_SETTLED_LATE) settled = LLP_LATE;
  }
  received_.judged(id, decision, settled);
  note_question(id, decision, settled);
  known(id);
  settle();
  return settled;
}

Result<std::shared_ptr<Outgoing>> KernelCore::send(Bytes text, Kind kind, llp_expect expect,
                                                   MessageId question) {
  if (closed_ || (stopping_ && kind == Kind::request)) return std::unexpected(was_closed());
  if (answers_.size() + requests_.size() >= options_.max_queued) {
    return fail(Errc::busy, "too many messages wait for the line");
  }
  auto item = std::make_shared<OutgoingMessage>(executor_, weak_from_this(), ++next_id_, std::move(text),
                                                kind, expect, question);
  if (auto error = text_error(check_text(protocol_, params_, item->text(), item->submit_flags()))) {
    return std::unexpected(std::move(*error));
  }
  if (kind == Kind::answer && !take_question(question)) {
    item->set_done(not_sent(LLP_CAUSE_VERDICT_LATE));
    return item;
  }
  queue_of(kind).push_back(item);
  settle();
  return item;
}

void KernelCore::set_ready(bool ready) {
  wants_messages_ = ready;
  auto value = static_cast<std::uint32_t>(ready && !stopping_ ? 1 : 0);
  if (file_) static_cast<void>(control(*file_, LLP_IOC_READY, value));
}

void KernelCore::abort_receive() {
  if (file_) static_cast<void>(file_->control(LLP_IOC_ABORT_RECEIVE, nullptr));
}

// The device is let go of, and comes back by itself.
void KernelCore::disconnect() {
  if (!file_) return;
  file_->close();
  device_->release();
}

bool KernelCore::idle() const {
  if (exchange_ || arriving_ != 0 || received_.count() != 0 || !answers_.empty() || !requests_.empty() ||
      !answers_out_.empty()) {
    return false;
  }
  llp_ioc_info info{};
  return !file_ || control(*file_, LLP_IOC_INFO, info) != 0 || (info.flags & LLP_INFO_IDLE) != 0;
}

void KernelCore::abort_outgoing(OutgoingMessage& item) noexcept {
  const auto held = item.shared_from_this();
  if (item.state == OutgoingMessage::State::queued) {
    std::erase(queue_of(item.kind()), held);
    questions_.erase(item.question());
    finish(held, not_sent(LLP_CAUSE_ABORTED));
  } else if (exchange_ && exchange_->item == held) {
    std::uint32_t all = 0;
    static_cast<void>(control(*exchange_->file, LLP_IOC_ABORT, all));
  } else {
    for (const auto& [id, answer] : answers_out_) {
      std::uint32_t which = id;
      if (answer == held && file_) static_cast<void>(control(*file_, LLP_IOC_ABORT, which));
    }
  }
  settle();
}

bool KernelCore::can_withdraw_outgoing(const OutgoingMessage& item) const noexcept {
  if (!exchange_ || exchange_->item.get() != &item) return false;
  llp_ioc_file file{};
  return control(*exchange_->file, LLP_IOC_FILE, file) == 0 && (file.flags & LLP_FILE_WITHDRAWABLE) != 0;
}

asio::awaitable<void> KernelCore::stop(Self self) {
  const std::uint64_t limit = after(self->clock_->now(), self->options_.stop_grace);
  if (!self->closed_ && !self->stopping_) {
    self->stopping_ = true;
    self->set_ready(false);
    for (const auto& item : std::exchange(self->requests_, {})) {
      self->finish(item, not_sent(LLP_CAUSE_ABORTED));
    }
    if (self->exchange_) self->abort_outgoing(*self->exchange_->item);
    for (const MessageId id : self->received_.clear_queue()) self->verdict(id, LLP_REJECT);
    self->abort_receive();
    self->settle();
  }
  while (!self->closed_ && self->up_ && !self->idle() && self->clock_->now() < limit) {
    self->look_again(kLook);
    co_await self->rested_.wait();
  }
  self->close();
}

void KernelCore::close() {
  if (closed_) return;
  closed_ = true;
  up_ = false;
  for (auto* queue : {&answers_, &requests_}) {
    for (const auto& item : std::exchange(*queue, {})) item->set_done(not_sent(LLP_CAUSE_ABORTED));
  }
  for (const auto& [id, item] : std::exchange(answers_out_, {})) {
    item->set_done(SendResult{LLP_CAUSE_HANGUP, LLP_OUT_UNKNOWN});
  }
  if (const auto exchange = std::exchange(exchange_, nullptr)) {
    exchange->item->set_done(SendResult{LLP_CAUSE_HANGUP, LLP_OUT_UNKNOWN});
    exchange->file->close();
  }
  for (const auto& [id, exchange] : std::exchange(replies_, {})) exchange->file->close();
  static_cast<void>(received_.clear_queue());
  received_.cancel_all(LLP_CAUSE_HANGUP);
  questions_.clear();
  arriving_ = 0;
  alarm_->set(LLP_NEVER);
  if (file_) file_->close();
  file_.reset();
  device_->close();
  wake_all();
}

const std::array<std::uint64_t, LLP_C__N>& KernelCore::counters() const {
  if (file_) read_counters(*file_, counters_);
  return counters_;
}

Measures KernelCore::measures() const {
  if (file_) read_turnaround(*file_, turnaround_);
  return {.in_kernel = true, .turnaround = turnaround_};
}

// ---- sending ----

void KernelCore::finish(const std::shared_ptr<OutgoingMessage>& item, SendResult result) {
  item->set_done(result);
}

void KernelCore::send_answers() {
  while (up_ && !answers_.empty()) {
    const auto item = answers_.front();
    if (!questions_.contains(item->question())) {
      // What it answered was cancelled meanwhile.
      answers_.pop_front();
      finish(item, not_sent(LLP_CAUSE_VERDICT_LATE));
      continue;
    }
    std::uint32_t question = item->question() - ids_;
    int err = control(*file_, LLP_IOC_ANSWER, question);
    if (err == 0) {
      const auto written = file_->write(item->text());
      err = written ? 0 : written.error();
    }
    if (err == EAGAIN) return look_again(kLook);
    answers_.pop_front();
    questions_.erase(item->question());
    llp_ioc_file state{};
    if (err == 0) err = control(*file_, LLP_IOC_FILE, state);
    if (err != 0) {
      finish(item, not_sent(cause_of_errno(static_cast<std::uint32_t>(err))));
      continue;
    }
    passed(true, item->text());
    item->state = OutgoingMessage::State::submitted;
    answers_out_[state.last_write] = item;
  }
}

std::expected<void, int> KernelCore::submit(Exchange& exchange) {
  auto file = device_->open_another();
  if (!file) return std::unexpected(ENODEV);
  exchange.file = std::move(*file);
  std::uint32_t policy = LLP_POLICY_COMMIT;
  std::uint32_t events =
      1U << LLP_RESULT_SENT | 1U << LLP_RESULT_DONE | 1U << LLP_RESULT_ACKED | 1U << LLP_RESULT_CANCELLED;
  const std::uint32_t flags = exchange.item->submit_flags();
  std::uint32_t expect = LLP_EXPECT_REQUIRED;
  if ((flags & LLP_SUBMIT_EXPECT_OPT) != 0) expect = LLP_EXPECT_MAYBE;
  if ((flags & LLP_SUBMIT_EXPECT_NONE) != 0) expect = LLP_EXPECT_OFF;
  for (const auto& [request, argument] :
       {std::pair{LLP_IOC_POLICY, &policy}, std::pair{LLP_IOC_EVENTS, &events},
        std::pair{LLP_IOC_EXPECT, &expect}}) {
    // Another program's expectation ends some time.
    if (const int err = exchange.file->control(request, argument)) {
      return std::unexpected(err == EBUSY ? EAGAIN : err);
    }
  }
  const auto written = exchange.file->write(exchange.item->text());
  if (!written) return std::unexpected(written.error());
  return {};
}

void KernelCore::send_request() {
  while (up_ && !exchange_ && !requests_.empty()) {
    const std::shared_ptr<OutgoingMessage> item = requests_.front();
    auto exchange = std::make_shared<Exchange>();
    exchange->item = item;
    const auto written = submit(*exchange);
    if (!written && written.error() == EAGAIN) return look_again(kLook);
    requests_.pop_front();
    if (!written) {
      finish(item, not_sent(cause_of_errno(static_cast<std::uint32_t>(written.error()))));
      continue;
    }
    passed(true, item->text());
    item->state = OutgoingMessage::State::submitted;
    exchange_ = exchange;
    asio::co_spawn(executor_, exchange_loop(shared_from_this(), exchange), asio::detached);
  }
}

// ---- after every change ----

// What became of a message may let its file go.
void KernelCore::known(MessageId id) {
  fates_.notify();
  const auto reply = replies_.find(id);
  if (reply == replies_.end() || !received_.fate(id)) return;
  const ExchangePtr exchange = reply->second;
  replies_.erase(reply);
  exchange->undecided.erase(id);
  if (exchange->done && exchange->undecided.empty()) exchange->file->close();
}

void KernelCore::settle() {
  if (closed_) return;
  send_answers();
  send_request();
  resume_.notify();
  rested_.notify();
}

void KernelCore::look_again(std::uint64_t in_ns) { alarm_->set(clock_->now() + in_ns); }

void KernelCore::looked() {
  if (closed_) return;
  settle();
}

}  // namespace llp::line
