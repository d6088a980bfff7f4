// SPDX-License-Identifier: BSD-3-Clause
// A frame in words, for logs and ladders.
#pragma once

#include <string>

#include "line/engine_api.hpp"

namespace llp::line {

// "block 3, 233 bytes, last, again", "ACK1", "N G": what LLP_EV_FRAME tells but
// for its direction and what the receiver thought of it.
[[nodiscard]] std::string frame_words(const llp_event& event);

}  // namespace llp::line
