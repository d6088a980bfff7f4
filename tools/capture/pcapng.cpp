// SPDX-License-Identifier: BSD-3-Clause
// Numbers in blocks are in the order of the machine that wrote them, which the
// section's magic tells; those of the packets' own header are big endian.
#include "capture/pcapng.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace llp::capture {

namespace {

constexpr std::uint32_t kSection = 0x0a0d0d0a, kInterface = 1, kEnhancedPacket = 6;
constexpr std::uint32_t kMagic = 0x1a2b3c4d;
constexpr std::uint16_t kEnd = 0, kComment = 1;
constexpr std::uint16_t kApplication = 4;                                          // of a section
constexpr std::uint16_t kName = 2, kDescription = 3, kSpeed = 8, kResolution = 9;  // of an interface
constexpr std::uint16_t kPacketFlags = 2, kDropCount = 4;                          // of a packet
constexpr std::uint32_t kInbound = 1, kOutbound = 2, kSymbolError = 1U << 31;
constexpr std::uint8_t kNanoseconds = 9;
// The shortest block: type, length, length.
constexpr std::size_t kBlockMin = 12;
// Text of a name or a comment that is taken over.
constexpr std::size_t kTextMax = 4096;

// The header in front of a packet's octets.
constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kHeader = 8, kMarkSize = 4;
constexpr std::uint8_t kOut = 1, kPartial = 2;

// ---- writing: little endian ----

void put16(std::string& out, std::uint32_t v) {
  out += static_cast<char>(v & 0xff);
  out += static_cast<char>(v >> 8 & 0xff);
}
void put32(std::string& out, std::uint32_t v) {
  put16(out, v & 0xffff);
  put16(out, v >> 16);
}
void put64(std::string& out, std::uint64_t v) {
  put32(out, static_cast<std::uint32_t>(v));
  put32(out, static_cast<std::uint32_t>(v >> 32));
}
void pad(std::string& out) { out.append((4 - out.size() % 4) % 4, '\0'); }

void put_option(std::string& out, std::uint16_t code, std::string_view value) {
  value = value.substr(0, kTextMax);
  put16(out, code);
  put16(out, static_cast<std::uint32_t>(value.size()));
  out += value;
  pad(out);
}

// A block around its body, whose size is a multiple of four.
std::string block(std::uint32_t type, const std::string& body) {
  std::string out;
  const auto size = static_cast<std::uint32_t>(body.size() + kBlockMin);
  put32(out, type);
  put32(out, size);
  out += body;
  put32(out, size);
  return out;
}

std::uint8_t protocol_number(const Listened& line) {
  if (line.protocol == "x328") return 1;
  if (line.protocol == "hllp") return 2;
  if (line.protocol == "mllp") return line.release2() ? 4 : 3;
  return 0;
}

std::string_view protocol_name(std::uint8_t number) {
  switch (number) {
    case 1: return "x328";
    case 2: return "hllp";
    case 3:
    case 4: return "mllp";
    default: return "";
  }
}

void put_big16(std::string& out, std::size_t v) {
  out += static_cast<char>(v >> 8 & 0xff);
  out += static_cast<char>(v & 0xff);
}

std::string params_text(const Listened& line) {
  std::string text;
  for (const auto& [name, value] : line.params) {
    if (!text.empty()) text += ' ';
    text.append(name).append("=").append(value);
  }
  return text;
}

// One packet that fits.
std::string one_packet(const Listened& line, const Packet& packet) {
  std::string data;
  data += static_cast<char>(kVersion);
  data += static_cast<char>(packet.kind);
  data += static_cast<char>((packet.out ? kOut : 0) | (packet.partial ? kPartial : 0));
  data += static_cast<char>(protocol_number(line));
  put_big16(data, kHeader + packet.marks.size() * kMarkSize);
  put_big16(data, packet.marks.size());
  for (const Mark& mark : packet.marks) {
    put_big16(data, mark.offset);
    data += static_cast<char>(mark.flag);
    data += '\0';
  }
  data += packet.octets;

  std::string body;
  put32(body, 0);
  put32(body, static_cast<std::uint32_t>(packet.time >> 32));
  put32(body, static_cast<std::uint32_t>(packet.time));
  put32(body, static_cast<std::uint32_t>(data.size()));
  put32(body, static_cast<std::uint32_t>(data.size()));
  body += data;
  pad(body);
  std::string flags;
  put32(flags, (packet.out ? kOutbound : kInbound) | (packet.marks.empty() ? 0 : kSymbolError));
  put_option(body, kPacketFlags, flags);
  if (packet.lost > 0) {
    std::string lost;
    put64(lost, packet.lost);
    put_option(body, kDropCount, lost);
  }
  put_option(body, kEnd, {});
  return block(kEnhancedPacket, body);
}

}  // namespace

std::string pcapng_head(const Listened& line, std::string_view program) {
  std::string section;
  put32(section, kMagic);
  put16(section, 1);
  put16(section, 0);
  put64(section, ~std::uint64_t{0});  // its length is not known yet
  put_option(section, kApplication, program);
  put_option(section, kEnd, {});

  std::string interface;
  put16(interface, kLinkType);
  put16(interface, 0);
  put32(interface, 0);  // packets are whole
  put_option(interface, kName, line.name);
  if (!line.port.empty()) put_option(interface, kDescription, line.port);
  if (!line.params.empty()) put_option(interface, kComment, params_text(line));
  if (line.baud > 0) {
    std::string speed;
    put64(speed, line.baud);
    put_option(interface, kSpeed, speed);
  }
  put_option(interface, kResolution, std::string(1, static_cast<char>(kNanoseconds)));
  put_option(interface, kEnd, {});
  return block(kSection, section) + block(kInterface, interface);
}

std::string pcapng_packet(const Listened& line, const Packet& packet) {
  if (packet.octets.size() <= kPacketMax) return one_packet(line, packet);
  std::string out;
  auto mark = packet.marks.begin();
  for (std::size_t at = 0; at < packet.octets.size(); at += kPacketMax) {
    Packet part = packet;
    part.octets = packet.octets.substr(at, kPacketMax);
    part.marks.clear();
    for (; mark != packet.marks.end() && mark->offset < at + part.octets.size(); ++mark) {
      part.marks.push_back({static_cast<std::uint32_t>(mark->offset - at), mark->flag});
    }
    part.lost = at == 0 ? packet.lost : 0;
    if (packet.kind == PacketKind::message && at + kPacketMax < packet.octets.size()) part.partial = true;
    out += one_packet(line, part);
  }
  return out;
}

std::string write_pcapng(const Recording& recording, std::string_view program) {
  std::string out = pcapng_head(recording.line, program);
  for (const Packet& packet : recording.packets) out += pcapng_packet(recording.line, packet);
  return out;
}

// ---- reading ----

namespace {

// Octets that are asked for by offset; whoever asks has looked at the size.
struct View {
  std::string_view bytes;
  bool swapped = false;  // most significant octet first

  [[nodiscard]] std::uint64_t number(std::size_t at, std::size_t size) const {
    std::uint64_t v = 0;
    for (std::size_t i = 0; i < size; i++) {
      const std::size_t from = swapped ? i : size - 1 - i;
      v = v << 8 | static_cast<std::uint8_t>(bytes[at + from]);
    }
    return v;
  }
  [[nodiscard]] std::uint32_t u32(std::size_t at) const { return static_cast<std::uint32_t>(number(at, 4)); }
  [[nodiscard]] std::uint16_t u16(std::size_t at) const { return static_cast<std::uint16_t>(number(at, 2)); }
  [[nodiscard]] View part(std::size_t at) const { return {bytes.substr(at), swapped}; }
};

// Calls `take` with each option's code and value. False: they do not fit.
template <class Take>
bool each_option(View options, Take take) {
  while (options.bytes.size() >= 4) {
    const std::uint16_t code = options.u16(0);
    const std::size_t size = options.u16(2);
    if (code == kEnd) return true;
    const std::size_t padded = 4 + (size + 3) / 4 * 4;
    if (padded > options.bytes.size()) return false;
    take(code, View{options.bytes.substr(4, size), options.swapped});
    options = options.part(padded);
  }
  return options.bytes.empty();
}

std::vector<std::pair<std::string, std::string>> params_of(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> out;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    const std::size_t equals = word.find('=');
    if (equals == 0 || equals == std::string_view::npos) continue;
    out.emplace_back(word.substr(0, equals), word.substr(equals + 1));
  }
  return out;
}

class Reader {
 public:
  explicit Reader(std::string_view file) : file_{file, false} {}

  ReadFile read() {
    while (at_ < file_.bytes.size()) {
      if (auto why = next()) {
        out_.complete = false;
        out_.error = {at_, std::move(*why), cut_};
        break;
      }
    }
    return std::move(out_);
  }

 private:
  using Failure = std::optional<std::string>;

  Failure next() {
    const std::size_t left = file_.bytes.size() - at_;
    cut_ = left < kBlockMin;
    if (cut_) return "the file ends inside a block";
    // A section says in which order its own numbers are.
    View block = file_.part(at_);
    if (block.u32(0) == kSection) {
      if (block.u32(8) != kMagic) {
        file_.swapped = !file_.swapped;
        block.swapped = file_.swapped;
      }
      if (block.u32(8) != kMagic) return "a section has no order of bytes";
      in_section_ = true;
      resolutions_.clear();
    }
    if (!in_section_) return "this is not a pcapng file";
    const std::size_t size = block.u32(4);
    if (size < kBlockMin || size % 4 != 0) return "a block has a length that cannot be";
    cut_ = size > left;
    if (cut_) return "the file ends inside a block";
    if (block.u32(size - 4) != size) return "a block's two lengths differ";
    const View body{block.bytes.substr(8, size - kBlockMin), block.swapped};
    Failure failure;
    switch (block.u32(0)) {
      case kSection: failure = section(body); break;
      case kInterface: failure = interface(body); break;
      case kEnhancedPacket: failure = packet(body); break;
      default: break;
    }
    if (!failure) at_ += size;
    return failure;
  }

  static Failure section(View body) {
    if (body.bytes.size() < 16) return "a section's head is too short";
    if (body.u16(4) != 1) return "this version of pcapng is not known";
    return {};
  }

  Failure interface(View body) {
    if (body.bytes.size() < 8) return "an interface is too short";
    if (body.u16(0) != kLinkType) {
      return "it was captured on something else than a line (link type " + std::to_string(body.u16(0)) + ")";
    }
    Listened line;
    std::uint8_t resolution = 6;
    const bool fits = each_option(body.part(8), [&](std::uint16_t code, View value) {
      const std::string text(value.bytes.substr(0, kTextMax));
      if (code == kName) line.name = text;
      if (code == kDescription) line.port = text;
      if (code == kComment) line.params = params_of(text);
      if (code == kSpeed && value.bytes.size() == 8) line.baud = value.number(0, 8);
      if (code == kResolution && value.bytes.size() == 1) resolution = static_cast<std::uint8_t>(text[0]);
    });
    if (!fits) return "an interface's options do not fit";
    // Powers of two are nobody's way to write nanoseconds.
    if (resolution > kNanoseconds) return "times are in a unit that is not known";
    if (named_ && (line.name != out_.recording.line.name || line.params != out_.recording.line.params)) {
      return "there is more than one line in it";
    }
    if (!named_) out_.recording.line = std::move(line);
    named_ = true;
    resolutions_.push_back(resolution);
    return {};
  }

  Failure packet(View body) {
    if (body.bytes.size() < 20) return "a packet is too short";
    const std::size_t size = body.u32(12);
    if (body.u32(0) >= resolutions_.size()) return "a packet is of no interface";
    if (size > body.bytes.size() - 20) return "a packet is longer than its block";
    if (size != body.u32(16)) return "a packet is not whole";
    Packet packet;
    packet.time = std::uint64_t{body.u32(4)} << 32 | body.u32(8);
    for (std::uint8_t unit = resolutions_[body.u32(0)]; unit < kNanoseconds; unit++) packet.time *= 10;
    if (auto failure = header(body.bytes.substr(20, size), packet)) return failure;
    const std::size_t padded = 20 + (size + 3) / 4 * 4;
    if (padded > body.bytes.size()) return "a packet is longer than its block";
    const bool fits = each_option(body.part(padded), [&](std::uint16_t code, View value) {
      if (code == kDropCount && value.bytes.size() == 8) packet.lost = value.number(0, 8);
    });
    if (!fits) return "a packet's options do not fit";
    octets_ += packet.octets.size();
    if (octets_ > kRecordingMax) return "it is too large";
    out_.recording.packets.push_back(std::move(packet));
    return {};
  }

  // The packet's own header.
  Failure header(std::string_view data, Packet& packet) {
    if (data.size() < kHeader) return "a packet has no header";
    const View head{data, true};
    const std::size_t length = head.u16(4);
    const std::size_t marks = head.u16(6);
    if (head.number(0, 1) != kVersion) return "a packet's header is of a version that is not known";
    if (length < kHeader + marks * kMarkSize || length > data.size()) return "a packet's header does not fit";
    const auto kind = head.number(1, 1);
    const auto bits = head.number(2, 1);
    if (kind > static_cast<std::uint8_t>(PacketKind::down)) return "a packet's kind is not known";
    packet.kind = static_cast<PacketKind>(kind);
    packet.out = (bits & kOut) != 0;
    packet.partial = (bits & kPartial) != 0;
    auto& line = out_.recording.line;
    const auto number = static_cast<std::uint8_t>(head.number(3, 1));
    const std::string_view protocol = protocol_name(number);
    if (line.protocol.empty()) line.protocol = protocol;
    if (line.protocol != protocol) return "the protocol changes within it";
    if (number == 4 && !line.release2()) line.params.emplace_back("release", "2");
    packet.octets = data.substr(length);
    for (std::size_t i = 0; i < marks; i++) {
      const std::size_t at = kHeader + i * kMarkSize;
      const Mark mark{head.u16(at), static_cast<Flag>(head.number(at + 2, 1))};
      const bool ordered = packet.marks.empty() || packet.marks.back().offset < mark.offset;
      if (mark.offset >= packet.octets.size() || !ordered || mark.flag == Flag::none ||
          mark.flag > Flag::overrun) {
        return "a packet's marks are not as they must be";
      }
      packet.marks.push_back(mark);
    }
    return {};
  }

  View file_;
  std::size_t at_ = 0;
  std::size_t octets_ = 0;
  bool cut_ = false;
  bool in_section_ = false;
  bool named_ = false;
  std::vector<std::uint8_t> resolutions_;  // of the section's interfaces: 10^-n seconds
  ReadFile out_;
};

}  // namespace

bool is_pcapng(std::string_view file) { return file.starts_with("\x0a\x0d\x0d\x0a"); }

ReadFile read_pcapng(std::string_view file) { return Reader(file).read(); }

}  // namespace llp::capture
