// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/log_sinks.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <utility>

namespace llp::cmd {

namespace {

void put(const std::string& line) noexcept {
  // A lost log line is no reason to stop serving a line.
  if (::write(STDERR_FILENO, line.data(), line.size()) < 0) return;
}

}  // namespace

int syslog_priority(LogLevel level) noexcept {
  switch (level) {
    case LogLevel::error: return LOG_ERR;
    case LogLevel::warning: return LOG_WARNING;
    case LogLevel::notice: return LOG_NOTICE;
    case LogLevel::info: return LOG_INFO;
    default: return LOG_DEBUG;
  }
}

Logger::Sink syslog_sink(std::string program) {
  // openlog() keeps the pointer: the name lives as long as the sink.
  const auto name =
      std::shared_ptr<std::string>(new std::string(std::move(program)), [](const std::string* p) {
        ::closelog();
        delete p;
      });
  ::openlog(name->c_str(), LOG_PID | LOG_NDELAY, LOG_DAEMON);
  return [name](LogLevel level, std::string_view text) {
    ::syslog(syslog_priority(level), "%.*s", static_cast<int>(text.size()), text.data());
  };
}

Logger::Sink journal_sink() {
  return [](LogLevel level, std::string_view text) {
    put(fmt::format("<{}>{}\n", syslog_priority(level), text));
  };
}

bool stderr_is_journal() noexcept {
  const char* stream = ::secure_getenv("JOURNAL_STREAM");
  struct stat st{};
  if (stream == nullptr || ::fstat(STDERR_FILENO, &st) != 0) return false;
  return fmt::format("{}:{}", st.st_dev, st.st_ino) == stream;
}

Logger::Sink timed_sink(std::string program) {
  return [program = std::move(program), begin = std::chrono::steady_clock::now()](LogLevel,
                                                                                  std::string_view text) {
    const std::chrono::duration<double> now = std::chrono::steady_clock::now() - begin;
    put(fmt::format("{}: {:.6f} {}\n", program, now.count(), text));
  };
}

}  // namespace llp::cmd
