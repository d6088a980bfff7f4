// SPDX-License-Identifier: BSD-3-Clause
// What every kind of line has in common. Not for use outside daemon/io.
//
// A stream is two objects: a handle, which the user owns, and a StreamBase,
// which the calls under way own together with it, so that the handle can go
// any time. The connection itself is a Channel of its own: what is under way
// on an old one never touches the next.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "io/byte_stream.hpp"
#include "io/make_stream.hpp"

namespace llp::io {

// One connection: a non-blocking descriptor. Ended either by us (`end` says
// how, and calls under way complete with it) or by the other side.
class Channel {
 public:
  // Owns `fd` from now on, unless it throws asio::system_error.
  Channel(const asio::any_io_executor& executor, int fd) : descriptor_(executor) { descriptor_.assign(fd); }
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  virtual ~Channel() = default;

  [[nodiscard]] int fd() { return descriptor_.native_handle(); }
  // Waits until reading or writing may succeed. False: not because of that.
  [[nodiscard]] asio::awaitable<bool> wait(asio::posix::descriptor_base::wait_type what);

  // One attempt: bytes moved, or errno as a negative number. A read of 0 is the
  // end of the stream.
  [[nodiscard]] virtual ssize_t read(std::span<std::uint8_t> bytes);
  [[nodiscard]] virtual ssize_t write(std::span<const std::uint8_t> bytes);

  // Nothing more is done on it; waits end with `why`.
  void end(Error why) {
    if (ended_) return;
    ended_ = std::move(why);
    stop_waiting();
    for (auto* timer : sleepers_) timer->cancel();
  }
  // Waits under way complete with false.
  void stop_waiting() {
    asio::error_code ignored;
    descriptor_.cancel(ignored);
  }
  // end(), and the descriptor is closed now.
  void shut(Error why) {
    end(std::move(why));
    asio::error_code ignored;
    descriptor_.close(ignored);
  }
  // Sleeps, at most until end().
  [[nodiscard]] asio::awaitable<void> sleep(std::chrono::nanoseconds time);
  [[nodiscard]] const std::optional<Error>& ended() const noexcept { return ended_; }

  std::uint64_t received = 0;
  std::uint64_t sent = 0;
  const std::chrono::steady_clock::time_point since = std::chrono::steady_clock::now();

 protected:
  asio::posix::stream_descriptor descriptor_;
  // Gives the descriptor away, for a kind that closes it elsewhere.
  int release() { return descriptor_.release(); }

 private:
  std::optional<Error> ended_;
  std::vector<asio::steady_timer*> sleepers_;
};

class StreamBase : public std::enable_shared_from_this<StreamBase> {
 public:
  StreamBase(const asio::any_io_executor& executor, std::string name, StreamOptions options, Logger logger);
  StreamBase(const StreamBase&) = delete;
  StreamBase& operator=(const StreamBase&) = delete;
  virtual ~StreamBase() = default;

  // The calls of ByteStream; `self` keeps the object for their duration.
  static asio::awaitable<Result<void>> open(std::shared_ptr<StreamBase> self);
  static asio::awaitable<Result<ReadResult>> read_some(std::shared_ptr<StreamBase> self,
                                                       std::span<std::uint8_t> bytes,
                                                       std::span<std::uint8_t> flags);
  static asio::awaitable<Result<void>> write(std::shared_ptr<StreamBase> self,
                                             std::span<const std::uint8_t> bytes);
  static asio::awaitable<Result<void>> wait_empty(std::shared_ptr<StreamBase> self);
  void disconnect();
  void close();

  [[nodiscard]] virtual std::chrono::nanoseconds char_time() const noexcept {
    return std::chrono::nanoseconds(0);
  }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] virtual std::string local_name() const { return {}; }

 protected:
  // Makes channel_. The rest of open() is done.
  [[nodiscard]] virtual asio::awaitable<Result<void>> connect() = 0;
  // Takes a channel out of use after disconnect(), close() or before the next
  // open(), with a bounded chance for its output.
  virtual void retire(std::shared_ptr<Channel> channel) = 0;
  // The last thing: names in the file system go.
  virtual void clean_up() {}
  // Hooks for a kind whose bytes are not plain.
  [[nodiscard]] virtual asio::awaitable<Result<ReadResult>> read_channel(std::shared_ptr<Channel> channel,
                                                                         std::span<std::uint8_t> bytes,
                                                                         std::span<std::uint8_t> flags);
  [[nodiscard]] virtual asio::awaitable<Result<void>> empty_channel(std::shared_ptr<Channel> channel);
  virtual void wrote(Channel& /*channel*/, std::size_t /*bytes*/) {}
  // The Error for what read or write said.
  [[nodiscard]] virtual Error broken(int err) const;

  // Why the calls on `channel` must end, if so.
  [[nodiscard]] std::optional<Error> stopped(const Channel& channel) const;
  [[nodiscard]] Error closed_error() const;
  // One read: waits for input. 0 bytes is not returned but Errc::closed.
  [[nodiscard]] asio::awaitable<Result<std::size_t>> receive(std::shared_ptr<Channel> channel,
                                                             std::span<std::uint8_t> bytes);
  // Sleeps of open(); ended early by close() and by wake().
  [[nodiscard]] asio::awaitable<void> sleep(std::chrono::nanoseconds time);
  void wake() { timer_.cancel(); }

  asio::any_io_executor executor_;
  std::string name_;
  StreamOptions options_;
  Logger logger_;
  std::shared_ptr<Channel> channel_;
  bool closed_ = false;
  // The connection before this open() ended by itself.
  bool lost_ = false;
  // Nothing came from it and it did not last: no reason to hurry to the next.
  bool lost_early_ = false;

 private:
  void drop(Error why);
  asio::steady_timer timer_;
  unsigned reads_at_once_ = 0;
};

// Times between attempts: doubling from `min` to `max`, each 50 to 100 % of
// its value at random, so that many lines do not come back in step.
class BackOff {
 public:
  using ms = std::chrono::milliseconds;
  BackOff(ms min, ms max);
  [[nodiscard]] std::chrono::nanoseconds next();
  void reset() noexcept { value_ = min_; }

 private:
  std::chrono::nanoseconds min_, max_, value_;
  std::minstd_rand random_;
};

// The kinds. Each fails as make_stream() says.
using StreamResult = Result<std::shared_ptr<StreamBase>>;
[[nodiscard]] StreamResult make_tty(const asio::any_io_executor& executor, const Tty& tty,
                                    StreamOptions options, Logger logger);
[[nodiscard]] StreamResult make_pty(const asio::any_io_executor& executor, const Pty& pty,
                                    StreamOptions options, Logger logger);
[[nodiscard]] StreamResult make_connect(const asio::any_io_executor& executor, const LineSpec& spec,
                                        StreamOptions options, Logger logger);
[[nodiscard]] StreamResult make_listen(const asio::any_io_executor& executor, const LineSpec& spec,
                                       StreamOptions options, Logger logger);

}  // namespace llp::io
