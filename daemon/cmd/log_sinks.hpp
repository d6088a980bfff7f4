// SPDX-License-Identifier: BSD-3-Clause
// Where log lines go when stderr is not the place.
#pragma once

#include <string>

#include "base/log.hpp"

namespace llp::cmd {

// syslog(3), facility daemon. One per process: the C library keeps the name.
[[nodiscard]] Logger::Sink syslog_sink(std::string program);

// LOG_ERR and the like.
[[nodiscard]] int syslog_priority(LogLevel level) noexcept;

// Lines on stderr for systemd's journal: "<5>text", where 5 is the priority.
// Used when stderr is the stream that $JOURNAL_STREAM names.
[[nodiscard]] Logger::Sink journal_sink();
[[nodiscard]] bool stderr_is_journal() noexcept;

// Lines on stderr with the seconds since the program began: for -d.
[[nodiscard]] Logger::Sink timed_sink(std::string program);

}  // namespace llp::cmd
