// SPDX-License-Identifier: BSD-3-Clause
// The coroutines of a line: connection and reader, writer, transmitter.
#include <algorithm>
#include <array>
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>
#include <iterator>
#include <utility>
#include <vector>

#include "line/engine_core.hpp"

namespace llp::line {

namespace {

// What is read at once: little, since of a thousand lines most are idle; much
// after a read that was full, until one brings little again.
constexpr std::size_t kReadLittle = 1024, kReadMuch = 16384;
// Output is handed on in pieces of this size, so that a message can be stopped
// between them; but without a wire in whole blocks up to the larger size, for
// peers that take one read for one message.
constexpr std::size_t kStaging = 4096, kWholeBlock = std::size_t{256} << 10;
// After a write that failed, for the read to fail by itself (ns).
constexpr std::uint64_t kReaderSeesIt = 100'000'000;

std::size_t next_room(std::size_t room, std::size_t read) {
  if (read == room) return kReadMuch;
  return read < kReadLittle ? kReadLittle : room;
}

}  // namespace

asio::awaitable<void> EngineCore::connection_loop(Self self) {
  while (!self->closed_) {
    Result<void> opened = co_await self->stream_->open();
    if (self->closed_) break;
    self->first_open_done_ = true;
    self->opened_.notify();
    if (!opened) {
      self->failed(std::move(opened.error()));
      break;
    }
    self->came_up();
    const Error why = co_await read_loop(self);
    if (!self->closed_) self->went_down(why);
  }
}

void EngineCore::came_up() {
  ++generation_;
  up_ = true;
  write_failed_ = false;
  leave_ = false;
  dropped_ = false;
  disconnect_at_ = LLP_NEVER;
  final_at_ = LLP_NEVER;
  for (auto* queue : {&answers_, &requests_}) {
    for (const auto& item : *queue) item->expires = LLP_NEVER;
  }
  if (!was_up_) shell_.set_char_time(stream_->char_time());
  was_up_ = true;
  log_.info("{}: connected", stream_->describe());
  if (options_.observer) options_.observer->connection(true, stream_->describe());
  update_ready();
  shell_.connected();
  settle();
}

void EngineCore::went_down(const Error& why) {
  ++generation_;
  up_ = false;
  leave_ = false;
  disconnect_at_ = LLP_NEVER;
  log_.info("{}: {}", stream_->describe(), why.message);
  if (options_.observer) options_.observer->connection(false, why.message);
  shell_.hangup(false);
  serving_.clear();
  questions_.clear();
  const std::uint64_t limit = clock_->now() + reconnect_limit();
  final_at_ = limit;
  fail_queued(answers_, SendResult{LLP_CAUSE_HANGUP, LLP_OUT_NOT_SENT});
  for (const auto& item : requests_) item->expires = limit;
  settle();
}

// What waiting cannot mend. Before start() has returned it is start()'s to tell.
void EngineCore::failed(Error error) {
  if (started_) log_.error("{}", error.message);
  failure_ = std::move(error);
  close();
}

asio::awaitable<Error> EngineCore::read_loop(Self self) {
  std::vector<std::uint8_t> bytes(kReadLittle);
  std::vector<std::uint8_t> flags(kReadLittle);
  std::uint64_t overruns = 0;
  while (true) {
    while (self->hold_back()) co_await self->resume_.wait();
    const Result<io::ReadResult> got = co_await self->stream_->read_some(bytes, flags);
    if (!got) co_return got.error();
    if (self->closed_) co_return Error{Errc::cancelled, "the line was closed", 0};
    if (got->overruns != 0) {
      overruns += got->overruns;
      self->log_.notice("{}: {} characters were lost to overruns so far", self->describe(), overruns);
    }
    const auto used = std::span<const std::uint8_t>(bytes).first(got->size);
    if (self->options_.observer) {
      const auto said = std::span<const std::uint8_t>(flags).first(got->flagged ? got->size : 0);
      self->options_.observer->octets(false, used, said);
    }
    self->measure(used);
    co_await feed(self, used, got->flagged ? flags.data() : nullptr);
    if (const std::size_t room = next_room(bytes.size(), got->size); room != bytes.size()) {
      bytes = std::vector<std::uint8_t>(room);
      flags = std::vector<std::uint8_t>(room);
    }
  }
}

void EngineCore::measure(std::span<const std::uint8_t> bytes) {
  read_at_ = clock_->now();
  high_bytes_ += static_cast<std::uint64_t>(
      std::ranges::count_if(bytes, [](std::uint8_t byte) { return (byte & 0x80U) != 0; }));
}

// Stops between messages while nobody takes them.
asio::awaitable<void> EngineCore::feed(Self self, std::span<const std::uint8_t> bytes,
                                       const std::uint8_t* flags) {
  std::size_t done = 0;
  while (done < bytes.size() && !self->closed_) {
    while (self->hold_back()) co_await self->resume_.wait();
    if (self->closed_) break;
    done += self->shell_.rx(bytes.subspan(done), flags != nullptr ? flags + done : nullptr);
    self->settle();
    // The engine stops where an answer would not fit beside those that wait.
    if (done < bytes.size() && self->shell_.tx_pending()) {
      co_await asio::post(self->executor_, asio::use_awaitable);
    }
  }
}

asio::awaitable<void> EngineCore::write_loop(Self self) {
  std::vector<std::uint8_t> staging;
  while (!self->closed_) {
    if (!self->up_ || self->write_failed_ || !self->shell_.tx_pending()) {
      staging = std::vector<std::uint8_t>();  // a line that is idle holds nothing
      co_await self->writer_.wait();
      continue;
    }
    if (staging.empty()) staging.resize(kStaging);
    std::size_t size = self->shell_.tx(staging);
    while (size == staging.size() && size < kWholeBlock && self->stream_->char_time().count() == 0) {
      staging.resize(2 * size);
      size += self->shell_.tx(std::span(staging).subspan(size));
    }
    ++self->writes_;
    self->writing_ = true;
    const std::uint64_t generation = self->generation_;
    const auto bytes = std::span<const std::uint8_t>(staging).first(size);
    if (self->options_.observer) self->options_.observer->octets(true, bytes, {});
    if (std::exchange(self->answer_due_, false)) {
      self->turnaround_.add(std::chrono::nanoseconds(self->clock_->now() - self->read_at_));
    }
    self->set_alarm();
    const Result<void> written = co_await self->stream_->write(bytes);
    self->writing_ = false;
    if (staging.size() > kStaging) staging = std::vector<std::uint8_t>(kStaging);
    if (!written && generation == self->generation_ && !self->closed_) {
      // The reader sees the end, too, as a rule; if not, it is shown to it.
      self->write_failed_ = true;
      if (!self->dropped_) self->disconnect_at_ = self->clock_->now() + kReaderSeesIt;
    }
    self->settle();
  }
}

// Says when the transmitter is empty. Output goes on meanwhile.
asio::awaitable<void> EngineCore::drain_loop(Self self) {
  const auto at_rest = [](const EngineCore& core) {
    return core.up_ && core.shell_.tx_wait() && !core.shell_.tx_pending() && !core.writing_;
  };
  while (!self->closed_) {
    if (!at_rest(*self)) {
      co_await self->drainer_.wait();
      continue;
    }
    const std::uint64_t writes = self->writes_;
    const std::uint64_t generation = self->generation_;
    const Result<void> empty = co_await self->stream_->wait_empty();
    if (self->closed_) break;
    if (generation != self->generation_ || writes != self->writes_) continue;
    if (!empty) {
      // The connection ends; its reader says so.
      while (generation == self->generation_ && !self->closed_) co_await self->drainer_.wait();
      continue;
    }
    if (!at_rest(*self)) continue;
    self->shell_.tx_empty();
    self->settle();
  }
}

std::unique_ptr<Line> make_engine_line(const asio::any_io_executor& executor,
                                       std::unique_ptr<io::ByteStream> stream, llp_protocol protocol,
                                       const llp_params& params, EngineLineOptions options, Logger log) {
  return std::make_unique<CoreLine<EngineCore>>(std::make_shared<EngineCore>(
      executor, std::move(stream), protocol, params, std::move(options), std::move(log)));
}

}  // namespace llp::line
