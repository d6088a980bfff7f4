// SPDX-License-Identifier: BSD-3-Clause
// Exit statuses of the programs, those of sysexits.h. Documented in llpdrv(8).
#pragma once

#include "base/result.hpp"

namespace llp::cmd {

inline constexpr int kOk = 0;
inline constexpr int kUsage = 64;        // the command line
inline constexpr int kNoInput = 66;      // a device or file that is not there
inline constexpr int kUnavailable = 69;  // a host or service that is not known or does not answer
inline constexpr int kSoftware = 70;     // a fault of ours
inline constexpr int kOsError = 71;      // the system, or the device, does not do what is asked
inline constexpr int kInUse = 75;        // another has it: address, port, line, pid file
inline constexpr int kPermission = 77;
inline constexpr int kConfig = 78;   // the configuration file
inline constexpr int kSignal = 128;  // + the number of a signal that ended it at once

// For what goes wrong at the start and later; not for the command line.
[[nodiscard]] int exit_status(const Error& error) noexcept;

}  // namespace llp::cmd
