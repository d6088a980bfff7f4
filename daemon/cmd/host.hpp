// SPDX-License-Identifier: BSD-3-Clause
// Runs lines until a signal ends them: the part that llpdrv and llpd share.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/result.hpp"
#include "base/worker_pool.hpp"
#include "config/toml_config.hpp"
#include "core/line_service.hpp"

namespace llp::cmd {

struct HostOptions {
  config::OnFailure on_failure = config::OnFailure::exit;
  config::Duration retry_interval = std::chrono::seconds(30);
  bool hangup_ends = false;  // SIGHUP as SIGTERM; else it is ignored
  unsigned debug = 0;
  // Every line was tried once, and unless on_failure is `retry` all run. An
  // error ends everything.
  std::function<Result<void>()> started;
  // A line runs. Each time it was started.
  std::function<void(const core::LineConfig&, core::LineService&)> running;
  // An error of a line's start that ends everything, said once.
  std::function<void(const Error&)> start_failed;
  // The end begins. Once.
  std::function<void()> ending;
};

// One event loop in the calling thread. SIGTERM and SIGINT end the lines, each
// within its stop_grace and what its protocol needs; a second one, or a line
// that takes far longer, ends everything at once.
class Host {
 public:
  Host(std::vector<core::LineConfig> lines, HostOptions options, std::shared_ptr<WorkerPool> pool,
       Logger log);
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;
  ~Host();

  // Returns the exit status when everything has ended. Once.
  [[nodiscard]] int run();

 private:
  struct Slot;  // a line's place

  static asio::awaitable<void> serve(Host& host, Slot& slot);
  static asio::awaitable<void> pause(Slot& slot, config::Duration time);
  void tried();
  void listen_for_signals();
  void end(int status);
  void force(int status);

  asio::io_context context_{1};
  asio::signal_set signals_{context_};
  asio::steady_timer deadline_{context_};
  HostOptions options_;
  std::shared_ptr<WorkerPool> pool_;
  Logger log_;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::size_t untried_ = 0;  // lines whose first start has not come to an end
  std::size_t serving_ = 0;  // coroutines
  bool ending_ = false;
  bool forced_ = false;
  int status_ = 0;
};

}  // namespace llp::cmd
