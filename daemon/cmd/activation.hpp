// SPDX-License-Identifier: BSD-3-Clause
// Listening sockets from a service manager (sd_listen_fds(3)), without its
// library.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "illp/inherited.hpp"

namespace llp::cmd {

// What $LISTEN_PID, $LISTEN_FDS and $LISTEN_FDNAMES say; null: not set.
struct ListenVariables {
  const char* pid = nullptr;
  const char* fds = nullptr;
  const char* names = nullptr;
};

// The names of the sockets that are ours, beginning with descriptor 3; empty if
// there are none, or they were meant for another process. Errc::invalid.
[[nodiscard]] Result<std::vector<std::string>> inherited_names(const ListenVariables& variables,
                                                               long own_pid);

// Takes them, and the variables out of the environment. Before there are other
// threads, or descriptors of our own. Once.
[[nodiscard]] Result<void> take_inherited(illp::Inherited& sockets);

}  // namespace llp::cmd
