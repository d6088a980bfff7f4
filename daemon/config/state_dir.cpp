// SPDX-License-Identifier: BSD-3-Clause
#include "config/state_dir.hpp"

#include <unistd.h>

#include <cstdlib>
#include <string_view>

namespace llp::config {

namespace {

std::string variable(const char* name) {
  const char* value = ::secure_getenv(name);
  return value != nullptr ? value : "";
}

}  // namespace

StateEnvironment current_state_environment() {
  return {::geteuid(), variable("STATE_DIRECTORY"), variable("XDG_STATE_HOME"), variable("HOME")};
}

std::filesystem::path default_state_dir(const StateEnvironment& environment) {
  const std::string_view given(environment.state_directory);
  if (given.starts_with('/')) return given.substr(0, given.find(':'));
  if (environment.uid == 0) return "/var/lib/llp";
  if (environment.xdg_state_home.starts_with('/')) {
    return std::filesystem::path(environment.xdg_state_home) / "llp";
  }
  if (environment.home.starts_with('/')) return std::filesystem::path(environment.home) / ".local/state/llp";
  return {};
}

}  // namespace llp::config
