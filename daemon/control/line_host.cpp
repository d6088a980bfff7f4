// SPDX-License-Identifier: BSD-3-Clause
#include "control/line_host.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <variant>

#include "config/text.hpp"

namespace llp::control {

const char* state_name(LineState state) noexcept {
  switch (state) {
    case LineState::starting: return "starting";
    case LineState::running: return "running";
    case LineState::failed: return "failed";
    case LineState::stopping: return "stopping";
    case LineState::stopped: return "stopped";
  }
  return "unknown";
}

const char* health_name(Health health) noexcept {
  switch (health) {
    case Health::good: return "good";
    case Health::waiting: return "waiting";
    case Health::bad: return "bad";
  }
  return "unknown";
}

namespace {

const char* waits_for(const io::LineSpec& port) {
  if (std::holds_alternative<io::Tty>(port)) return "the port is not there";
  if (std::holds_alternative<io::Pty>(port)) return "nobody has opened the pseudo terminal";
  if (std::holds_alternative<io::TcpListen>(port) || std::holds_alternative<io::UnixListen>(port)) {
    return "nobody has connected";
  }
  return "the other end does not answer";
}

}  // namespace

HealthReport health_of(const LineInfo& line) {
  switch (line.state) {
    case LineState::failed: return {Health::bad, line.failure};
    case LineState::stopped: return {Health::waiting, "stopped on request"};
    case LineState::starting: return {Health::waiting, "starting"};
    case LineState::stopping: return {Health::waiting, "stopping"};
    case LineState::running: break;
  }
  if (line.service == nullptr) return {Health::waiting, "starting"};
  const core::LineStatus status = line.service->status();
  if (!status.connected) return {Health::waiting, waits_for(line.config->port)};
  const auto failing = [](const core::TargetStatus& target) { return target.failures > 0; };
  if (!status.targets.empty() && std::ranges::all_of(status.targets, failing)) {
    return {Health::bad, fmt::format("no application answers: {}", status.targets.front().failure)};
  }
  return {};
}

std::string no_such_line(const LineHost& host, std::string_view name) {
  std::vector<std::string> names;
  for (const LineInfo& line : host.lines()) names.push_back(line.config->name);
  return fmt::format("there is no line {}{}", config::quote(name), config::did_you_mean(name, names));
}

}  // namespace llp::control
