// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/service_manager.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

#include "config/values.hpp"

namespace llp::cmd {

namespace {

constexpr auto kTogether = std::chrono::milliseconds(100);
constexpr std::size_t kStatusMax = 400;

std::uint64_t monotonic_usec() {
  timespec now{};
  static_cast<void>(::clock_gettime(CLOCK_MONOTONIC, &now));  // only fails for a clock that does not exist
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 + static_cast<std::uint64_t>(now.tv_nsec) / 1000;
}

}  // namespace

std::optional<std::chrono::microseconds> watchdog_interval(const char* usec, const char* pid,
                                                           std::int64_t own_pid) {
  constexpr std::uint64_t kMax = std::uint64_t{3600} * 24 * 1'000'000;
  if (usec == nullptr) return std::nullopt;
  const auto interval = config::parse_unsigned(usec, 1, kMax);
  if (!interval) return std::nullopt;
  if (pid != nullptr && pid != std::to_string(own_pid)) return std::nullopt;
  return std::chrono::microseconds(*interval);
}

std::string status_text(const std::vector<control::LineInfo>& lines) {
  using control::Health;
  if (lines.empty()) return "no line is configured";
  std::array<std::size_t, 3> counts{};
  std::string troubles;
  for (const Health wanted : {Health::bad, Health::waiting, Health::good}) {
    for (const control::LineInfo& line : lines) {
      const control::HealthReport health = control::health_of(line);
      if (health.health != wanted) continue;
      ++counts.at(static_cast<std::size_t>(wanted));
      if (wanted == Health::good || troubles.size() > kStatusMax) continue;
      troubles += fmt::format("{}{}: {}", troubles.empty() ? " (" : "; ", line.config->name, health.reason);
    }
  }
  std::string text = fmt::format("{} line{}: {} good", lines.size(), lines.size() == 1 ? "" : "s", counts[0]);
  if (counts[1] > 0) text += fmt::format(", {} waiting", counts[1]);
  if (counts[2] > 0) text += fmt::format(", {} bad", counts[2]);
  if (!troubles.empty()) text += troubles + ")";
  // A line feed would begin another assignment.
  std::ranges::replace_if(text, [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  if (text.size() > kStatusMax) {
    text.resize(kStatusMax);
    text += "...";
  }
  return text;
}

ServiceManager::ServiceManager(const asio::any_io_executor& executor, const control::LineHost& host,
                               std::optional<std::chrono::microseconds> watchdog, Send send)
    : host_(host), watchdog_(watchdog), send_(std::move(send)), feeding_(executor), telling_(executor) {
  feed();
}

void ServiceManager::feed() {
  if (!watchdog_) return;
  send_("WATCHDOG=1");
  feeding_.expires_after(*watchdog_ / 2);
  feeding_.async_wait([this](const asio::error_code& error) {
    if (!error && !stopped_) feed();
  });
}

void ServiceManager::ready() {
  say_status();
  send_("READY=1");
}

void ServiceManager::reloading() { send_(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", monotonic_usec())); }

void ServiceManager::stopping() { send_("STOPPING=1"); }

void ServiceManager::changed() {
  if (stopped_ || std::exchange(to_tell_, true)) return;
  telling_.expires_after(kTogether);
  telling_.async_wait([this](const asio::error_code& error) {
    if (error || stopped_) return;
    to_tell_ = false;
    say_status();
  });
}

void ServiceManager::say_status() {
  std::string text = status_text(host_.lines());
  if (text == told_) return;
  told_ = std::move(text);
  send_("STATUS=" + told_);
}

void ServiceManager::stop() noexcept {
  stopped_ = true;
  feeding_.cancel();
  telling_.cancel();
}

}  // namespace llp::cmd
