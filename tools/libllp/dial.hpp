// SPDX-License-Identifier: BSD-3-Clause
// A connected socket, or the reason why there is none. Not installed.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <llp/address.hpp>
#include <string>

#include "base/fd.hpp"
#include "illp/connection.hpp"
#include "illp/options.hpp"
#include "libllp/run.hpp"

namespace llp::detail {

struct Dialled {
  UniqueFd fd;
  illp::Transport transport = illp::Transport::tcp;
  std::string peer;  // "127.0.0.1:2575", "unix:/run/x"
};

// Tries each address of a name until the deadline; no second round. Errc::refused, not_found, permission,
// timeout, invalid (not tcp or local).
[[nodiscard]] asio::awaitable<Result<Dialled>> dial(Address address, illp::Options options,
                                                    Clock::time_point deadline);

}  // namespace llp::detail
