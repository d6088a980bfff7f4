// SPDX-License-Identifier: BSD-3-Clause
//
// HLLP: blocks with their counts and checksums. Every trailer was computed by a
// generator of its own; VistA emits D22 and the N22 blocks byte for byte.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "support/engine_harness.hpp"

namespace llp::test::hllp {

inline const std::string kM = "MSH|^~\\&|A\rPID|1\r";
inline const std::string kMLab = "MSH|^~\\&|LAB\rPID|1\r";
inline const std::string kA = "MSH|^~\\&|B\rMSA|AA|1\r";

struct Vector {
  const char* name;
  int vv;
  char type;
  std::string_view data;
  const char* trailer;  // ccccc xxx
};

// Data blocks, checksum over head and data.
inline const std::array<Vector, 8> kData = {{
    {"D22", 22, 'D', kM, "00022031"},
    {"D22.LAB", 22, 'D', kMLab, "00024017"},
    {"D21", 21, 'D', kM, "00022028"},
    {"D23", 23, 'D', kM, "00022030"},
    {"D23.ack", 23, 'D', kA, "00025099"},
    {"D23.highbit", 23, 'D', "M\xfc\r", "00008255"},
    {"D23.empty", 23, 'D', "", "00005067"},
    {"D23.one", 23, 'D', "M", "00006014"},
}};

// NAK blocks: versions 21 to 23, reasons C X B G.
inline const std::array<Vector, 12> kNaks = {{
    {"N21.C", 21, 'N', "C", "00006008"},
    {"N21.X", 21, 'N', "X", "00006019"},
    {"N21.B", 21, 'N', "B", "00006009"},
    {"N21.G", 21, 'N', "G", "00006012"},
    {"N22.C", 22, 'N', "C", "00006011"},
    {"N22.X", 22, 'N', "X", "00006016"},
    {"N22.B", 22, 'N', "B", "00006010"},
    {"N22.G", 22, 'N', "G", "00006015"},
    {"N23.C", 23, 'N', "C", "00006010"},
    {"N23.X", 23, 'N', "X", "00006017"},
    {"N23.B", 23, 'N', "B", "00006011"},
    {"N23.G", 23, 'N', "G", "00006014"},
}};

inline const char kSunTrailer[] = "00022046";   // D23 of kM, checksum also over the count
inline const char kNoneTrailer[] = "00022999";  // not computed
inline const char kBadXorTrailer[] = "00022000";
inline const char kStuffed[] = "MSH|^~\\&\r|A\rPID|1\r";  // kM with stuff=8
inline const char kStuffedTrailer[] = "00023019";

// A block of which the trailer is given.
inline std::string raw(char type, int vv, std::string_view data, std::string_view trailer) {
  std::string b = "\x0b";
  b += type;
  b += static_cast<char>('0' + vv / 10);
  b += static_cast<char>('0' + vv % 10);
  b += '\r';
  b += data;
  b += trailer;
  b += "\x1c\r";
  return b;
}
inline std::string raw(const Vector& v) { return raw(v.type, v.vv, v.data, v.trailer); }

// A second maker of trailers, of the plainest kind.
inline std::string trailer(char type, int vv, std::string_view data, bool sun = false, bool sum = false) {
  std::string head = raw(type, vv, data, "").substr(0, 5 + data.size());
  char count[8];
  (void)std::snprintf(count, sizeof(count), "%05zu", head.size());
  std::string covered = head + (sun ? count : "");
  unsigned acc = 0;
  for (unsigned char c : covered) acc = sum ? (acc + c) & 255 : acc ^ c;
  char check[8];
  (void)std::snprintf(check, sizeof(check), "%03u", acc);
  return std::string(count) + check;
}
inline std::string D(std::string_view data, int vv = 23) {
  return raw('D', vv, data, trailer('D', vv, data));
}
inline std::string N(char reason, int vv = 23) {
  const std::string r(1, reason);
  return raw('N', vv, r, trailer('N', vv, r));
}

}  // namespace llp::test::hllp
