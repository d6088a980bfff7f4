// SPDX-License-Identifier: BSD-3-Clause
// A line as it was described, in pieces and in any order, and the way from
// there to its configuration.
#pragma once

#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/parameters.hpp"
#include "config/values.hpp"
#include "core/line_service.hpp"

namespace llp::config {

// name = value, and where it was said ("--set timer_a", "llpd.toml:12:
// line.chem.params.timer_a"), which is put before errors.
struct Setting {
  std::string where;
  std::string name;
  std::string value;
};

struct LineDraft {
  std::string where;  // of the line as a whole, for rules between options
  std::string name;   // empty: from the port
  std::optional<io::LineSpec> port;
  Protocol protocol;
  std::vector<Setting> peers;       // applied first; name is not used
  std::vector<Setting> parameters;  // then these, in order
  std::vector<Setting> options;     // of line_options()
  std::vector<illp::Endpoint> to;
  std::optional<illp::Endpoint> dist;
  bool serve_dist_at_once = false;
  bool one_shot = false;
  Scale scale;
};

// The configuration, scaled, with no runtime directory and no worker pool yet;
// or everything that is wrong with it (Errc::invalid, whole sentences).
[[nodiscard]] std::expected<core::LineConfig, std::vector<Error>> resolve(const LineDraft& draft);

// Makes every path of the configuration independent of the working directory.
void make_absolute(core::LineConfig& config, const std::filesystem::path& directory);

}  // namespace llp::config
