// SPDX-License-Identifier: BSD-3-Clause
// HLLP: the engine and the plain decoder on the same line.
#include "diff.hpp"
#include "reference/hllp.hpp"

namespace {

using namespace llp::fuzz;
using namespace llp::reference;

constexpr std::string_view kControls("\x0b\x1c\x0d\x0a\x44\x4e\x32\x33\x30\x39\x35\x43\x58\x7f\xff\0", 16);

llp_params diff_params(Script& s) {
  llp_params p{};
  llp_params_default(&p, LLP_PROTO_HLLP);
  const unsigned a = s.next(), b = s.next(), c = s.next();
  p.send_checksum = !(a & 1);
  p.xor_scope = (a >> 1 & 3) % 3;
  p.xor_fn = a >> 3 & 1;
  p.c999 = a >> 4 & 1;
  p.eb_cr_require = a >> 5 & 1;
  p.vv_check = (a >> 6 & 3) % 3;
  p.unstuff = b & 1 ? LLP_UNSTUFF_SEGMENT : p.unstuff;
  if (b & 2) p.stuff = 8 + (b >> 2 & 3);
  if (b & 0x10) p.send_retries = b >> 5 & 3;
  if (b & 0x80) p.max_data = 1 + (c & 63);
  if (c & 0x40) p.vv = c & 31;
  return p;
}

// How: 0-1 the version, 2 with CRs put in, 3 the check covers the count, 4 an N block, 5 an unknown
// type, 6 checksum 999, 7 something behind the block.
std::string make_frame(std::uint8_t how, const std::string& text, const llp_params& p) {
  static constexpr const char* kVersions[] = {"23", "21", "2x", "99"};
  const char type = how & 0x10 ? 'N' : how & 0x20 ? 'Q' : 'D';
  const bool count = p.xor_scope == LLP_SCOPE_DATA_COUNT || (p.xor_scope == LLP_SCOPE_AUTO && how & 8);
  std::string block =
      hllp::block(type, kVersions[how & 3], how & 4 ? hllp::stuffed(text, p) : text, count, p);
  if (how & 0x40) block.replace(block.size() - 5, 3, "999");
  return how & 0x80 ? block + "\n" : block;
}

// An N block, of each reason.
std::string make_short(std::uint8_t how, const llp_params& p) {
  return hllp::block('N', "23", std::string(1, "CXBGZ"[how % 5]), p.xor_scope == LLP_SCOPE_DATA_COUNT, p);
}

}  // namespace

const Grammar& llp::fuzz::grammar() { return stream_grammar<kControls>(); }

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Script s(std::span(data, size));
  llp_params p = diff_params(s);
  const std::uint8_t how = s.next(), end = s.next();
  hllp::Station station;
  if (how % 3 == 0) station.refuse = true;
  if (how % 3 == 1) station.reply = "MSH|^~\\&|B\rMSA|AA|1\r";
  if (station.reply) p.max_data = 99994;  // it must fit
  const Line line = Stream(s, p, make_frame, make_short).line(script_end(end));
  // A reply takes effect between two calls.
  const Drive drive{.protocol = LLP_PROTO_HLLP,
                    .params = p,
                    .verdict = station.refuse ? LLP_REJECT : LLP_FORGET,
                    .reply = station.reply,
                    .part = station.reply ? 1 : script_part(how >> 5)};
  Transcript engine = engine_transcript(line, drive);
  engine.cancelled = 0;  // a message begins, for the engine, before it is known to be one
  must_agree(std::move(engine), hllp::decode(line, p, station), line);
  return 0;
}
