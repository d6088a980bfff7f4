// SPDX-License-Identifier: BSD-3-Clause
//
// Bytes that a decoder tells apart, by one or two representatives each, and the
// borders of control sequences and blocks in a stream of bytes.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

extern "C" {
#include "proto/llp_engine.h"
}

namespace llp::model {

// All bytes of a class take the decoder along the same path; which value they
// bring matters only to checks and stored text.
struct ByteClass {
  const char* name = "";
  std::vector<std::uint8_t> members;
};

std::vector<ByteClass> byte_classes(llp_protocol proto, const llp_params& p);

// One byte of each class, two of classes that are data: a byte is then also
// damaged into another of its own class.
std::vector<std::uint8_t> representatives(llp_protocol proto, const llp_params& p);

// Length of the first control sequence or block of @bytes; 0: it goes on behind them.
std::size_t frame_length(llp_protocol proto, const llp_params& p, std::span<const std::uint8_t> bytes);

}  // namespace llp::model
