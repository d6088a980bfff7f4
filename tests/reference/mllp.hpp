// SPDX-License-Identifier: BSD-3-Clause
//
// MLLP releases 1 and 2: what a station does with the blocks that come.
//
// Rules are those of the MLLP specification: "Wire format", "Release 2 rules",
// "Decoder state machine" (its table, row by row) and "Transactions". Where they
// leave a choice, it is named in the source as a "reading".
#pragma once

#include <optional>

#include "reference/transcript.hpp"

namespace llp::reference::mllp {

// What the application makes of a message, at once. An empty one has no answer.
struct Station {
  bool refuse = false;  // it cannot be stored: release 2 commit NAK
  // Release 1: else this, or nothing.
  std::optional<std::string> reply = std::nullopt;
};

// Options that change how bytes are read or answered, of @p: release, sb,
// eb_char, eb, vt, lost, max_message, dedup, on_fail.
Transcript decode(const Line& line, const llp_params& p, const Station& station = {});

// The same for bytes without a pause between them, followed by a brief silence.
Transcript decode(std::span<const std::uint8_t> bytes, std::span<const std::uint8_t> flags,
                  const llp_params& p);

// A whole block, SB to CR.
std::string block(const std::string& data, const llp_params& p);

}  // namespace llp::reference::mllp
