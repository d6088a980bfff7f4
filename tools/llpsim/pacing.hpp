// SPDX-License-Identifier: BSD-3-Clause
// A line slowed down to a baud rate, both ways, as a wire would.
#pragma once

#include <asio/any_io_executor.hpp>
#include <memory>

#include "io/byte_stream.hpp"

namespace llp::sim {

// `baud`: 50 to 20,000,000, ten bits a character.
[[nodiscard]] std::unique_ptr<io::ByteStream> make_paced(const asio::any_io_executor& executor,
                                                         std::unique_ptr<io::ByteStream> line, unsigned baud);

}  // namespace llp::sim
