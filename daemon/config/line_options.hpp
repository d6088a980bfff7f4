// SPDX-License-Identifier: BSD-3-Clause
// The options of a line, beside its port, addresses and protocol parameters:
// one table, from which the command line (--queue-timeout), the configuration
// file (queue_timeout) and the manuals' check are made.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "config/values.hpp"
#include "core/line_service.hpp"

namespace llp::config {

struct LineOption {
  std::string name;     // with underscores
  std::string value;    // what kind, for the help: TIME, N, SIZE; empty: yes or no
  std::string allowed;  // bounds, or choices
  std::string help;     // without a final stop
  std::function<Result<void>(core::LineConfig&, std::string_view)> set;
  std::function<std::string(const core::LineConfig&)> get;
  std::function<void(core::LineConfig&, Scale)> scale;  // empty: --time-scale leaves it alone
  bool list = false;  // a file may give an array, whose elements are joined by commas
};

[[nodiscard]] std::span<const LineOption> line_options();

// By name, '-' as '_'; nullptr: no such option.
[[nodiscard]] const LineOption* find_line_option(std::string_view name);

// "queue-timeout"
[[nodiscard]] std::string long_name(const LineOption& option);

// The table for the manuals: as --long-options of the command line, or as keys
// of the configuration file. Roff, man(7) macros.
enum class Manual : unsigned char { command_line, file };
[[nodiscard]] std::string line_options_as_roff(Manual manual);

}  // namespace llp::config
