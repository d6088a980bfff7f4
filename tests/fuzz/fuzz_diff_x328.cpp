// SPDX-License-Identifier: BSD-3-Clause
// X3.28: the engine and the plain decoder on the same line.
#include "diff.hpp"
#include "reference/x328.hpp"

namespace {

using namespace llp::fuzz;
using namespace llp::reference;

constexpr std::string_view kControls(
    "\x01\x02\x03\x04\x05\x06\x0d\x10\x15\x17\x30\x31\x37\x38\x3c\x46\x66\x7f\xff\0", 20);

llp_params diff_params(Script& s) {
  llp_params p{};
  llp_params_default(&p, LLP_PROTO_X328);
  const unsigned a = s.next(), b = s.next(), c = s.next();
  p.timer_e = 0;
  p.nak_term = !(a & 1);
  p.strict_term = a >> 1 & 1;
  p.accept_plain_ack = a >> 2 & 1;
  p.bcc_high = (a >> 3 & 3) % 3;
  p.join = a >> 5 & 1;
  p.gap = a >> 6 & 1;
  if (a & 0x80) p.max_rx_text = 1 + (b & 15);
  if (b & 0x10) p.max_message = 1 + (c & 63);
  if (b & 0x20) p.retries_l = b >> 6;
  return p;
}

// How: 0-2 the number, 3 last, 4 and 5 a heading of so many bytes that the check counts, or not.
std::string make_frame(std::uint8_t how, const std::string& text, const llp_params& p) {
  std::string block = x328::block(how & 7, text, how & 8, p);
  if (const std::size_t n = how >> 4 & 3; how & 0x80 && n) {
    const std::string heading(n, 'H');
    if (how & 0x40) {
      const std::string covered = block.substr(1, block.size() - 4);
      block.replace(block.size() - 3, 2, x328::check_digits(heading + "\x02" + covered, p));
    }
    block.insert(0, "\x01" + heading);
  }
  return block;
}

std::string make_short(std::uint8_t how, const llp_params&) {
  switch (how & 15) {
    case 8: return "\x15\x0d";
    case 9: return "\x10<\x0d";
    case 10: return "\x04\x0d";
    case 11: return "\x04\x0d\x05\x0d";
    case 12: return "\x05";
    case 13: return "\x06\x0d";
    case 14:
    case 15: return "\x05\x0d";
    default: return std::string("\x10") + static_cast<char>('0' + (how & 7)) + "\x0d";
  }
}

// Answers of another slave mean nothing to a slave, which counts them.
void drop_answers(Transcript& t) {
  std::erase_if(t.frames, [](const Frame& f) {
    return f.kind == LLP_FR_ACK || f.kind == LLP_FR_NAK || f.kind == LLP_FR_RINT;
  });
}

}  // namespace

const Grammar& llp::fuzz::grammar() { return stream_grammar<kControls>(); }

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Script s(std::span(data, size));
  const llp_params p = diff_params(s);
  const std::uint8_t how = s.next(), end = s.next();
  const bool ready = how % 32 != 0;
  const Line line = Stream(s, p, make_frame, make_short).line(script_end(end));
  const Drive drive{.protocol = LLP_PROTO_X328, .params = p, .ready = ready, .part = script_part(how >> 5)};
  Transcript engine = engine_transcript(line, drive);
  Transcript plain = x328::decode(line, p, {.ready = ready});
  engine.lost.clear();  // garbage is ignored and counted, which is all that is said of it
  drop_answers(engine);
  drop_answers(plain);
  must_agree(std::move(engine), std::move(plain), line);
  return 0;
}
