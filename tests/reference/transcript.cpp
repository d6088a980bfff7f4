// SPDX-License-Identifier: BSD-3-Clause
#include "reference/transcript.hpp"

namespace llp::reference {

namespace {

std::string hex(std::uint8_t byte) {
  const std::string digits = "0123456789ABCDEF";
  return {digits[byte / 16], digits[byte % 16]};
}

std::string hex(const std::string& bytes) {
  std::string out;
  for (char c : bytes) {
    if (!out.empty()) out += ' ';
    out += hex(static_cast<std::uint8_t>(c));
  }
  return out;
}

std::string name(llp_frame f) {
  switch (f) {
    case LLP_FR_ENQ: return "ENQ";
    case LLP_FR_EOT: return "EOT";
    case LLP_FR_NAK: return "NAK";
    case LLP_FR_ACK: return "ACK";
    case LLP_FR_RINT: return "RINT";
    case LLP_FR_BLOCK: return "block";
    case LLP_FR_BLOCK_ABORT: return "block abort";
    case LLP_FR_D: return "D";
    case LLP_FR_N: return "N";
    case LLP_FR_MSG: return "data block";
    case LLP_FR_CACK: return "commit ACK";
    case LLP_FR_CNAK: return "commit NAK";
    default: return "garbage";
  }
}

std::string name(llp_verdict_frame v) {
  switch (v) {
    case LLP_FV_GOOD: return "good";
    case LLP_FV_DUPLICATE: return "duplicate";
    case LLP_FV_FLAG: return "flag";
    case LLP_FV_FORMAT: return "format";
    case LLP_FV_CHECK: return "check";
    case LLP_FV_LENGTH: return "length";
    case LLP_FV_TOO_LONG: return "too long";
    case LLP_FV_NUMBER: return "number";
    case LLP_FV_INCOMPLETE: return "incomplete";
    case LLP_FV_BUSY: return "busy";
    default: return "ignored";
  }
}

}  // namespace

Line line_of(std::span<const std::uint8_t> bytes, std::span<const std::uint8_t> flags, Silence at_end) {
  Line line;
  line.at_end = at_end;
  for (std::size_t i = 0; i < bytes.size(); i++)
    line.characters.push_back(
        {bytes[i], i < flags.size() ? flags[i] : std::uint8_t{LLP_FLAG_NONE}, Silence::none});
  return line;
}

Frame comparable(Frame f) {
  const bool block = f.kind == LLP_FR_BLOCK || f.kind == LLP_FR_D || f.kind == LLP_FR_MSG;
  if (!block) {
    f.length = 0;
    if (f.kind != LLP_FR_ACK && f.kind != LLP_FR_N) f.number = 0;
    // Whether a sequence was of use is the station's affair.
    f.verdict = LLP_FV_GOOD;
    return f;
  }
  if (f.verdict != LLP_FV_GOOD && f.verdict != LLP_FV_DUPLICATE) {
    f.number = 0;
    f.length = 0;
  }
  // One row of X3.28's table, and one of MLLP's: what is wrong first is not said.
  if (f.kind == LLP_FR_BLOCK && f.verdict == LLP_FV_TOO_LONG) f.verdict = LLP_FV_LENGTH;
  if (f.kind == LLP_FR_MSG && (f.verdict == LLP_FV_TOO_LONG || f.verdict == LLP_FV_FLAG))
    f.verdict = LLP_FV_FORMAT;
  return f;
}

std::string describe(const Transcript& t) {
  std::string out;
  for (const Frame& f : t.frames)
    out += "  frame " + name(f.kind) + " " + std::to_string(f.number) + ", " + std::to_string(f.length) +
           " bytes: " + name(f.verdict) + "\n";
  for (const std::string& m : t.messages) out += "  message [" + hex(m) + "]\n";
  out += "  sent [" + hex(t.sent) + "]\n  lost [" + hex(t.lost) + "]\n";
  out += "  cancelled " + std::to_string(t.cancelled) + (t.dropped ? ", connection dropped\n" : "\n");
  return out;
}

std::string describe(const Line& line) {
  const std::string silences[] = {"", "(brief silence) ", "(lasting silence) "};
  std::string out;
  for (const Character& c : line.characters) {
    out += silences[static_cast<std::size_t>(c.before)] + hex(c.byte);
    if (c.flag != LLP_FLAG_NONE) out += "!" + std::to_string(c.flag);
    out += ' ';
  }
  return out + silences[static_cast<std::size_t>(line.at_end)];
}

}  // namespace llp::reference
