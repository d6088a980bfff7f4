// SPDX-License-Identifier: BSD-3-Clause
#include "config/places.hpp"

#include <fmt/format.h>

#include <utility>
#include <variant>

namespace llp::config {

namespace {

// The names of loopback are one address.
std::string as_compared(const std::string& host) {
  return host == "localhost" || host == "127.0.0.1" || host == "::1" ? std::string() : host;
}

}  // namespace

std::optional<std::string> Places::take(const std::string& what, Place place) {
  // A pseudo terminal without a path, and any free port, are others each time.
  if (place.path.empty() && (place.service.empty() || place.service == "0")) return std::nullopt;
  for (const Place& other : taken_) {
    const bool same = place.service.empty()
                          ? place.path == other.path
                          : place.service == other.service &&
                                (place.host == other.host || place.host == "*" || other.host == "*");
    if (same) return fmt::format("{} is that of {} already", what, other.user);
  }
  taken_.push_back(std::move(place));
  return std::nullopt;
}

std::vector<std::string> Places::take(const core::LineConfig& line) {
  struct PlaceOf {
    std::string user;
    Place operator()(const io::Tty& tty) const { return {tty.device, {}, {}, user}; }
    Place operator()(const io::Pty& pty) const { return {pty.symlink, {}, {}, user}; }
    // One connection is all that an instrument's side has.
    Place operator()(const io::TcpConnect& tcp) const {
      return {fmt::format("tcp {}:{}", tcp.host, tcp.service), {}, {}, user};
    }
    Place operator()(const io::TcpListen& tcp) const {
      return {{}, as_compared(tcp.bind), tcp.service, user};
    }
    Place operator()(const io::UnixConnect& local) const { return {"connect " + local.path, {}, {}, user}; }
    Place operator()(const io::UnixListen& local) const { return {local.path, {}, {}, user}; }
    Place operator()(const illp::TcpEndpoint& tcp) const {
      return {{}, as_compared(tcp.host), tcp.service, user};
    }
    Place operator()(const illp::UnixEndpoint& local) const { return {local.path, {}, {}, user}; }
  };
  const PlaceOf place_of{"line " + line.name};
  std::vector<std::string> problems;
  const auto note = [&problems](std::optional<std::string> problem) {
    if (problem) problems.push_back(std::move(*problem));
  };
  note(take("port " + io::describe(line.port), std::visit(place_of, line.port)));
  if (line.dist) note(take("dist " + illp::to_string(*line.dist), std::visit(place_of, *line.dist)));
  return problems;
}

std::optional<std::string> Places::take_metrics(const illp::Endpoint& address) {
  Place place{{}, {}, {}, "the metrics"};
  if (const auto* tcp = std::get_if<illp::TcpEndpoint>(&address)) {
    place.host = as_compared(tcp->host);
    place.service = tcp->service;
  } else {
    place.path = std::get<illp::UnixEndpoint>(address).path;
  }
  return take(illp::to_string(address), std::move(place));
}

}  // namespace llp::config
