// SPDX-License-Identifier: BSD-3-Clause
// Where lock files and pid files lie.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>

#include "base/result.hpp"

namespace llp::config {

// What the choice depends on.
struct Environment {
  uid_t uid = 0;
  std::string xdg_runtime_dir;
  std::string runtime_directory;  // $RUNTIME_DIRECTORY, of systemd
};
[[nodiscard]] Environment current_environment();

// The first of $RUNTIME_DIRECTORY, else /run/llp for root, else
// $XDG_RUNTIME_DIR/llp, else /tmp/llp-UID.
[[nodiscard]] std::filesystem::path default_runtime_dir(const Environment& environment);

// Makes the directory if it is missing: 0755 for root, else 0700; its parent
// must be there. One that is there must be a directory (not a symbolic link),
// and if it is the default, ours and not writable for others.
// Errc::permission, not_found, in_use (something else has the name), system.
[[nodiscard]] Result<void> ensure_runtime_dir(const std::filesystem::path& directory, uid_t uid,
                                              bool is_default);

}  // namespace llp::config
