// SPDX-License-Identifier: BSD-3-Clause
// What becomes of lines, as entries of systemd's journal with fields of their
// own: LLP_EVENT, LLP_LINE, LLP_PORT, LLP_PROTOCOL, LLP_STATE, LLP_CAUSE, and a
// MESSAGE_ID for each kind of event, which udev/llp.catalog explains
// (journalctl -x). Never a byte of a message.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.hpp"
#include "base/log.hpp"
#include "control/line_host.hpp"

namespace llp::cmd {

enum class JournalEvent : std::uint8_t {
  line_running,
  line_failed,
  line_stopped,
  line_gone,
  wire_connected,
  wire_lost,
};

struct JournalKind {
  JournalEvent event;
  std::string_view id;    // MESSAGE_ID: 128 bits in hexadecimal
  std::string_view name;  // LLP_EVENT
  LogLevel level;
  std::string_view words;  // behind the line's name
};
// All of them, in the order of JournalEvent.
[[nodiscard]] std::span<const JournalKind> journal_kinds() noexcept;

// A field and its value; values may be any bytes.
using JournalFields = std::vector<std::pair<std::string, std::string>>;

// As systemd's journal takes entries at its socket ("Native Journal Protocol").
[[nodiscard]] std::string journal_datagram(const JournalFields& fields);

// Sends entries to that socket. What it does not take is lost, and no reason
// to stop serving a line.
[[nodiscard]] std::function<void(const JournalFields&)> journal_sender(
    const std::filesystem::path& socket = "/run/systemd/journal/socket");

// A line at one moment.
struct LineMoment {
  control::LineState state = control::LineState::starting;
  bool connected = false;
  std::string cause;  // why it does not run
};
// What happened from one moment to the next; without the first: it came.
[[nodiscard]] std::vector<JournalEvent> what_happened(const std::optional<LineMoment>& before,
                                                      const LineMoment& now);

// Looks at a line whenever it is told that it changed.
class JournalEvents {
 public:
  // `host` must live as long.
  JournalEvents(const control::LineHost& host, std::string program,
                std::function<void(const JournalFields&)> send)
      : host_(host), program_(std::move(program)), send_(std::move(send)) {}

  void line_changed(std::string_view name);

 private:
  void tell(JournalEvent event, std::string_view name, const control::LineInfo* line,
            const std::string& cause);

  const control::LineHost& host_;
  std::string program_;
  std::function<void(const JournalFields&)> send_;
  std::map<std::string, LineMoment, std::less<>> known_;
};

}  // namespace llp::cmd
