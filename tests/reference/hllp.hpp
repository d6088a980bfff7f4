// SPDX-License-Identifier: BSD-3-Clause
//
// HLLP: what a responding system does.
//
// Rules are those of the HLLP specification: "Block", "Receiver: recognising a
// block" (its table of states), "Receiver: checking a block" (decision D-5 gives
// the order), "Sending blocks and NAKs", "Responding system" and "Carriage
// return stuffing". Where they leave a choice, it is named in the source as a
// "reading".
#pragma once

#include <optional>

#include "reference/transcript.hpp"

namespace llp::reference::hllp {

// What the application makes of a message, at once. An empty one has no answer.
struct Station {
  bool refuse = false;                              // it fails: N block with reason G
  std::optional<std::string> reply = std::nullopt;  // else: this, or nothing
};

// Options that change how bytes are read or answered, of @p: sb, eb_char, vv,
// vv_check, send_checksum, xor_scope, xor_fn, c999, eb_cr, stuff, unstuff,
// max_data, send_retries.
Transcript decode(const Line& line, const llp_params& p, const Station& station = {});

// The same for bytes without a pause between them, followed by a brief silence.
Transcript decode(std::span<const std::uint8_t> bytes, std::span<const std::uint8_t> flags,
                  const llp_params& p);

// A whole block, SB to CR. @type: 'D' or 'N'; @vv: version, two characters;
// @with_count: the checksum covers the count, too.
std::string block(char type, const std::string& vv, const std::string& data, bool with_count,
                  const llp_params& p);

// CRs put in after every p.stuff bytes without one.
std::string stuffed(const std::string& data, const llp_params& p);

}  // namespace llp::reference::hllp
