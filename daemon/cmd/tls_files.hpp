// SPDX-License-Identifier: BSD-3-Clause
// Makes what secures the lines' connections from the files that the
// configuration names.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "core/line_service.hpp"

namespace llp::cmd {

struct TlsLoaded {
  std::vector<Error> errors;         // with the place of the option
  std::vector<std::string> notices;  // certificates that end soon, or have
};

// Sets LineConfig::security where it is asked for; alike lines share one. May block.
[[nodiscard]] TlsLoaded load_tls(
    std::vector<core::LineConfig>& lines,
    std::chrono::system_clock::time_point now = std::chrono::system_clock::now());

}  // namespace llp::cmd
