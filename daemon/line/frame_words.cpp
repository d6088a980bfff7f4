// SPDX-License-Identifier: BSD-3-Clause
#include "line/frame_words.hpp"

#include <fmt/format.h>

#include <iterator>

namespace llp::line {

namespace {

bool has_text(std::uint8_t frame) {
  return frame == LLP_FR_BLOCK || frame == LLP_FR_BLOCK_ABORT || frame == LLP_FR_D || frame == LLP_FR_MSG ||
         frame == LLP_FR_GARBAGE;
}

}  // namespace

std::string frame_words(const llp_event& event) {
  std::string out = llp_frame_name(static_cast<llp_frame>(event.frame));
  if (event.frame == LLP_FR_ACK) fmt::format_to(std::back_inserter(out), "{}", event.num);
  if (event.frame == LLP_FR_BLOCK) fmt::format_to(std::back_inserter(out), " {}", event.num);
  if (event.frame == LLP_FR_N && event.num >= 0x20 && event.num < 0x7f) {
    fmt::format_to(std::back_inserter(out), " {}", static_cast<char>(event.num));
  }
  if (has_text(event.frame)) {
    fmt::format_to(std::back_inserter(out), ", {} byte{}", event.len, event.len == 1 ? "" : "s");
  }
  if ((event.flags & LLP_FRAME_LAST) != 0) out += ", last";
  if ((event.flags & LLP_FRAME_AGAIN) != 0) out += ", again";
  return out;
}

}  // namespace llp::line
