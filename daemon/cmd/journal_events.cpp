// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/journal_events.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <utility>

#include "base/log_limit.hpp"
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
    JournalKind{JournalEvent::message_taken, "775083f8982947a9a9cd2bb7474f1259", "message-taken",
                LogLevel::info, "from the instrument, taken"},
    JournalKind{JournalEvent::message_failed, "87e08e2d4b164e31a1c198fda78ea135", "message-failed",
                LogLevel::warning, "from the instrument, failed"},
    JournalKind{JournalEvent::message_refused, "c5fdfec2d3d14866957a545b2da2bd83", "message-refused",
                LogLevel::warning, "from the instrument, refused"},
    JournalKind{JournalEvent::message_cut, "97b0e273dd0d4d368a6a30287ee9cb3c", "message-cut",
                LogLevel::warning, "received of a message that was cut off"},
    JournalKind{JournalEvent::message_repeated, "af5158ddce8f45488b47a09cd1b62bd7", "message-repeated",
                LogLevel::warning, "from the instrument, perhaps delivered before"},
    JournalKind{JournalEvent::message_kept, "9c7febb26cfe42f8aa869255488dd353", "message-kept",
                LogLevel::error, "from the instrument or for it, kept for a person"},
    JournalKind{JournalEvent::request_answered, "f37087112fcd4339b43efb4684d3d2f3", "request-answered",
                LogLevel::info, "to the instrument, answered"},
    JournalKind{JournalEvent::request_failed, "94258ca1e5924f3fa2940863a813f6b0", "request-failed",
                LogLevel::warning, "to the instrument, failed"},
    JournalKind{JournalEvent::request_refused, "1367967e52ad44b7ba6ca73222a3c432", "request-refused",
                LogLevel::warning, "to the instrument, refused"},
};

struct OutcomeRow {
  std::string_view outcome;
  JournalEvent event;
};
constexpr std::array kMessageOutcomes{
    OutcomeRow{"delivered", JournalEvent::message_taken},
    OutcomeRow{"delivered-late", JournalEvent::message_taken},
    OutcomeRow{"answered-again", JournalEvent::message_taken},
    OutcomeRow{"stored", JournalEvent::message_taken},
    OutcomeRow{"sent", JournalEvent::message_taken},
    OutcomeRow{"failed", JournalEvent::message_failed},
    OutcomeRow{"given-up", JournalEvent::message_failed},
    OutcomeRow{"attempt-failed", JournalEvent::message_failed},
    OutcomeRow{"reply-unsent", JournalEvent::message_failed},
    OutcomeRow{"refused", JournalEvent::message_refused},
    OutcomeRow{"cut", JournalEvent::message_cut},
    OutcomeRow{"possible-duplicate", JournalEvent::message_repeated},
    OutcomeRow{"duplicate-dropped", JournalEvent::message_repeated},
    OutcomeRow{"dead-letter", JournalEvent::message_kept},
    OutcomeRow{"late-reply", JournalEvent::message_kept},
    OutcomeRow{"stray-acknowledgement", JournalEvent::message_kept},
    OutcomeRow{"unclaimed-reply", JournalEvent::message_kept},
    OutcomeRow{"late-answer", JournalEvent::message_kept},
};
constexpr std::array kRequestOutcomes{
    OutcomeRow{"answered", JournalEvent::request_answered},
    OutcomeRow{"failed", JournalEvent::request_failed},
    OutcomeRow{"expired", JournalEvent::request_failed},
    OutcomeRow{"client-gone", JournalEvent::request_failed},
    OutcomeRow{"refused", JournalEvent::request_refused},
    OutcomeRow{"cut", JournalEvent::message_cut},
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

std::optional<JournalEvent> journal_event(const core::MessageEvent& event) {
  const std::span<const OutcomeRow> rows =
      event.to_instrument ? std::span<const OutcomeRow>(kRequestOutcomes) : kMessageOutcomes;
  const auto row = std::ranges::find(rows, event.outcome, &OutcomeRow::outcome);
  return row == rows.end() ? std::nullopt : std::optional(row->event);
}

bool Allowance::take(Clock::time_point now) noexcept {
  if (grown_ && now > *grown_) {
    const auto more = (now - *grown_) / interval_;
    if (more >= most_ - left_) {
      left_ = most_;
      grown_.reset();
    } else {
      left_ += static_cast<unsigned>(more);
      *grown_ += more * interval_;
    }
  }
  if (left_ == 0) return false;
  if (left_-- == most_) grown_ = now;
  return true;
}

void JournalEvents::line_changed(std::string_view name) {
  const auto lines = host_.lines();
  const auto line =
      std::ranges::find_if(lines, [name](const control::LineInfo& l) { return l.config->name == name; });
  const auto known = known_.find(name);
  if (line == lines.end()) {
    if (known != known_.end()) known_.erase(known);
    if (const auto quotas = quotas_.find(name); quotas != quotas_.end()) quotas_.erase(quotas);
    tell(JournalEvent::line_gone, name, nullptr, {});
    return;
  }
  const LineMoment now{line->state, line->service != nullptr && line->service->status().connected,
                       line->failure};
  const auto before = known == known_.end() ? std::nullopt : std::optional(known->second);
  for (const JournalEvent event : what_happened(before, now)) tell(event, name, &*line, now.cause);
  known_.insert_or_assign(std::string(name), now);
}

JournalFields JournalEvents::entry(const JournalKind& kind, std::string message,
                                   std::string_view line) const {
  return {{"MESSAGE", std::move(message)},
          {"MESSAGE_ID", std::string(kind.id)},
          {"PRIORITY", std::to_string(syslog_priority(kind.level))},
          {"SYSLOG_IDENTIFIER", program_},
          {"LLP_EVENT", std::string(kind.name)},
          {"LLP_LINE", std::string(line)}};
}

void JournalEvents::message(const core::MessageEvent& event, Clock::time_point now) {
  const auto what = journal_event(event);
  if (!what) return;
  Quota& quota = quotas_[std::string(event.line)][*what];
  if (!quota.allowance.take(now) || !all_.take(now)) {
    ++quota.suppressed;
    return;
  }
  const JournalKind& kind = kKinds.at(static_cast<std::size_t>(*what));
  std::string text = fmt::format("{}: {} bytes {} ({})", event.line, event.size, kind.words, event.outcome);
  if (!event.peer.empty()) text += fmt::format(", {}", event.peer);
  if (!event.cause.empty()) text += fmt::format(": {}", event.cause);
  const std::uint64_t suppressed = std::exchange(quota.suppressed, 0);
  JournalFields fields = entry(kind, text + and_more(suppressed), event.line);
  fields.emplace_back("LLP_DIRECTION", event.to_instrument ? "distal" : "proximal");
  fields.emplace_back("LLP_OUTCOME", event.outcome);
  fields.emplace_back("LLP_SIZE", std::to_string(event.size));
  if (event.reply_size > 0) fields.emplace_back("LLP_REPLY_SIZE", std::to_string(event.reply_size));
  if (!event.peer.empty()) fields.emplace_back("LLP_PEER", event.peer);
  if (!event.cause.empty()) fields.emplace_back("LLP_CAUSE", event.cause);
  if (suppressed > 0) fields.emplace_back("LLP_SUPPRESSED", std::to_string(suppressed));
  send_(fields);
}

void JournalEvents::tell(JournalEvent event, std::string_view name, const control::LineInfo* line,
                         const std::string& cause) {
  const JournalKind& kind = kKinds.at(static_cast<std::size_t>(event));
  JournalFields fields =
      entry(kind, fmt::format("{}: {}{}{}", name, kind.words, cause.empty() ? "" : ": ", cause), name);
  if (line != nullptr) {
    fields.emplace_back("LLP_STATE", control::state_name(line->state));
    fields.emplace_back("LLP_PROTOCOL", llp_protocol_name(line->config->protocol));
    fields.emplace_back("LLP_PORT", io::describe(line->config->port));
  }
  if (!cause.empty()) fields.emplace_back("LLP_CAUSE", cause);
  send_(fields);
}

}  // namespace llp::cmd
