// SPDX-License-Identifier: BSD-3-Clause
//
// What a line brings to a station, and what the station makes of it: the
// input and the output of the reference decoders.
//
// The decoders were written from the specifications alone, without sight of
// the engine. They are slow and plain on purpose: the whole input lies in a
// vector, and each rule stands once, where the specification has it. Of the
// engine they use the declarations (parameters, names of frames and verdicts).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

extern "C" {
#include "proto/llp_engine.h"
}

namespace llp::reference {

// Time on the line, as far as a decoder can tell it apart. All parameters are
// taken to be as by default in this: the wait for a TERM (T_term, T_fs) is
// shorter than every other timer, and timer E is off.
enum class Silence : std::uint8_t {
  none,     // the byte comes at once after the one before it
  brief,    // T_term and T_fs run out, nothing else does
  lasting,  // everything runs out, until the station is at rest
};

// One character as the line delivers it.
struct Character {
  std::uint8_t byte = 0;
  std::uint8_t flag = LLP_FLAG_NONE;  // enum llp_line_flag
  Silence before = Silence::none;
};

struct Line {
  std::vector<Character> characters;
  Silence at_end = Silence::brief;  // after the last one
};

// @flags: one for each byte, or none at all.
Line line_of(std::span<const std::uint8_t> bytes, std::span<const std::uint8_t> flags = {},
             Silence at_end = Silence::brief);

// A frame that came in.
struct Frame {
  llp_frame kind = LLP_FR_GARBAGE;
  std::uint8_t number = 0;   // X3.28: BLK, n of ACKn. HLLP: reason of an N block
  std::uint32_t length = 0;  // bytes of text as on the wire, of a good or duplicate block
  llp_verdict_frame verdict = LLP_FV_GOOD;
  bool operator==(const Frame&) const = default;
};

// All that a station did with its input.
struct Transcript {
  std::vector<Frame> frames;
  std::vector<std::string> messages;  // received whole and passed on, in order; empty ones too
  std::string sent;                   // every byte sent in answer
  std::string lost;                   // HLLP, MLLP: bytes that belong to no frame
  unsigned cancelled = 0;             // messages that began and were given up
  bool dropped = false;               // the station dropped the connection; nothing was read after
  // Not empty: something came for which the specification has no rule. Two
  // right stations may differ from there on.
  std::string unsettled;
  bool operator==(const Transcript&) const = default;
};

// A frame is comparable if the specification fixes what its fields say: number
// and length of a block that was not understood are nobody's business.
Frame comparable(Frame f);

// For people: one line for each thing, bytes in hex.
std::string describe(const Transcript& t);
std::string describe(const Line& line);

}  // namespace llp::reference
