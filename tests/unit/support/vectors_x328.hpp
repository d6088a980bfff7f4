// SPDX-License-Identifier: BSD-3-Clause
//
// X3.28 blocks with their check characters worked out by hand or published:
// the first is the example of the HL7 profile as adapted by the VistA CMOP
// manual; those of the four-block message were sent by VistA.
#pragma once

#include <array>
#include <string_view>

namespace llp::test::x328 {

struct BlockVector {
  const char* name;
  int num;                // BLK
  std::string_view text;  // TL follows from it
  bool last;              // ETX, else ETB
  const char* hex;        // the whole block, STX to TERM
};

using namespace std::string_view_literals;

inline constexpr std::array<BlockVector, 18> kBlocks{{
    {"public", 1, "HL7 is great!"sv, true,
     "02 31 30 30 30 31 33 48 4C 37 20 69 73 20 67 72 65 61 74 21 03 36 44 0D"},
    {"single", 1, "MSH|^~\\&|A\rPID|1\r"sv, true,
     "02 31 30 30 30 31 37 4D 53 48 7C 5E 7E 5C 26 7C 41 0D 50 49 44 7C 31 0D 03 35 39 0D"},
    {"b1", 1, "MSH|^~\\&|A\r"sv, false, "02 31 30 30 30 31 31 4D 53 48 7C 5E 7E 5C 26 7C 41 0D 17 35 36 0D"},
    {"b2", 2, "PID|1\r"sv, true, "02 32 30 30 30 30 36 50 49 44 7C 31 0D 03 31 41 0D"},
    {"b2etb", 2, "PID|1\r"sv, false, "02 32 30 30 30 30 36 50 49 44 7C 31 0D 17 30 45 0D"},
    {"b3etb", 3, "OBX|1\r"sv, false, "02 33 30 30 30 30 36 4F 42 58 7C 31 0D 17 30 37 0D"},
    {"b4", 4, "OBX|2\r"sv, true, "02 34 30 30 30 30 36 4F 42 58 7C 32 0D 03 31 37 0D"},
    {"empty", 1, ""sv, true, "02 31 30 30 30 30 30 03 30 32 0D"},
    {"highbit", 1, "M\xfc\r"sv, true, "02 31 30 30 30 30 33 4D FC 0D 03 42 44 0D"},
    {"wrap1", 1, "A\r"sv, false, "02 31 30 30 30 30 32 41 0D 17 35 38 0D"},
    {"wrap2", 2, "B\r"sv, false, "02 32 30 30 30 30 32 42 0D 17 35 38 0D"},
    {"wrap3", 3, "C\r"sv, false, "02 33 30 30 30 30 32 43 0D 17 35 38 0D"},
    {"wrap4", 4, "D\r"sv, false, "02 34 30 30 30 30 32 44 0D 17 35 38 0D"},
    {"wrap5", 5, "E\r"sv, false, "02 35 30 30 30 30 32 45 0D 17 35 38 0D"},
    {"wrap6", 6, "F\r"sv, false, "02 36 30 30 30 30 32 46 0D 17 35 38 0D"},
    {"wrap7", 7, "G\r"sv, false, "02 37 30 30 30 30 32 47 0D 17 35 38 0D"},
    {"wrap8", 0, "H\r"sv, false, "02 30 30 30 30 30 32 48 0D 17 35 30 0D"},
    {"wrap9", 1, "I\r"sv, true, "02 31 30 30 30 30 32 49 0D 03 34 34 0D"},
}};

// b1 with a wrong check, 57 for 56.
inline constexpr const char* kBadBcc = "02 31 30 30 30 31 31 4D 53 48 7C 5E 7E 5C 26 7C 41 0D 17 35 37 0D";
// "M\xfc\r" as the two ways of writing a check of 80..FF in seven bits have it.
inline constexpr const char* kHighMask7 = "02 31 30 30 30 30 33 4D FC 0D 03 33 44 0D";
inline constexpr const char* kHighVista00 = "02 31 30 30 30 30 33 4D FC 0D 03 30 30 0D";
// b1 broken off by ENQ.
inline constexpr const char* kBlockAbort = "02 31 30 30 30 31 31 4D 53 48 7C 5E 05 0D";
// Heading "HDR", text "L1\r"; the check counts from BLK on, or from the heading on.
inline constexpr const char* kHeadingFromBlk = "01 48 44 52 02 31 30 30 30 30 33 4C 31 0D 03 37 31 0D";
inline constexpr const char* kHeadingFromHeading = "01 48 44 52 02 31 30 30 30 30 33 4C 31 0D 03 32 44 0D";

}  // namespace llp::test::x328
