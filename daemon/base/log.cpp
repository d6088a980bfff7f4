// SPDX-License-Identifier: BSD-3-Clause
#include "base/log.hpp"

#include <unistd.h>

#include <utility>

namespace llp {

Logger::Sink stderr_sink(std::string program) {
  return [program = std::move(program)](LogLevel, std::string_view text) {
    const std::string line = program + ": " + std::string(text) + "\n";
    // A lost log line is no reason to stop serving a line.
    if (::write(STDERR_FILENO, line.data(), line.size()) < 0) return;
  };
}

}  // namespace llp
