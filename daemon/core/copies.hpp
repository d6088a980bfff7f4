// SPDX-License-Identifier: BSD-3-Clause
// Copies of what the instrument sends, for listeners besides the application:
// an archive, a monitor. They can neither delay a message nor change what
// becomes of it. Not for use outside daemon/core.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/log_limit.hpp"
#include "core/event.hpp"
#include "core/line_service.hpp"
#include "core/targets.hpp"
#include "illp/client.hpp"

namespace llp::core {

// Each listener has a queue of its own and gets one message after the other
// over ILLP, in order, each at most once: what it was handed and did not
// acknowledge does not come again. Its replies are read and thrown away. While
// it is away its messages wait; where there is no room for a new one the oldest
// go, and are counted.
class Copies {
 public:
  using Duration = std::chrono::nanoseconds;
  struct Bounds {
    std::size_t messages = 256;                 // that wait for one listener
    std::size_t bytes = std::size_t{16} << 20;  // of these
    Duration reply_time = std::chrono::seconds(30);
    Duration retry_min = std::chrono::milliseconds(500);  // how long a listener that failed rests:
    Duration retry_max = std::chrono::seconds(30);        // as an application does (core/targets.hpp)
  };

  Copies(asio::any_io_executor executor, const std::vector<illp::Endpoint>& listeners, illp::Options options,
         Bounds bounds, LineCounters& counters, Logger log);
  Copies(const Copies&) = delete;
  Copies& operator=(const Copies&) = delete;

  [[nodiscard]] std::size_t size() const noexcept { return listeners_.size(); }
  // One listener's coroutine, until close().
  [[nodiscard]] asio::awaitable<void> serve(std::size_t listener);

  // For everybody. A message that is larger than all that may wait goes to nobody.
  void add(std::span<const std::uint8_t> text);
  // Ends what is under way; what waits is dropped, and counted.
  void close();

 private:
  using Text = std::shared_ptr<const illp::Bytes>;
  struct Listener {
    Listener(const illp::Endpoint& endpoint, const Bounds& bounds)
        : target({endpoint}, bounds.retry_min, bounds.retry_max) {}
    [[nodiscard]] const illp::Endpoint& endpoint() const { return target.at(0); }

    Targets target;          // the one
    std::deque<Text> queue;  // the first is being sent
    std::size_t bytes = 0;
    std::unique_ptr<illp::ClientTransaction> client;
    LogLimit dropped_log;
    bool away = false;  // said
  };

  void drop_oldest(Listener& to);
  void put(Listener& to, const Text& text);
  [[nodiscard]] asio::awaitable<bool> send(Listener& to, Text text);
  void failed(Listener& to, const illp::Failure& failure);

  asio::any_io_executor executor_;
  illp::Options options_;
  Bounds bounds_;
  LineCounters& counters_;
  Logger log_;
  Event changed_;
  std::vector<Listener> listeners_;
  bool closed_ = false;
};

}  // namespace llp::core
