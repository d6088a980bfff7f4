// SPDX-License-Identifier: BSD-3-Clause
// co_await that gives the error as a value instead of throwing it:
//   auto [error] = co_await timer.async_wait(kTuple);
#pragma once

#include <asio/experimental/as_tuple.hpp>
#include <asio/use_awaitable.hpp>

namespace llp {

inline constexpr auto kTuple = asio::experimental::as_tuple(asio::use_awaitable);

}  // namespace llp
