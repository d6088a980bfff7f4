// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/notify.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "base/fd.hpp"

namespace llp::cmd {

bool notify_to(std::string_view address, std::string_view state) noexcept {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  const bool known = address.size() > 1 && (address.front() == '/' || address.front() == '@');
  if (!known || address.size() >= sizeof to.sun_path) return false;
  std::memcpy(to.sun_path, address.data(), address.size());
  if (address.front() == '@') to.sun_path[0] = '\0';
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.size());
  const UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) return false;
  return ::sendto(fd.get(), state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                  reinterpret_cast<const sockaddr*>(&to),
                  length) ==  // NOLINT: the socket interface's own idiom
         static_cast<ssize_t>(state.size());
}

bool notify(std::string_view state) noexcept {
  const char* address = ::secure_getenv("NOTIFY_SOCKET");
  return address != nullptr && notify_to(address, state);
}

}  // namespace llp::cmd
