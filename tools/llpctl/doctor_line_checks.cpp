// SPDX-License-Identifier: BSD-3-Clause
// What a line's counters and times mean together, where one alone does not tell.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "config/values.hpp"
#include "llpctl/doctor_facts.hpp"
#include "llpctl/words.hpp"

namespace llp::ctl::doctor {

namespace {

using Said = std::optional<std::string>;

// So few events tell nothing yet.
constexpr std::uint64_t kFew = 5;

// At least kFew of them, and one of `each` of the whole at least.
bool many(std::uint64_t some, std::uint64_t whole, std::uint64_t each) {
  return some >= kFew && some * each >= whole;
}

std::uint64_t flags(const Line& l) { return l.count("parity_errors") + l.count("framing_errors"); }

Said down(const Facts& f) {
  if (f.line->up) return {};
  return "The line is down: it neither receives nor sends.";
}

Said unhealthy(const Facts& f) {
  if (f.line->health != "bad") return {};
  return fmt::format("llpd cannot serve it as configured: {}.", f.line->reason);
}

Said waits(const Facts& f) {
  if (f.line->health != "waiting") return {};
  return fmt::format("It waits: {}.", f.line->reason);
}

Said nobody_receives(const Facts& f) {
  if (!f.line->up || !f.line->in_kernel || f.line->takes_messages) return {};
  return "Nobody reads from the line: the instrument's messages are refused.";
}

// Bytes with their eighth bit set, where there are eight and it is known: of
// text there are next to none, of noise and of a wrong rate about half.
std::optional<std::uint64_t> high_bytes(const Facts& f) {
  const bool seven = f.port != nullptr && f.port->state && f.port->state->mode.starts_with('7');
  return seven ? std::nullopt : f.line->high_bytes;
}

// What the mix of framing errors, parity errors and high bits tells. A wrong
// rate puts the stop bit anywhere, and the data bits with it. A wrong parity
// leaves the data bits where they are: a parity bit that is not expected is taken
// for the stop bit (framing errors, no high bits) or for the eighth data bit (high
// bits, no errors); one that is expected and does not come, or the other one, is a
// parity error.
enum class Mismatch : std::uint8_t { none, baud, parity, parity_for_stop, parity_as_data };

Mismatch mismatch(const Facts& f) {
  const Line& l = *f.line;
  const std::uint64_t bytes = l.count("rx_bytes");
  const std::uint64_t parity = l.count("parity_errors");
  const std::uint64_t framing = l.count("framing_errors");
  const auto high = high_bytes(f);
  const bool no_stop = many(framing + l.count("breaks"), bytes, 10);
  const bool highs = high && many(*high, bytes, 5);
  if (no_stop && framing >= parity) {
    const bool bits_in_place = high && *high * 50 < bytes && l.count("breaks") * 10 < framing;
    return bits_in_place ? Mismatch::parity_for_stop : Mismatch::baud;
  }
  if (many(parity, bytes, 10)) {
    // Both, and the data bits anywhere: rather the rate.
    return no_stop && highs ? Mismatch::baud : Mismatch::parity;
  }
  if (highs && l.count("rx_blocks") == 0 && !no_stop) return Mismatch::parity_as_data;
  return Mismatch::none;
}

Said wrong_baud(const Facts& f) {
  const Line& l = *f.line;
  if (mismatch(f) != Mismatch::baud) return {};
  const std::uint64_t without = l.count("framing_errors") + l.count("breaks");
  std::string text = fmt::format("{} of {} received characters had no stop bit", without,
                                 std::max(l.count("rx_bytes"), without));
  if (l.count("parity_errors") >= kFew)
    text += fmt::format(", {} the wrong parity", l.count("parity_errors"));
  if (const auto high = high_bytes(f); high && *high > 0)
    text += fmt::format(", {} the eighth bit set", *high);
  return text + ".";
}

Said wrong_parity(const Facts& f) {
  const Line& l = *f.line;
  const Mismatch which = mismatch(f);
  if (which == Mismatch::parity_for_stop) {
    return fmt::format(
        "{} of {} received characters had no stop bit, yet their data bits are in place: a parity bit that "
        "is not expected here stands where the stop bit should be.",
        l.count("framing_errors"), std::max(l.count("rx_bytes"), l.count("framing_errors")));
  }
  if (which != Mismatch::parity) return {};
  const std::uint64_t parity = l.count("parity_errors");
  return fmt::format("{} of {} received characters had the wrong parity.", parity,
                     std::max(l.count("rx_bytes"), parity));
}

// The parity bit of 7e1 or 7o1 is the eighth data bit of 8n1.
Said parity_as_data(const Facts& f) {
  if (mismatch(f) != Mismatch::parity_as_data) return {};
  return fmt::format(
      "{} of {} received bytes have their eighth bit set, none is damaged, and no frame of {} is among them: "
      "that bit is the instrument's parity.",
      *high_bytes(f), f.line->count("rx_bytes"), f.line->protocol);
}

Said damage(const Facts& f) {
  const Line& l = *f.line;
  const std::uint64_t damaged = flags(l) + l.count("nak_check");
  if (damaged < kFew || mismatch(f) != Mismatch::none || l.count("rx_blocks") == 0) return {};
  return fmt::format("Damage among good traffic: {} damaged characters, {} wrong checks, {} good blocks.",
                     flags(l), l.count("nak_check"), l.count("rx_blocks"));
}

// No flags, yet nothing fits: the protocol is another. Where high bits are not
// known it may be the parity, too.
Said not_understood(const Facts& f) {
  const Line& l = *f.line;
  if (l.count("rx_bytes") < 20 || flags(l) + l.count("breaks") > 0 || l.count("rx_blocks") > 0 ||
      l.count("naks_received") > 0 || mismatch(f) == Mismatch::parity_as_data ||
      l.count("garbage") + l.count("lost_bytes") + l.count("unexpected") < kFew) {
    return {};
  }
  return fmt::format("{} bytes came, none damaged, and not one frame of {} among them.", l.count("rx_bytes"),
                     l.protocol);
}

Said overruns(const Facts& f) {
  if (f.line->count("overruns") == 0) return {};
  return fmt::format("{} times this machine lost characters because it was not quick enough.",
                     f.line->count("overruns"));
}

Said silent(const Facts& f) {
  const Line& l = *f.line;
  if (l.count("rx_bytes") > 0 || l.count("tx_bytes") == 0 || l.count("timeouts") == 0) return {};
  return fmt::format("The other station has never sent a byte, in answer to {} of ours.",
                     l.count("tx_bytes"));
}

Said never_acknowledges(const Facts& f) {
  const Line& l = *f.line;
  if (l.count("rx_bytes") == 0 || l.count("tx_messages") > 0 || l.count("tx_failed") == 0 ||
      l.count("naks_received") > 0 || l.count("contentions") > 0) {
    return {};
  }
  return fmt::format(
      "It sends, but never acknowledged anything: {} messages to it failed, none was delivered.",
      l.count("tx_failed"));
}

Said refuses(const Facts& f) {
  const Line& l = *f.line;
  if (l.count("tx_messages") > 0 || l.count("naks_received") + l.count("bids_refused") < kFew) return {};
  return fmt::format("The other station refused all that it was sent: {} NAKs, {} bids refused.",
                     l.count("naks_received"), l.count("bids_refused"));
}

// Each collision should be rare. Where both wait the same time they meet again.
Said roles_clash(const Facts& f) {
  const Line& l = *f.line;
  const std::uint64_t messages = l.count("tx_messages") + l.count("tx_failed");
  if (l.protocol != "x328" || !many(l.count("contentions"), messages, 2)) return {};
  const auto role = l.params.find("role");
  const std::string ours = role == l.params.end() ? "secondary" : role->second;
  return fmt::format("Both stations bid at once {} times for {} messages, as they do where both are {}.",
                     l.count("contentions"), messages, ours);
}

// How long the other station waits for our answer.
std::optional<std::uint64_t> patience(const Line& l) {
  const auto timer = l.params.find(l.protocol == "x328" ? "peer_timer_a" : "peer_t_c");
  if (timer == l.params.end()) return std::nullopt;
  const auto value = config::parse_duration(timer->second, config::Duration(1), config::Duration::max());
  if (!value) return std::nullopt;
  return static_cast<std::uint64_t>(value->count());
}

Said slow_answers(const Facts& f) {
  const Line& l = *f.line;
  const auto waits = patience(l);
  if (!waits || !l.answer_longest_ns || *l.answer_longest_ns * 2 < *waits) return {};
  return fmt::format("An answer took {}; the other station waits {} for it.",
                     time_words(*l.answer_longest_ns), time_words(*waits));
}

Said impatient(const Facts& f) {
  const Line& l = *f.line;
  const std::uint64_t late = l.count("unexpected") + l.count("late_replies");
  if (!many(l.count("timeouts"), l.count("tx_blocks"), 10) || !many(late, l.count("timeouts"), 2)) return {};
  return fmt::format("{} answers came after the time they were waited for.", late);
}

Said nobody_takes(const Facts& f) {
  const Line& l = *f.line;
  if (!many(l.count("nak_busy"), l.count("rx_messages"), 10)) return {};
  return fmt::format("{} messages were refused because nobody took them.", l.count("nak_busy"));
}

Said no_reply(const Facts& f) {
  const Line& l = *f.line;
  if (!many(l.count("reply_timeouts"), l.count("tx_messages"), 4)) return {};
  return fmt::format("{} of {} messages that were delivered got no reply.", l.count("reply_timeouts"),
                     l.count("tx_messages"));
}

Said stalls(const Facts& f) {
  if (f.line->count("tx_stalls") == 0) return {};
  return fmt::format("{} times the port did not send what it was given.", f.line->count("tx_stalls"));
}

constexpr std::array kLine{
    Check{"line-down", Severity::warning, "llpctl up LINE.", down},
    Check{"line-bad", Severity::error, "`llpctl status LINE` shows all of it.", unhealthy},
    Check{"line-waits", Severity::warning, "It goes on by itself when what it waits for is there.", waits},
    Check{"nobody-receives", Severity::warning, "Run llpd, or whatever program is to read from the device.",
          nobody_receives},
    Check{"wrong-baud", Severity::error,
          "The baud rate or the number of data bits differs from the instrument's; its manual or its setup "
          "screen has them. Most use 9600 8n1.",
          wrong_baud},
    Check{"wrong-parity", Severity::error,
          "Parity or data bits differ from the instrument's: try 7e1 in place of 8n1, or the reverse.",
          wrong_parity},
    Check{"parity-as-data", Severity::error,
          "The instrument sends seven data bits and a parity bit: set mode = 7e1 (or 7o1) for the port.",
          parity_as_data},
    Check{"damage", Severity::warning,
          "The settings are right; the wire is not. Shorten or replace the cable, connect the signal ground, "
          "lower the rate at both ends.",
          damage},
    Check{"not-understood", Severity::error,
          "Is it the right protocol? If the instrument uses 7e1, 8n1 here takes its parity for a data bit.",
          not_understood},
    Check{"overruns", Severity::warning,
          "Use a port with a FIFO or an adapter, or a lower rate; look for drivers that block interrupts.",
          overruns},
    Check{"peer-silent", Severity::error,
          "Is it switched on and its interface enabled? Is the cable crossed (null modem) where it must be? "
          "A loop of pins 2 and 3 at the far end must bring our bytes back.",
          silent},
    Check{"never-acknowledges", Severity::error,
          "It may only send (set its interface to two-way), use another protocol or check, or not get what "
          "we send: the wire from our pin 3.",
          never_acknowledges},
    Check{"peer-refuses", Severity::warning,
          "It is not ready to receive (its screen may say why), or sees damage: compare settings and check.",
          refuses},
    Check{"roles-clash", Severity::warning,
          "Make one side primary and the other secondary (llpctl set LINE role=...), or let ours yield "
          "(contention=yield).",
          roles_clash},
    Check{"slow-answers", Severity::warning,
          "Is the machine busy, or the adapter slow (see latency)? Serve the line in the kernel, or raise "
          "the instrument's timer.",
          slow_answers},
    Check{"timers-short", Severity::warning,
          "The other station is slower than our timers: raise timer_a (X3.28), the response timer (HLLP) or "
          "t_c (MLLP 2).",
          impatient},
    Check{"nobody-takes", Severity::warning,
          "The application is not there or too slow: `llpctl status LINE`; a spool (commit = \"spooled\") "
          "takes "
          "messages meanwhile.",
          nobody_takes},
    Check{
        "no-reply", Severity::warning,
        "Does the instrument reply to this kind of message? Else expect_out=none, or a longer reply_timeout.",
        no_reply},
    Check{"tx-stalls", Severity::error,
          "Hardware flow control is on and nobody raises CTS (flow=none), or the adapter hangs: plug it in "
          "again.",
          stalls},
};

}  // namespace

std::span<const Check> line_checks() noexcept { return kLine; }

}  // namespace llp::ctl::doctor
