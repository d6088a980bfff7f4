// SPDX-License-Identifier: BSD-3-Clause
// Listening sockets that were made by somebody else, such as a service manager,
// and handed over. They stay open as long as this object: who calls while the
// line is stopped waits in the kernel's queue.
#pragma once

#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "illp/endpoint.hpp"
#include "illp/listener.hpp"

namespace llp::illp {

class Inherited {
 public:
  // A socket, and the name that it was given; may be empty. Errc::invalid: it
  // is not a listening stream socket of TCP or in the file system.
  [[nodiscard]] Result<void> add(UniqueFd fd, std::string name);

  // Duplicates of those that are named after the line; if there are none, of
  // those bound where `endpoint` is. A service must be a number there, a host
  // an address. None: empty.
  [[nodiscard]] Result<std::vector<ListenSocket>> find(const std::string& line, const Endpoint& endpoint,
                                                       const Options& options) const;

  // "name (address)" of those that find() never gave away.
  [[nodiscard]] std::vector<std::string> unused() const;

 private:
  struct Socket {
    UniqueFd fd;
    std::string name;
    Address address;
    mutable bool used = false;
  };
  std::vector<Socket> sockets_;
};

}  // namespace llp::illp
