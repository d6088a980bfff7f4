// SPDX-License-Identifier: BSD-3-Clause
#include "llpctl/words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "config/parameters.hpp"
#include "line/engine_api.hpp"

namespace llp::ctl {

namespace {

using netlink::LineStats;
using netlink::LineStatus;
using netlink::Parameter;

// The kernel's own matter, not of people who set a line up.
bool of_the_wire(std::string_view name) { return name == "char_time"; }

std::vector<Parameter> texts(const llp_params& params, llp_protocol protocol) {
  std::vector<Parameter> all;
  for (u32 i = 0; const llp_param* row = llp_param_at(i); ++i) {
    std::array<char, LLP_VALUE_SIZE> value{};
    if ((row->protocols & 1U << protocol) != 0 &&
        llp_params_get(&params, protocol, row->name, value.data(), value.size()) >= 0) {
      all.push_back({row->name, value.data()});
    }
  }
  return all;
}

struct Meaning {
  std::string_view counter, meaning, advice;
};

// In the order of what to look at first: damage on the wire, then the other
// station, then our own side.
constexpr std::array kMeanings{
    Meaning{"parity_errors", "characters came with wrong parity",
            "The data bits or the parity differ from the instrument's (8n1, 7e1, ...), or the cable is bad."},
    Meaning{"framing_errors", "characters came without their stop bit",
            "Most often the baud rate or the number of data bits differs from the instrument's."},
    Meaning{
        "breaks", "the line was held at break",
        "A break is a cable that is unplugged at the far end, an instrument that is switched off, or a rate "
        "much too high."},
    Meaning{
        "overruns", "characters were lost in this machine",
        "The receiver was not emptied in time: use a port with a FIFO or an adapter, or a lower rate; look "
        "for drivers that block interrupts."},
    Meaning{
        "nak_check", "frames came with a wrong check",
        "Bytes are damaged without the port noticing: use parity, a better cable, or a lower rate; else the "
        "check is computed differently (parameters bcc_high, xor_scope, xor_fn; or a known peer)."},
    Meaning{"nak_length", "frames came with a wrong length",
            "Characters get lost on the way: look at flow control, which these protocols do not use."},
    Meaning{"nak_format", "frames came that were not as they must be",
            "Is it the right protocol, and the right peer? `llpctl show` names both."},
    Meaning{"nak_number", "blocks came out of sequence", "A block was lost between two that arrived."},
    Meaning{"nak_too_long", "messages came that are longer than allowed",
            "Raise max_message if the instrument may send them."},
    Meaning{"garbage", "bytes came that belong to no frame",
            "Is it the right protocol and baud rate? Another program or a modem may talk on the port."},
    Meaning{"lost_bytes", "bytes came that belong to no message",
            "As with garbage; some instruments print status lines between messages, which does no harm."},
    Meaning{"timeouts", "the other station did not answer in time",
            "Is it switched on, connected and in its transmit mode? Longer timers help slow ones."},
    Meaning{"retransmissions", "frames were sent again",
            "The other station did not answer, or asked for it."},
    Meaning{"naks_received", "the other station refused what was sent",
            "It sees damage, or it is busy: compare serial settings at both ends."},
    Meaning{"bids_refused", "the other station refused to be sent to",
            "It is busy or not ready to receive; look at its screen."},
    Meaning{"contentions", "both stations began at once",
            "It costs time only. If it is often, let one side be primary and the other secondary (role)."},
    Meaning{"tx_failed", "messages could not be delivered", "`llpctl monitor` tells of each why."},
    Meaning{"rx_cancelled", "messages began to arrive and were not completed",
            "Their sender gave up or fell silent, or nobody took them in time."},
    Meaning{"nak_busy", "messages were refused because nobody took them",
            "Is llpd, or whoever reads /dev/llpN, running? Raise max_messages if it is only slow at times."},
    Meaning{"messages_refused", "messages were refused because no reply to them was wanted",
            "A program expects a reply on this line, and the instrument sent something else; run llpd, which "
            "takes both."},
    Meaning{"nak_time", "acknowledgements were put off because the application was slow",
            "Make it faster, or let llpd spool (commit = spooled)."},
    Meaning{"verdicts_late", "the application decided later than the protocol waits", "As with nak_time."},
    Meaning{"verdicts_gone", "the application decided when the sender had given up", "As with nak_time."},
    Meaning{"reply_timeouts", "requests got no reply in time",
            "Does the instrument answer this kind of message? See reply_timeout and expect_out."},
    Meaning{"late_replies", "replies came after their time", "Raise reply_timeout."},
    Meaning{"repeats", "whole messages came again",
            "An acknowledgement was lost or late; what came twice is marked."},
    Meaning{"tx_stalls", "the port did not send what it was given",
            "Hardware flow control is on and nobody raises CTS, or the adapter hangs."},
    Meaning{"hangups", "the port was hung up", "An adapter that was unplugged, or a modem's carrier."},
};

}  // namespace

std::string state_words(const LineStatus& line) {
  if (!line.up) return "down";
  if ((line.flags & LLP_INFO_IDLE) == 0) return "busy: " + line.state;
  if ((line.flags & LLP_INFO_READY) != 0) return "ready";
  return (line.flags & LLP_INFO_RECEIVER) != 0 ? "receiver not ready" : "nobody receives";
}

std::string protocol_word(const LineStatus& line) {
  if (line.protocol >= LLP_PROTO__N) return fmt::format("protocol {}", line.protocol);
  const bool release2 = std::ranges::any_of(
      line.params, [](const Parameter& p) { return p.name == "release" && p.value == "2"; });
  const bool mllp2 = line.protocol == LLP_PROTOCOL_MLLP && release2;
  return mllp2 ? "mllp2" : llp_protocol_name(static_cast<llp_protocol>(line.protocol));
}

std::string policy_word(std::uint32_t policy) {
  constexpr std::array kWords{"arrival", "read", "commit"};
  return policy < kWords.size() ? kWords.at(policy) : fmt::format("policy {}", policy);
}

std::string outcome_word(std::uint32_t outcome) {
  constexpr std::array kWords{"not sent", "delivered", "refused", "outcome unknown", "transmitted"};
  return outcome < kWords.size() ? kWords.at(outcome) : fmt::format("outcome {}", outcome);
}

std::vector<std::string> flag_words(std::uint32_t flags) {
  std::vector<std::string> words;
  for (const auto& [bit, word] :
       {std::pair{LLP_INFO_UP, "up"}, std::pair{LLP_INFO_READY, "ready"},
        std::pair{LLP_INFO_RECEIVER, "receiver"}, std::pair{LLP_INFO_EXPECTATION, "expectation"},
        std::pair{LLP_INFO_FLOW, "flow"}, std::pair{LLP_INFO_IDLE, "idle"}}) {
    if ((flags & static_cast<std::uint32_t>(bit)) != 0) words.emplace_back(word);
  }
  return words;
}

std::vector<Changed> changed_params(const LineStatus& line) {
  std::vector<Changed> changed;
  if (line.protocol >= LLP_PROTO__N) return changed;
  const auto protocol = static_cast<llp_protocol>(line.protocol);
  for (const Parameter& p : line.params) {
    const llp_param* row = llp_param_find(protocol, p.name.c_str());
    if (of_the_wire(p.name)) continue;
    const std::string standard = row != nullptr ? config::default_text(*row, protocol) : std::string();
    if (p.value != standard) changed.push_back({p.name, p.value, standard});
  }
  return changed;
}

std::string peer_of(const LineStatus& line) {
  for (u32 i = 0; const llp_preset* preset = llp_preset_at(i); ++i) {
    if (preset->proto != line.protocol) continue;
    const auto protocol = static_cast<llp_protocol>(line.protocol);
    llp_params params{};
    llp_params_default(&params, protocol);
    if (llp_preset_apply(&params, protocol, preset->name) != 0) continue;
    const auto wanted = texts(params, protocol);
    const bool same = std::ranges::all_of(wanted, [&](const Parameter& p) {
      return of_the_wire(p.name) || std::ranges::find(line.params, p) != line.params.end();
    });
    if (same) return preset->name;
  }
  return {};
}

std::optional<std::uint64_t> quantile(const netlink::Turnaround& t, unsigned permille) {
  if (t.count == 0) return std::nullopt;
  const std::uint64_t rank = (t.count * permille + 999) / 1000;
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i + 1 < t.bucket.size(); ++i) {
    seen += t.bucket.at(i);
    if (seen >= rank) return std::min(1000ULL << i, static_cast<unsigned long long>(t.longest));
  }
  return t.longest;
}

std::string time_words(std::uint64_t nanoseconds) {
  const auto scaled = [nanoseconds](double unit, const char* name) {
    const double value = static_cast<double>(nanoseconds) / unit;
    return value < 10 && value != std::floor(value) ? fmt::format("{:.1f} {}", value, name)
                                                    : fmt::format("{:.0f} {}", value, name);
  };
  if (nanoseconds < 1'000'000) return scaled(1e3, "us");
  if (nanoseconds < 1'000'000'000) return scaled(1e6, "ms");
  return scaled(1e9, "s");
}

std::string size_words(std::uint64_t bytes) {
  if (bytes == 1) return "1 byte";
  constexpr std::uint64_t kKibi = 1024;
  if (bytes < kKibi) return fmt::format("{} bytes", bytes);
  const bool mega = bytes >= kKibi * kKibi;
  const double value = static_cast<double>(bytes) / static_cast<double>(mega ? kKibi * kKibi : kKibi);
  const char* unit = mega ? "MiB" : "KiB";
  return value == std::floor(value) ? fmt::format("{:.0f} {}", value, unit)
                                    : fmt::format("{:.1f} {}", value, unit);
}

std::vector<Finding> findings(const LineStats& stats) {
  std::vector<Finding> found;
  for (const Meaning& m : kMeanings) {
    if (const std::uint64_t value = stats.counter(m.counter)) {
      found.push_back({std::string(m.counter), value, m.meaning, m.advice});
    }
  }
  return found;
}

bool is_trouble(std::string_view counter) {
  return std::ranges::find(kMeanings, counter, &Meaning::counter) != kMeanings.end();
}

}  // namespace llp::ctl
