// SPDX-License-Identifier: BSD-3-Clause
// What can be set about a connection.
#pragma once

#include <chrono>
#include <cstddef>
#include <llp/address.hpp>
#include <string>
#include <vector>

namespace llp {

struct ClientOptions {
  Protocol protocol = Protocol::illp;

  // For each operation as a whole: connect, send, recv. 1 ms to 24 h.
  std::chrono::milliseconds timeout{5000};

  // Bytes of a message received, 1 to 1 GiB; a longer one is refused the protocol's way. HLLP cannot carry
  // more than 99,994, whatever stands here.
  std::size_t max_message = std::size_t{16} << 20;

  // Parameters of the protocol, each "name=value" as in llp-params(7). Not for ILLP and lines in the kernel.
  std::vector<std::string> settings;

  // A known peer's settings by name ("vista-x328"); they come before `settings`.
  std::string peer;

  // Lines in the kernel: a reply to what is sent is waited for where the line's parameter expect_out says so,
  // and comes to this client, whoever receives on the line. false: none is waited for.
  bool reply = true;

  // ILLP over TCP: send STX and CAN as urgent data; false: as a reset, for paths that lose urgent data.
  bool urgent = true;

  // Where serial ports are locked (UUCP lock files); empty: nowhere.
  std::string lock_dir = "/var/lock";
};

struct ServerOptions {
  // Bytes of a request, 1 to 1 GiB; a longer one is refused with CAN.
  std::size_t max_message = std::size_t{16} << 20;

  // Connections served at once, 1 to 65535; one more is refused with CAN.
  std::size_t max_connections = 64;

  // No byte of a request, no progress of a reply for so long ends the transaction. 1 ms to 24 h.
  std::chrono::milliseconds idle_timeout{60000};

  // As for clients.
  bool urgent = true;

  // Permissions of a UNIX socket's file.
  unsigned socket_mode = 0660;
};

}  // namespace llp
