// SPDX-License-Identifier: BSD-3-Clause
// What becomes of lines and messages, as entries of systemd's journal with
// fields of their own: LLP_EVENT and LLP_LINE; of lines LLP_PORT, LLP_PROTOCOL,
// LLP_STATE; of messages LLP_DIRECTION, LLP_OUTCOME, LLP_SIZE, LLP_REPLY_SIZE,
// LLP_PEER; LLP_CAUSE; and a MESSAGE_ID for each kind of event, which
// udev/llp.catalog explains (journalctl -x). Never a byte of a message.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fd.hpp"
#include "base/log.hpp"
#include "control/line_host.hpp"
#include "core/message_event.hpp"

namespace llp::cmd {

enum class JournalEvent : std::uint8_t {
  line_running,
  line_failed,
  line_stopped,
  line_gone,
  wire_connected,
  wire_lost,
  message_taken,
  message_failed,
  message_refused,
  message_cut,
  message_repeated,
  message_kept,
  request_answered,
  request_failed,
  request_refused,
};

struct JournalKind {
  JournalEvent event;
  std::string_view id;    // MESSAGE_ID: 128 bits in hexadecimal
  std::string_view name;  // LLP_EVENT
  LogLevel level;
  std::string_view words;  // behind the line's name; of a message, behind its size
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

// Which entry tells of it; nothing: none does.
[[nodiscard]] std::optional<JournalEvent> journal_event(const core::MessageEvent& event);

// So many at once, and then one each `interval`.
class Allowance {
 public:
  using Clock = std::chrono::steady_clock;
  Allowance(unsigned most, Clock::duration interval) : most_(most), interval_(interval), left_(most) {}
  [[nodiscard]] bool take(Clock::time_point now) noexcept;

 private:
  unsigned most_;
  Clock::duration interval_;
  unsigned left_;
  std::optional<Clock::time_point> grown_;  // until when it was reckoned; nothing: it is full
};

// Looks at a line whenever it is told that it changed, and tells of messages.
// However many there are, the journal is not filled: of one kind and line there
// are twenty entries, then one each three seconds, and of all a hundred, then
// ten a second; the next one says how many were left out (LLP_SUPPRESSED).
class JournalEvents {
 public:
  using Clock = Allowance::Clock;
  // `host` must live as long.
  JournalEvents(const control::LineHost& host, std::string program,
                std::function<void(const JournalFields&)> send)
      : host_(host), program_(std::move(program)), send_(std::move(send)) {}

  void line_changed(std::string_view name);
  void message(const core::MessageEvent& event, Clock::time_point now = Clock::now());

 private:
  // What one line may say of messages of one kind.
  struct Quota {
    Allowance allowance{20, std::chrono::seconds(3)};
    std::uint64_t suppressed = 0;
  };
  [[nodiscard]] JournalFields entry(const JournalKind& kind, std::string message,
                                    std::string_view line) const;
  void tell(JournalEvent event, std::string_view name, const control::LineInfo* line,
            const std::string& cause);

  const control::LineHost& host_;
  std::string program_;
  std::function<void(const JournalFields&)> send_;
  std::map<std::string, LineMoment, std::less<>> known_;
  std::map<std::string, std::map<JournalEvent, Quota>, std::less<>> quotas_;  // of configured lines
  Allowance all_{100, std::chrono::milliseconds(100)};
};

}  // namespace llp::cmd
