// SPDX-License-Identifier: BSD-3-Clause
// A line over a serial port.
#include <algorithm>
#include <array>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/use_awaitable.hpp>
#include <cerrno>
#include <utility>

#include "io/parmrk.hpp"
#include "io/port_watch.hpp"
#include "io/stream_base.hpp"
#include "io/tty_port.hpp"

namespace llp::io {

namespace {

using Clock = std::chrono::steady_clock;

// The port goes to a worker when nobody needs it any more: closing may block.
class TtyChannel final : public Channel {
 public:
  TtyChannel(const asio::any_io_executor& executor, std::unique_ptr<TtyPort> p,
             std::shared_ptr<WorkerPool> pool)
      : Channel(executor, p->fd()),
        port(std::move(p)),
        decoder(damage_of(port->settings()), mask_of(port->settings())),
        clock(port->has_wire() ? char_time_of(port->settings()) : std::chrono::nanoseconds(0)),
        pool_(std::move(pool)) {}
  ~TtyChannel() override {
    if (port) pool_->post([gone = take()] {});
  }

  // The descriptor is the port's; the loop must be done with it first.
  std::unique_ptr<TtyPort> take() {
    release();
    return std::move(port);
  }

  // Nothing to read is EAGAIN; 0 bytes is a hang-up.
  ssize_t read(std::span<std::uint8_t> bytes) override {
    const ssize_t n = Channel::read(bytes);
    return n == 0 ? -EIO : n;
  }

  std::unique_ptr<TtyPort> port;
  ParmrkDecoder decoder;
  TransmitClock clock;
  std::array<std::uint8_t, 4096> raw{};
  std::span<const std::uint8_t> undecoded;

 private:
  std::shared_ptr<WorkerPool> pool_;
};

std::chrono::nanoseconds until_empty_now(const TtyPort& port, const TransmitClock& clock,
                                         std::chrono::nanoseconds char_time) {
  TransmitState state{port.output_queued(), port.has_wire(), std::nullopt};
  if (state.queued == 0 && state.has_wire) state.empty = port.transmitter_empty();
  return until_empty(state, clock, char_time, Clock::now());
}

class TtyStream final : public StreamBase {
 public:
  TtyStream(const asio::any_io_executor& executor, const Tty& tty, StreamOptions options, Logger logger)
      : StreamBase(executor, io::describe(LineSpec(tty)), std::move(options), std::move(logger)),
        tty_(tty),
        back_off_(options_.reopen_min, options_.reopen_max) {}

  std::chrono::nanoseconds char_time() const noexcept override { return char_time_; }

 protected:
  asio::awaitable<Result<void>> connect() override;
  void retire(std::shared_ptr<Channel> channel) override;
  asio::awaitable<Result<ReadResult>> read_channel(std::shared_ptr<Channel> channel,
                                                   std::span<std::uint8_t> bytes,
                                                   std::span<std::uint8_t> flags) override;
  asio::awaitable<Result<void>> empty_channel(std::shared_ptr<Channel> channel) override;
  void wrote(Channel& channel, std::size_t bytes) override {
    static_cast<TtyChannel&>(channel).clock.wrote(bytes, Clock::now());
  }
  Error broken(int err) const override {
    if (err == EIO || err == ENXIO || err == ENODEV) {
      return Error{Errc::reset, name_ + " hung up or was unplugged", err};
    }
    return StreamBase::broken(err);
  }

 private:
  static asio::awaitable<void> let_go(std::shared_ptr<TtyStream> self, std::unique_ptr<TtyPort> port,
                                      TransmitClock clock);
  void opened(std::unique_ptr<TtyPort> port);

  Tty tty_;
  BackOff back_off_;
  std::chrono::nanoseconds char_time_{};
  bool opened_before_ = false;
  bool noted_ = false;
  unsigned letting_go_ = 0;  // ports that are not closed yet
};

void TtyStream::opened(std::unique_ptr<TtyPort> port) {
  char_time_ = port->has_wire() ? char_time_of(port->settings()) : std::chrono::nanoseconds(0);
  if (!noted_) {
    for (const auto& note : port->notes()) logger_.debug("{}", note);
    noted_ = true;
  }
  opened_before_ = true;
  channel_ = std::make_shared<TtyChannel>(executor_, std::move(port), options_.pool);
}

asio::awaitable<Result<void>> TtyStream::connect() {
  if (lost_early_) {
    co_await sleep(back_off_.next());
  } else {
    back_off_.reset();
  }
  std::string said;      // why it waits
  bool changed = false;  // a port came or went since the attempt began
  std::unique_ptr<PortWatch::Watch> watch;
  if (options_.ports) {
    watch = options_.ports->watch(tty_.device, [this, &changed] {
      changed = true;
      wake();
    });
  }
  while (!closed_) {
    // Our own locks are on the old one until it is closed.
    if (letting_go_ > 0) {
      co_await sleep(std::chrono::nanoseconds::max());
      continue;
    }
    changed = false;
    auto attempt = [tty = tty_, ports = options_.ports, dir = options_.lock_dir,
                    low = options_.low_latency]() mutable -> Result<std::unique_ptr<TtyPort>> {
      if (ports) {
        auto device = ports->find(tty.device);
        if (!device) return std::unexpected(std::move(device.error()));
        tty.device = std::move(*device);
      }
      return TtyPort::open(tty, dir, low);
    };
    auto port = co_await options_.pool->run(std::move(attempt));
    if (port && closed_) options_.pool->post([gone = std::move(*port)] {});
    if (closed_) break;
    if (port) {
      opened(std::move(*port));
      if (!said.empty()) logger_.notice("{} is there", tty_.device);
      co_return Result<void>();
    }
    const Error& error = port.error();
    const bool hopeless = error.code == Errc::invalid || error.code == Errc::cancelled;
    if (hopeless || !(opened_before_ || options_.wait_for_device)) co_return std::unexpected(error);
    if (said != error.message) logger_.notice("waiting for {}: {}", tty_.device, error.message);
    said = error.message;
    if (changed) continue;
    // A port that is missing is announced; a lock of others that goes is not.
    const bool missing = error.code == Errc::not_found && (error.sys_errno == 0 || error.sys_errno == ENOENT);
    const bool announced = missing && watch && watch->announces();
    co_await sleep(announced ? std::chrono::nanoseconds::max() : back_off_.next());
  }
  co_return std::unexpected(closed_error());
}

void TtyStream::retire(std::shared_ptr<Channel> channel) {
  auto& tty = static_cast<TtyChannel&>(*channel);
  ++letting_go_;
  auto self = std::static_pointer_cast<TtyStream>(shared_from_this());
  asio::co_spawn(executor_, let_go(std::move(self), tty.take(), tty.clock), asio::detached);
}

// Waits for written output, at most as long as the options say, then closes.
asio::awaitable<void> TtyStream::let_go(std::shared_ptr<TtyStream> self, std::unique_ptr<TtyPort> port,
                                        TransmitClock clock) {
  asio::steady_timer timer(self->executor_);
  const auto deadline = Clock::now() + self->options_.drain;
  auto wait = until_empty_now(*port, clock, self->char_time_);
  while (wait > wait.zero() && Clock::now() < deadline) {
    timer.expires_at(std::min(Clock::now() + wait, deadline));
    co_await timer.async_wait(asio::experimental::as_tuple(asio::use_awaitable));
    wait = until_empty_now(*port, clock, self->char_time_);
  }
  auto close = [gone = std::move(port)]() mutable { gone.reset(); };
  const auto closed = co_await self->options_.pool->run(std::move(close));
  static_cast<void>(closed);
  --self->letting_go_;
  self->wake();
}

asio::awaitable<Result<ReadResult>> TtyStream::read_channel(std::shared_ptr<Channel> channel,
                                                            std::span<std::uint8_t> bytes,
                                                            std::span<std::uint8_t> flags) {
  auto& tty = static_cast<TtyChannel&>(*channel);
  while (true) {
    if (tty.undecoded.empty()) {
      const Result<std::size_t> size = co_await receive(channel, tty.raw);
      if (!size) co_return std::unexpected(size.error());
      tty.undecoded = std::span<const std::uint8_t>(tty.raw).first(*size);
    }
    const auto count = tty.decoder.decode(tty.undecoded, bytes, flags);
    tty.undecoded = tty.undecoded.subspan(count.used);
    if (count.made > 0) co_return ReadResult{count.made, count.flagged, tty.port->new_overruns()};
  }
}

asio::awaitable<Result<void>> TtyStream::empty_channel(std::shared_ptr<Channel> channel) {
  auto& tty = static_cast<TtyChannel&>(*channel);
  while (true) {
    if (auto why = stopped(*channel)) co_return std::unexpected(std::move(*why));
    const auto wait = until_empty_now(*tty.port, tty.clock, char_time_);
    if (wait <= wait.zero()) co_return Result<void>();
    co_await channel->sleep(wait);
  }
}

}  // namespace

StreamResult make_tty(const asio::any_io_executor& executor, const Tty& tty, StreamOptions options,
                      Logger logger) {
  if (auto checked = check_spec(tty); !checked) return std::unexpected(checked.error());
  return std::make_shared<TtyStream>(executor, tty, std::move(options), std::move(logger));
}

}  // namespace llp::io
