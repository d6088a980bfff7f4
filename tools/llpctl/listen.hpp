// SPDX-License-Identifier: BSD-3-Clause
// A line that llpd serves, listened to over its control socket.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "capture/wire.hpp"
#include "control/client.hpp"
#include "llpctl/context.hpp"

namespace llp::ctl {

class Listening {
 public:
  // Errc::refused: there is no such line, or no llpd.
  [[nodiscard]] static Result<Listening> begin(const Context& context, const std::string& line);

  [[nodiscard]] const capture::Listened& line() const noexcept { return line_; }

  struct Until {
    std::uint64_t packets = 0;          // so many; 0: no bound
    std::chrono::milliseconds time{0};  // so long; 0: no bound
  };
  // Packets as they come, until that, SIGINT, SIGTERM, or `take` returns false.
  // `tick` is called now and then while nothing comes. Errc::closed: llpd ended.
  [[nodiscard]] Result<void> run(asio::io_context& io, const Until& until,
                                 const std::function<Result<void>(const capture::Packet&)>& take,
                                 const std::function<void()>& tick = {});

 private:
  explicit Listening(control::Client client) : client_(std::move(client)) {}
  control::Client client_;
  capture::Listened line_;
};

// What llpd says passed (llpd-control(7), "wire"); nothing: it says something else.
[[nodiscard]] std::optional<capture::Packet> packet_of(const nlohmann::ordered_json& event);

}  // namespace llp::ctl
