// SPDX-License-Identifier: BSD-3-Clause
// Where the program keeps what it must know after a restart.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>

namespace llp::config {

// What the choice depends on.
struct StateEnvironment {
  uid_t uid = 0;
  std::string state_directory;  // $STATE_DIRECTORY, of systemd
  std::string xdg_state_home;
  std::string home;
};
[[nodiscard]] StateEnvironment current_state_environment();

// The first of $STATE_DIRECTORY, else /var/lib/llp for root, else
// $XDG_STATE_HOME/llp, else $HOME/.local/state/llp; empty: there is none.
[[nodiscard]] std::filesystem::path default_state_dir(const StateEnvironment& environment);

}  // namespace llp::config
