// SPDX-License-Identifier: BSD-3-Clause
// A line whose protocol runs in this process, over any stream of bytes.
#pragma once

#include <asio/any_io_executor.hpp>
#include <chrono>
#include <cstddef>
#include <memory>

#include "base/log.hpp"
#include "io/byte_stream.hpp"
#include "line/clock.hpp"
#include "line/line.hpp"

namespace llp::line {

struct EngineLineOptions {
  // Messages received and not yet taken by read(). At this many the line takes
  // no more: bids are refused, or nothing is read from the line.
  std::size_t max_received = 8;
  // The same for their bytes together (the message that crosses it is kept).
  std::size_t max_received_bytes = std::size_t{64} << 20;
  // Messages that wait to be sent; beyond, send() says Errc::busy.
  std::size_t max_queued = 64;
  // stop(): for what is in progress to end the protocol's way.
  std::chrono::nanoseconds stop_grace = std::chrono::seconds(3);
  // disconnect(): for output to be written first.
  std::chrono::nanoseconds linger = std::chrono::seconds(1);
  // start(): returns after so long at the latest while the stream's first
  // open() waits (for a peer, say). 0: it waits for nothing but what fails at
  // once.
  std::chrono::nanoseconds start_wait = std::chrono::seconds(1);
  // Sees everything; may be empty.
  std::shared_ptr<Observer> observer;
  // Empty: the steady clock.
  std::shared_ptr<Clock> clock;
};

// Makes a line of `stream`; everything runs on `executor`'s one thread, whose
// context must outlive the line. The line is ready for messages from the start
// (set_ready()). params.char_time is taken from the stream.
//
// A message that waits to be sent while the wire is away fails after
// connect_pause x (1 + connect_retries), X3.28: recovery_pause, with
// LLP_CAUSE_HANGUP and LLP_OUT_NOT_SENT; answers fail at once, their question
// is void.
[[nodiscard]] std::unique_ptr<Line> make_engine_line(const asio::any_io_executor& executor,
                                                     std::unique_ptr<io::ByteStream> stream,
                                                     llp_protocol protocol, const llp_params& params,
                                                     EngineLineOptions options, Logger log);

}  // namespace llp::line
