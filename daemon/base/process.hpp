// SPDX-License-Identifier: BSD-3-Clause
// Who holds what: other processes, for messages to people.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace llp {

// Whether a process with this id exists (also one that we may not signal).
[[nodiscard]] bool process_lives(pid_t pid) noexcept;

// "process 1234 (minicom)", or "process 1234" where its name cannot be read.
[[nodiscard]] std::string describe_process(pid_t pid);

// The holder of a flock(2) on this open file, as /proc/locks tells; nothing if
// there is none or it is in another pid namespace.
[[nodiscard]] std::optional<pid_t> flock_holder(int fd);

}  // namespace llp
