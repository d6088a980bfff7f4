// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/exit_status.hpp"

namespace llp::cmd {

int exit_status(const Error& error) noexcept {
  switch (error.code) {
    // Files and devices are missing by errno, hosts and services by word.
    case Errc::not_found: return error.sys_errno != 0 ? kNoInput : kUnavailable;
    case Errc::refused:
    case Errc::timeout:
    case Errc::closed:
    case Errc::reset:
    case Errc::cancelled: return kUnavailable;
    case Errc::in_use:
    case Errc::busy: return kInUse;
    case Errc::permission: return kPermission;
    case Errc::invalid:
    case Errc::malformed:
    case Errc::too_large:
    case Errc::system: return kOsError;
  }
  return kSoftware;
}

}  // namespace llp::cmd
