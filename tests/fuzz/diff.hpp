// SPDX-License-Identifier: BSD-3-Clause
//
// The engine and a plain decoder (tests/reference) on the same line: they must
// agree on every frame, message and answer.
//
// An input is a header of kHeader bytes, options, then pieces: a byte whose
// low three bits tell what it is (Piece) and whose high five bits are `how`.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <utility>

#include "mutator.hpp"
#include "reference/engine_run.hpp"
#include "reference/transcript.hpp"
#include "script.hpp"

namespace llp::fuzz {

enum Piece : std::uint8_t {
  kRaw,      // how + 1 bytes as they are
  kFlagged,  // one byte with a line flag
  kSilence,  // before what follows: brief, or lasting
  kAgain,    // the last frame once more
  kFrame,    // a frame with right checks: protocol's byte, text of `how` bytes
  kSpoilt,   // the same; then position and bits of one byte that is damaged
  kCut,      // the same; then how many bytes at its end are left away
  kShort,    // a short frame, of the protocol's
};

// Size of the piece that `rest` begins with.
inline std::size_t stream_piece(std::span<const std::uint8_t> rest) {
  const std::size_t how = rest[0] >> 3;
  switch (rest[0] & 7) {
    case kRaw: return 2 + how;
    case kFlagged: return 2;
    case kFrame: return 2 + how;
    case kSpoilt: return 4 + how;
    case kCut: return 3 + how;
    default: return 1;
  }
}

// What a frame is made of: the protocol's byte, and its text.
using MakeFrame = std::string (*)(std::uint8_t how, const std::string& text, const llp_params& p);
using MakeShort = std::string (*)(std::uint8_t how, const llp_params& p);

class Stream {
 public:
  Stream(Script& s, const llp_params& p, MakeFrame frame, MakeShort brief)
      : s_(s), p_(p), frame_(frame), short_(brief) {}

  reference::Line line(reference::Silence at_end) {
    while (s_.more()) piece();
    line_.at_end = at_end;
    return std::move(line_);
  }

 private:
  void put(std::uint8_t byte, std::uint8_t flag = LLP_FLAG_NONE) {
    line_.characters.push_back({byte, flag, std::exchange(before_, reference::Silence::none)});
  }
  void put(const std::string& bytes) {
    for (const char c : bytes) put(static_cast<std::uint8_t>(c));
  }

  std::string frame(std::size_t size) {
    const std::uint8_t how = s_.next();
    const auto text = s_.take(size);
    last_ = frame_(how, std::string(text.begin(), text.end()), p_);
    return last_;
  }

  void piece() {
    const std::uint8_t c = s_.next();
    const std::uint8_t how = c >> 3;
    switch (c & 7) {
      case kRaw:
        for (const std::uint8_t byte : s_.take(how + 1U)) put(byte);
        break;
      case kFlagged: put(s_.next(), static_cast<std::uint8_t>(LLP_FLAG_BREAK + how % 4)); break;
      case kSilence: before_ = how & 1 ? reference::Silence::lasting : reference::Silence::brief; break;
      case kAgain: put(last_); break;
      case kFrame: put(frame(how)); break;
      case kSpoilt: {
        std::string f = frame(how);
        char& victim = f[s_.next() % f.size()];
        victim = static_cast<char>(victim ^ (s_.next() | 1));
        put(f);
        break;
      }
      case kCut: {
        const std::string f = frame(how);
        put(f.substr(0, f.size() - s_.next() % f.size()));
        break;
      }
      default: put(short_(how, p_)); break;
    }
  }

  Script& s_;
  const llp_params& p_;
  MakeFrame frame_;
  MakeShort short_;
  reference::Line line_;
  reference::Silence before_ = reference::Silence::none;
  std::string last_;
};

// A new piece, or several, for the mutator. `controls`: the bytes that mean something.
inline void make_piece(Random& random, Bytes& out, std::string_view controls) {
  static constexpr std::uint8_t kWhat[] = {kFrame,  kFrame, kFrame, kShort,   kShort,  kAgain,
                                           kSpoilt, kCut,   kRaw,   kFlagged, kSilence};
  const std::uint8_t what = random.pick(kWhat);
  const std::size_t how = what == kRaw ? random.below(4) : random.below(random.one_in(4) ? 32 : 12);
  const auto any = [&] {
    return random.one_in(3) ? random.byte()
                            : static_cast<std::uint8_t>(controls[random.below(controls.size())]);
  };
  out.put(static_cast<std::uint8_t>(what | how << 3));
  switch (what) {
    case kRaw:
      for (std::size_t i = 0; i <= how; i++) out.put(any());
      break;
    case kFlagged: out.put(any()); break;
    case kFrame:
    case kSpoilt:
    case kCut:
      out.put(random.byte());
      for (std::size_t i = 0; i < how; i++)
        out.put(random.one_in(12) ? any() : kSampleText.bytes[random.below(SampleText::kSize)]);
      if (what != kFrame) out.put(random.byte());
      if (what == kSpoilt) out.put(static_cast<std::uint8_t>(1U << random.below(8)));
      break;
    default: break;
  }
}

// The grammar of a target whose frames have these bytes.
template <const std::string_view& Controls>
const Grammar& stream_grammar() {
  static constexpr Grammar kGrammar{.header = kHeader,
                                    .piece = stream_piece,
                                    .make = [](Random& r, Bytes& out) { make_piece(r, out, Controls); }};
  return kGrammar;
}

// Bytes that the engine gets at once. Few: answers are fetched in between, and no more than some
// twenty of them are kept.
inline std::size_t script_part(unsigned b) {
  static constexpr std::size_t kParts[] = {1, 2, 3, 5, 8, 13, 21, 24};
  return kParts[b % 8];
}

inline reference::Silence script_end(std::uint8_t b) {
  return b % 8 == 0   ? reference::Silence::none
         : b % 8 == 1 ? reference::Silence::lasting
                      : reference::Silence::brief;
}

// Ends the program if the two transcripts differ where the specification fixes them.
inline void must_agree(reference::Transcript engine, reference::Transcript plain,
                       const reference::Line& line) {
  if (!plain.unsettled.empty()) return;
  for (reference::Frame& f : engine.frames) f = reference::comparable(f);
  for (reference::Frame& f : plain.frames) f = reference::comparable(f);
  if (engine == plain) return;
  (void)std::fprintf(stderr, "line: %s\nengine:\n%sreference:\n%s", reference::describe(line).c_str(),
                     reference::describe(engine).c_str(), reference::describe(plain).c_str());
  std::abort();
}

}  // namespace llp::fuzz
