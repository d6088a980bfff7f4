// SPDX-License-Identifier: BSD-3-Clause
// What the working parts of both kinds of line share: what was received, who
// waits, and how far the line has come. Not for use outside daemon/line.
#pragma once

#include <algorithm>
#include <array>
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "line/clock.hpp"
#include "line/line.hpp"
#include "line/outgoing.hpp"
#include "line/received.hpp"
#include "line/signal.hpp"

namespace llp::line {

inline SendResult not_sent(llp_cause cause) { return SendResult{cause, LLP_OUT_NOT_SENT}; }

// `now` and `time` later, in ns of a Clock; a time below 0 is none.
inline std::uint64_t after(std::uint64_t now, std::chrono::nanoseconds time) {
  return now + static_cast<std::uint64_t>(std::max(time, std::chrono::nanoseconds(0)).count());
}

class LineCore : public OutgoingOwner {
 public:
  using CorePtr = std::shared_ptr<LineCore>;  // keeps it alive while somebody waits

  // The waits of Line; the core may be closed meanwhile.
  static asio::awaitable<Result<Message>> read(CorePtr self);
  static asio::awaitable<bool> begin(CorePtr self);
  static asio::awaitable<Fate> fate(CorePtr self, MessageId id);

  [[nodiscard]] bool connected() const noexcept { return up_; }
  [[nodiscard]] virtual std::string describe() const = 0;

 protected:
  LineCore(asio::any_io_executor executor, std::shared_ptr<Clock> clock);

  // The end of start(): until the first opening ended, or for `wait` at most.
  static asio::awaitable<Result<void>> first_opening(CorePtr self, std::chrono::nanoseconds wait);
  [[nodiscard]] Error was_closed() const;
  // Everybody who waits looks again.
  void wake_all();

  virtual void settle() = 0;
  void reply_taken() noexcept override { settle(); }

  using Queue = std::deque<std::shared_ptr<OutgoingMessage>>;
  // After a verdict.
  void note_question(MessageId id, llp_decision decision, llp_settled settled) {
    if (decision == LLP_ACCEPT_ANSWER && settled != LLP_GONE) {
      questions_.try_emplace(id, false);
    } else {
      questions_.erase(id);
    }
  }
  // Whether an answer to it may be queued: the only one.
  [[nodiscard]] bool take_question(MessageId id) {
    const auto it = questions_.find(id);
    return it != questions_.end() && !std::exchange(it->second, true);
  }
  // Where a message of this kind waits to be sent.
  [[nodiscard]] Queue& queue_of(Kind kind) noexcept { return kind == Kind::answer ? answers_ : requests_; }

  asio::any_io_executor executor_;
  std::shared_ptr<Clock> clock_;
  Received received_;
  // Accepted, their answers are to come; true: is among answers_.
  std::map<MessageId, bool> questions_;
  Queue answers_, requests_;  // not sent yet
  MessageId next_id_ = 0;
  MessageId arriving_ = 0;  // begun, not ended; 0: none
  std::uint64_t begins_ = 0, begins_seen_ = 0;

  // Woken when something of theirs changed.
  Signal reader_, begin_, fates_, resume_, rested_, opened_;

  std::optional<Error> failure_;
  bool first_open_done_ = false;
  bool start_waited_ = false;
  bool started_ = false;  // start() has returned well
  bool up_ = false;
  bool closed_ = false;
  bool stopping_ = false;
  bool wants_messages_ = true;
};

// The line that callers hold: it closes the core when it goes. Coroutines under
// way keep the core itself.
template <class Core>
class CoreLine final : public Line {
 public:
  explicit CoreLine(std::shared_ptr<Core> core) : core_(std::move(core)) {}
  ~CoreLine() override { core_->close(); }

  asio::awaitable<Result<void>> start() override { return Core::start(core_); }
  asio::awaitable<Result<Message>> read() override { return Core::read(core_); }
  asio::awaitable<bool> begin() override { return Core::begin(core_); }
  asio::awaitable<void> received() override { return Core::received(core_); }
  asio::awaitable<void> rest() override { return Core::rest(core_); }
  llp_settled verdict(MessageId id, llp_decision decision) override { return core_->verdict(id, decision); }
  asio::awaitable<Fate> fate(MessageId id) override { return Core::fate(core_, id); }
  Result<std::shared_ptr<Outgoing>> send(Bytes text, llp_expect expect) override {
    return core_->send(std::move(text), Kind::request, expect, 0);
  }
  Result<std::shared_ptr<Outgoing>> answer(MessageId question, Bytes text) override {
    return core_->send(std::move(text), Kind::answer, LLP_EXPECT_NONE, question);
  }
  void set_ready(bool ready) override { core_->set_ready(ready); }
  void abort_receive() noexcept override { core_->abort_receive(); }
  bool connected() const noexcept override { return core_->connected(); }
  bool idle() const noexcept override { return core_->idle(); }
  void disconnect() noexcept override { core_->disconnect(); }
  asio::awaitable<void> stop() override { return Core::stop(core_); }
  void close() noexcept override { core_->close(); }
  const llp_params& params() const noexcept override { return core_->params(); }
  llp_protocol protocol() const noexcept override { return core_->protocol(); }
  const std::array<std::uint64_t, LLP_C__N>& counters() const noexcept override { return core_->counters(); }
  Measures measures() const override { return core_->measures(); }
  std::string describe() const override { return core_->describe(); }

 private:
  std::shared_ptr<Core> core_;
};

}  // namespace llp::line
