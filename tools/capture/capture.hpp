// SPDX-License-Identifier: BSD-3-Clause
// A conversation between the two stations of a line: what each sent and when,
// what arrived of it, what each station's user did, and what it was told. The
// text form is described in docs/captures.md. Nothing here knows a protocol.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace llp::capture {

enum class Side : std::uint8_t { left, right };

constexpr Side other(Side side) { return side == Side::left ? Side::right : Side::left; }
std::string_view side_name(Side side);

// What the line says of a byte that arrives. The values are those of the
// engine's flags and of the kernel's TTY_*.
enum class Flag : std::uint8_t { none = 0, brk = 1, frame = 2, parity = 3, overrun = 4 };

struct Byte {
  std::uint8_t value = 0;
  Flag flag = Flag::none;
  bool operator==(const Byte&) const = default;
};
using Bytes = std::vector<Byte>;

// The values alone, as a string of octets.
std::string values(const Bytes& bytes);
// All without a flag.
Bytes unflagged(std::string_view octets);

// Bytes on the line. Damage is written as what was sent and never arrived, and
// what arrived and was never sent.
struct Traffic {
  Side from = Side::left;
  bool sent = true;     // the station at this end sent them
  bool arrives = true;  // they arrive at the other end
  Bytes bytes;
  bool operator==(const Traffic&) const = default;
};

// What a station's user does.
struct Action {
  Side side = Side::left;
  std::string verb;                // "submit", "abort", "accept", ...
  std::vector<std::string> words;  // what follows it
  std::string text;                // submit: the message
  bool operator==(const Action&) const = default;
};

// What a station's user is told, or what must hold at this point.
struct Expected {
  Side side = Side::left;
  std::string name;                     // "received", "done", ...
  std::vector<std::string> words;       // in the order of docs/captures.md
  std::optional<std::string> bytes;     // the octets themselves, or
  std::optional<std::uint64_t> length;  // only how many
  bool operator==(const Expected&) const = default;
};

struct Entry {
  std::uint64_t at = 0;   // nanoseconds from the beginning
  bool crossing = false;  // neither an answer to the line before nor caused by it
  std::size_t line = 0;   // in the file, from 1; 0: made, not read
  std::variant<Traffic, Action, Expected> what;
};

// One end of the line.
struct StationInfo {
  std::string name;                                          // for people: "master", "VistA"
  bool engine = true;                                        // ours can take this part
  bool known = false;                                        // it has heard of the other station before
  std::string verdict = "accept";                            // on messages received; "hand": by actions
  std::string preset;                                        // of a known peer
  std::vector<std::pair<std::string, std::string>> options;  // parameters
  bool operator==(const StationInfo&) const = default;
};

struct Capture {
  std::string title;
  std::string protocol;  // "x328", "hllp", "mllp"
  std::array<StationInfo, 2> stations;
  std::vector<std::string> shows;  // requirements (docs/conformance/)
  std::uint64_t slack = 0;         // ns: how far times of what is sent may differ
  std::uint32_t character = 0;     // ns: what a character takes on the line, for the engine to reckon with
  std::vector<Entry> entries;

  StationInfo& station(Side side) { return stations.at(static_cast<std::size_t>(side)); }
  const StationInfo& station(Side side) const { return stations.at(static_cast<std::size_t>(side)); }
};

struct ParseError {
  std::size_t line = 0;
  std::string text;
};

// Reads the text form. Comments are not kept.
std::expected<Capture, ParseError> parse(std::string_view text);

// The text form, which parse() reads to the same capture.
std::string write(const Capture& capture);

// Octets as the text form has them: `ENQ CR`, `"MSH|" CR`, `ACK1 CR`, 0xFC.
// @protocol decides whether DLE and what follows has a name of its own.
std::string write_bytes(const Bytes& bytes, std::string_view protocol);

// "1.250000000" ns precise, without needless zeros past the millisecond.
std::string write_time(std::uint64_t ns);

// The line that an entry is written as, without its time.
std::string write_entry(const Entry& entry, std::string_view protocol);

}  // namespace llp::capture
