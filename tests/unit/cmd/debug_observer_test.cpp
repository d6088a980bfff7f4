// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/debug_observer.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace llp::cmd {
namespace {

std::string text(std::string_view bytes, bool content) {
  return bytes_text({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, content);
}

TEST(BytesText, ControlCharactersByName) {
  EXPECT_EQ(text("\x05\r", false), "<ENQ><CR>");
  EXPECT_EQ(text("\x02"
                 "1MSH|Doe\r\x03"
                 "12\r",
                 false),
            "<STX>[8]<CR><ETX>[2]<CR>");
  EXPECT_EQ(text("\x02"
                 "1MSH|D\xe9\r",
                 true),
            "<STX>1MSH|D<E9><CR>");
  EXPECT_EQ(text("\x7f\x1f\xff", false), "<DEL><US>[1]");
  EXPECT_EQ(text(std::string_view("\0", 1), false), "<NUL>");
  EXPECT_EQ(text("", false), "");
}

// Not one byte that is not a control character gets through.
TEST(BytesText, NoContent) {
  for (int byte = 0; byte < 256; byte++) {
    const std::string one(1, static_cast<char>(byte));
    const bool control = byte < 0x20 || byte == 0x7f;
    if (control) {
      EXPECT_EQ(text(one, false).front(), '<') << byte;
      EXPECT_EQ(text(one, false), text(one, true));
    } else {
      EXPECT_EQ(text(one, false), "[1]") << byte;
    }
  }
}

llp_event frame(llp_frame what, bool out, u8 num = 0, u32 len = 0) {
  llp_event event{};
  event.type = LLP_EV_FRAME;
  event.frame = static_cast<u8>(what);
  event.out = out ? 1 : 0;
  event.num = num;
  event.len = len;
  return event;
}

TEST(FrameText, InWords) {
  EXPECT_EQ(frame_text(frame(LLP_FR_ENQ, true)), "sent ENQ");
  EXPECT_EQ(frame_text(frame(LLP_FR_ACK, false, 0)), "received ACK0");
  EXPECT_EQ(frame_text(frame(LLP_FR_ACK, true, 7)), "sent ACK7");
  auto block = frame(LLP_FR_BLOCK, true, 3, 233);
  EXPECT_EQ(frame_text(block), "sent block 3, 233 bytes");
  block.flags = LLP_FRAME_LAST | LLP_FRAME_AGAIN;
  EXPECT_EQ(frame_text(block), "sent block 3, 233 bytes, last, again");
  block.out = 0;
  block.flags = 0;
  block.verdict = LLP_FV_CHECK;
  EXPECT_EQ(frame_text(block), "received block 3, 233 bytes: bad check");
  EXPECT_EQ(frame_text(frame(LLP_FR_N, false, 'C', 1)), "received N block C");
  EXPECT_EQ(frame_text(frame(LLP_FR_MSG, false, 0, 12)), "received data block, 12 bytes");
}

TEST(DebugObserver, SaysEverything) {
  std::vector<std::string> lines;
  const Logger log([&lines](LogLevel, std::string_view line) { lines.emplace_back(line); }, LogLevel::debug);
  DebugObserver observer(log.child("chem"), false);
  const std::vector<std::uint8_t> bytes{5, 13};
  observer.raw(true, bytes);
  observer.raw(false, bytes);
  observer.frame(frame(LLP_FR_ENQ, true));
  observer.timer("timer A");
  observer.state("idle");
  observer.lost(3);
  observer.connection(true, "/dev/ttyS0");
  observer.connection(false, "");
  EXPECT_EQ(lines, (std::vector<std::string>{"chem: > <ENQ><CR>", "chem: < <ENQ><CR>", "chem: sent ENQ",
                                             "chem: timer: timer A", "chem: state: idle",
                                             "chem: lost 3 bytes outside any frame",
                                             "chem: line up: /dev/ttyS0", "chem: line down"}));
}

}  // namespace
}  // namespace llp::cmd
