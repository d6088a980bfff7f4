// SPDX-License-Identifier: BSD-3-Clause
#include "llpcat/line_server.hpp"

#include <fmt/format.h>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/this_coro.hpp>
#include <utility>

#include "line/engine_api.hpp"

namespace llp::cat {

namespace {

// The transaction lock while the other station has a transaction.
struct Turn {
  std::shared_ptr<io::TransactionLock> lock;
  io::TransactionLock::Guard guard;
  bool taking = false;  // a message is dealt with

  void begin() {
    if (!lock || guard) return;
    if (auto taken = lock->try_acquire()) guard = std::move(*taken);
  }
};

// Looks out for messages that begin. One that is not completed is no transaction.
asio::awaitable<void> look_out(std::shared_ptr<line::Line> line, std::shared_ptr<Turn> turn) {
  for (;;) {
    const bool begun = co_await line->begin();
    if (!begun) co_return;
    turn->begin();
    co_await line->received();
    if (!turn->taking) turn->guard.release();
  }
}

asio::awaitable<void> send_answer(std::shared_ptr<line::Line> line, line::MessageId question, Bytes text,
                                  const LineWork& work) {
  auto out = line->answer(question, std::move(text));
  if (!out) {
    work.complain(out.error().message);
    co_return;
  }
  const std::shared_ptr<line::Outgoing> outgoing = std::move(*out);
  const line::SendResult sent = co_await outgoing->sent();
  if (sent.cause == LLP_OK) co_return;
  work.complain(fmt::format("the answer was not delivered: {} ({})", llp_cause_name(sent.cause),
                            llp_outcome_name(sent.outcome)));
}

// False: the end.
asio::awaitable<bool> take(std::shared_ptr<line::Line> line, line::Message message, const LineWork& work) {
  if (!work.keep(message.text)) {
    line->verdict(message.id, LLP_REJECT);
    co_return false;
  }
  // What answers somebody else's message is not answered again.
  Result<Bytes> answer = Bytes{};
  if (!message.acknowledgement && !message.late) answer = co_await work.answer(message.text);
  if (!answer) {
    line->verdict(message.id, LLP_REJECT);
    co_return !work.done();
  }
  const bool answering = !answer->empty();
  const llp_settled settled = line->verdict(message.id, answering ? LLP_ACCEPT_ANSWER : LLP_ACCEPT);
  if (settled == LLP_GONE) co_return true;  // its sender has given up; it will come again
  if (message.pending) co_await line->fate(message.id);
  if (answering) co_await send_answer(line, message.id, std::move(*answer), work);
  co_return !work.done();
}

}  // namespace

asio::awaitable<Result<void>> serve_messages(std::shared_ptr<line::Line> line, LineWork work,
                                             std::shared_ptr<io::TransactionLock> lock) {
  const auto turn = std::make_shared<Turn>();
  turn->lock = std::move(lock);
  const auto executor = co_await asio::this_coro::executor;
  if (turn->lock) asio::co_spawn(executor, look_out(line, turn), asio::detached);
  bool more = true;
  while (more) {
    auto message = co_await line->read();
    if (!message) co_return std::unexpected(std::move(message.error()));
    turn->taking = true;
    turn->begin();
    more = co_await take(line, std::move(*message), work);
    turn->taking = false;
    turn->guard.release();
  }
  co_return Result<void>();
}

}  // namespace llp::cat
