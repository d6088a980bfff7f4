// SPDX-License-Identifier: BSD-3-Clause
// llpcat that listens: takes messages, puts them out, answers.
#include <fmt/format.h>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <csignal>
#include <exception>
#include <functional>
#include <llp/async_server.hpp>
#include <llp/hl7.hpp>
#include <memory>
#include <optional>
#include <utility>

#include "base/signals.hpp"
#include "base/worker_pool.hpp"
#include "io/make_stream.hpp"
#include "io/transaction_lock.hpp"
#include "libllp/setup.hpp"
#include "line/engine_line.hpp"
#include "line/llp_device.hpp"
#include "llpcat/exec.hpp"
#include "llpcat/kernel_line.hpp"
#include "llpcat/line_server.hpp"
#include "llpcat/options.hpp"
#include "llpcat/output.hpp"

namespace llp::cat {

namespace {

// Lost bytes of a line.
class LostObserver final : public line::Observer {
 public:
  explicit LostObserver(Output& output) : output_(output) {}
  void frame(const llp_event& /*event*/) override { flush(); }
  void timer(const char* /*name*/) override {}
  void state(const char* /*name*/) override {}
  void lost(std::size_t /*bytes*/) override {}
  void lost_bytes(std::span<const std::uint8_t> bytes) override {
    if (bytes_.size() < kMax) bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }
  void connection(bool /*up*/, const std::string& /*what*/) override { flush(); }
  void raw(bool /*out*/, std::span<const std::uint8_t> /*bytes*/) override {}

 private:
  static constexpr std::size_t kMax = 65536;
  // Together, up to the next frame or the end of the connection.
  void flush() { output_.lost(std::exchange(bytes_, {})); }
  Output& output_;
  Bytes bytes_;
};

class Service {
 public:
  Service(asio::io_context& io, const Options& options)
      : io_(io),
        options_(options),
        output_(options.out, options.lost),
        progress_(0, options.quiet || options.out.empty()),
        pool_(std::make_shared<WorkerPool>(2)) {}

  void start() {
    asio::co_spawn(io_, main(), [this](const std::exception_ptr& failure) {
      io_.stop();
      if (failure) std::rethrow_exception(failure);
    });
  }

  void stop() {
    stopping_ = true;
    if (server_) server_->stop();
    if (line_) {
      asio::co_spawn(io_, stop_line(line_), [](const std::exception_ptr&) {});
    }
  }

  [[nodiscard]] int status() const noexcept { return status_; }

 private:
  static asio::awaitable<void> stop_line(std::shared_ptr<line::Line> line) { co_await line->stop(); }

  asio::awaitable<void> main() {
    if (auto good = output_.check(); !good) {
      failed(good.error());
      co_return;
    }
    if (options_.address.kind == Address::Kind::device) {
      co_await serve_device();
    } else if (options_.client.protocol == Protocol::illp) {
      co_await serve_illp();
    } else {
      co_await serve_line();
    }
  }

  void failed(const Error& error) {
    if (stopping_) return;
    status_ = complain(error.message, exit_of(error));
  }

  void listening(const std::string& name) const {
    if (!options_.quiet) fmt::print(stderr, "listening: {}\n", name);
  }

  // True if that was the last one.
  [[nodiscard]] bool counted() {
    progress_.step(++taken_);
    return options_.count > 0 && taken_ >= options_.count;
  }

  // False: it could not be kept, and nothing more is taken.
  [[nodiscard]] bool keep(const Bytes& message) {
    auto kept = output_.message(message, "msg");
    if (!kept) status_ = complain(kept.error().message, kCannotCreate);
    return kept.has_value();
  }

  // Empty: none is given. An error: the message is refused.
  asio::awaitable<Result<Bytes>> answer_to(const Bytes& message) {
    if (!options_.exec.empty()) {
      auto job = [command = options_.exec, message, max = options_.client.max_message] {
        return run_command(command, message, max);
      };
      auto answer = co_await pool_->run(std::move(job));
      if (!answer) fmt::print(stderr, "llpcat: {}\n", answer.error().message);
      co_return answer;
    }
    if (options_.ack) co_return acknowledge(message, *options_.ack).value_or(Bytes{});
    co_return options_.reply.value_or(Bytes{});
  }

  asio::awaitable<void> serve_illp() {
    ServerOptions options;
    options.max_message = options_.client.max_message;
    options.idle_timeout = options_.client.timeout;
    options.urgent = options_.client.urgent;
    server_.emplace(io_.get_executor(), options);
    auto at = co_await server_->listen(options_.address);
    if (!at) {
      failed(at.error());
      co_return;
    }
    Address shown = options_.address;
    if (shown.kind == Address::Kind::tcp) shown.service = std::to_string(server_->ports().front());
    listening(to_string(shown));
    while (true) {
      auto request = co_await server_->accept();
      if (!request) {
        failed(request.error());
        co_return;
      }
      if (!keep(request->message())) {
        co_await request->cancel("it could not be kept");
        co_return;
      }
      const auto answer = co_await answer_to(request->message());
      if (!answer) {
        co_await request->cancel(answer.error().message);
      } else if (auto replied = co_await request->reply(*answer); !replied) {
        fmt::print(stderr, "llpcat: {}\n", replied.error().message);
      }
      if (counted()) co_return;
    }
  }

  asio::awaitable<void> serve_line() {
    auto spec = detail::line_spec(options_.address, true);
    auto params = detail::line_params(options_.client, {});
    if (!spec || !params) {
      failed(spec ? params.error() : spec.error());
      co_return;
    }
    io::StreamOptions stream_options;
    stream_options.pool = pool_;
    stream_options.lock_dir = options_.client.lock_dir;
    auto stream = io::make_stream(io_.get_executor(), *spec, stream_options, Logger());
    if (!stream) {
      failed(stream.error());
      co_return;
    }
    const std::string local = (*stream)->local_name();
    line::EngineLineOptions line_options;
    if (options_.lost) line_options.observer = std::make_shared<LostObserver>(output_);
    line_ = line::make_engine_line(io_.get_executor(), std::move(*stream),
                                   detail::engine_protocol(options_.client.protocol), *params, line_options,
                                   Logger());
    const auto line = line_;
    auto started = co_await line->start();
    if (!started) {
      failed(started.error());
      co_return;
    }
    listening(local.empty() ? line->describe() : local);
    LineWork what = work();
    auto served = co_await serve_messages(line, std::move(what), nullptr);
    if (!served) failed(served.error());
    co_await line->stop();
  }

  // What was received before a message and belongs to none is shown before it.
  LineWork work(std::function<void()> before = {}) {
    return {.keep =
                [this, before = std::move(before)](const Bytes& message) {
                  if (before) before();
                  return keep(message);
                },
            .answer = [this](const Bytes& message) { return answer_to(message); },
            .done = [this] { return counted(); },
            .complain = [](const std::string& what) { fmt::print(stderr, "llpcat: {}\n", what); }};
  }

  // The line's receiver, like llpd: nothing is acknowledged before it is kept.
  asio::awaitable<void> serve_device() {
    const std::string& path = options_.address.path;
    if (!options_.client.settings.empty() || !options_.client.peer.empty()) {
      failed(
          Error{Errc::invalid, path + ": the parameters of a line in the kernel are set there (llp(4))", 0});
      co_return;
    }
    io::StreamOptions how;
    how.pool = pool_;
    auto device = line::make_device_node(io_.get_executor(), path, how, Logger());
    auto opened = co_await KernelLine::open(io_.get_executor(), std::move(device));
    if (!opened) {
      failed(opened.error());
      if (opened.error().code == Errc::refused) status_ = kUnavailable;  // it is down
      co_return;
    }
    const KernelLine kernel = std::move(*opened);
    line_ = kernel.line();
    const auto line = line_;
    auto started = co_await line->start();
    if (!started) {
      failed(started.error());
      co_return;
    }
    listening(line->describe());
    const auto lost = [this, &kernel] {
      if (options_.lost) output_.lost(kernel.take_lost());
    };
    LineWork what = work(lost);
    auto lock = std::make_shared<io::TransactionLock>(io_.get_executor(), path);
    auto served = co_await serve_messages(line, std::move(what), std::move(lock));
    lost();
    if (!served) failed(served.error());
    co_await line->stop();
  }

  asio::io_context& io_;
  const Options& options_;
  Output output_;
  Progress progress_;
  std::shared_ptr<WorkerPool> pool_;
  std::optional<AsyncServer> server_;
  std::shared_ptr<line::Line> line_;
  std::uint64_t taken_ = 0;
  bool stopping_ = false;
  int status_ = kDone;
};

}  // namespace

int serve(const Options& options) {
  asio::io_context io(1);
  // Before the address is told: whoever reads it may end us.
  asio::signal_set signals(io, SIGTERM, SIGINT);
  for (const int number : {SIGTERM, SIGINT}) restart_calls(number);
  Service service(io, options);
  signals.async_wait([&](const asio::error_code& ec, int) {
    if (!ec) service.stop();
  });
  service.start();
  io.run();
  return service.status();
}

}  // namespace llp::cat
