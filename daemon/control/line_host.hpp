// SPDX-License-Identifier: BSD-3-Clause
// The lines of a daemon, as its control socket and its metrics see them.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "control/line_events.hpp"
#include "core/line_service.hpp"

namespace llp::control {

enum class LineState : std::uint8_t {
  starting,  // for the first time, or again
  running,   // served; whether its wire is there says LineStatus::connected
  failed,    // could not be started, or ended by an error: is tried again
  stopping,
  stopped,  // on request
};
// "starting", ...
[[nodiscard]] const char* state_name(LineState state) noexcept;

// A line at this moment. The pointers are good until the loop's next turn.
struct LineInfo {
  const core::LineConfig* config = nullptr;
  LineState state = LineState::starting;
  std::chrono::steady_clock::time_point since;  // in this state
  std::string failure;                          // the last one while it is not running, else empty
  core::LineService* service = nullptr;         // while it is served
  const LineEvents* events = nullptr;           // what went wrong on it
};

// How a line is, for people and alarms.
enum class Health : std::uint8_t { good, waiting, bad };
[[nodiscard]] const char* health_name(Health health) noexcept;
// With the reason in words; empty if good.
struct HealthReport {
  Health health = Health::good;
  std::string reason;
};
[[nodiscard]] HealthReport health_of(const LineInfo& line);

class LineHost {
 public:
  LineHost() = default;
  LineHost(const LineHost&) = delete;
  LineHost& operator=(const LineHost&) = delete;
  virtual ~LineHost() = default;

  // In the order of the configuration.
  [[nodiscard]] virtual std::vector<LineInfo> lines() const = 0;
  // Errc::not_found: there is no such line. It ends the protocol's way; a stop
  // holds until start_line() or the end of the program.
  virtual Result<void> stop_line(std::string_view name) = 0;
  virtual Result<void> start_line(std::string_view name) = 0;
  // Reads the configuration again and applies it; `done` with everything that
  // is wrong with it, or nothing, when every line that it concerns was tried.
  virtual void reload(std::function<void(const std::vector<Error>&)> done) = 0;
};

// "there is no line 'chmistry'; did you mean 'chemistry'?"
[[nodiscard]] std::string no_such_line(const LineHost& host, std::string_view name);

}  // namespace llp::control
