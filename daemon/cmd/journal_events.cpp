// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/journal_events.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <utility>

#include "cmd/log_sinks.hpp"
#include "illp/net.hpp"
#include "line/engine_api.hpp"

namespace llp::cmd {

namespace {

using control::LineState;

constexpr std::array kKinds{
    JournalKind{JournalEvent::line_running, "fd310201ae0144b194d0d60ef38b41e2", "line-running",
                LogLevel::notice, "the line is served"},
    JournalKind{JournalEvent::line_failed, "5fb5815fd8df46b995c0ca3afb8366ed", "line-failed", LogLevel::error,
                "the line cannot be served"},
    JournalKind{JournalEvent::line_stopped, "90e646bb8c8942d6a8899764aabb58a4", "line-stopped",
                LogLevel::notice, "the line was stopped on request"},
    JournalKind{JournalEvent::line_gone, "4f9c9c4becc547749b62c60f1572d268", "line-gone", LogLevel::notice,
                "the line is not configured any more"},
    JournalKind{JournalEvent::wire_connected, "1025961908074d39a4a91444de912119", "wire-connected",
                LogLevel::notice, "the wire is there"},
    JournalKind{JournalEvent::wire_lost, "c3e19eb0a95a42ae8769830c55d25ac4", "wire-lost", LogLevel::warning,
                "the wire has gone"},
};

}  // namespace

std::span<const JournalKind> journal_kinds() noexcept { return kKinds; }

std::string journal_datagram(const JournalFields& fields) {
  std::string out;
  for (const auto& [key, value] : fields) {
    if (value.find('\n') == std::string::npos) {
      out.append(key).append(1, '=').append(value).append(1, '\n');
      continue;
    }
    // The length as eight bytes, the least first.
    out += key + '\n';
    for (unsigned i = 0; i < 8; ++i) out += static_cast<char>(std::uint64_t{value.size()} >> 8 * i & 0xffU);
    out += value + '\n';
  }
  return out;
}

std::function<void(const JournalFields&)> journal_sender(const std::filesystem::path& socket) {
  const auto fd = std::make_shared<UniqueFd>(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  return [fd, socket](const JournalFields& fields) {
    const auto address = illp::local_address(socket.native());
    if (!*fd || !address) return;
    const std::string text = journal_datagram(fields);
    static_cast<void>(
        ::sendto(fd->get(), text.data(), text.size(), MSG_NOSIGNAL, address->get(), address->length));
  };
}

std::vector<JournalEvent> what_happened(const std::optional<LineMoment>& before, const LineMoment& now) {
  std::vector<JournalEvent> events;
  if (!before || before->state != now.state) {
    if (now.state == LineState::running) events.push_back(JournalEvent::line_running);
    if (now.state == LineState::stopped) events.push_back(JournalEvent::line_stopped);
  }
  // Tried again, it may fail for another reason.
  const bool failed = now.state == LineState::failed;
  if (failed && (!before || before->state != LineState::failed || before->cause != now.cause)) {
    events.push_back(JournalEvent::line_failed);
  }
  const bool was = before && before->connected;
  if (now.connected && !was) events.push_back(JournalEvent::wire_connected);
  // Of a line that ends, the end says it.
  if (was && !now.connected && now.state == LineState::running) events.push_back(JournalEvent::wire_lost);
  return events;
}

void JournalEvents::line_changed(std::string_view name) {
  const auto lines = host_.lines();
  const auto line =
      std::ranges::find_if(lines, [name](const control::LineInfo& l) { return l.config->name == name; });
  const auto known = known_.find(name);
  if (line == lines.end()) {
    if (known != known_.end()) known_.erase(known);
    tell(JournalEvent::line_gone, name, nullptr, {});
    return;
  }
  const LineMoment now{line->state, line->service != nullptr && line->service->status().connected,
                       line->failure};
  const auto before = known == known_.end() ? std::nullopt : std::optional(known->second);
  for (const JournalEvent event : what_happened(before, now)) tell(event, name, &*line, now.cause);
  known_.insert_or_assign(std::string(name), now);
}

void JournalEvents::tell(JournalEvent event, std::string_view name, const control::LineInfo* line,
                         const std::string& cause) {
  const JournalKind& kind = kKinds.at(static_cast<std::size_t>(event));
  JournalFields fields{
      {"MESSAGE", fmt::format("{}: {}{}{}", name, kind.words, cause.empty() ? "" : ": ", cause)},
      {"MESSAGE_ID", std::string(kind.id)},
      {"PRIORITY", std::to_string(syslog_priority(kind.level))},
      {"SYSLOG_IDENTIFIER", program_},
      {"LLP_EVENT", std::string(kind.name)},
      {"LLP_LINE", std::string(name)}};
  if (line != nullptr) {
    fields.emplace_back("LLP_STATE", control::state_name(line->state));
    fields.emplace_back("LLP_PROTOCOL", llp_protocol_name(line->config->protocol));
    fields.emplace_back("LLP_PORT", io::describe(line->config->port));
  }
  if (!cause.empty()) fields.emplace_back("LLP_CAUSE", cause);
  send_(fields);
}

}  // namespace llp::cmd
