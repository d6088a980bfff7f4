// SPDX-License-Identifier: BSD-3-Clause
// Errors as values: what went wrong, where, and what to do about it.
#pragma once

#include <cerrno>
#include <cstring>
#include <expected>
#include <string>
#include <utility>

namespace llp {

enum class Errc {
  invalid,     // bad argument or configuration
  not_found,   // no such device, file, service or host
  permission,  // the system refuses
  in_use,      // address, port or line is taken by another
  refused,     // the other end refuses
  timeout,     // a time limit ran out
  closed,      // the other end ended in the regular way
  reset,       // the connection broke, or the other end reset it
  cancelled,   // ended by CAN, by an abort or by our own shutdown
  too_large,   // a limit was exceeded
  malformed,   // bytes that are not what the protocol or check asks for
  busy,        // cannot be done now; later perhaps
  system,      // anything else that the system reports
};

// One error. `message` is a whole sentence for a person, without a final stop,
// and never contains message content (patient data).
struct Error {
  Errc code = Errc::system;
  std::string message;
  int sys_errno = 0;  // errno when the system reported it, else 0
};

template <class T>
using Result = std::expected<T, Error>;

// The class of an errno value.
[[nodiscard]] constexpr Errc errc_of(int err) noexcept {
  switch (err) {
    case ENOENT:
    case ENODEV:
    case ENXIO: return Errc::not_found;
    case EACCES:
    case EPERM: return Errc::permission;
    case EADDRINUSE:
    case EBUSY: return Errc::in_use;
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case ENETUNREACH: return Errc::refused;
    case ETIMEDOUT: return Errc::timeout;
    case ECONNRESET:
    case EPIPE:
    case EIO: return Errc::reset;
    case ECANCELED: return Errc::cancelled;
    case EINVAL: return Errc::invalid;
    case EAGAIN: return Errc::busy;
    default: return Errc::system;
  }
}

// What an errno says to people.
[[nodiscard]] inline std::string errno_text(int err) {
  char room[64];
  return ::strerror_r(err, room, sizeof room);  // GNU's: returns the text, wherever it is
}

// An Error from errno: "<what>: <errno_text>".
[[nodiscard]] inline Error sys_error(std::string what, int err = errno) {
  what += ": ";
  what += errno_text(err);
  return Error{errc_of(err), std::move(what), err};
}

[[nodiscard]] inline std::unexpected<Error> fail(Errc code, std::string message) {
  return std::unexpected(Error{code, std::move(message), 0});
}

[[nodiscard]] inline std::unexpected<Error> fail_errno(std::string what, int err = errno) {
  return std::unexpected(sys_error(std::move(what), err));
}

}  // namespace llp
