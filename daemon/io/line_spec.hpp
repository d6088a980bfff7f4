// SPDX-License-Identifier: BSD-3-Clause
// What a line is made of, as its configuration says it. Text is parsed
// elsewhere; this is the result.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

namespace llp::io {

// Characters on a serial line.
struct TtyMode {
  unsigned bits = 8;  // 5..8
  char parity = 'n';  // n none, e even, o odd, m mark, s space
  unsigned stop = 1;  // 1 or 2
  friend bool operator==(const TtyMode&, const TtyMode&) = default;
};

enum class TtyFlow : std::uint8_t { none, rtscts, xonxoff };

// A serial port.
struct Tty {
  std::string device;    // path, may be a symbolic link; or a selector (port_selector.hpp)
  unsigned baud = 9600;  // any rate that the driver can do, 1..20,000,000
  TtyMode mode{};
  TtyFlow flow = TtyFlow::none;
  bool keep = false;  // rate, mode and flow control stay as they are found; raw all the same
  friend bool operator==(const Tty&, const Tty&) = default;
};

// A pseudo terminal that we make.
struct Pty {
  std::string symlink;  // path of a symbolic link to its slave; empty: none
  friend bool operator==(const Pty&, const Pty&) = default;
};

struct TcpConnect {
  std::string host;     // name or address, IPv6 without brackets
  std::string service;  // name or port number
  friend bool operator==(const TcpConnect&, const TcpConnect&) = default;
};

struct TcpListen {
  std::string bind;     // name or address; empty: loopback only; "*": every address
  std::string service;  // name or port number; 0: the system chooses (see ByteStream::local_name)
  friend bool operator==(const TcpListen&, const TcpListen&) = default;
};

struct UnixConnect {
  std::string path;
  friend bool operator==(const UnixConnect&, const UnixConnect&) = default;
};

struct UnixListen {
  std::string path;
  friend bool operator==(const UnixListen&, const UnixListen&) = default;
};

using LineSpec = std::variant<Tty, Pty, TcpConnect, TcpListen, UnixConnect, UnixListen>;

// "8N1"
[[nodiscard]] std::string describe(const TtyMode& mode);

// For people: "/dev/ttyS0 9600 8N1", "pseudo terminal /run/x", "tcp lab-ts1:4001",
// "tcp listen 127.0.0.1:4001", "unix /run/x", "unix listen /run/x".
[[nodiscard]] std::string describe(const LineSpec& spec);

}  // namespace llp::io
