// SPDX-License-Identifier: BSD-3-Clause
// The daemon's control socket: one JSON object a line in, one out
// (llpd-control(7)).
#pragma once

#include <asio/any_io_executor.hpp>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/log.hpp"
#include "control/line_host.hpp"
#include "control/stream_server.hpp"
#include "control/wire_feed.hpp"

namespace llp::control {

// What the file in the runtime directory is called.
inline constexpr const char* kSocketName = "llpd.control";

class ControlServer {
 public:
  // `host` must live as long.
  ControlServer(const asio::any_io_executor& executor, LineHost& host, std::string version,
                const Logger& log);
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;
  ~ControlServer();

  // Makes the socket, mode 0660. Errc::in_use: another daemon answers there.
  [[nodiscard]] Result<void> listen(const std::filesystem::path& path);

  // Tells the subscribers that a line came, went or changed.
  void line_changed(std::string_view name);
  // The same of the daemon as a whole: "reloaded", "ending".
  void tell(std::string_view event);
  // Tells the subscribers that asked for all. As passed().
  void happened(std::string_view name, const LineEvent& event);
  // Tells those who listen to the line. Returns at once; for who is too slow it
  // is lost, and counted.
  void passed(const WirePiece& piece);

  void stop() noexcept;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
  std::unique_ptr<StreamServer> server_;
};

// One request, parsed and answered at once; `reload`, which takes its time,
// `subscribe` and `capture` are the connection's business. Errors are answers, too.
[[nodiscard]] nlohmann::ordered_json answer_request(LineHost& host, const nlohmann::ordered_json& request);

}  // namespace llp::control
