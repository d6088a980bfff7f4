// SPDX-License-Identifier: BSD-3-Clause
// Damage to what goes over a line, by chance and repeatable.
#pragma once

#include <asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "io/byte_stream.hpp"
#include "line/engine_api.hpp"

namespace llp::sim {

// Probabilities are 0 to 1.
struct FaultPlan {
  double flip = 0, lose = 0, twice = 0, insert = 0;  // per byte
  double flip_block = 0;                             // one byte of a data block damaged
  double lose_ack = 0;                               // an acknowledgement that we send does not arrive
  double delay_ack = 0;                              // it comes late
  std::chrono::milliseconds ack_delay{500};
  double silence = 0;  // chance at each write that all we send is lost for a while
  std::chrono::milliseconds silence_time{1000};
  bool in = true, out = true;  // directions that bytes and blocks are damaged in
  std::uint64_t seed = 1;

  [[nodiscard]] bool any() const noexcept {
    return flip > 0 || lose > 0 || twice > 0 || insert > 0 || flip_block > 0 || lose_ack > 0 ||
           delay_ack > 0 || silence > 0;
  }
};

// What was done.
struct FaultCounts {
  std::uint64_t flipped = 0, lost = 0, doubled = 0, inserted = 0;  // bytes
  std::uint64_t blocks = 0;                                        // damaged by flip_block
  std::uint64_t acks_lost = 0, acks_delayed = 0, silences = 0;
};

// Damages the bytes of one direction. Deterministic for a seed and the order of
// bytes, however they are split. A block that is to be damaged gets exactly one
// damaged byte, within the length of the block before; for one that turns out
// shorter it is the last before the end, so its bytes are held until the next.
class Damager {
 public:
  // `sb`, `eb`: the marks of HLLP and MLLP blocks.
  Damager(const FaultPlan& plan, llp_protocol protocol, std::uint8_t sb, std::uint8_t eb, std::uint64_t seed,
          FaultCounts& counts);

  void damage(std::span<const std::uint8_t> in, std::vector<std::uint8_t>& out);
  // The line is another one: a block begun on it is over.
  void restart();

 private:
  // Whether this byte of a block is the one to damage.
  bool block_byte(std::uint8_t byte);
  void pass(std::uint8_t byte, bool hit, std::vector<std::uint8_t>& out);
  void begin_block();
  void end_block();
  bool chance(double p);
  std::uint8_t flip(std::uint8_t byte);

  const FaultPlan plan_;
  const llp_protocol protocol_;
  const std::uint8_t sb_, eb_;
  FaultCounts& counts_;
  std::mt19937_64 rng_;
  bool in_block_ = false;
  bool chosen_ = false;               // this block is to be damaged
  std::size_t at_ = 0;                // position in the block
  std::size_t target_ = 0;            // byte to damage
  std::size_t usual_ = 40;            // length of the block before: where to aim
  unsigned tail_ = 0;                 // X3.28: check characters still to come
  std::optional<std::uint8_t> held_;  // the byte before, in a block to be damaged
};

// True if `bytes` begin with an acknowledgement (X3.28 ACKn, RINT, NAK; MLLP 2
// commit replies; HLLP N blocks); `length` is then its length.
[[nodiscard]] bool begins_with_acknowledgement(llp_protocol protocol, std::uint8_t sb, std::uint8_t eb,
                                               std::span<const std::uint8_t> bytes, std::size_t& length);

// A line with faults. `counts` must outlive it.
[[nodiscard]] std::unique_ptr<io::ByteStream> make_faulty(const asio::any_io_executor& executor,
                                                          std::unique_ptr<io::ByteStream> line,
                                                          const FaultPlan& plan, llp_protocol protocol,
                                                          const llp_params& params, FaultCounts& counts);

}  // namespace llp::sim
