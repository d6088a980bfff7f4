// SPDX-License-Identifier: BSD-3-Clause
#include "illp/endpoint.hpp"

namespace llp::illp {

namespace {

std::string text(const TcpEndpoint& tcp) {
  const bool v6 = tcp.host.find(':') != std::string::npos;
  const std::string host = tcp.host.empty() ? "localhost" : tcp.host;
  return (v6 ? "[" + host + "]" : host) + ":" + tcp.service;
}

std::string text(const UnixEndpoint& local) { return "unix:" + local.path; }

}  // namespace

std::string to_string(const Endpoint& endpoint) {
  return std::visit([](const auto& e) { return text(e); }, endpoint);
}

}  // namespace llp::illp
