// SPDX-License-Identifier: BSD-3-Clause
// One side of a capture against a real line: sends what that station sent, and
// compares what comes with what the other one sent.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "capture/capture.hpp"
#include "io/byte_stream.hpp"

namespace llp::replay {

struct Options {
  capture::Side side = capture::Side::left;   // the one that is played
  double time_scale = 1;                      // of every time in the capture
  std::chrono::milliseconds patience{10000};  // for what must come, beyond its time in the capture
  bool compare = true;                        // else: any answer will do
  std::chrono::milliseconds settle{50};       // and is whole after so much silence
  std::chrono::milliseconds quiet{200};       // at the end, nothing may come for so long
};

// Why @c cannot be played on a real line; nothing: it can.
Result<void> playable(const capture::Capture& c, capture::Side side);

class Replay {
 public:
  // @tell is called with "# ready" when the conversation can begin, then with
  // each of its lines as it happens.
  Replay(const asio::any_io_executor& executor, io::ByteStream& stream, const capture::Capture& c,
         const Options& options, std::function<void(std::string_view)> tell);

  // The line must be open. Errc::malformed: the first difference, with its
  // line; Errc::timeout: what must come did not; else the line's own error.
  asio::awaitable<Result<void>> play();

 private:
  asio::awaitable<void> read_loop();
  asio::awaitable<Result<void>> introduce();
  asio::awaitable<Result<void>> send(std::string octets);
  asio::awaitable<Result<void>> expect(std::string octets, std::chrono::nanoseconds within, std::size_t line);
  asio::awaitable<Result<void>> anything(std::chrono::nanoseconds within, bool again);
  asio::awaitable<Result<void>> nothing_more();
  asio::awaitable<void> sleep(std::chrono::nanoseconds time);
  [[nodiscard]] std::chrono::nanoseconds scaled(std::uint64_t ns) const;

  io::ByteStream& stream_;
  const capture::Capture& capture_;
  Options options_;
  std::function<void(std::string_view)> tell_;
  asio::steady_timer came_;  // cancelled when something came
  asio::steady_timer pause_;
  std::string in_;  // received and not yet compared
  Result<void> line_;
  bool heard_ = false;  // the other station has sent since this one did
  bool reading_ = false;
  bool over_ = false;
};

}  // namespace llp::replay
