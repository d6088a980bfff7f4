// SPDX-License-Identifier: BSD-3-Clause
// What llpctl asks a running llpd, over its control socket.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "control/client.hpp"
#include "llpctl/context.hpp"

namespace llp::ctl {

using DaemonJson = nlohmann::ordered_json;

// A way to llpd at this socket; empty: where it is by default, the user's own
// before the system's. Connects with the first question, again after an end.
[[nodiscard]] AskDaemon daemon_at(std::filesystem::path socket);

// A connection to it, for more than questions; errors as those of daemon_at().
[[nodiscard]] Result<control::Client> connect_daemon(const std::filesystem::path& socket);

// The place of a socket where llpd is most likely: $XDG_RUNTIME_DIR/llp of a
// user who runs one there, else /run/llp.
[[nodiscard]] std::filesystem::path default_control_socket();

// Members of what llpd says; what is missing or of another type is 0 or empty.
[[nodiscard]] std::string text_at(const DaemonJson& object, const char* key);
[[nodiscard]] std::uint64_t number_at(const DaemonJson& object, const char* key);
[[nodiscard]] bool flag_at(const DaemonJson& object, const char* key);
// An object's member that is an object or array; a null value else.
[[nodiscard]] const DaemonJson& part_at(const DaemonJson& object, const char* key);

// Text of llpd for a terminal: one line, control characters as \xNN.
[[nodiscard]] std::string shown(std::string_view text);

// Its lines, or the one of this name.
[[nodiscard]] Result<std::vector<DaemonJson>> daemon_lines(const Context& context,
                                                           const std::string& name = {});

}  // namespace llp::ctl
