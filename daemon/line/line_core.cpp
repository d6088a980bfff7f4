// SPDX-License-Identifier: BSD-3-Clause
#include "line/line_core.hpp"

namespace llp::line {

LineCore::LineCore(asio::any_io_executor executor, std::shared_ptr<Clock> clock)
    : executor_(std::move(executor)),
      clock_(clock ? std::move(clock) : steady_clock()),
      reader_(executor_),
      begin_(executor_),
      fates_(executor_),
      resume_(executor_),
      rested_(executor_),
      opened_(executor_) {}

Error LineCore::was_closed() const { return Error{Errc::cancelled, describe() + " was closed", 0}; }

asio::awaitable<Result<void>> LineCore::first_opening(CorePtr self, std::chrono::nanoseconds wait) {
  const auto patience = self->clock_->make_alarm(self->executor_, [core = self.get()] {
    core->start_waited_ = true;
    core->opened_.notify();
  });
  patience->set(after(self->clock_->now(), wait));
  while (!self->first_open_done_ && !self->start_waited_ && !self->closed_) co_await self->opened_.wait();
  if (self->failure_) co_return std::unexpected(*self->failure_);
  if (self->closed_) co_return std::unexpected(self->was_closed());
  self->started_ = true;
  co_return Result<void>();
}

asio::awaitable<Result<Message>> LineCore::read(CorePtr self) {
  while (self->received_.count() == 0 && !self->closed_) co_await self->reader_.wait();
  if (self->closed_) co_return std::unexpected(self->failure_ ? *self->failure_ : self->was_closed());
  auto message = self->received_.take();
  self->settle();
  co_return std::move(*message);
}

asio::awaitable<bool> LineCore::begin(CorePtr self) {
  while (self->begins_ == self->begins_seen_ && !self->closed_) co_await self->begin_.wait();
  self->begins_seen_ = self->begins_;
  co_return !self->closed_;
}

asio::awaitable<Fate> LineCore::fate(CorePtr self, MessageId id) {
  while (!self->received_.fate(id)) co_await self->fates_.wait();
  co_return *self->received_.fate(id);
}

void LineCore::wake_all() {
  for (Signal* signal : {&reader_, &begin_, &fates_, &resume_, &rested_, &opened_}) signal->notify();
}

}  // namespace llp::line
