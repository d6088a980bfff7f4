// SPDX-License-Identifier: BSD-3-Clause
// MLLP release 1 and 2: the engine and the plain decoder on the same line.
#include "diff.hpp"
#include "reference/mllp.hpp"

namespace {

using namespace llp::fuzz;
using namespace llp::reference;

constexpr std::string_view kControls("\x0b\x1c\x0d\x0a\x06\x15\x41\x1f\x20\x7f\xff\x09\0", 13);

llp_params diff_params(Script& s) {
  llp_params p{};
  llp_params_default(&p, LLP_PROTO_MLLP);
  const unsigned a = s.next(), b = s.next(), c = s.next();
  p.release = 1 + (a & 1);
  p.eb = a >> 1 & 3;
  p.vt = (a >> 3 & 3) % 3;
  p.dedup = a >> 5 & 1;
  p.on_fail = a >> 6 & 1;
  if ((a & 0x80) && (b & 1)) p.lost = LLP_LOST_REJECT;
  if (b & 2) p.max_message = 1 + (c & 15);
  return p;
}

// How: 0-1 what follows EB instead of CR, if 2; 3 without a final CR of the text.
std::string make_frame(std::uint8_t how, const std::string& text, const llp_params& p) {
  std::string block = mllp::block(how & 8 ? text : text + "\r", p);
  if (how & 4) {
    block.pop_back();
    if (how & 3)
      block +=
          "\x0a\x0b"
          "A"[(how & 3) - 1];
  }
  return block;
}

// Commit replies; in release 1 they are messages.
std::string make_short(std::uint8_t how, const llp_params& p) {
  return mllp::block(how & 1 ? "\x15" : "\x06", p);
}

}  // namespace

const Grammar& llp::fuzz::grammar() { return stream_grammar<kControls>(); }

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Script s(std::span(data, size));
  llp_params p = diff_params(s);
  const std::uint8_t how = s.next(), end = s.next();
  mllp::Station station;
  if (how % 3 == 0) station.refuse = true;
  if (how % 3 == 1 && p.release == 1) station.reply = "R\r";
  if (station.reply && p.max_message < 2) p.max_message = 2;  // it must fit
  const Line line = Stream(s, p, make_frame, make_short).line(script_end(end));
  // Answers, and the end of the connection, take effect between two calls.
  const bool one = station.reply || p.lost == LLP_LOST_REJECT || p.on_fail == LLP_ON_FAIL_CLOSE;
  const Drive drive{.protocol = LLP_PROTO_MLLP,
                    .params = p,
                    .verdict = station.refuse   ? LLP_REJECT
                               : p.release == 2 ? LLP_ACCEPT
                                                : LLP_FORGET,
                    .reply = station.reply,
                    .part = one ? 1 : script_part(how >> 5)};
  Transcript engine = engine_transcript(line, drive);
  engine.cancelled = 0;  // a message begins, for the engine, before it is known to be one
  must_agree(std::move(engine), mllp::decode(line, p, station), line);
  return 0;
}
