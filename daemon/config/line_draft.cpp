// SPDX-License-Identifier: BSD-3-Clause
#include "config/line_draft.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>
#include <variant>

#include "config/line_options.hpp"
#include "config/text.hpp"
#include "io/port_selector.hpp"

namespace llp::config {

namespace {

template <class D>
void scale_time(D& time, Scale scale) {
  time = std::chrono::ceil<D>(scaled(time, scale));
}

// All but what the kernel counts in whole seconds and what real transmitters
// need: draining and lingering.
void scale_line(core::LineConfig& config, Scale scale) {
  if (scale == Scale{}) return;
  llp_params_scale(&config.params, config.protocol, scale.num, scale.den);
  for (const LineOption& option : line_options()) {
    if (option.scale) option.scale(config, scale);
  }
  scale_time(config.retry_min, scale);
  scale_time(config.stream.reopen_min, scale);
  scale_time(config.stream.backoff_min, scale);
  scale_time(config.stream.stable_after, scale);
}

// Each certificate with its key, none without being used, none of what is used
// missing; and no connection in the clear because TLS cannot be on it.
std::vector<std::string> tls_problems(const core::LineConfig& config, bool chosen) {
  std::vector<std::string> problems;
  const core::TlsConfig& tls = config.tls;
  const bool described = !tls.certificate.empty() || !tls.key.empty() || !tls.authorities.empty();
  const auto is_local = [](const illp::Endpoint& e) { return std::holds_alternative<illp::UnixEndpoint>(e); };
  if (described && !chosen) problems.emplace_back("TLS is described, and not what for: tls_for is missing");
  if (tls.certificate.empty() != tls.key.empty()) {
    problems.emplace_back("tls_certificate and tls_key go together, and one of them is missing");
  }
  if (tls.for_to() && !config.to.empty()) {
    if (tls.authorities.empty()) problems.emplace_back("TLS with applications at to needs tls_authorities");
    if (std::ranges::any_of(config.to, is_local) || std::ranges::any_of(config.copies, is_local) ||
        (config.duplicates_to && is_local(*config.duplicates_to))) {
      problems.emplace_back("TLS is for TCP: with applications at unix: sockets it cannot be");
    }
  }
  if (tls.for_dist() && config.dist) {
    if (tls.certificate.empty()) problems.emplace_back("TLS at dist needs tls_certificate and tls_key");
    if (tls.authorities.empty() && tls.clients == core::TlsClients::required) {
      problems.emplace_back("TLS at dist needs tls_authorities, unless tls_clients is any");
    }
    if (is_local(*config.dist))
      problems.emplace_back("TLS is for TCP: at a unix: socket as dist it cannot be");
    if (tls.clients == core::TlsClients::any && !tls.names.empty()) {
      problems.emplace_back("tls_names asks for names of clients that need no certificate (tls_clients)");
    }
  }
  return problems;
}

}  // namespace

std::expected<core::LineConfig, std::vector<Error>> resolve(const LineDraft& draft) {
  std::vector<Error> errors;
  const auto wrong = [&errors](const std::string& where, std::string message) {
    errors.push_back({Errc::invalid, where.empty() ? std::move(message) : where + ": " + message, 0});
  };
  const auto note = [&wrong](const std::string& where, Result<void> done) {
    if (!done) wrong(where, std::move(done.error().message));
  };

  core::LineConfig config;
  config.name = draft.name;
  config.protocol = draft.protocol.protocol;
  config.to = draft.to;
  config.dist = draft.dist;
  config.serve_dist_at_once = draft.serve_dist_at_once;
  config.one_shot = draft.one_shot;
  if (draft.port) {
    config.port = *draft.port;
  } else {
    wrong(draft.where, "no line is given");
  }
  if (draft.to.empty() && !draft.dist) {
    wrong(draft.where,
          "there is nothing to do: neither an application to call (to) nor a service to offer (dist)");
  }

  llp_params_default(&config.params, config.protocol);
  if (draft.protocol.release2) {
    note(draft.where, set_parameter(config.params, config.protocol, "release", "2"));
  }
  for (const Setting& s : draft.peers) note(s.where, apply_peer(config.params, config.protocol, s.value));
  for (const Setting& s : draft.parameters) {
    note(s.where, set_parameter(config.params, config.protocol, s.name, s.value));
  }
  for (const Setting& s : draft.options) {
    if (const LineOption* option = find_line_option(s.name)) {
      note(s.where, option->set(config, s.value));
      if (option->name.starts_with("tls_")) config.tls.where[option->name] = s.where;
    } else {
      std::vector<std::string> names;
      for (const LineOption& o : line_options()) names.push_back(o.name);
      wrong(s.where, fmt::format("there is no option {}{}", quote(s.name), did_you_mean(s.name, names)));
    }
  }
  config.illp.max_message = config.params.max_message;
  config.retry_min = std::min(config.retry_min, config.retry_max);
  config.spool.retry_min = std::min(config.spool.retry_min, config.spool.retry_max);
  config.stream.reopen_min = std::min(config.stream.reopen_min, config.stream.reopen_max);
  config.stream.backoff_min = std::min(config.stream.backoff_min, config.stream.backoff_max);

  // Rules between parameters mean something only when each one is right.
  if (errors.empty()) {
    if (const char* problem = llp_params_check(&config.params, config.protocol)) wrong(draft.where, problem);
    note(draft.where, config.illp.validate());
    for (std::string& problem : tls_problems(config, config.tls.where.contains("tls_for"))) {
      wrong(draft.where, std::move(problem));
    }
    if (!config.copies.empty() && config.to.empty()) {
      wrong(draft.where, "copies are of what applications get, and there is none: to is missing");
    }
    if (config.commit == core::CommitPoint::spooled && config.spool.dir.empty()) {
      wrong(draft.where, "commit is 'spooled' and there is no spool: its directory (spool_dir) is missing");
    }
  }
  if (!errors.empty()) return std::unexpected(std::move(errors));
  scale_line(config, draft.scale);
  return config;
}

void make_absolute(core::LineConfig& config, const std::filesystem::path& directory) {
  const auto absolute = [&directory](std::string& path) {
    if (!path.empty()) path = (directory / path).lexically_normal().string();
  };
  const auto endpoint = [&absolute](illp::Endpoint& e) {
    if (auto* local = std::get_if<illp::UnixEndpoint>(&e)) absolute(local->path);
  };
  struct Port {
    const decltype(absolute)& make;
    void operator()(io::Tty& tty) const {
      if (!io::is_selector(tty.device)) make(tty.device);
    }
    void operator()(io::Pty& pty) const { make(pty.symlink); }
    void operator()(io::TcpConnect&) const {}
    void operator()(io::TcpListen&) const {}
    void operator()(io::UnixConnect& local) const { make(local.path); }
    void operator()(io::UnixListen& local) const { make(local.path); }
  };
  std::visit(Port{absolute}, config.port);
  std::ranges::for_each(config.to, endpoint);
  std::ranges::for_each(config.copies, endpoint);
  if (config.duplicates_to) endpoint(*config.duplicates_to);
  if (config.dist) endpoint(*config.dist);
  absolute(config.stream.lock_dir);
}

}  // namespace llp::config
