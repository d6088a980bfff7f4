// SPDX-License-Identifier: BSD-3-Clause
// A line that is one connected socket, for once: when it has ended it does not come back. Not installed.
#pragma once

#include <asio/any_io_executor.hpp>
#include <memory>

#include "io/byte_stream.hpp"
#include "libllp/dial.hpp"

namespace llp::detail {

[[nodiscard]] std::unique_ptr<io::ByteStream> make_socket_stream(const asio::any_io_executor& executor,
                                                                 Dialled socket);

}  // namespace llp::detail
