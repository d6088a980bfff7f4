// SPDX-License-Identifier: BSD-3-Clause
// Answers of the control socket that tell only whether it was done.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

namespace llp::control {

[[nodiscard]] inline nlohmann::ordered_json success() { return {{"ok", true}}; }
[[nodiscard]] inline nlohmann::ordered_json failure(std::string_view message) {
  return {{"ok", false}, {"error", message}};
}

}  // namespace llp::control
