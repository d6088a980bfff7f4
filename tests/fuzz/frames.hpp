// SPDX-License-Identifier: BSD-3-Clause
//
// Frames of each protocol as a sending station builds them, their checks right.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace llp::fuzz {

// A frame under construction; what does not fit is left away.
class Bytes {
 public:
  static constexpr std::size_t kMax = 1400;

  void clear() { len_ = 0; }
  void put(std::uint8_t c) {
    if (len_ < kMax) b_[len_++] = c;
  }
  void put(std::span<const std::uint8_t> part) {
    const std::size_t n = part.size() < kMax - len_ ? part.size() : kMax - len_;
    if (n) std::memcpy(b_ + len_, part.data(), n);
    len_ += n;
  }
  void put(std::string_view part) {
    for (const char c : part) put(static_cast<std::uint8_t>(c));
  }
  // A number in decimal, with leading zeroes.
  void put_digits(std::size_t value, int width) {
    std::uint8_t digits[8];
    for (int i = width - 1; i >= 0; i--, value /= 10) digits[i] = static_cast<std::uint8_t>('0' + value % 10);
    put(std::span(digits, static_cast<std::size_t>(width)));
  }
  void cut(std::size_t n) { len_ -= n < len_ ? n : len_; }
  std::uint8_t& operator[](std::size_t i) { return b_[i]; }
  std::size_t size() const { return len_; }
  std::span<const std::uint8_t> span() const { return {b_, len_}; }

 private:
  std::uint8_t b_[kMax] = {};
  std::size_t len_ = 0;
};

inline constexpr std::uint8_t kStx = 0x02, kEtx = 0x03, kEot = 0x04, kEnq = 0x05, kAck = 0x06, kSb = 0x0b,
                              kCr = 0x0d, kDle = 0x10, kNak = 0x15, kEtb = 0x17, kEb = 0x1c;

inline std::uint8_t xor_of(std::span<const std::uint8_t> bytes) {
  std::uint64_t x = 0;
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    std::uint64_t w = 0;
    std::memcpy(&w, bytes.data() + i, 8);
    x ^= w;
  }
  x ^= x >> 32;
  x ^= x >> 16;
  x ^= x >> 8;
  for (; i < bytes.size(); i++) x ^= bytes[i];
  return static_cast<std::uint8_t>(x);
}

inline std::uint8_t sum_of(std::span<const std::uint8_t> bytes) {
  unsigned sum = 0;
  for (const std::uint8_t c : bytes) sum += c;
  return static_cast<std::uint8_t>(sum);
}

// X3.28: STX, number, length, text, ETB or ETX, check in hexadecimal digits, CR.
inline void x328_block(Bytes& b, unsigned num, std::span<const std::uint8_t> text, std::uint8_t end) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  b.clear();
  b.put(kStx);
  b.put(static_cast<std::uint8_t>('0' + num));
  b.put_digits(text.size(), 5);
  b.put(text);
  b.put(end);
  const std::uint8_t bcc = xor_of(b.span().subspan(1));
  b.put(static_cast<std::uint8_t>(kHex[bcc >> 4]));
  b.put(static_cast<std::uint8_t>(kHex[bcc & 15]));
  b.put(kCr);
}

// HLLP: SB, type, version, CR, data, length, checksum, EB, CR. Data that would end it becomes 'x'.
inline void hllp_block(Bytes& b, char type, std::span<const std::uint8_t> data, bool sum) {
  b.clear();
  b.put(kSb);
  b.put(static_cast<std::uint8_t>(type));
  b.put(std::string_view("23\r"));
  for (const std::uint8_t c : data) b.put(c == kSb || c == kEb ? std::uint8_t{'x'} : c);
  const std::size_t len = b.size();
  const std::uint8_t check = sum ? sum_of(b.span()) : xor_of(b.span());
  b.put_digits(len, 5);
  b.put_digits(check, 3);
  b.put(kEb);
  b.put(kCr);
}

// MLLP: SB, content, EB, CR. A commit reply is one with the content ACK or NAK.
inline void mllp_block(Bytes& b, std::span<const std::uint8_t> content) {
  b.clear();
  b.put(kSb);
  b.put(content);
  b.put(kEb);
  b.put(kCr);
}

}  // namespace llp::fuzz
