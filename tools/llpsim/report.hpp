// SPDX-License-Identifier: BSD-3-Clause
// What a station did, for people and for programs; and its ladder.
#pragma once

#include <array>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "line/line.hpp"
#include "llpsim/faults.hpp"

namespace llp::sim {

// One message that was to be sent.
struct SendRecord {
  std::string file;
  std::string control_id;
  std::size_t bytes = 0;
  unsigned tries = 0;
  llp_cause cause = LLP_OK;
  llp_outcome outcome = LLP_OUT_NOT_SENT;
  std::string reply_error;  // why there is no reply, empty if there is one or none was asked for
  bool replied = false;
  std::size_t reply_bytes = 0;

  [[nodiscard]] bool good() const noexcept { return cause == LLP_OK && reply_error.empty(); }
};

struct FrameCounts {
  std::uint64_t blocks_out = 0, blocks_in = 0, again_out = 0, naks_out = 0, naks_in = 0, acks_out = 0,
                acks_in = 0, enq_out = 0, enq_in = 0, bad_in = 0, duplicates_in = 0;
};

struct Report {
  std::string protocol;
  std::uint64_t seed = 0;
  std::vector<SendRecord> sent;
  std::uint64_t retried = 0;
  std::uint64_t received = 0, received_bytes = 0, repeats = 0, late = 0, refused = 0, answered = 0,
                answers_failed = 0, gone = 0, unacknowledged = 0;
  FrameCounts frames;
  FaultCounts faults;
  std::array<std::uint64_t, LLP_C__N> counters{};

  // One object, keys in a fixed order.
  [[nodiscard]] std::string json() const;
  // A few lines for people.
  [[nodiscard]] std::string summary() const;
};

// Counts frames and, if `out` is given, writes each as a line:
//   1793694896.123456 > block 1, 233 bytes
// The time is that of the wall clock; > was sent by this station, < came.
class LadderObserver final : public line::Observer {
 public:
  LadderObserver(FrameCounts& counts, std::FILE* out) : counts_(counts), out_(out) {}
  void frame(const llp_event& event) override;
  void timer(const char* name) override;
  void state(const char* name) override;
  void lost(std::size_t bytes) override;
  void connection(bool up, const std::string& what) override;
  void raw(bool out, std::span<const std::uint8_t> bytes) override;

 private:
  void write(char direction, const std::string& text) const;
  void count(const llp_event& event);
  FrameCounts& counts_;
  std::FILE* out_;
};

}  // namespace llp::sim
