// SPDX-License-Identifier: BSD-3-Clause
// llpdrv's command line: llpdrv [-dyYI1] [-a|-h|-m] [[-i|-u|-p|-t] line] [-i to] [-i dist]
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/parameters.hpp"
#include "config/toml_config.hpp"
#include "core/line_service.hpp"

namespace llp::cmd {

enum class Action : unsigned char { run, check, help, version, list_params, list_peers };

// Where the program runs.
enum class Stay : unsigned char {
  background,  // on its own, after it has started
  foreground,  // -y: on the caller's terminal
  supervised,  // -Y: without a terminal, under a supervisor
};

struct Invocation {
  Action action = Action::run;
  std::optional<config::Protocol> listed;  // --list-params of one protocol
  core::LineConfig line;                   // name empty: from the line
  Stay stay = Stay::background;
  unsigned debug = 0;                             // 1: -d, 2: -dd
  std::filesystem::path runtime_dir;              // empty: the default
  std::optional<std::filesystem::path> pid_file;  // empty path: none; nothing: the default
};

// Errc::invalid: what is wrong, in one sentence. Touches nothing.
[[nodiscard]] Result<Invocation> parse_llpdrv(std::span<const std::string> args);
[[nodiscard]] std::string llpdrv_help();

// llpd's: llpd [-d] --config FILE... [--check]
struct DaemonInvocation {
  Action action = Action::run;
  std::vector<std::filesystem::path> config;  // empty: those of /etc/llp
  unsigned debug = 0;
  std::filesystem::path runtime_dir;  // empty: the files', or the default
  std::optional<std::filesystem::path> pid_file;
  std::optional<config::Scale> scale;
};
[[nodiscard]] Result<DaemonInvocation> parse_llpd(std::span<const std::string> args);
[[nodiscard]] std::string llpd_help();

// "llpdrv 0.1.0"
[[nodiscard]] std::string version_text(std::string_view program);

}  // namespace llp::cmd
