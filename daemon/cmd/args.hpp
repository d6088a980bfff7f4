// SPDX-License-Identifier: BSD-3-Clause
// Splitting a command line into options: combined short ones (-dyI1), values
// that follow or are attached (-t DEV, -tDEV, --peer NAME, --peer=NAME). Pure,
// unlike getopt(3), and with errors that suggest.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace llp::cmd {

enum class Takes : unsigned char { nothing, value, maybe };  // maybe: only as --name=VALUE

struct OptionSpec {
  char letter = 0;   // 0: none
  std::string name;  // without the dashes; empty: none
  Takes takes = Takes::nothing;
};

struct Option {
  const OptionSpec* spec = nullptr;
  std::string shown;  // as typed: "-t", "--peer"
  std::string value;
  bool has_value = false;
};

// In the order typed. `specs` must outlive the result. Errc::invalid: unknown
// option, value missing or not wanted, an argument that is no option.
[[nodiscard]] Result<std::vector<Option>> split_args(std::span<const std::string> args,
                                                     std::span<const OptionSpec> specs);

// A program's arguments without its name.
[[nodiscard]] std::vector<std::string> arguments(int argc, const char* const* argv);

}  // namespace llp::cmd
