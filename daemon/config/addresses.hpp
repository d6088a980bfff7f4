// SPDX-License-Identifier: BSD-3-Clause
// Lines and addresses as people write them. Errors are Errc::invalid clauses
// without the place, as in values.hpp. Nothing is looked up here: whether a
// device, host or service exists shows when it is used.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "illp/endpoint.hpp"
#include "io/line_spec.hpp"

namespace llp::config {

// DEV[,BAUD[,MODE[,FLOW]]]: DEV is a path, or properties of the port that udev
// knows (serial=A1B2C3, path=..., see io/port_selector.hpp); MODE is bits, parity, stop bits (8n1, 7e1, ...)
// or `keep`; FLOW is none, rtscts or xonxoff. `DEV,keep` is the same as `DEV,9600,keep`: rate, mode and flow
// control stay as they are found.
[[nodiscard]] Result<io::LineSpec> parse_tty(std::string_view text);

// PATH of the symbolic link to the slave, or - for none.
[[nodiscard]] Result<io::LineSpec> parse_pty(std::string_view text);

// PATH to listen on, %PATH to connect to.
[[nodiscard]] Result<io::LineSpec> parse_unix_line(std::string_view text);

// SERVICE%HOST connects; SERVICE listens on loopback, SERVICE%@ADDRESS on an
// address of this host, SERVICE%@* on all.
[[nodiscard]] Result<io::LineSpec> parse_tcp_line(std::string_view text);

// NAME of a line that the kernel serves (/dev/llp/NAME), a number (/dev/llpN), or
// the path itself.
[[nodiscard]] Result<io::LineSpec> parse_llp(std::string_view text);

// tty:, llp:, pty:, unix: or tcp: and one of the above.
[[nodiscard]] Result<io::LineSpec> parse_line(std::string_view text);

// SERVICE[%HOST] or unix:PATH. Without a host: localhost.
[[nodiscard]] Result<illp::Endpoint> parse_to(std::string_view text);

// SERVICE[%BINDADDRESS] or unix:PATH. Without an address: loopback; %*: all.
[[nodiscard]] Result<illp::Endpoint> parse_dist(std::string_view text);

// A line's name for logs and lock files: [A-Za-z0-9._-]{1,64}.
[[nodiscard]] Result<std::string> parse_name(std::string_view text);

// The name of a line that was given none: ttyUSB0, the pseudo terminal's or
// socket's file name, HOST-SERVICE, listen-SERVICE, pty-PID.
[[nodiscard]] std::string default_name(const io::LineSpec& spec, std::int64_t pid);

}  // namespace llp::config
