// SPDX-License-Identifier: BSD-3-Clause
// Options of the library as the daemon's parts take them. Not installed.
#pragma once

#include <chrono>
#include <llp/address.hpp>
#include <llp/options.hpp>

#include "illp/endpoint.hpp"
#include "illp/options.hpp"
#include "io/line_spec.hpp"
#include "line/engine_api.hpp"

namespace llp::detail {

// Errc::invalid unless 1 ms to 24 h.
[[nodiscard]] Result<void> check_time(std::chrono::milliseconds time, const char* what);

// The engine's name of a line's protocol; not for ILLP.
[[nodiscard]] llp_protocol engine_protocol(Protocol protocol) noexcept;

// Parameters of a line: the protocol's defaults, `base` ("name=value" each), the peer's, the settings.
// Errc::invalid.
[[nodiscard]] Result<llp_params> line_params(const ClientOptions& options,
                                             const std::vector<std::string>& base);

// tcp and local addresses as ILLP takes them. Errc::invalid for others.
[[nodiscard]] Result<illp::Endpoint> endpoint_of(const Address& address);

// ILLP's options with every time limit set to `timeout`.
[[nodiscard]] Result<illp::Options> illp_options(std::chrono::milliseconds timeout, std::size_t max_message,
                                                 bool urgent);

// What a line is made of; `listen`: tcp and local addresses wait for a caller. Errc::invalid for lines in the
// kernel.
[[nodiscard]] Result<io::LineSpec> line_spec(const Address& address, bool listen);

}  // namespace llp::detail
