// SPDX-License-Identifier: BSD-3-Clause
#include "io/line_spec.hpp"

#include <fmt/format.h>

#include <cctype>

namespace llp::io {

namespace {

std::string endpoint(const std::string& host, const std::string& service) {
  return host.find(':') != std::string::npos ? fmt::format("[{}]:{}", host, service)
                                             : fmt::format("{}:{}", host, service);
}

struct Describe {
  std::string operator()(const Tty& tty) const {
    if (tty.keep) return tty.device + " (settings kept)";
    const char* flow = tty.flow == TtyFlow::rtscts    ? " rtscts"
                       : tty.flow == TtyFlow::xonxoff ? " xonxoff"
                                                      : "";
    return fmt::format("{} {} {}{}", tty.device, tty.baud, describe(tty.mode), flow);
  }
  std::string operator()(const Pty& pty) const {
    return pty.symlink.empty() ? "pseudo terminal" : "pseudo terminal " + pty.symlink;
  }
  std::string operator()(const TcpConnect& tcp) const { return "tcp " + endpoint(tcp.host, tcp.service); }
  std::string operator()(const TcpListen& tcp) const {
    return "tcp listen " + endpoint(tcp.bind.empty() ? "localhost" : tcp.bind, tcp.service);
  }
  std::string operator()(const UnixConnect& unix_) const { return "unix " + unix_.path; }
  std::string operator()(const UnixListen& unix_) const { return "unix listen " + unix_.path; }
};

}  // namespace

std::string describe(const TtyMode& mode) {
  return fmt::format("{}{}{}", mode.bits,
                     static_cast<char>(std::toupper(static_cast<unsigned char>(mode.parity))), mode.stop);
}

std::string describe(const LineSpec& spec) { return std::visit(Describe{}, spec); }

}  // namespace llp::io
