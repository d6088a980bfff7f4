// SPDX-License-Identifier: BSD-3-Clause
#include "llpsim/pacing.hpp"

#include <algorithm>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <utility>

#include "base/as_tuple.hpp"

namespace llp::sim {

namespace {

using Clock = std::chrono::steady_clock;

// One direction of the wire: when it is free for the next character.
class Wire {
 public:
  Wire(const asio::any_io_executor& executor, std::chrono::nanoseconds char_time)
      : timer_(executor), char_time_(char_time) {}

  // Bytes that pass in about two milliseconds: small enough to look like a wire.
  [[nodiscard]] std::size_t piece() const {
    return std::max<std::size_t>(1, static_cast<std::size_t>(std::chrono::milliseconds(2) / char_time_));
  }
  asio::awaitable<void> pass(std::size_t bytes) {
    free_at_ = std::max(free_at_, Clock::now()) + char_time_ * static_cast<std::int64_t>(bytes);
    co_await idle();
  }
  asio::awaitable<void> idle() {
    timer_.expires_at(free_at_);
    co_await timer_.async_wait(kTuple);
  }
  void cancel() { timer_.cancel(); }

 private:
  asio::steady_timer timer_;
  std::chrono::nanoseconds char_time_;
  Clock::time_point free_at_;
};

class PacedStream final : public io::ByteStream {
 public:
  PacedStream(const asio::any_io_executor& executor, std::unique_ptr<io::ByteStream> line, unsigned baud)
      : line_(std::move(line)),
        baud_(baud),
        char_time_(std::chrono::nanoseconds(10'000'000'000LL / baud)),
        in_(executor, char_time_),
        out_(executor, char_time_) {}

  asio::awaitable<Result<void>> open() override { return line_->open(); }

  asio::awaitable<Result<io::ReadResult>> read_some(std::span<std::uint8_t> bytes,
                                                    std::span<std::uint8_t> flags) override {
    const std::size_t n = std::min(bytes.size(), in_.piece());
    Result<io::ReadResult> got = co_await line_->read_some(bytes.first(n), flags.first(n));
    if (got) co_await in_.pass(got->size);
    co_return got;
  }

  asio::awaitable<Result<void>> write(std::span<const std::uint8_t> bytes) override {
    while (!bytes.empty()) {
      const auto piece = bytes.first(std::min(bytes.size(), out_.piece()));
      bytes = bytes.subspan(piece.size());
      Result<void> written = co_await line_->write(piece);
      if (!written) co_return written;
      co_await out_.pass(piece.size());
    }
    co_return Result<void>{};
  }

  asio::awaitable<Result<void>> wait_empty() override {
    co_await out_.idle();
    co_return co_await line_->wait_empty();
  }
  std::chrono::nanoseconds char_time() const noexcept override { return char_time_; }
  void disconnect() noexcept override { line_->disconnect(); }
  void close() noexcept override {
    in_.cancel();
    out_.cancel();
    line_->close();
  }
  std::string describe() const override {
    return line_->describe() + " at " + std::to_string(baud_) + " baud";
  }
  std::string local_name() const override { return line_->local_name(); }

 private:
  std::unique_ptr<io::ByteStream> line_;
  const unsigned baud_;
  const std::chrono::nanoseconds char_time_;
  Wire in_, out_;
};

}  // namespace

std::unique_ptr<io::ByteStream> make_paced(const asio::any_io_executor& executor,
                                           std::unique_ptr<io::ByteStream> line, unsigned baud) {
  return std::make_unique<PacedStream>(executor, std::move(line), baud);
}

}  // namespace llp::sim
