// SPDX-License-Identifier: BSD-3-Clause
#include "io/stream_base.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <asio/error.hpp>
#include <asio/post.hpp>
#include <asio/system_error.hpp>
#include <cerrno>
#include <cstring>
#include <exception>
#include <utility>

#include "base/as_tuple.hpp"

namespace llp::io {

namespace {

// Reads that succeed at once before others get their turn of the loop.
constexpr unsigned kReadsAtOnce = 16;

Error wait_cancelled() { return Error{Errc::cancelled, "the wait was cancelled", 0}; }

}  // namespace

asio::awaitable<bool> Channel::wait(asio::posix::descriptor_base::wait_type what) {
  auto [ec] = co_await descriptor_.async_wait(what, kTuple);
  co_return !ec;
}

asio::awaitable<void> Channel::sleep(std::chrono::nanoseconds time) {
  struct Listed {
    Listed(std::vector<asio::steady_timer*>& l, asio::steady_timer& t) : list(l), timer(t) {
      list.push_back(&t);
    }
    Listed(const Listed&) = delete;
    Listed& operator=(const Listed&) = delete;
    ~Listed() { std::erase(list, &timer); }
    std::vector<asio::steady_timer*>& list;
    asio::steady_timer& timer;
  };
  asio::steady_timer timer(descriptor_.get_executor(), time);
  const Listed listed(sleepers_, timer);
  co_await timer.async_wait(kTuple);
}

ssize_t Channel::read(std::span<std::uint8_t> bytes) {
  const ssize_t n = ::read(fd(), bytes.data(), bytes.size());
  return n >= 0 ? n : -errno;
}

ssize_t Channel::write(std::span<const std::uint8_t> bytes) {
  const ssize_t n = ::write(fd(), bytes.data(), bytes.size());
  return n >= 0 ? n : -errno;
}

StreamBase::StreamBase(const asio::any_io_executor& executor, std::string name, StreamOptions options,
                       Logger logger)
    : executor_(executor),
      name_(std::move(name)),
      options_(std::move(options)),
      logger_(std::move(logger)),
      timer_(executor) {}

Error StreamBase::closed_error() const { return Error{Errc::cancelled, name_ + " was closed", 0}; }

Error StreamBase::broken(int err) const {
  Error error = sys_error(name_, err);
  if (error.code == Errc::system || error.code == Errc::timeout) error.code = Errc::reset;
  return error;
}

std::optional<Error> StreamBase::stopped(const Channel& channel) const {
  if (closed_) return closed_error();
  return channel.ended();
}

asio::awaitable<void> StreamBase::sleep(std::chrono::nanoseconds time) {
  const auto now = asio::steady_timer::clock_type::now();
  constexpr auto kEver = asio::steady_timer::time_point::max();
  timer_.expires_at(time < kEver - now ? now + time : kEver);
  co_await timer_.async_wait(kTuple);
}

asio::awaitable<Result<void>> StreamBase::open(std::shared_ptr<StreamBase> self) {
  if (self->closed_) co_return std::unexpected(self->closed_error());
  if (const auto old = self->channel_) {
    self->lost_ = true;
    self->lost_early_ =
        old->received == 0 && std::chrono::steady_clock::now() - old->since < self->options_.stable_after;
    self->drop(Error{Errc::reset, self->name_ + " is opened again", 0});
  }
  Result<void> result;
  try {
    result = co_await self->connect();
  } catch (const asio::system_error& e) {
    const Errc code = e.code() == asio::error::operation_aborted ? Errc::cancelled : Errc::system;
    result = fail(code, fmt::format("{}: {}", self->name_, e.what()));
  } catch (const std::exception& e) {
    result = fail(Errc::system, fmt::format("{}: {}", self->name_, e.what()));
  }
  if (self->closed_) {
    self->drop(self->closed_error());
    co_return std::unexpected(self->closed_error());
  }
  if (result) self->lost_ = self->lost_early_ = false;
  co_return result;
}

asio::awaitable<Result<ReadResult>> StreamBase::read_some(std::shared_ptr<StreamBase> self,
                                                          std::span<std::uint8_t> bytes,
                                                          std::span<std::uint8_t> flags) {
  if (self->closed_) co_return std::unexpected(self->closed_error());
  if (!self->channel_) co_return fail(Errc::closed, self->name_ + " is not connected");
  if (bytes.empty() || flags.size() < bytes.size()) co_return fail(Errc::invalid, "no room to read into");
  const std::shared_ptr<Channel> channel = self->channel_;
  co_return co_await self->read_channel(channel, bytes, flags.first(bytes.size()));
}

asio::awaitable<Result<ReadResult>> StreamBase::read_channel(std::shared_ptr<Channel> channel,
                                                             std::span<std::uint8_t> bytes,
                                                             std::span<std::uint8_t> flags) {
  const Result<std::size_t> size = co_await receive(channel, bytes);
  if (!size) co_return std::unexpected(size.error());
  std::ranges::fill(flags.first(*size), static_cast<std::uint8_t>(LineFlag::none));
  co_return ReadResult{*size, false, 0};
}

asio::awaitable<Result<std::size_t>> StreamBase::receive(std::shared_ptr<Channel> channel,
                                                         std::span<std::uint8_t> bytes) {
  while (true) {
    if (++reads_at_once_ > kReadsAtOnce) {
      reads_at_once_ = 0;
      co_await asio::post(executor_, asio::use_awaitable);
    }
    if (auto why = stopped(*channel)) co_return std::unexpected(std::move(*why));
    const ssize_t n = channel->read(bytes);
    if (n > 0) {
      channel->received += static_cast<std::uint64_t>(n);
      co_return static_cast<std::size_t>(n);
    }
    if (n == 0) co_return fail(Errc::closed, name_ + " was ended by the other side");
    if (n == -EINTR) continue;
    if (n != -EAGAIN) co_return std::unexpected(broken(static_cast<int>(-n)));
    reads_at_once_ = 0;
    const bool ready = co_await channel->wait(asio::posix::descriptor_base::wait_read);
    if (!ready && !stopped(*channel)) co_return std::unexpected(wait_cancelled());
  }
}

asio::awaitable<Result<void>> StreamBase::write(std::shared_ptr<StreamBase> self,
                                                std::span<const std::uint8_t> bytes) {
  if (self->closed_) co_return std::unexpected(self->closed_error());
  if (!self->channel_) co_return fail(Errc::closed, self->name_ + " is not connected");
  const std::shared_ptr<Channel> channel = self->channel_;
  while (!bytes.empty()) {
    if (auto why = self->stopped(*channel)) co_return std::unexpected(std::move(*why));
    const ssize_t n = channel->write(bytes);
    if (n > 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(n));
      channel->sent += static_cast<std::uint64_t>(n);
      self->wrote(*channel, static_cast<std::size_t>(n));
    } else if (n == 0 || n == -EAGAIN) {
      const bool ready = co_await channel->wait(asio::posix::descriptor_base::wait_write);
      if (!ready && !self->stopped(*channel)) co_return std::unexpected(wait_cancelled());
    } else if (n != -EINTR) {
      co_return std::unexpected(self->broken(static_cast<int>(-n)));
    }
  }
  co_return Result<void>();
}

asio::awaitable<Result<void>> StreamBase::wait_empty(std::shared_ptr<StreamBase> self) {
  if (self->closed_) co_return std::unexpected(self->closed_error());
  if (!self->channel_) co_return fail(Errc::closed, self->name_ + " is not connected");
  const std::shared_ptr<Channel> channel = self->channel_;
  if (auto why = self->stopped(*channel)) co_return std::unexpected(std::move(*why));
  co_return co_await self->empty_channel(channel);
}

asio::awaitable<Result<void>> StreamBase::empty_channel(std::shared_ptr<Channel> /*channel*/) {
  co_return Result<void>();
}

void StreamBase::drop(Error why) {
  if (const auto channel = std::exchange(channel_, nullptr)) {
    channel->end(std::move(why));
    retire(channel);
  }
}

void StreamBase::disconnect() {
  lost_ = lost_early_ = false;
  drop(Error{Errc::closed, name_ + " was disconnected", 0});
}

void StreamBase::close() {
  if (closed_) return;
  closed_ = true;
  drop(closed_error());
  clean_up();
  wake();
}

BackOff::BackOff(ms min, ms max)
    : min_(std::max(min, ms(1))), max_(std::max(max, min)), value_(min_), random_(std::random_device{}()) {}

std::chrono::nanoseconds BackOff::next() {
  std::uniform_int_distribution<std::int64_t> between(value_.count() / 2, value_.count());
  const std::chrono::nanoseconds time(between(random_));
  value_ = std::min(value_ * 2, max_);
  return time;
}

namespace {

class Stream final : public ByteStream {
 public:
  explicit Stream(std::shared_ptr<StreamBase> base) : base_(std::move(base)) {}
  ~Stream() override { base_->close(); }

  asio::awaitable<Result<void>> open() override { return StreamBase::open(base_); }
  asio::awaitable<Result<ReadResult>> read_some(std::span<std::uint8_t> bytes,
                                                std::span<std::uint8_t> flags) override {
    return StreamBase::read_some(base_, bytes, flags);
  }
  asio::awaitable<Result<void>> write(std::span<const std::uint8_t> bytes) override {
    return StreamBase::write(base_, bytes);
  }
  asio::awaitable<Result<void>> wait_empty() override { return StreamBase::wait_empty(base_); }
  std::chrono::nanoseconds char_time() const noexcept override { return base_->char_time(); }
  void disconnect() noexcept override { base_->disconnect(); }
  void close() noexcept override { base_->close(); }
  std::string describe() const override { return base_->name(); }
  std::string local_name() const override { return base_->local_name(); }

 private:
  std::shared_ptr<StreamBase> base_;
};

Result<std::shared_ptr<StreamBase>> make_base(const asio::any_io_executor& executor, const LineSpec& spec,
                                              StreamOptions options, Logger logger) {
  if (const auto* tty = std::get_if<Tty>(&spec)) {
    return make_tty(executor, *tty, std::move(options), std::move(logger));
  }
  if (const auto* pty = std::get_if<Pty>(&spec)) {
    return make_pty(executor, *pty, std::move(options), std::move(logger));
  }
  if (std::holds_alternative<TcpConnect>(spec) || std::holds_alternative<UnixConnect>(spec)) {
    return make_connect(executor, spec, std::move(options), std::move(logger));
  }
  return make_listen(executor, spec, std::move(options), std::move(logger));
}

}  // namespace

Result<std::unique_ptr<ByteStream>> make_stream(const asio::any_io_executor& executor, const LineSpec& spec,
                                                StreamOptions options, Logger logger) {
  if (!options.pool) return fail(Errc::invalid, "a line needs a worker pool");
  try {
    auto base = make_base(executor, spec, std::move(options), std::move(logger));
    if (!base) return std::unexpected(base.error());
    return std::make_unique<Stream>(std::move(*base));
  } catch (const asio::system_error& e) {  // no room in the loop's descriptor table
    return fail(Errc::system, fmt::format("{}: {}", describe(spec), e.what()));
  }
}

}  // namespace llp::io
