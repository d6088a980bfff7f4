// SPDX-License-Identifier: BSD-3-Clause
#include "libllp/setup.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "config/addresses.hpp"
#include "config/parameters.hpp"
#include "config/text.hpp"

namespace llp::detail {

namespace {

constexpr std::size_t kMaxMessage = std::size_t{1} << 30;

Result<void> set(llp_params& params, llp_protocol protocol, const std::string& setting) {
  const std::size_t eq = setting.find('=');
  if (eq == std::string::npos) {
    return fail(Errc::invalid, fmt::format("setting {}: NAME=VALUE is wanted", config::quote(setting)));
  }
  const std::string_view text = setting;
  auto done = config::set_parameter(params, protocol, text.substr(0, eq), text.substr(eq + 1));
  if (!done) done.error().message.insert(0, fmt::format("setting {}: ", config::quote(setting)));
  return done;
}

}  // namespace

Result<void> check_time(std::chrono::milliseconds time, const char* what) {
  if (time >= std::chrono::milliseconds(1) && time <= std::chrono::hours(24)) return {};
  return fail(Errc::invalid, fmt::format("{} is {} ms: 1 ms to 24 h are allowed", what, time.count()));
}

llp_protocol engine_protocol(Protocol protocol) noexcept {
  switch (protocol) {
    case Protocol::x328: return LLP_PROTO_X328;
    case Protocol::hllp: return LLP_PROTO_HLLP;
    default: return LLP_PROTO_MLLP;
  }
}

Result<llp_params> line_params(const ClientOptions& options, const std::vector<std::string>& base) {
  const llp_protocol protocol = engine_protocol(options.protocol);
  llp_params params{};
  llp_params_default(&params, protocol);
  if (options.max_message < 1 || options.max_message > kMaxMessage) {
    return fail(Errc::invalid,
                fmt::format("max_message is {}: 1 byte to 1 GiB are allowed", options.max_message));
  }
  params.max_message = static_cast<std::uint32_t>(
      std::min<std::size_t>(options.max_message, llp_param_find(protocol, "max_message")->max));
  if (options.protocol == Protocol::mllp2) {
    if (auto done = set(params, protocol, "release=2"); !done) return std::unexpected(done.error());
  }
  for (const auto& setting : base) {
    if (auto done = set(params, protocol, setting); !done) return std::unexpected(done.error());
  }
  if (!options.peer.empty()) {
    if (auto done = config::apply_peer(params, protocol, options.peer); !done) {
      return std::unexpected(done.error());
    }
  }
  for (const auto& setting : options.settings) {
    if (auto done = set(params, protocol, setting); !done) return std::unexpected(done.error());
  }
  if (const char* wrong = llp_params_check(&params, protocol)) {
    return fail(Errc::invalid, fmt::format("parameters: {}", wrong));
  }
  return params;
}

Result<illp::Endpoint> endpoint_of(const Address& address) {
  if (address.kind == Address::Kind::tcp) return illp::TcpEndpoint{address.host, address.service};
  if (address.kind == Address::Kind::local) return illp::UnixEndpoint{address.path};
  return fail(Errc::invalid,
              fmt::format("{}: ILLP is spoken over TCP and UNIX sockets: HOST:PORT or unix:PATH",
                          to_string(address)));
}

Result<illp::Options> illp_options(std::chrono::milliseconds timeout, std::size_t max_message, bool urgent) {
  illp::Options options;
  if (auto good = check_time(timeout, "timeout"); !good) return std::unexpected(good.error());
  if (max_message < 1 || max_message > kMaxMessage) {
    return fail(Errc::invalid, fmt::format("max_message is {}: 1 byte to 1 GiB are allowed", max_message));
  }
  options.max_message = max_message;
  options.connect_timeout = timeout;
  options.connect_tries = 1;
  options.idle_timeout = timeout;
  options.oob = urgent ? illp::Oob::yes : illp::Oob::none;
  return options;
}

Result<io::LineSpec> line_spec(const Address& address, bool listen) {
  switch (address.kind) {
    case Address::Kind::tcp:
      if (listen) return io::TcpListen{.bind = address.host, .service = address.service};
      return io::TcpConnect{.host = address.host.empty() ? "localhost" : address.host,
                            .service = address.service};
    case Address::Kind::local:
      if (listen) return io::UnixListen{.path = address.path};
      return io::UnixConnect{.path = address.path};
    case Address::Kind::tty: return config::parse_tty(address.path);
    case Address::Kind::pty: return config::parse_pty(address.path);
    case Address::Kind::device: break;
  }
  return fail(Errc::invalid,
              to_string(address) + ": the protocol of a line in the kernel is set there (llp(4))");
}

}  // namespace llp::detail
