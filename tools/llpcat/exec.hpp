// SPDX-License-Identifier: BSD-3-Clause
// A shell command that turns a message into its answer.
#pragma once

#include <string>

#include "llp/message.hpp"
#include "llp/result.hpp"

namespace llp::cat {

// Runs `command` by /bin/sh with the message as its standard input; what it writes is the answer. Blocks
// until it has ended. Errc::refused: it ended with a status other than 0 (or
// by a signal); too_large: more than `max` bytes.
[[nodiscard]] Result<Bytes> run_command(const std::string& command, const Bytes& message, std::size_t max);

}  // namespace llp::cat
