// SPDX-License-Identifier: BSD-3-Clause
// Conversations in files: recordings (pcapng) and the text form of captures.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "capture/capture.hpp"
#include "capture/wire.hpp"

namespace llp::ctl {

struct Recorded {
  capture::Recording recording;                  // of the text form: what `end` saw
  std::optional<capture::Capture> conversation;  // the text form itself
  std::string warning;                           // the file was cut: this much is good
};

// Whether LINE|FILE means a file: it has a slash, or ends as captures do.
[[nodiscard]] bool names_file(const std::string& what);

// Errc::not_found, permission, malformed, too_large.
[[nodiscard]] Result<Recorded> read_recorded(const std::filesystem::path& file,
                                             capture::Side end = capture::Side::left);

// "FILE: 12 packets", for people: a number with its noun.
[[nodiscard]] std::string counted(std::uint64_t n, const char* noun);

}  // namespace llp::ctl
