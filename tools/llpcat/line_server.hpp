// SPDX-License-Identifier: BSD-3-Clause
// llpcat -l on a line: each message is kept, then acknowledged, then answered.
#pragma once

#include <asio/awaitable.hpp>
#include <functional>
#include <memory>

#include "io/transaction_lock.hpp"
#include "line/line.hpp"
#include "llp/message.hpp"
#include "llp/result.hpp"

namespace llp::cat {

// What is done with messages.
struct LineWork {
  // Puts it out; false: it could not be, and nothing more is taken. A message is acknowledged after this.
  std::function<bool(const Bytes&)> keep;
  // Its answer; empty: none. An error: the message is refused.
  std::function<asio::awaitable<Result<Bytes>>(const Bytes&)> answer;
  // It is dealt with; true: it was the last one.
  std::function<bool()> done;
  // For people.
  std::function<void(const std::string&)> complain;
};

// Serves until the last message (success), or until the line ends: its error; Errc::cancelled after stop().
// `lock`, for lines that other processes send on: held from a message's first byte to the end of its answer,
// unless another process has it; receiving and answering never wait for it.
[[nodiscard]] asio::awaitable<Result<void>> serve_messages(std::shared_ptr<line::Line> line, LineWork work,
                                                           std::shared_ptr<io::TransactionLock> lock);

}  // namespace llp::cat
