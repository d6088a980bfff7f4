// SPDX-License-Identifier: BSD-3-Clause
// Recordings as pcapng files, docs/captures.md: one section, one interface of
// LINKTYPE_USER0, a packet with a small header of its own for each piece of the
// conversation. Reading trusts nothing that a file says.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "capture/wire.hpp"

namespace llp::capture {

// LINKTYPE_USER0: for private use.
inline constexpr std::uint16_t kLinkType = 147;
// Octets in one packet of a file, and marks on them; longer ones are cut into several.
inline constexpr std::size_t kPacketMax = 16000;
// Octets in all packets of a file that is read.
inline constexpr std::size_t kRecordingMax = std::size_t{256} << 20;

// What stands at the beginning of a file. @program: "llpctl 0.1.0".
[[nodiscard]] std::string pcapng_head(const Listened& line, std::string_view program);

// The blocks of one packet; @line as in the head.
[[nodiscard]] std::string pcapng_packet(const Listened& line, const Packet& packet);

// A whole file.
[[nodiscard]] std::string write_pcapng(const Recording& recording, std::string_view program);

// Whether a file begins as pcapng does.
[[nodiscard]] bool is_pcapng(std::string_view file);

struct FileError {
  std::size_t offset = 0;  // of the block that is wrong
  std::string text;
  // The file ends inside a block, as one does whose writer was killed: what
  // came before is good.
  bool cut = false;
};

// What could be read, and what is wrong from there on. Blocks that are not
// known are passed over; interfaces of other kinds, and second lines, are errors.
struct ReadFile {
  Recording recording;
  bool complete = true;
  FileError error;  // unless complete
};
[[nodiscard]] ReadFile read_pcapng(std::string_view file);

}  // namespace llp::capture
