// SPDX-License-Identifier: BSD-3-Clause
// Frames in what passed on a line. Two engines listen, one in the place of each
// station: each is given what its station received, takes every message, and
// what it would answer goes nowhere. So frames, checks, repeats and silences
// are told by the code that the line itself runs, with its parameters.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "capture/wire.hpp"
#include "line/engine_api.hpp"

namespace llp::ladder {

enum class SightKind : std::uint8_t { frame, message, up, down, missing };

// What became of it on the way; only the text form of captures knows.
enum class Fate : std::uint8_t { passed, lost, noise };

struct Sight {
  SightKind kind = SightKind::frame;
  std::uint64_t begin = 0, end = 0;  // of its first and of its last octet, ns
  bool out = false;
  Fate fate = Fate::passed;
  llp_event frame{};   // frame: LLP_EV_FRAME; message: len
  std::string octets;  // all of it
  std::vector<capture::Mark> marks;
  std::string text;           // up, down: what the line says
  std::uint64_t packets = 0;  // missing: how many were lost
};

// "block 1, 233 bytes, again", "message, 120 bytes", "line up".
[[nodiscard]] std::string words(const Sight& sight);
// What is wrong with it: "bad check, 2 parity errors"; empty: nothing. A
// refusal (NAK, N, commit NAK) is trouble, too, and says so itself.
[[nodiscard]] std::string trouble(const Sight& sight);
// Whether it is marked: trouble, a refusal, or a repeat.
[[nodiscard]] bool is_marked(const Sight& sight);

class Decoder {
 public:
  using Tell = std::function<void(const Sight&)>;

  // @params: as the line's, checked.
  Decoder(llp_protocol protocol, const llp_params& params, Tell tell);
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  ~Decoder();

  // The next packet. Times that run backwards are held.
  void packet(const capture::Packet& packet);
  // As packet(), for octets that were sent and never arrived, or that nobody sent.
  void packet(const capture::Packet& packet, Fate fate);
  // Time has passed, and nothing came.
  void time(std::uint64_t now);
  // The end: what was begun is told as it is.
  void finish();

 private:
  class Ear;
  std::array<std::unique_ptr<Ear>, 2> ears_;  // [1]: of what this end sent
  std::array<std::string, 2> message_;        // the parts of one that came
  Tell tell_;
  std::uint64_t now_ = 0;
};

// A conversation in the text form, with what was lost and what nobody sent; left
// is this end.
void feed(Decoder& decoder, const capture::Capture& conversation);

// The line's parameters as a recording names them, "peer" those of a known one;
// what is not known or not valid is passed over.
[[nodiscard]] llp_params params_of(const capture::Listened& line, llp_protocol protocol);
// Of "x328", "hllp", "mllp"; false: it is none of them.
[[nodiscard]] bool protocol_of(const std::string& name, llp_protocol& protocol);

}  // namespace llp::ladder
