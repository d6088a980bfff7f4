// SPDX-License-Identifier: BSD-3-Clause
// Where the programs say what they do. A Logger is passed to whoever needs it;
// there is no global one. Message content is never logged: callers pass
// counters, lengths and names of control characters.
#pragma once

#include <fmt/format.h>

#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace llp {

enum class LogLevel { error, warning, notice, info, debug, trace };

class Logger {
 public:
  using Sink = std::function<void(LogLevel, std::string_view)>;

  // Silent until given a sink.
  Logger() = default;
  Logger(Sink sink, LogLevel level, std::string prefix = {})
      : sink_(std::move(sink)), level_(level), prefix_(std::move(prefix)) {}

  // The same sink under a longer prefix, e.g. the name of a line.
  [[nodiscard]] Logger child(std::string_view name) const {
    return Logger(sink_, level_, prefix_ + std::string(name) + ": ");
  }

  [[nodiscard]] bool enabled(LogLevel level) const noexcept { return sink_ && level <= level_; }

  template <class... Args>
  void log(LogLevel level, fmt::format_string<Args...> format, Args&&... args) const {
    if (enabled(level)) sink_(level, prefix_ + fmt::format(format, std::forward<Args>(args)...));
  }
  template <class... Args>
  void error(fmt::format_string<Args...> f, Args&&... a) const {
    log(LogLevel::error, f, std::forward<Args>(a)...);
  }
  template <class... Args>
  void warning(fmt::format_string<Args...> f, Args&&... a) const {
    log(LogLevel::warning, f, std::forward<Args>(a)...);
  }
  template <class... Args>
  void notice(fmt::format_string<Args...> f, Args&&... a) const {
    log(LogLevel::notice, f, std::forward<Args>(a)...);
  }
  template <class... Args>
  void info(fmt::format_string<Args...> f, Args&&... a) const {
    log(LogLevel::info, f, std::forward<Args>(a)...);
  }
  template <class... Args>
  void debug(fmt::format_string<Args...> f, Args&&... a) const {
    log(LogLevel::debug, f, std::forward<Args>(a)...);
  }

 private:
  Sink sink_;
  LogLevel level_ = LogLevel::notice;
  std::string prefix_;
};

// Writes "PROGRAM: text" lines to stderr, one write(2) a line.
[[nodiscard]] Logger::Sink stderr_sink(std::string program);

}  // namespace llp
