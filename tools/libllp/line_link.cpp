// SPDX-License-Identifier: BSD-3-Clause
// MLLP, HLLP and X3.28 behind a client: the engine's line over one connection or port.
#include <fmt/format.h>

#include <algorithm>
#include <asio/detached.hpp>
#include <deque>
#include <optional>
#include <utility>

#include "io/make_stream.hpp"
#include "libllp/link.hpp"
#include "libllp/setup.hpp"
#include "libllp/socket_stream.hpp"
#include "line/engine_line.hpp"

namespace llp::detail {

namespace {

constexpr std::size_t kLostMax = 65536;
// For an acknowledgement to leave once its message was taken.
constexpr auto kFateWait = std::chrono::seconds(3);

// What the line says of itself.
struct Tap final : line::Observer {
  void frame(const llp_event& /*event*/) override {}
  void timer(const char* /*name*/) override {}
  void state(const char* /*name*/) override {}
  void lost(std::size_t /*bytes*/) override {}
  void lost_bytes(std::span<const std::uint8_t> bytes) override {
    lost_.insert(lost_.end(), bytes.begin(), bytes.end());
    if (lost_.size() > kLostMax) {
      lost_.erase(lost_.begin(), lost_.end() - static_cast<std::ptrdiff_t>(kLostMax));
    }
  }
  void connection(bool is_up, const std::string& /*what*/) override { up = is_up; }
  void raw(bool out, std::span<const std::uint8_t> bytes) override {
    if (out) written += bytes.size();
  }
  [[nodiscard]] Bytes take_lost() { return std::exchange(lost_, {}); }

  std::uint64_t written = 0;
  bool up = false;
  std::optional<Error> why;        // the connection has ended
  std::weak_ptr<line::Line> line;  // whose tap this is

 private:
  Bytes lost_;
};

// A stream that is opened once. When it has ended, open() waits until everything that came was taken, and
// then fails with the reason, which ends the line.
class OnceStream final : public io::ByteStream {
 public:
  OnceStream(std::unique_ptr<io::ByteStream> inner, std::shared_ptr<Tap> tap)
      : inner_(std::move(inner)), tap_(std::move(tap)) {}

  asio::awaitable<Result<void>> open() override {
    if (!std::exchange(opened_, true)) co_return co_await inner_->open();
    const Error why = tap_->why.value_or(Error{Errc::closed, describe() + ": the connection has ended", 0});
    if (const auto line = tap_->line.lock()) co_await line->rest();
    co_return std::unexpected(why);
  }
  asio::awaitable<Result<io::ReadResult>> read_some(std::span<std::uint8_t> bytes,
                                                    std::span<std::uint8_t> flags) override {
    const auto tap = tap_;
    auto got = co_await inner_->read_some(bytes, flags);
    if (!got && !tap->why) tap->why = got.error();
    co_return got;
  }
  asio::awaitable<Result<void>> write(std::span<const std::uint8_t> bytes) override {
    return inner_->write(bytes);
  }
  asio::awaitable<Result<void>> wait_empty() override { return inner_->wait_empty(); }
  std::chrono::nanoseconds char_time() const noexcept override { return inner_->char_time(); }
  void disconnect() noexcept override { inner_->disconnect(); }
  void close() noexcept override { inner_->close(); }
  std::string describe() const override { return inner_->describe(); }
  std::string local_name() const override { return inner_->local_name(); }

 private:
  std::unique_ptr<io::ByteStream> inner_;
  std::shared_ptr<Tap> tap_;
  bool opened_ = false;
};

Error error_of(line::SendResult result, const Tap& tap, const std::string& where) {
  const auto text =
      fmt::format("{}: {} ({})", where, llp_cause_name(result.cause), llp_outcome_name(result.outcome));
  switch (result.cause) {
    case LLP_CAUSE_NOREPLY:
    case LLP_CAUSE_REPLY_TIMEOUT: return {Errc::timeout, text, 0};
    case LLP_CAUSE_HANGUP: return tap.why.value_or(Error{Errc::reset, text, 0});
    case LLP_CAUSE_LINKRESET: return {Errc::reset, text, 0};
    case LLP_CAUSE_ABORTED:
    case LLP_CAUSE_INTERRUPTED: return {Errc::cancelled, text, 0};
    case LLP_CAUSE_TOO_LONG: return {Errc::too_large, text, 0};
    case LLP_CAUSE_FORMAT: return {Errc::malformed, text, 0};
    default: return {Errc::refused, text, 0};
  }
}

class LineLink final : public Link {
 public:
  LineLink(asio::any_io_executor executor, Address address, ClientOptions options, llp_params params)
      : executor_(std::move(executor)),
        address_(std::move(address)),
        options_(std::move(options)),
        params_(params),
        wake_(executor_),
        room_(executor_) {}
  ~LineLink() override {
    if (line_) line_->close();
  }

  asio::awaitable<Result<void>> connect(Clock::time_point deadline) override {
    return connect_it(self(), deadline);
  }
  asio::awaitable<Result<std::size_t>> send(Bytes message, Clock::time_point deadline) override {
    return send_it(self(), std::move(message), deadline);
  }
  asio::awaitable<Result<Received>> recv(Clock::time_point deadline) override {
    return recv_it(self(), deadline);
  }
  asio::awaitable<void> close() override { return close_it(self()); }
  void abort() noexcept override {
    if (line_) line_->close();
    wake_.cancel();
    room_.cancel();
  }
  Bytes take_lost() override { return tap_->take_lost(); }
  bool connected() const noexcept override { return tap_->up; }
  std::string describe() const override { return line_ ? line_->describe() : to_string(address_); }

 private:
  using Self = std::shared_ptr<LineLink>;
  Self self() { return std::static_pointer_cast<LineLink>(shared_from_this()); }

  // What waits for recv(): a message with the lost bytes before it, or why a reply did not come.
  struct Item {
    Result<line::Message> message;
    Bytes lost;
  };

  asio::awaitable<Result<std::unique_ptr<io::ByteStream>>> make_stream(Clock::time_point deadline) {
    if (address_.kind == Address::Kind::tcp || address_.kind == Address::Kind::local) {
      const auto options = illp_options(options_.timeout, options_.max_message, options_.urgent);
      if (!options) co_return std::unexpected(options.error());
      auto socket = co_await dial(address_, *options, deadline);
      if (!socket) co_return std::unexpected(std::move(socket.error()));
      co_return make_socket_stream(executor_, std::move(*socket));
    }
    auto spec = line_spec(address_, false);
    if (!spec) co_return std::unexpected(std::move(spec.error()));
    io::StreamOptions options;
    options.pool = std::make_shared<WorkerPool>(2);
    options.lock_dir = options_.lock_dir;
    co_return io::make_stream(executor_, *spec, options, Logger());
  }

  static asio::awaitable<Result<void>> connect_it(Self self, Clock::time_point deadline) {
    auto stream = co_await self->make_stream(deadline);
    if (!stream) co_return std::unexpected(std::move(stream.error()));
    line::EngineLineOptions options;
    options.max_received = 1;  // what comes behind a message stays where it is until that one was taken
    options.start_wait =
        std::max<std::chrono::nanoseconds>(deadline - Clock::now(), std::chrono::milliseconds(1));
    options.observer = self->tap_;
    self->line_ =
        line::make_engine_line(self->executor_, std::make_unique<OnceStream>(std::move(*stream), self->tap_),
                               engine_protocol(self->options_.protocol), self->params_, options, Logger());
    self->tap_->line = self->line_;
    auto started = co_await self->line_->start();
    if (started) asio::co_spawn(self->executor_, pump(self, self->line_), asio::detached);
    co_return started;
  }

  // Takes messages from the line, one ahead of recv().
  static asio::awaitable<void> pump(Self self, std::shared_ptr<line::Line> line) {
    while (true) {
      auto message = co_await line->read();
      if (!message) {
        self->over_ = message.error();
        self->wake_.cancel();
        co_return;
      }
      self->put(Item{std::move(message), self->tap_->take_lost()});
      while (!self->inbox_.empty() && !self->over_) {
        self->room_.expires_at(Clock::time_point::max());
        co_await self->room_.async_wait(asio::experimental::as_tuple(asio::use_awaitable));
      }
    }
  }

  // Takes the reply of a request; its absence counts only where one had to come.
  static asio::awaitable<void> take_reply(Self self, std::shared_ptr<line::Outgoing> out) {
    auto reply = co_await out->reply();
    --self->replies_;
    const bool needless =
        !reply && (reply.error().code == Errc::closed || reply.error().code == Errc::timeout ||
                   reply.error().code == Errc::cancelled || reply.error().code == Errc::reset);
    if (needless) {
      self->wake_.cancel();
      co_return;
    }
    if (!reply) reply.error().message.insert(0, self->describe() + ": ");
    self->put(Item{std::move(reply), self->tap_->take_lost()});
  }

  void put(Item item) {
    inbox_.push_back(std::move(item));
    wake_.cancel();
  }

  [[nodiscard]] Error ended() const { return tap_->why.value_or(*over_); }

  static asio::awaitable<Result<std::size_t>> send_it(Self self, Bytes message, Clock::time_point deadline) {
    if (!self->line_) co_return fail(Errc::invalid, self->describe() + ": not connected");
    const auto line = self->line_;
    if (self->over_ || self->tap_->why) {
      co_return std::unexpected(self->tap_->why ? *self->tap_->why : *self->over_);
    }
    const std::uint64_t before = self->tap_->written;
    const auto expect = static_cast<llp_expect>(self->params_.expect_out);
    auto queued = line->send(std::move(message), expect);
    if (!queued) {
      queued.error().message.insert(0, self->describe() + ": ");
      co_return std::unexpected(std::move(queued.error()));
    }
    const std::shared_ptr<line::Outgoing> out = std::move(*queued);
    if (expect != LLP_EXPECT_NONE) {
      ++self->replies_;
      asio::co_spawn(self->executor_, take_reply(self, out), asio::detached);
    }
    const auto sent = co_await within(deadline, out->sent());
    if (!sent) {
      out->abort();
      co_return fail(Errc::timeout, self->describe() + ": the message was not sent in time");
    }
    if (sent->cause != LLP_OK) co_return std::unexpected(error_of(*sent, *self->tap_, self->describe()));
    co_return static_cast<std::size_t>(self->tap_->written - before);
  }

  // False: its sender will send it again.
  static asio::awaitable<bool> accept(Self self, line::MessageId id, bool pending) {
    const auto line = self->line_;
    const llp_settled settled = line->verdict(id, LLP_ACCEPT);
    if (!pending) co_return true;
    if (settled == LLP_GONE) co_return false;
    const auto fate = co_await within(Clock::now() + kFateWait, line->fate(id));
    co_return fate && fate->acknowledged;
  }

  static asio::awaitable<Result<Received>> recv_it(Self self, Clock::time_point deadline) {
    if (!self->line_) co_return fail(Errc::invalid, self->describe() + ": not connected");
    while (true) {
      if (!self->inbox_.empty()) {
        Item item = std::move(self->inbox_.front());
        self->inbox_.pop_front();
        self->room_.cancel();
        if (!item.message) co_return std::unexpected(std::move(item.message.error()));
        const bool taken = co_await accept(self, item.message->id, item.message->pending);
        if (taken) co_return Received{std::move(item.message->text), std::move(item.lost)};
        continue;
      }
      if (self->over_ && self->replies_ == 0) co_return std::unexpected(self->ended());
      if (Clock::now() >= deadline) co_return fail(Errc::timeout, self->describe() + ": no message in time");
      self->wake_.expires_at(deadline);
      co_await self->wake_.async_wait(asio::experimental::as_tuple(asio::use_awaitable));
    }
  }

  static asio::awaitable<void> close_it(Self self) {
    if (self->line_) co_await self->line_->stop();
    self->abort();
  }

  asio::any_io_executor executor_;
  Address address_;
  ClientOptions options_;
  llp_params params_;
  std::shared_ptr<Tap> tap_ = std::make_shared<Tap>();
  std::shared_ptr<line::Line> line_;
  std::deque<Item> inbox_;
  std::optional<Error> over_;  // the line has ended
  std::size_t replies_ = 0;    // take_reply() under way
  asio::steady_timer wake_;    // of recv()
  asio::steady_timer room_;    // of pump()
};

// A client does not wait for a line that is gone, and takes messages in the order in which they come, so that
// nothing but HLLP, whose answer is its acknowledgement, needs the engine to look for replies.
std::vector<std::string> base_settings(Protocol protocol) {
  switch (protocol) {
    case Protocol::x328: return {"expect_out=none"};
    case Protocol::hllp:
      return {"expect_out=optional", "match=lockstep", "late_guard=1ms", "connect_retries=0",
              "connect_pause=1ms"};
    default: return {"expect_out=none", "connect_retries=0", "connect_pause=1ms"};
  }
}

}  // namespace

Result<LinkPtr> make_line_link(asio::any_io_executor executor, const Address& address,
                               const ClientOptions& options) {
  if (auto good = check_time(options.timeout, "timeout"); !good)
    return std::unexpected(std::move(good.error()));
  if (auto spec = line_spec(address, false); !spec) return std::unexpected(std::move(spec.error()));
  auto params = line_params(options, base_settings(options.protocol));
  if (!params) return std::unexpected(std::move(params.error()));
  return std::make_shared<LineLink>(std::move(executor), address, options, *params);
}

}  // namespace llp::detail
