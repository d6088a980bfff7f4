// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/host.hpp"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/use_awaitable.hpp>
#include <csignal>
#include <exception>
#include <utility>

#include "cmd/debug_observer.hpp"
#include "cmd/exit_status.hpp"

namespace llp::cmd {

namespace {

// Beyond a line's stop_grace: for its protocol's end, its transmitter, its
// connections.
constexpr auto kEndTime = std::chrono::seconds(15);
// After everything was cut off: for what is closed to notice.
constexpr auto kForcedTime = std::chrono::seconds(1);

}  // namespace

struct Host::Slot {
  Slot(asio::io_context& context, core::LineConfig c) : config(std::move(c)), wake(context) {}
  core::LineConfig config;
  std::unique_ptr<core::LineService> service;
  std::optional<Error> failure;  // of a line that was running
  asio::steady_timer wake;
};

Host::Host(std::vector<core::LineConfig> lines, HostOptions options, std::shared_ptr<WorkerPool> pool,
           Logger log)
    : options_(std::move(options)), pool_(std::move(pool)), log_(std::move(log)) {
  for (core::LineConfig& line : lines) {
    line.stream.pool = pool_;
    slots_.push_back(std::make_unique<Slot>(context_, std::move(line)));
  }
}

Host::~Host() = default;

int Host::run() {
  listen_for_signals();
  untried_ = serving_ = slots_.size();
  for (const auto& slot : slots_) {
    asio::co_spawn(context_, serve(*this, *slot), [this](const std::exception_ptr& error) {
      if (error) {
        try {
          std::rethrow_exception(error);
        } catch (const std::exception& e) {
          log_.error("fault: {}", e.what());
        }
        end(kSoftware);
      }
      if (--serving_ > 0) return;
      // A line ends by itself only when everything is to end.
      end(status_);
      signals_.cancel();
      deadline_.cancel();
    });
  }
  context_.run();
  if (forced_) {
    signals_.cancel();
    deadline_.cancel();
    // The services cut off what is left when they go; it ends in the loop.
    for (const auto& slot : slots_) slot->service.reset();
    context_.restart();
    context_.run_for(kForcedTime);
  }
  return status_;
}

void Host::listen_for_signals() {
  signals_.add(SIGTERM);
  signals_.add(SIGINT);
  if (options_.hangup_ends) signals_.add(SIGHUP);
  signals_.async_wait([this](const asio::error_code& error, int number) {
    if (error) return;
    if (ending_) return force(kSignal + number);
    log_.info("ending on signal {}", number);
    end(kOk);
    listen_for_signals();
  });
}

void Host::end(int status) {
  if (std::exchange(ending_, true)) return;
  status_ = status;
  if (options_.ending) options_.ending();
  std::chrono::nanoseconds grace{};
  for (const auto& slot : slots_) {
    grace = std::max(grace, slot->config.stop_grace);
    slot->wake.cancel();
  }
  deadline_.expires_after(grace + kEndTime);
  deadline_.async_wait([this](const asio::error_code& error) {
    if (error) return;
    log_.error("a line does not end: cut off");
    force(kSoftware);
  });
}

void Host::force(int status) {
  forced_ = true;
  status_ = status;
  context_.stop();
}

void Host::tried() {
  if (untried_ == 0) return;
  --untried_;
  if (untried_ > 0 || ending_ || !options_.started) return;
  if (auto done = options_.started(); !done) {
    options_.start_failed(done.error());
    end(exit_status(done.error()));
  }
}

// Returns early when everything ends.
asio::awaitable<void> Host::pause(Slot& slot, config::Duration time) {
  slot.wake.expires_after(time);
  co_await slot.wake.async_wait(asio::experimental::as_tuple(asio::use_awaitable));
}

asio::awaitable<void> Host::serve(Host& host, Slot& slot) {
  const Logger log = host.log_.child(slot.config.name);
  bool first = true;
  std::string said;  // why it cannot start
  while (!host.ending_) {
    slot.failure.reset();
    slot.service = std::make_unique<core::LineService>(host.context_.get_executor(), slot.config, log);
    if (host.options_.debug > 0) {
      slot.service->set_observer(std::make_shared<DebugObserver>(log, host.options_.debug > 1));
    }
    slot.service->on_failure([&slot](Error error) {
      slot.failure = std::move(error);
      slot.wake.cancel();
    });
    auto up = co_await slot.service->start();
    if (!slot.service) co_return;  // cut off
    if (up) {
      said.clear();
      if (host.options_.running) host.options_.running(slot.config, *slot.service);
    } else if (host.options_.on_failure == config::OnFailure::exit) {
      slot.service.reset();
      if (host.slots_.size() > 1) up.error().message = slot.config.name + ": " + up.error().message;
      if (!host.ending_) host.options_.start_failed(up.error());
      host.end(exit_status(up.error()));
      co_return;
    } else {
      log.error("{}; trying again in {}", up.error().message,
                config::format_duration(host.options_.retry_interval));
      slot.failure = std::move(up.error());
    }
    if (std::exchange(first, false)) host.tried();

    while (up && !slot.failure && !host.ending_) co_await pause(slot, std::chrono::hours(24));
    if (up) co_await slot.service->stop();
    slot.service.reset();
    if (host.ending_) break;
    if (host.options_.on_failure == config::OnFailure::exit) {
      host.end(exit_status(*slot.failure));
      break;
    }
    if (up) log.notice("starting again in {}", config::format_duration(host.options_.retry_interval));
    co_await pause(slot, host.options_.retry_interval);
  }
}

}  // namespace llp::cmd
