// SPDX-License-Identifier: BSD-3-Clause
#include "llpctl/daemon.hpp"

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <utility>

#include "config/runtime_dir.hpp"
#include "control/control_server.hpp"

namespace llp::ctl {

namespace {

Error in_words(Error error, const std::filesystem::path& socket) {
  if (error.code == Errc::permission) {
    error.message = fmt::format("{}: no permission; be in the group of llpd, or root", socket.native());
  } else if (error.code == Errc::not_found || error.code == Errc::refused) {
    error = Error{Errc::refused,
                  fmt::format("no llpd answers at {}: does it run? (systemctl status llpd; --control names "
                              "its socket)",
                              socket.native()),
                  0};
  }
  return error;
}

}  // namespace

std::filesystem::path default_control_socket() {
  const config::Environment environment = config::current_environment();
  const auto own = config::default_runtime_dir(environment) / control::kSocketName;
  const auto systems =
      config::default_runtime_dir({.uid = 0, .xdg_runtime_dir = {}, .runtime_directory = {}}) /
      control::kSocketName;
  std::error_code ignored;
  return std::filesystem::exists(own, ignored) ? own : systems;
}

Result<control::Client> connect_daemon(const std::filesystem::path& socket) {
  const auto path = socket.empty() ? default_control_socket() : socket;
  auto client = control::Client::connect(path);
  if (!client) return std::unexpected(in_words(std::move(client.error()), path));
  return client;
}

AskDaemon daemon_at(std::filesystem::path socket) {
  const auto client = std::make_shared<std::optional<control::Client>>();
  return [client, socket = std::move(socket)](const DaemonJson& request) -> Result<DaemonJson> {
    if (!*client) {
      auto connected = connect_daemon(socket);
      if (!connected) return std::unexpected(std::move(connected.error()));
      client->emplace(std::move(*connected));
    }
    auto answer = (*client)->call(request);
    if (!answer && answer.error().code != Errc::refused) client->reset();
    return answer;
  };
}

std::string text_at(const DaemonJson& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::uint64_t number_at(const DaemonJson& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

bool flag_at(const DaemonJson& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_boolean() && found->get<bool>();
}

const DaemonJson& part_at(const DaemonJson& object, const char* key) {
  static const DaemonJson nothing;
  const auto found = object.find(key);
  return found != object.end() && found->is_structured() ? *found : nothing;
}

std::string shown(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out;
}

Result<std::vector<DaemonJson>> daemon_lines(const Context& context, const std::string& name) {
  DaemonJson request{{"op", "status"}};
  if (!name.empty()) request["line"] = name;
  const auto answer = context.ask_daemon(request);
  if (!answer) return std::unexpected(answer.error());
  const DaemonJson& lines = part_at(*answer, "lines");
  std::vector<DaemonJson> all;
  for (const DaemonJson& line : lines) {
    if (line.is_object()) all.push_back(line);
  }
  return all;
}

}  // namespace llp::ctl
