// SPDX-License-Identifier: BSD-3-Clause
//
// X3.28: what a station does that sends nothing of its own.
//
// The decoder takes the whole of what the other station sent and tells every
// frame, every message and every answer. Rules are those of the X3.28
// specification: "Control sequences" (TERM, decision D-2), "Block format" with
// its check and numbering, "Message transfer - slave's decision on a block",
// "Headings" (D-33) and the slave's state table. Where they leave a choice, it
// is named in the source as a "reading".
#pragma once

#include "reference/transcript.hpp"

namespace llp::reference::x328 {

struct Station {
  bool ready = true;  // takes messages: a bid is granted
};

// Options that change how bytes are read or answered, of @p: nak_term,
// strict_term, accept_plain_ack, bcc_high, join, max_rx_text, max_message,
// gap, retries_l. Every message is accepted at once.
Transcript decode(const Line& line, const llp_params& p, const Station& station = {});

// The same for bytes without a pause between them, followed by a brief silence.
Transcript decode(std::span<const std::uint8_t> bytes, std::span<const std::uint8_t> flags,
                  const llp_params& p);

// Two hex digits of the block check over @covered (BLK to ETB/ETX), as a
// sender writes them.
std::string check_digits(const std::string& covered, const llp_params& p);

// A whole block, STX to TERM.
std::string block(unsigned number, const std::string& text, bool last, const llp_params& p);

}  // namespace llp::reference::x328
