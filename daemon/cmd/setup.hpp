// SPDX-License-Identifier: BSD-3-Clause
// What both programs do before they run.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "base/log.hpp"
#include "base/result.hpp"

namespace llp::cmd {

// SIGPIPE ignored, SIGHUP too if told; descriptors 0 to 2 open.
void prepare_process(bool ignore_hangup) noexcept;

// No core dumps, in which messages would be: unless $LLP_CORE_DUMPS is "yes".
void prevent_core_dumps() noexcept;

// "PROGRAM: message" on stderr, one line.
void say(const char* program, const std::string& message) noexcept;
// "line: /dev/pts/3" on stderr.
void say_plain(const std::string& line) noexcept;
// To stdout; 0, or the status for a stdout that takes nothing.
int print(const std::string& text) noexcept;

// A sink that can be turned to another place while loggers hold it.
class LogSwitch {
 public:
  explicit LogSwitch(Logger::Sink sink) : sink_(std::make_shared<Logger::Sink>(std::move(sink))) {}
  void turn(Logger::Sink sink) { *sink_ = std::move(sink); }
  [[nodiscard]] Logger::Sink sink() const {
    return [shared = sink_](LogLevel level, std::string_view text) { (*shared)(level, text); };
  }

 private:
  std::shared_ptr<Logger::Sink> sink_;
};

// The chosen directory, or the default; made if it is missing.
[[nodiscard]] Result<std::filesystem::path> runtime_dir(const std::filesystem::path& chosen);

// Calls `body` and turns what it throws into a line on stderr and status 70.
[[nodiscard]] int guarded(const char* program, const std::function<int()>& body) noexcept;

}  // namespace llp::cmd
