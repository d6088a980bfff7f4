// SPDX-License-Identifier: BSD-3-Clause
// Going to the background: the caller waits until the program has started, sees
// its errors on stderr and gets its exit status.
#pragma once

#include <variant>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace llp::cmd {

// In the background process: the way to release the caller.
class StartReport {
 public:
  explicit StartReport(UniqueFd pipe) noexcept : pipe_(std::move(pipe)) {}

  // The start succeeded: the caller may go. From here on standard input, output
  // and (unless `keep_stderr`) error are /dev/null. Errc::closed: the caller was
  // ended while it waited; so should we.
  [[nodiscard]] Result<void> succeeded(bool keep_stderr);
  // It failed, and why stands on stderr: the caller ends with this status.
  void failed(int status) noexcept;

 private:
  UniqueFd pipe_;
};

// What the process is after detach().
struct Caller {
  int status;  // to exit with
};
using Side = std::variant<Caller, StartReport>;

// Splits in two. The new process has its own session without a terminal, the
// root directory as its working directory, umask 022, and no descriptors but
// the first three. The caller waits for its report; if the new process dies
// without one, a line on stderr says so and Caller::status is 70.
// To be called before there are threads.
[[nodiscard]] Result<Side> detach(const char* program);

// -Y: gives up the controlling terminal, as far as the system lets us, and
// reads from /dev/null.
void leave_terminal() noexcept;

}  // namespace llp::cmd
