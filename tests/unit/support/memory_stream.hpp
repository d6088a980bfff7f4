// SPDX-License-Identifier: BSD-3-Clause
// Two ends of a line in memory, in virtual time: bytes take their time, are
// damaged or cut on request, and the line comes and goes.
#pragma once

#include <algorithm>
#include <array>
#include <asio/any_io_executor.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "io/byte_stream.hpp"
#include "line/signal.hpp"
#include "support/manual_clock.hpp"

namespace llp::test {

class MemoryLine : public std::enable_shared_from_this<MemoryLine> {
 public:
  struct Byte {
    std::uint8_t byte = 0;
    std::uint8_t flag = 0;
  };
  // What arrives in place of one byte; side: which end sent it.
  using Fault = std::function<std::vector<Byte>(int side, std::uint64_t index, std::uint8_t byte)>;

  MemoryLine(const asio::any_io_executor& executor, std::shared_ptr<ManualClock> clock)
      : clock_(std::move(clock)), changed_(executor), sides_{} {
    tick_ = clock_->make_alarm(executor, [this] { changed_.notify(); });
  }

  // One end; once each.
  std::unique_ptr<io::ByteStream> end(int side) { return std::make_unique<End>(shared_from_this(), side); }

  // ---- what a test may set ----
  std::chrono::nanoseconds char_time{0};
  std::uint64_t delay = 0;         // added to every byte, ns
  std::size_t max_read = 1 << 20;  // bytes a read brings at most
  std::size_t capacity = 1 << 20;  // bytes under way; a writer waits beyond
  Fault fault;
  std::function<Error(int side)> refuse_open;  // code system: it is not refused
  std::array<bool, 2> block_writes{};          // writes wait
  std::array<bool, 2> fail_writes{};           // writes fail, reads see nothing of it

  // ---- what happened ----
  std::array<std::string, 2> sent;                 // by each side, undamaged
  std::array<std::vector<std::size_t>, 2> writes;  // the bytes of each write
  std::array<std::vector<std::size_t>, 2> rooms;   // what each read could have brought
  std::array<int, 2> opens{}, disconnects{};
  [[nodiscard]] std::size_t under_way(int from) const { return sides_[from].out.size(); }

  // The line is there, or not. Going away breaks what was made of it.
  void set_online(bool on) {
    online_ = on;
    if (!on) break_session();
    changed_.notify();
  }
  void break_session() {
    ++session_;
    for (Side& s : sides_) {
      s.out.clear();
      s.free = 0;
    }
    changed_.notify();
  }
  void unblock(int side) {
    block_writes[side] = false;
    changed_.notify();
  }
  [[nodiscard]] bool closed(int side) const { return sides_[side].closed; }

 private:
  struct Due {
    std::uint64_t at;
    Byte b;
  };
  struct Side {
    std::deque<Due> out;     // sent by this side, not read yet
    std::uint64_t free = 0;  // when its transmitter is empty
    std::uint64_t index = 0;
    std::uint64_t session = 0;  // 0: not connected
    bool closed = false;
  };

  class End final : public io::ByteStream {
   public:
    End(std::shared_ptr<MemoryLine> line, int side) : line_(std::move(line)), side_(side) {}
    ~End() override { End::close(); }

    asio::awaitable<Result<void>> open() override { return line_->open(line_, side_); }
    asio::awaitable<Result<io::ReadResult>> read_some(std::span<std::uint8_t> bytes,
                                                      std::span<std::uint8_t> flags) override {
      return line_->read(line_, side_, bytes, flags);
    }
    asio::awaitable<Result<void>> write(std::span<const std::uint8_t> bytes) override {
      return line_->write(line_, side_, bytes);
    }
    asio::awaitable<Result<void>> wait_empty() override { return line_->empty(line_, side_); }
    std::chrono::nanoseconds char_time() const noexcept override { return line_->char_time; }
    void disconnect() noexcept override {
      ++line_->disconnects[side_];
      Side& s = line_->sides_[side_];
      if (s.session == line_->session_) line_->break_session();
      s.session = 0;
      line_->changed_.notify();
    }
    void close() noexcept override {
      Side& s = line_->sides_[side_];
      if (s.closed) return;
      s.closed = true;
      if (s.session == line_->session_) line_->break_session();
      line_->changed_.notify();
    }
    std::string describe() const override { return "memory line"; }

   private:
    std::shared_ptr<MemoryLine> line_;
    int side_;
  };

  [[nodiscard]] Error ended(int side) const {
    const Side& s = sides_[side];
    if (s.closed) return Error{Errc::cancelled, "the memory line was closed", 0};
    return Error{s.session == 0 ? Errc::closed : Errc::reset, "the memory line is gone", 0};
  }
  [[nodiscard]] bool lost(int side, std::uint64_t session) const {
    return sides_[side].closed || sides_[side].session != session || session != session_;
  }
  void arm() {
    std::uint64_t t = LLP_NEVER;
    for (const Side& s : sides_) {
      if (!s.out.empty() && s.out.front().at > clock_->now()) t = std::min(t, s.out.front().at);
      if (s.free > clock_->now()) t = std::min(t, s.free);
    }
    tick_->set(t);
  }
  asio::awaitable<void> wait() {
    arm();
    co_await changed_.wait();
  }

  using Self = std::shared_ptr<MemoryLine>;
  static asio::awaitable<Result<void>> open(Self self, int side) {
    ++self->opens[side];
    Side& s = self->sides_[side];
    if (s.session == self->session_) self->break_session();
    if (self->refuse_open) {
      Error error = self->refuse_open(side);
      if (error.code != Errc::system) co_return std::unexpected(std::move(error));
    }
    while (!self->online_ && !s.closed) co_await self->changed_.wait();
    if (s.closed) co_return std::unexpected(self->ended(side));
    s.session = self->session_;
    co_return Result<void>();
  }

  static asio::awaitable<Result<io::ReadResult>> read(Self self, int side, std::span<std::uint8_t> bytes,
                                                      std::span<std::uint8_t> flags) {
    const std::uint64_t session = self->sides_[side].session;
    self->rooms[side].push_back(bytes.size());
    auto& in = self->sides_[1 - side].out;
    while (true) {
      if (self->lost(side, session)) co_return std::unexpected(self->ended(side));
      if (!in.empty() && in.front().at <= self->clock_->now()) break;
      co_await self->wait();
    }
    io::ReadResult result;
    while (result.size < std::min(bytes.size(), self->max_read) && !in.empty() &&
           in.front().at <= self->clock_->now()) {
      bytes[result.size] = in.front().b.byte;
      flags[result.size] = in.front().b.flag;
      if (in.front().b.flag != 0) result.flagged = true;
      ++result.size;
      in.pop_front();
    }
    self->changed_.notify();
    co_return result;
  }

  static asio::awaitable<Result<void>> write(Self self, int side, std::span<const std::uint8_t> bytes) {
    const std::uint64_t session = self->sides_[side].session;
    Side& s = self->sides_[side];
    if (self->fail_writes[side]) co_return fail(Errc::reset, "the memory line takes nothing");
    self->writes[side].push_back(bytes.size());
    for (const std::uint8_t c : bytes) {
      while (!self->lost(side, session) && (self->block_writes[side] || s.out.size() >= self->capacity)) {
        self->changed_.notify();
        co_await self->wait();
      }
      if (self->lost(side, session)) co_return std::unexpected(self->ended(side));
      s.free = std::max(s.free, self->clock_->now()) + static_cast<std::uint64_t>(self->char_time.count());
      self->sent[side].push_back(static_cast<char>(c));
      const std::uint64_t index = s.index++;
      const std::uint64_t at = s.free + self->delay;
      if (!self->fault) {
        s.out.push_back({at, {c, 0}});
        continue;
      }
      for (const Byte& b : self->fault(side, index, c)) s.out.push_back({at, b});
    }
    self->arm();
    self->changed_.notify();
    co_return Result<void>();
  }

  static asio::awaitable<Result<void>> empty(Self self, int side) {
    const std::uint64_t session = self->sides_[side].session;
    while (!self->lost(side, session) && self->sides_[side].free > self->clock_->now()) {
      co_await self->wait();
    }
    if (self->lost(side, session)) co_return std::unexpected(self->ended(side));
    co_return Result<void>();
  }

  std::shared_ptr<ManualClock> clock_;
  line::Signal changed_;
  std::unique_ptr<line::Alarm> tick_;
  std::array<Side, 2> sides_;
  std::uint64_t session_ = 1;
  bool online_ = true;
};

}  // namespace llp::test
