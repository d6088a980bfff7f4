// SPDX-License-Identifier: BSD-3-Clause
// The coroutines of a line in the kernel: device, notifications, requests.
#include <poll.h>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <cerrno>
#include <utility>

#include "line/kernel_core.hpp"
#include "line/kernel_setup.hpp"

namespace llp::line {

namespace {

constexpr short kGone = POLLERR | POLLHUP | POLLNVAL;

}  // namespace

// ---- the device ----

asio::awaitable<void> KernelCore::device_loop(Self self) {
  while (!self->closed_) {
    auto opened = co_await self->device_->open();
    if (self->closed_) break;
    if (!opened) {
      self->failed(std::move(opened.error()));
      break;
    }
    const std::shared_ptr<MessageFile> file = std::move(*opened);
    const Result<void> set = self->set_up(*file);
    // Gone again already: it is waited for.
    if (!set && set.error().sys_errno == ENODEV && self->started_) continue;
    if (!set) {
      self->failed(set.error());
      break;
    }
    self->came_up(file);
    asio::co_spawn(self->executor_, notice_loop(self, file), asio::detached);
    co_await message_loop(self, file);
    if (!self->closed_) self->went_down();
  }
}

Result<void> KernelCore::set_up(MessageFile& file) {
  if (auto set = set_up_line(file, protocol_, params_, describe()); !set) return set;
  return take_receiver(file, wants_messages_ && !stopping_, describe());
}

void KernelCore::came_up(std::shared_ptr<MessageFile> file) {
  file_ = std::move(file);
  ids_ = last_id_;
  up_ = true;
  first_open_done_ = true;
  log_.info("{}: connected", describe());
  if (options_.observer) options_.observer->connection(true, describe());
  opened_.notify();
  settle();
}

void KernelCore::went_down() {
  if (!file_) return;
  fetch_notices(*file_);
  file_->close();
  file_.reset();
  up_ = false;
  arriving_ = 0;
  log_.info("{}: gone", describe());
  if (options_.observer) options_.observer->connection(false, "gone");
  questions_.clear();
  for (const auto& item : std::exchange(answers_, {})) {
    finish(item, SendResult{LLP_CAUSE_HANGUP, LLP_OUT_NOT_SENT});
  }
  for (const auto& [id, item] : std::exchange(answers_out_, {})) {
    finish(item, SendResult{LLP_CAUSE_HANGUP, LLP_OUT_UNKNOWN});
  }
  received_.cancel_all(LLP_CAUSE_HANGUP);
  fates_.notify();
  settle();
}

// What waiting cannot mend. Before start() has returned it is start()'s to tell.
void KernelCore::failed(Error error) {
  if (started_) log_.error("{}", error.message);
  failure_ = std::move(error);
  close();
}

// ---- messages ----

asio::awaitable<void> KernelCore::message_loop(Self self, std::shared_ptr<MessageFile> file) {
  while (!self->closed_) {
    if (self->received_.count() >= self->options_.max_received) {
      co_await self->resume_.wait();
      continue;
    }
    self->take_messages();
    if (self->received_.count() >= self->options_.max_received) continue;
    const short ready = co_await file->wait(POLLIN);
    if ((ready & kGone) == 0) continue;
    // What was acknowledged before it went is still to be had.
    if ((ready & POLLIN) != 0 && (ready & POLLNVAL) == 0) {
      llp_ioc_message next{};
      next.which = LLP_WHICH_NEXT;
      if (control(*file, LLP_IOC_MESSAGE, next) == 0) continue;
    }
    break;
  }
}

void KernelCore::passed(bool out, const Bytes& text, std::uint64_t at) {
  if (options_.observer) options_.observer->message(out, text, at != 0 ? at : clock_->now());
}

void KernelCore::take_messages() {
  while (file_ && received_.count() < options_.max_received) {
    auto message = fetch_message(*file_);
    if (!message) break;
    received_.queue(std::move(*message));
    reader_.notify();
    rested_.notify();
  }
}

std::optional<Message> KernelCore::fetch_message(MessageFile& file) {
  llp_ioc_message about{};
  about.which = LLP_WHICH_NEXT;
  while (control(file, LLP_IOC_MESSAGE, about) == 0) {
    Message message;
    message.text.resize(about.len);
    const auto size = file.read(message.text);
    // It was cancelled, and another came in its place.
    if (!size && size.error() == EMSGSIZE) continue;
    if (!size || *size == 0) return std::nullopt;
    message.text.resize(*size);
    about.which = LLP_WHICH_READ;
    if (control(file, LLP_IOC_MESSAGE, about) != 0) return std::nullopt;
    message.id = our(about.id);
    message.pending = (about.flags & LLP_MSG_PENDING) != 0;
    message.acknowledgement = (about.flags & LLP_MSG_ACK) != 0;
    message.late = (about.flags & LLP_MSG_LATE) != 0;
    message.repeat = (about.flags & LLP_MSG_REPEAT) != 0;
    passed(false, message.text, about.time);
    received_.ended(message.id, message.pending);
    if (arriving_ == message.id) arriving_ = 0;
    return message;
  }
  return std::nullopt;
}

// ---- notifications ----

asio::awaitable<void> KernelCore::notice_loop(Self self, std::shared_ptr<MessageFile> file) {
  while (!self->closed_) {
    self->fetch_notices(*file);
    const short ready = co_await file->wait(POLLPRI);
    if ((ready & kGone) != 0) break;
  }
}

void KernelCore::fetch_notices(MessageFile& file) {
  llp_ioc_result result{};
  bool any = false;
  while (!closed_ && control(file, LLP_IOC_RESULT, result) == 0) {
    any = true;
    notice(result);
  }
  if (any) settle();
}

void KernelCore::notice(const llp_ioc_result& result) {
  switch (result.type) {
    case LLP_RESULT_SENT: {
      const auto it = answers_out_.find(result.id);
      if (it == answers_out_.end()) break;
      const auto item = it->second;
      answers_out_.erase(it);
      finish(item, send_result(result));
      break;
    }
    case LLP_RESULT_BEGIN:
      ++begins_;
      // Its end may have been read before this was.
      if (!received_.knows(our(result.id))) arriving_ = our(result.id);
      begin_.notify();
      break;
    case LLP_RESULT_END:
      // It is ours, another program's, or was empty: no longer arriving.
      if (exchange_) take_replies(exchange_);
      take_messages();
      if (arriving_ == our(result.id)) arriving_ = 0;
      break;
    case LLP_RESULT_ACKED:
      received_.acked(our(result.id));
      known(our(result.id));
      break;
    case LLP_RESULT_CANCELLED: {
      const MessageId id = our(result.id);
      if (arriving_ == id) arriving_ = 0;
      if (options_.observer && !received_.knows(id)) options_.observer->cut(cause_of_errno(result.error));
      received_.cancelled(id, cause_of_errno(result.error), (result.flags & LLP_CANCELLED_ACCEPTED) != 0);
      questions_.erase(id);
      if (const auto reply = replies_.find(id); reply != replies_.end()) {
        reply->second->item->drop_reply(id);
      }
      known(id);
      break;
    }
    case LLP_RESULT_LINE:
      // Somebody set it up anew, or stopped it: start again with what is ours.
      if ((result.flags & 1) == 0 && file_) file_->close();
      break;
    default: break;
  }
}

// ---- requests ----

asio::awaitable<void> KernelCore::exchange_loop(Self self, ExchangePtr exchange) {
  while (!self->closed_) {
    self->fetch_results(*exchange);
    self->take_replies(exchange);
    if (exchange->done && exchange->undecided.empty()) break;
    const short ready = co_await exchange->file->wait(POLLIN | POLLPRI);
    if ((ready & kGone) != 0) {
      self->fetch_results(*exchange);
      break;
    }
    if ((ready & POLLIN) == 0) continue;
    llp_ioc_message next{};
    next.which = LLP_WHICH_NEXT;
    if (control(*exchange->file, LLP_IOC_MESSAGE, next) == 0) continue;
    // The end of the expectation is read, too.
    std::uint8_t none = 0;
    static_cast<void>(exchange->file->read(std::span(&none, 1)));
  }
  if (!exchange->done && !self->closed_) {
    self->over(*exchange, SendResult{LLP_CAUSE_HANGUP, LLP_OUT_UNKNOWN});
  }
}

void KernelCore::take_replies(const ExchangePtr& exchange) {
  while (auto reply = fetch_message(*exchange->file)) {
    exchange->undecided.insert(reply->id);
    replies_[reply->id] = exchange;
    exchange->item->add_reply(std::move(*reply));
    rested_.notify();
  }
}

void KernelCore::fetch_results(Exchange& exchange) {
  llp_ioc_result result{};
  while (control(*exchange.file, LLP_IOC_RESULT, result) == 0) {
    switch (result.type) {
      case LLP_RESULT_SENT: exchange.item->set_sent(send_result(result)); break;
      case LLP_RESULT_DONE: over(exchange, send_result(result)); break;
      default: notice(result); break;
    }
  }
}

void KernelCore::over(Exchange& exchange, SendResult result) {
  exchange.done = true;
  finish(exchange.item, result);
  if (exchange_.get() == &exchange) exchange_.reset();
  settle();
}

std::unique_ptr<Line> make_kernel_line(const asio::any_io_executor& executor,
                                       std::unique_ptr<MessageDevice> device, llp_protocol protocol,
                                       const llp_params& params, KernelLineOptions options, Logger log) {
  return std::make_unique<CoreLine<KernelCore>>(std::make_shared<KernelCore>(
      executor, std::move(device), protocol, params, std::move(options), std::move(log)));
}

}  // namespace llp::line
