// SPDX-License-Identifier: BSD-3-Clause
// A random walk: requests and replies over a line that damages, loses, doubles
// and inserts bytes at a given rate, at virtual time.
#pragma once

#include <cstdint>
#include <string>

#include "station.hpp"

namespace llp::walk {

struct Setup {
  llp_protocol protocol = LLP_PROTO_X328;
  unsigned release = 1;  // of MLLP
  // HL7, whose replies name their requests, with default options; else text of any kind, where a reply is
  // known by its place (match=lockstep).
  bool named = false;
  double rate = 1e-4;  // faults per byte
  std::uint64_t messages = 1000;
  std::uint64_t seed = 1;
};

struct Tally {
  std::uint64_t messages = 0, delivered = 0, failed = 0, unknown = 0;
  std::uint64_t faults = 0;
  std::uint64_t retransmissions = 0, naks = 0;
  std::uint64_t repeats = 0;     // delivered again: marked, or known to be unheard
  std::uint64_t undetected = 0;  // whole messages that were not what was sent
  std::uint64_t damaged = 0;     // blocks in which something was changed
  std::uint64_t multiple = 0;    // of these, with two faults or more that only the check can see
  std::uint64_t unchecked = 0;   // ends told wrongly after damage to an answer, which carries no check
  std::uint64_t late = 0;        // replies that came after their time
  std::uint64_t lockstep =
      0;  // replies of the message before taken for a message's own: the case of that name
  std::uint64_t good_bytes = 0;  // of what arrived as it was sent
  double seconds = 0;            // virtual
  std::string violation;         // empty: none

  Tally& operator+=(const Tally& other);
};

// Runs until the messages are through or a promise is broken.
[[nodiscard]] Tally walk(const Setup& setup);

}  // namespace llp::walk
