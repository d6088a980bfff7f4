// SPDX-License-Identifier: BSD-3-Clause
// What can be known at the start of addresses that are used only later.
#pragma once

#include <chrono>

#include "base/log.hpp"
#include "base/result.hpp"
#include "base/worker_pool.hpp"
#include "core/line_service.hpp"

namespace llp::cmd {

// Whether the services and hosts of the line's addresses are known, and dist
// can be listened at; nobody can connect meanwhile. Errc::not_found (a name
// that does not exist), in_use, permission, ... A name service that does not
// answer within `patience` is no error: it is asked again when the address is
// used. Blocks; for before the loop runs.
[[nodiscard]] Result<void> check_addresses(const core::LineConfig& config, WorkerPool& pool,
                                           std::chrono::milliseconds patience, const Logger& log);

}  // namespace llp::cmd
