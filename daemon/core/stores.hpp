// SPDX-License-Identifier: BSD-3-Clause
// A line's spool and journal, at its start and its end. Not for use outside
// daemon/core.
#pragma once

#include <asio/awaitable.hpp>

#include "core/context.hpp"

namespace llp::core {

// Opens what is configured. What a restart left in doubt is marked in the spool
// and known as possible duplicates.
[[nodiscard]] asio::awaitable<Result<void>> open_stores(Context& c);

// What is known is on the disk, and the files are free for others. Nobody uses
// them any more.
[[nodiscard]] asio::awaitable<void> close_stores(Context& c);

}  // namespace llp::core
