// SPDX-License-Identifier: BSD-3-Clause
// The facts about one serial port.
#include <fmt/format.h>

#include <charconv>
#include <cstring>
#include <filesystem>

#include "io/port_lock.hpp"
#include "llpctl/doctor_system.hpp"

namespace llp::ctl {

namespace {

template <class Number>
std::optional<Number> number_in(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  Number n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc{} || end == text.data()) return std::nullopt;
  return n;
}

// "      1234\n", or in the older form four binary bytes.
std::optional<pid_t> lock_file_pid(const std::string& text) {
  pid_t pid = 0;
  if (text.size() == sizeof pid) {
    std::memcpy(&pid, text.data(), sizeof pid);
    return pid > 0 ? std::optional(pid) : std::nullopt;
  }
  const auto read = number_in<pid_t>(text);
  return read && *read > 0 ? read : std::nullopt;
}

}  // namespace

doctor::Port examine(DoctorSystem& system, const std::string& device, const std::string& lock_dir) {
  doctor::Port port;
  port.device = device;
  port.node = system.real_path(device);
  if (port.node.empty()) return port;
  system.look_at(port);
  if (!port.serial) return port;
  const std::string tty = std::filesystem::path(port.node).filename();
  port.holders = system.holders(port.node);
  port.flock = system.flock_of(port.node);
  port.lock_path = lock_dir + "/LCK.." + io::UucpLock::name_of(port.node);
  if (const std::string text = system.text_of(port.lock_path); !text.empty()) {
    port.lock_file = lock_file_pid(text);
    port.lock_file_stale = port.lock_file && !system.lives(*port.lock_file);
  }
  port.properties = system.properties(port.node);
  port.latency_ms = number_in<unsigned>(system.text_of("/sys/class/tty/" + tty + "/device/latency_timer"));
  if (!port.readable || !port.writable) return port;
  if (auto state = system.open_and_ask(port.node)) {
    port.state = std::move(*state);
  } else if (port.holders.empty() || state.error().code != Errc::in_use) {
    // One who has it for himself is named as its holder.
    port.unusable = state.error().message;
  }
  return port;
}

}  // namespace llp::ctl
