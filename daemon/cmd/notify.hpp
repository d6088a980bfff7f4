// SPDX-License-Identifier: BSD-3-Clause
// Telling a service manager how far we are (sd_notify(3)), without its library.
#pragma once

#include <string_view>

namespace llp::cmd {

// Sends "READY=1" and the like to $NOTIFY_SOCKET. True if it was sent; false if
// there is none, or it cannot be reached: nobody waits for it then.
bool notify(std::string_view state) noexcept;

// The same to a given address: a path, or '@' and an abstract name.
bool notify_to(std::string_view address, std::string_view state) noexcept;

}  // namespace llp::cmd
