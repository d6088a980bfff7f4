// SPDX-License-Identifier: BSD-3-Clause
#include "classes.hpp"

#include <algorithm>
#include <array>

namespace llp::model {

namespace {

// The bytes that @rest does not hold yet, by what @is says of them.
template <typename Is>
ByteClass remaining(const char* name, std::array<bool, 256>& taken, Is is) {
  ByteClass c{name, {}};
  for (unsigned b = 0; b < 256; b++) {
    if (taken[b] || !is(b)) continue;
    taken[b] = true;
    c.members.push_back(static_cast<std::uint8_t>(b));
  }
  return c;
}

ByteClass one(const char* name, std::array<bool, 256>& taken, unsigned b) {
  return remaining(name, taken, [b](unsigned c) { return c == b; });
}

ByteClass range(const char* name, std::array<bool, 256>& taken, unsigned from, unsigned to) {
  return remaining(name, taken, [=](unsigned c) { return c >= from && c <= to; });
}

std::vector<ByteClass> x328_classes() {
  std::array<bool, 256> taken{};
  std::vector<ByteClass> out;
  out.push_back(one("SOH", taken, 0x01));
  out.push_back(one("STX", taken, 0x02));
  out.push_back(one("ETX", taken, 0x03));
  out.push_back(one("EOT", taken, 0x04));
  out.push_back(one("ENQ", taken, 0x05));
  out.push_back(one("ACK", taken, 0x06));
  out.push_back(one("CR", taken, 0x0d));
  out.push_back(one("DLE", taken, 0x10));
  out.push_back(one("NAK", taken, 0x15));
  out.push_back(one("ETB", taken, 0x17));
  // Their value is the number of a block or of an acknowledgement.
  out.push_back(one("digit 0", taken, '0'));
  out.push_back(one("digit 1", taken, '1'));
  out.push_back(one("digit 2", taken, '2'));
  out.push_back(range("digit 3 to 7", taken, '3', '7'));
  out.push_back(range("digit 8 and 9", taken, '8', '9'));
  out.push_back(one("<", taken, '<'));
  out.push_back(range("printable", taken, 0x20, 0x7e));
  out.push_back(range("unprintable", taken, 0x00, 0xff));
  return out;
}

std::vector<ByteClass> hllp_classes(const llp_params& p) {
  std::array<bool, 256> taken{};
  std::vector<ByteClass> out;
  out.push_back(one("SB", taken, p.sb_char));
  out.push_back(one("EB", taken, p.eb_char));
  out.push_back(one("CR", taken, 0x0d));
  out.push_back(remaining("LF or NUL", taken, [](unsigned c) { return c == 0x0a || c == 0; }));
  out.push_back(one("D", taken, 'D'));
  out.push_back(one("N", taken, 'N'));
  out.push_back(range("digit", taken, '0', '9'));
  out.push_back(one("B", taken, 'B'));
  out.push_back(range("printable", taken, 0x21, 0x7e));
  out.push_back(range("unprintable", taken, 0x00, 0xff));
  return out;
}

std::vector<ByteClass> mllp_classes(const llp_params& p) {
  std::array<bool, 256> taken{};
  std::vector<ByteClass> out;
  out.push_back(one("SB", taken, p.sb_char));
  out.push_back(one("EB", taken, p.eb_char));
  out.push_back(one("CR", taken, 0x0d));
  out.push_back(one("LF", taken, 0x0a));
  out.push_back(one("NUL", taken, 0x00));
  out.push_back(one("ACK", taken, 0x06));
  out.push_back(one("NAK", taken, 0x15));
  out.push_back(range("control", taken, 0x01, 0x1f));
  out.push_back(range("data", taken, 0x20, 0xff));
  return out;
}

std::size_t x328_frame(const llp_params& p, std::span<const std::uint8_t> b) {
  if (b[0] == 0x02 || b[0] == 0x01) {
    for (std::size_t i = 1; i < b.size(); i++) {
      if (b[i] == 0x05 || b[i] == 0x04) return i + 2 <= b.size() ? i + 2 : 0;
      if (b[i] == 0x03 || b[i] == 0x17) return i + 4 <= b.size() ? i + 4 : 0;
    }
    return 0;
  }
  // A control sequence.
  if (b[0] == 0x15 && !p.nak_term) return 1;
  for (std::size_t i = 1; i < b.size(); i++)
    if (b[i] == 0x0d) return i + 1;
  return 0;
}

}  // namespace

std::vector<ByteClass> byte_classes(llp_protocol proto, const llp_params& p) {
  if (proto == LLP_PROTO_X328) return x328_classes();
  return proto == LLP_PROTO_HLLP ? hllp_classes(p) : mllp_classes(p);
}

std::vector<std::uint8_t> representatives(llp_protocol proto, const llp_params& p) {
  std::vector<std::uint8_t> out;
  for (const ByteClass& c : byte_classes(proto, p)) {
    out.push_back(c.members.front());
    if (c.members.size() > 1) out.push_back(c.members.back());
  }
  return out;
}

std::size_t frame_length(llp_protocol proto, const llp_params& p, std::span<const std::uint8_t> bytes) {
  if (bytes.empty()) return 0;
  if (proto == LLP_PROTO_X328) return x328_frame(p, bytes);
  for (std::size_t i = 1; i < bytes.size(); i++)
    if (bytes[i - 1] == p.eb_char && bytes[i] == 0x0d) return i + 1;
  return 0;
}

}  // namespace llp::model
