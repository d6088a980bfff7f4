// SPDX-License-Identifier: BSD-3-Clause
// What happens on a line, whether the kernel or llpd tells of it. Sizes and
// causes, never a byte of a message.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "llpctl/context.hpp"
#include "llpctl/daemon.hpp"
#include "llpctl/json.hpp"
#include "netlink/kernel_control.hpp"

namespace llp::ctl {

// What came of a message, as an application sees it.
struct ApplicationEvent {
  std::string outcome;  // "delivered", "failed", ...
  std::string cause, peer;
  std::uint64_t length = 0;
};
// The wire of a line of llpd has gone.
struct WireGone {
  std::string why;
};
// A line of llpd came, went or changed its state.
struct ServedEvent {
  std::string state;  // "running", ..., "gone"
  bool connected = false;
  std::string health, reason;
};

struct Happened {
  std::optional<std::uint32_t> number;  // N of /dev/llpN; nothing: llpd tells of it
  std::string name, port;
  std::uint64_t time = 0;  // CLOCK_MONOTONIC, ns; 0: not known
  std::string cause;       // of a message, in words; empty: its errno tells
  std::variant<netlink::LineEvent, netlink::MessageEvent, netlink::ExceptionEvent, netlink::EventsMissed,
               ApplicationEvent, WireGone, ServedEvent>
      what;
};

[[nodiscard]] Happened happened(const netlink::Event& event);
// An event of llpd, or one of a line's last errors; before it, if there were
// such, that some were lost. Nothing: it is of another kind.
[[nodiscard]] std::vector<Happened> happened(const DaemonJson& event);

// "message 7 received, 384 bytes"
[[nodiscard]] std::string words(const Happened& h);
// It should not happen often.
[[nodiscard]] bool means_trouble(const Happened& h);
// One object, without a line's end.
[[nodiscard]] std::string as_json(const Happened& h);
// A row: time, name, words.
[[nodiscard]] std::string as_row(const Context& context, const Happened& h);

// Events of llpd at this socket (empty: where it is by default), of all its
// lines. Fails as AskDaemon does.
[[nodiscard]] Result<std::unique_ptr<DaemonEvents>> open_daemon_events(const std::filesystem::path& socket,
                                                                       const asio::any_io_executor& executor);

}  // namespace llp::ctl
