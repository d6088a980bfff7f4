// SPDX-License-Identifier: BSD-3-Clause
// What the daemon tells of its lines: as JSON for the control socket, as text in
// the exposition format for metrics.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "control/line_host.hpp"

namespace llp::control {

// One line with everything: llpd-control(7), "A line".
[[nodiscard]] nlohmann::ordered_json line_report(const LineInfo& line);

// Every line's health and the worst of them.
[[nodiscard]] nlohmann::ordered_json health_report(const LineHost& host);

// Prometheus text format 0.0.4.
[[nodiscard]] std::string metrics_report(const LineHost& host, std::string_view version);

}  // namespace llp::control
