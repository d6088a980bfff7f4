// SPDX-License-Identifier: BSD-3-Clause
#include "core/attempt.hpp"

#include <algorithm>
#include <utility>

namespace llp::core {

namespace {

// How often the kernel is asked what the other host has: there is no event for it.
constexpr auto kHostRestMin = std::chrono::milliseconds(1);
constexpr auto kHostRestMax = std::chrono::milliseconds(50);

}  // namespace

Attempt::Attempt(asio::any_io_executor executor, Targets& targets, illp::Options options, Event& changed,
                 Bytes text, MessageKey key, Clock::time_point deadline, bool watch_host, Logger log)
    : executor_(std::move(executor)),
      targets_(targets),
      options_(std::move(options)),
      changed_(changed),
      log_(std::move(log)),
      text_(std::move(text)),
      key_(key),
      deadline_(deadline),
      watch_host_(watch_host),
      limit_(executor_),
      host_timer_(executor_) {}

bool Attempt::handed_over() const noexcept { return handed_over_ || (client_ && client_->handed_over()); }

std::unexpected<illp::Failure> Attempt::stop_reason() const {
  if (aborted_) {
    return std::unexpected(
        illp::Failure{Outcome::aborted, {Errc::cancelled, "the delivery was given up", 0}});
  }
  return std::unexpected(
      illp::Failure{Outcome::timed_out,
                    {Errc::timeout, peer_ + (peer_.empty() ? "" : ": ") + "no whole reply in time", 0}});
}

void Attempt::end_by(bool Attempt::* why) {
  if (ended() || stopped()) return;
  this->*why = true;
  if (client_) client_->abort();
  changed_.notify();
}

void Attempt::abort() { end_by(&Attempt::aborted_); }

asio::awaitable<void> Attempt::run() {
  limit_.expires_at(deadline_);
  limit_.async_wait([weak = weak_from_this()](const asio::error_code& error) {
    if (error) return;
    if (const auto self = weak.lock()) self->end_by(&Attempt::timed_out_);
  });
  illp::ClientResult<Bytes> result = co_await deliver();
  limit_.cancel();
  host_timer_.cancel();
  handed_over_ = handed_over();
  if (!result && stopped()) result = stop_reason();
  // Closed in the regular way if the reply is here, else reset.
  if (client_) client_->close();
  client_.reset();
  text_ = Bytes{};
  result_ = std::move(result);
  changed_.notify();
}

asio::awaitable<illp::ClientResult<Bytes>> Attempt::converse() {
  if (prepare_) {
    auto prepare = std::exchange(prepare_, nullptr);
    auto prepared = co_await prepare();
    if (!prepared) unprepared_ = std::move(prepared.error());
    if (stopped()) co_return stop_reason();
  }
  if (unprepared_) co_return std::unexpected(illp::Failure{Outcome::unreachable, *unprepared_});
  auto step = co_await client_->write(text_);
  if (step) step = co_await client_->finish();
  if (!step) co_return std::unexpected(std::move(step.error()));
  text_ = Bytes{};
  if (watch_host_) look_at_host(kHostRestMin);
  auto reply = co_await client_->reply(std::nullopt);
  co_return reply;
}

asio::awaitable<illp::ClientResult<Bytes>> Attempt::deliver() {
  illp::Options once = options_;
  once.connect_tries = 1;
  illp::Failure last{Outcome::unreachable, {Errc::not_found, "there is no application to call", 0}};
  for (unsigned round = 0; round < options_.connect_tries; ++round) {
    const auto go_on = later(Clock::now(), options_.connect_pause);
    while (round > 0 && !stopped() && Clock::now() < go_on) co_await changed_.wait_until(go_on);
    const std::vector<std::size_t> order = targets_.order(Clock::now());
    for (const std::size_t i : order) {
      if (stopped()) co_return stop_reason();
      peer_ = illp::to_string(targets_.at(i));
      client_ = std::make_unique<illp::ClientTransaction>(executor_, targets_.at(i), once, log_);
      auto connected = co_await client_->connect();
      if (stopped()) co_return stop_reason();
      if (!connected) {
        last = std::move(connected.error());
        log_.debug("{}", last.error.message);
        targets_.bad(i, Clock::now(), last.error.message);
        continue;
      }
      auto reply = co_await converse();
      if (reply) {
        targets_.good(i);
        co_return reply;
      }
      if (stopped()) co_return stop_reason();
      // An application that says CAN is there, and has said no.
      if (reply.error().outcome == Outcome::cancelled || unprepared_) co_return reply;
      targets_.bad(i, Clock::now(), reply.error().error.message);
      if (client_->handed_over()) co_return reply;
      last = std::move(reply.error());
      log_.debug("{}", last.error.message);
    }
  }
  co_return std::unexpected(std::move(last));
}

void Attempt::look_at_host(std::chrono::nanoseconds rest) {
  if (ended() || stopped() || !client_) return;
  const std::optional<std::size_t> left = client_->unacknowledged();
  if (!left) return;
  if (*left == 0) {
    at_host_ = true;
    changed_.notify();
    return;
  }
  host_timer_.expires_after(rest);
  host_timer_.async_wait([weak = weak_from_this(), rest](const asio::error_code& error) {
    if (error) return;
    if (const auto self = weak.lock()) {
      self->look_at_host(std::min<std::chrono::nanoseconds>(rest * 2, kHostRestMax));
    }
  });
}

}  // namespace llp::core
