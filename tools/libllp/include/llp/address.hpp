// SPDX-License-Identifier: BSD-3-Clause
// Where the other end is found, or waited for, as people write it.
#pragma once

#include <cstdint>
#include <llp/result.hpp>
#include <string>
#include <string_view>

namespace llp {

// What is spoken there.
//   illp   one connection for each transaction, the end of a message is the half-close; to and from llpdrv
//   mllp   MLLP release 1: framed, nothing is acknowledged
//   mllp2  MLLP release 2: with commit acknowledgements
//   hllp   hybrid LLP: with lengths and checksums
//   x328   ANSI X3.28 as profiled by HL7
enum class Protocol : std::uint8_t { illp, mllp, mllp2, hllp, x328 };

// "illp", "mllp", ...; Errc::invalid lists them.
[[nodiscard]] Result<Protocol> parse_protocol(std::string_view text);
[[nodiscard]] const char* to_string(Protocol protocol) noexcept;

// A place. Nothing is looked up before it is used.
struct Address {
  enum class Kind : std::uint8_t {
    tcp,     // host and service
    local,   // a UNIX stream socket at `path`, at most 107 bytes
    tty,     // a serial port, DEV[,BAUD[,MODE[,FLOW]]] in `path`
    pty,     // a pseudo terminal that we make; a symbolic link to it at `path`, or "-"
    device,  // a line in the kernel (/dev/llpN): whole messages, its protocol is set there
  };
  Kind kind = Kind::tcp;
  std::string host;  // tcp: name or address; empty: this machine's loopback; "*" (listening): every address
  std::string service;  // tcp: port number 0 to 65535 or a name of services(5)
  std::string path;     // the others
  bool operator==(const Address&) const = default;
};

// HOST:PORT, [IPV6]:PORT or PORT; unix:PATH; a path such as /dev/ttyUSB0[,BAUD[,MODE[,FLOW]]] (also with tty:
// in front); pty:PATH or pty:-; /dev/llpN, /dev/llp/NAME or llp:NAME. Errc::invalid says what was found and
// what is allowed.
[[nodiscard]] Result<Address> parse_address(std::string_view text);

// "localhost:2575", "[::1]:2575", "unix:/run/x", "/dev/ttyS0,9600", "/dev/llp/analyser"
[[nodiscard]] std::string to_string(const Address& address);

}  // namespace llp
