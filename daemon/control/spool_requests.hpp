// SPDX-License-Identifier: BSD-3-Clause
// What the control socket can be asked about a line's spool: spool-list,
// spool-show, spool-retry, spool-drop (llpd-control(7)).
#pragma once

#include <asio/awaitable.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "control/line_host.hpp"
#include "core/spool_access.hpp"

namespace llp::control {

// Their names.
[[nodiscard]] const std::vector<std::string>& spool_operations();
[[nodiscard]] bool is_spool_operation(std::string_view op);

// The spool of the line that a request names, or why there is none to be asked.
[[nodiscard]] Result<std::shared_ptr<core::SpoolAccess>> spool_of(const LineHost& host,
                                                                  const nlohmann::ordered_json& request);

// Answers one of them. Errors are answers, too. `spool` is let go of at its end.
[[nodiscard]] asio::awaitable<nlohmann::ordered_json> answer_spool_request(
    std::shared_ptr<core::SpoolAccess> spool, nlohmann::ordered_json request);

}  // namespace llp::control
