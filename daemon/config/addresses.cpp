// SPDX-License-Identifier: BSD-3-Clause
#include "config/addresses.hpp"

#include <fmt/format.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <variant>

#include "config/text.hpp"
#include "config/values.hpp"
#include "io/port_selector.hpp"

namespace llp::config {

namespace {

constexpr std::size_t kHostMax = 255;
constexpr std::size_t kNameMax = 64;
constexpr std::size_t kUnixMax = sizeof(sockaddr_un::sun_path) - 1;
constexpr unsigned kBaudMax = 20'000'000;

std::unexpected<Error> bad(std::string message) { return fail(Errc::invalid, std::move(message)); }

bool alnum(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

Result<std::string> service(std::string_view text, bool zero_ok) {
  if (text.empty()) return bad("the service is missing; write a port number or a name of services(5)");
  if (text.find(':') != std::string_view::npos) {
    return bad(fmt::format("{} is not a service; an address is written SERVICE%HOST, such as 5000%lab1",
                           quote(text)));
  }
  if (std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; })) {
    auto port = parse_unsigned(text, zero_ok ? 0 : 1, 65535);
    if (!port) {
      return bad(
          fmt::format("{} is not a port number, allowed are {} to 65535", quote(text), zero_ok ? 0 : 1));
    }
    return fmt::format("{}", *port);
  }
  const bool name = alnum(text.front()) && text.size() <= kNameMax && std::ranges::all_of(text, [](char c) {
                      return alnum(c) || c == '-' || c == '_' || c == '.' || c == '+' || c == '/';
                    });
  if (!name) return bad(fmt::format("{} is neither a port number nor a service's name", quote(text)));
  return std::string(text);
}

Result<std::string> host(std::string_view text, std::string_view what) {
  if (text.empty()) return bad(fmt::format("the {} after '%' is missing", what));
  const std::string_view whole = text;
  const bool bracket = text.front() == '[';
  if (bracket) {
    if (text.back() != ']' || text.find(':') == std::string_view::npos) {
      return bad(fmt::format("{} is not an IPv6 address in brackets", quote(whole)));
    }
    text = text.substr(1, text.size() - 2);
  }
  const bool v6 = text.find(':') != std::string_view::npos;
  const bool ok = text.size() <= kHostMax && printable(text) && std::ranges::all_of(text, [v6](char c) {
                    return alnum(c) || c == '.' || c == '-' || c == '_' || (v6 && (c == ':' || c == '%'));
                  });
  if (!ok || text.front() == '-')
    return bad(fmt::format("{} is not {} {}", quote(whole), what == "address" ? "an" : "a", what));
  return std::string(text);
}

struct Parts {
  std::string_view service;
  std::optional<std::string_view> host;
};

// At the first '%': an IPv6 address may have another one before its zone.
Parts parts(std::string_view text) {
  const std::size_t at = text.find('%');
  if (at == std::string_view::npos) return {text, std::nullopt};
  return {text.substr(0, at), text.substr(at + 1)};
}

Result<std::string> bind_address(std::string_view text) {
  if (text == "*") return std::string(text);
  return host(text, "address");
}

Result<std::string> socket_path(std::string_view text) {
  if (text.empty()) return bad("the path of the UNIX socket is missing");
  if (text.size() > kUnixMax || text.find('\0') != std::string_view::npos) {
    return bad(fmt::format("{}: the path of a UNIX socket has at most {} bytes", quote(text), kUnixMax));
  }
  return std::string(text);
}

Result<io::TtyMode> tty_mode(std::string_view text) {
  io::TtyMode mode;
  const auto wrong = [text] {
    return bad(
        fmt::format("{} is not a mode; write data bits 5 to 8, parity n, e, o, m or s, and stop bits 1 or 2, "
                    "such as 8n1 or 7e1, or keep",
                    quote(text)));
  };
  if (text.size() != 3 || text[0] < '5' || text[0] > '8' || (text[2] != '1' && text[2] != '2'))
    return wrong();
  mode.bits = static_cast<unsigned>(text[0] - '0');
  mode.parity = text[1] >= 'A' && text[1] <= 'Z' ? static_cast<char>(text[1] - 'A' + 'a') : text[1];
  if (std::string_view("neoms").find(mode.parity) == std::string_view::npos) return wrong();
  mode.stop = static_cast<unsigned>(text[2] - '0');
  return mode;
}

Result<illp::Endpoint> unix_endpoint(std::string_view path) {
  auto checked = socket_path(path);
  if (!checked) return std::unexpected(std::move(checked.error()));
  return illp::UnixEndpoint{std::move(*checked)};
}

constexpr std::string_view kUnix = "unix:";

// What a file name may hold; anything else becomes '-'. The end of a long name
// is kept, where names by serial number and path differ.
std::string as_name(std::string_view text) {
  if (text.size() > kNameMax) text.remove_prefix(text.size() - kNameMax);
  std::string name(text);
  for (char& c : name) {
    if (!alnum(c) && c != '.' && c != '_' && c != '-') c = '-';
  }
  return name.empty() ? "line" : name;
}

std::string_view base_name(std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  return path.substr(path.rfind('/') + 1);
}

}  // namespace

Result<io::LineSpec> parse_tty(std::string_view text) {
  const auto fields = split(text, ',');
  io::Tty tty;
  if (fields[0].empty()) return bad("the device of the serial line is missing");
  if (fields[0].find('\0') != std::string::npos)
    return bad(fmt::format("{} is not a path", quote(fields[0])));
  if (io::is_selector(fields[0])) {
    if (auto selector = io::parse_selector(fields[0]); !selector) {
      const std::string key = fields[0].substr(0, fields[0].find('='));
      return bad(selector.error().message + did_you_mean(key, io::selector_keys()));
    }
  }
  tty.device = fields[0];
  if (fields.size() > 4) {
    return bad(fmt::format("{}: a serial line is written DEV,BAUD,MODE,FLOW", quote(text)));
  }
  if (fields.size() == 2 && fields[1] == "keep") {
    tty.keep = true;
    return tty;
  }
  if (fields.size() > 1) {
    auto baud = parse_unsigned(fields[1], 1, kBaudMax);
    if (!baud) return bad("baud rate " + baud.error().message);
    tty.baud = static_cast<unsigned>(*baud);
  }
  if (fields.size() > 2 && fields[2] == "keep") {
    tty.keep = true;
    if (fields.size() > 3) return bad("keep leaves the flow control as it is found; nothing may follow it");
    return tty;
  }
  if (fields.size() > 2) {
    auto mode = tty_mode(fields[2]);
    if (!mode) return std::unexpected(std::move(mode.error()));
    tty.mode = *mode;
  }
  if (fields.size() > 3) {
    auto flow = parse_choice(fields[3], "none|rtscts|xonxoff");
    if (!flow) return bad("flow control " + flow.error().message);
    tty.flow = static_cast<io::TtyFlow>(*flow);
  }
  return tty;
}

Result<io::LineSpec> parse_llp(std::string_view text) {
  io::Tty tty;
  tty.keep = true;
  if (text.starts_with('/')) {
    if (!printable(text) || !text.starts_with("/dev/llp") || text.size() == 8) {
      return bad(
          fmt::format("{} is no line of the kernel's, such as /dev/llp0 or /dev/llp/NAME", quote(text)));
    }
    tty.device = text;
    return tty;
  }
  auto name = parse_name(text);
  if (!name || *name == "." || *name == "..") {
    return bad(
        fmt::format("{} is no line of the kernel's; write its name, its number or its device", quote(text)));
  }
  const bool number = std::ranges::all_of(*name, [](char c) { return c >= '0' && c <= '9'; });
  tty.device = (number ? "/dev/llp" : "/dev/llp/") + *name;
  return tty;
}

Result<io::LineSpec> parse_pty(std::string_view text) {
  if (text.empty())
    return bad("the path of the symbolic link to the pseudo terminal is missing; - makes none");
  if (text.find('\0') != std::string_view::npos) return bad(fmt::format("{} is not a path", quote(text)));
  return io::Pty{text == "-" ? std::string() : std::string(text)};
}

Result<io::LineSpec> parse_unix_line(std::string_view text) {
  const bool connect = text.starts_with('%');
  auto path = socket_path(connect ? text.substr(1) : text);
  if (!path) return std::unexpected(std::move(path.error()));
  if (connect) return io::UnixConnect{std::move(*path)};
  return io::UnixListen{std::move(*path)};
}

Result<io::LineSpec> parse_tcp_line(std::string_view text) {
  const Parts p = parts(text);
  const bool listens = !p.host || p.host->starts_with('@');
  auto port = service(p.service, listens);
  if (!port) return std::unexpected(std::move(port.error()));
  if (!p.host) return io::TcpListen{"", std::move(*port)};
  if (*p.host == "*") {
    return bad(fmt::format("{}: to listen on every address, write {}%@*", quote(text), p.service));
  }
  auto name = listens ? bind_address(p.host->substr(1)) : host(*p.host, "host");
  if (!name) return std::unexpected(std::move(name.error()));
  if (listens) return io::TcpListen{std::move(*name), std::move(*port)};
  return io::TcpConnect{std::move(*name), std::move(*port)};
}

Result<io::LineSpec> parse_line(std::string_view text) {
  using Parser = Result<io::LineSpec> (*)(std::string_view);
  constexpr std::array<std::pair<std::string_view, Parser>, 5> kinds{{{"tty:", parse_tty},
                                                                      {"llp:", parse_llp},
                                                                      {"pty:", parse_pty},
                                                                      {"unix:", parse_unix_line},
                                                                      {"tcp:", parse_tcp_line}}};
  for (const auto& [kind, parse] : kinds) {
    if (text.starts_with(kind)) return parse(text.substr(kind.size()));
  }
  return bad(
      fmt::format("{} is not a line; write tty:DEV,BAUD,MODE, llp:NAME, pty:PATH, unix:PATH, unix:%PATH, "
                  "tcp:SERVICE or tcp:SERVICE%HOST",
                  quote(text)));
}

Result<illp::Endpoint> parse_to(std::string_view text) {
  if (text.starts_with(kUnix)) return unix_endpoint(text.substr(kUnix.size()));
  const Parts p = parts(text);
  auto port = service(p.service, false);
  if (!port) return std::unexpected(std::move(port.error()));
  if (!p.host) return illp::TcpEndpoint{"", std::move(*port)};
  auto name = host(*p.host, "host");
  if (!name) return std::unexpected(std::move(name.error()));
  return illp::TcpEndpoint{std::move(*name), std::move(*port)};
}

Result<illp::Endpoint> parse_dist(std::string_view text) {
  if (text.starts_with(kUnix)) return unix_endpoint(text.substr(kUnix.size()));
  const Parts p = parts(text);
  auto port = service(p.service, true);
  if (!port) return std::unexpected(std::move(port.error()));
  if (!p.host) return illp::TcpEndpoint{"", std::move(*port)};
  auto name = bind_address(*p.host);
  if (!name) return std::unexpected(std::move(name.error()));
  return illp::TcpEndpoint{std::move(*name), std::move(*port)};
}

Result<std::string> parse_name(std::string_view text) {
  const bool ok = !text.empty() && text.size() <= kNameMax && std::ranges::all_of(text, [](char c) {
    return alnum(c) || c == '.' || c == '_' || c == '-';
  });
  if (!ok) {
    return bad(
        fmt::format("{} is not a name for a line; 1 to {} letters, digits, '.', '_' and '-' are allowed",
                    quote(text), kNameMax));
  }
  return std::string(text);
}

std::string default_name(const io::LineSpec& spec, std::int64_t pid) {
  struct Name {
    std::int64_t pid;
    std::string operator()(const io::Tty& tty) const { return as_name(base_name(tty.device)); }
    std::string operator()(const io::Pty& pty) const {
      return pty.symlink.empty() ? fmt::format("pty-{}", pid) : as_name(base_name(pty.symlink));
    }
    std::string operator()(const io::TcpConnect& tcp) const { return as_name(tcp.host + "-" + tcp.service); }
    std::string operator()(const io::TcpListen& tcp) const {
      return tcp.service == "0" ? fmt::format("listen-{}", pid) : as_name("listen-" + tcp.service);
    }
    std::string operator()(const io::UnixConnect& local) const { return as_name(base_name(local.path)); }
    std::string operator()(const io::UnixListen& local) const { return as_name(base_name(local.path)); }
  };
  return std::visit(Name{pid}, spec);
}

}  // namespace llp::config
