// SPDX-License-Identifier: BSD-3-Clause
// What systemd is told (sd_notify(3)): readiness, reloads, the lines' state in
// words, and that the loop still turns.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/line_host.hpp"

namespace llp::cmd {

// The interval at which systemd expects WATCHDOG=1 (WatchdogSec=), if it
// expects that of this process: of $WATCHDOG_USEC and $WATCHDOG_PID.
[[nodiscard]] std::optional<std::chrono::microseconds> watchdog_interval(const char* usec, const char* pid,
                                                                         std::int64_t own_pid);

// "3 lines: 2 connected, 1 waiting (chem: the port is not there)"; the worst
// first, at most some hundred bytes.
[[nodiscard]] std::string status_text(const std::vector<control::LineInfo>& lines);

class ServiceManager {
 public:
  using Send = std::function<void(std::string_view)>;
  // `send` takes "READY=1" and the like. WATCHDOG=1 is sent twice in
  // `watchdog`, from the loop. `host` must live as long.
  ServiceManager(const asio::any_io_executor& executor, const control::LineHost& host,
                 std::optional<std::chrono::microseconds> watchdog, Send send);
  ServiceManager(const ServiceManager&) = delete;
  ServiceManager& operator=(const ServiceManager&) = delete;

  void ready();
  void reloading();
  void stopping();
  // A line changed: the status is sent soon, once for many changes.
  void changed();
  // Nothing more is sent, nothing holds the loop.
  void stop() noexcept;

 private:
  void feed();
  void say_status();

  const control::LineHost& host_;
  std::optional<std::chrono::microseconds> watchdog_;
  Send send_;
  asio::steady_timer feeding_;
  asio::steady_timer telling_;
  bool to_tell_ = false;
  bool stopped_ = false;
  std::string told_;
};

}  // namespace llp::cmd
