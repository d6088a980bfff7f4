// SPDX-License-Identifier: BSD-3-Clause
#include "llpsim/report.hpp"

#include <fmt/format.h>

#include <chrono>
#include <iterator>
#include <string_view>

namespace llp::sim {

namespace {

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\')
      out += {'\\', c};
    else if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f)
      out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    else
      out += c;
  }
  return out;
}

// Builds one object; the caller knows the order.
class Object {
 public:
  Object& number(std::string_view key, std::uint64_t value) { return raw(key, fmt::format("{}", value)); }
  Object& text(std::string_view key, std::string_view value) { return raw(key, '"' + escaped(value) + '"'); }
  Object& flag(std::string_view key, bool value) { return raw(key, value ? "true" : "false"); }
  Object& raw(std::string_view key, std::string_view value) {
    out_ += fmt::format("{}\"{}\": {}", out_.empty() ? "" : ", ", key, value);
    return *this;
  }
  [[nodiscard]] std::string str() const { return "{" + out_ + "}"; }

 private:
  std::string out_;
};

struct Totals {
  std::uint64_t delivered = 0, failed = 0, unknown = 0, replies = 0;
};

Totals totals(const std::vector<SendRecord>& sent) {
  Totals t;
  for (const auto& record : sent) {
    if (record.cause == LLP_OK)
      t.delivered++;
    else if (record.outcome == LLP_OUT_UNKNOWN)
      t.unknown++;
    if (!record.good()) t.failed++;
    if (record.replied) t.replies++;
  }
  return t;
}

std::string results(const std::vector<SendRecord>& sent) {
  std::string out = "[";
  for (std::size_t i = 0; i < sent.size(); ++i) {
    const SendRecord& r = sent[i];
    out += i == 0 ? "\n    " : ",\n    ";
    out += Object()
               .number("index", i)
               .text("file", r.file)
               .text("id", r.control_id)
               .number("bytes", r.bytes)
               .number("tries", r.tries)
               .flag("good", r.good())
               .text("cause", llp_cause_name(r.cause))
               .text("outcome", llp_outcome_name(r.outcome))
               .flag("replied", r.replied)
               .number("reply_bytes", r.reply_bytes)
               .text("reply_error", r.reply_error)
               .str();
  }
  return out + (sent.empty() ? "]" : "\n  ]");
}

}  // namespace

std::string Report::json() const {
  const Totals t = totals(sent);
  const std::string messages = Object()
                                   .number("sent", sent.size())
                                   .number("delivered", t.delivered)
                                   .number("failed", t.failed)
                                   .number("unknown", t.unknown)
                                   .number("replies", t.replies)
                                   .number("retried", retried)
                                   .number("received", received)
                                   .number("received_bytes", received_bytes)
                                   .number("repeats", repeats)
                                   .number("late", late)
                                   .number("refused", refused)
                                   .number("answered", answered)
                                   .number("answers_failed", answers_failed)
                                   .number("gone", gone)
                                   .number("unacknowledged", unacknowledged)
                                   .str();
  const FrameCounts& f = frames;
  const std::string frame_counts = Object()
                                       .number("blocks_out", f.blocks_out)
                                       .number("blocks_in", f.blocks_in)
                                       .number("again_out", f.again_out)
                                       .number("naks_out", f.naks_out)
                                       .number("naks_in", f.naks_in)
                                       .number("acks_out", f.acks_out)
                                       .number("acks_in", f.acks_in)
                                       .number("enq_out", f.enq_out)
                                       .number("enq_in", f.enq_in)
                                       .number("bad_in", f.bad_in)
                                       .number("duplicates_in", f.duplicates_in)
                                       .str();
  const std::string fault_counts = Object()
                                       .number("flipped", faults.flipped)
                                       .number("lost", faults.lost)
                                       .number("doubled", faults.doubled)
                                       .number("inserted", faults.inserted)
                                       .number("blocks", faults.blocks)
                                       .number("acks_lost", faults.acks_lost)
                                       .number("acks_delayed", faults.acks_delayed)
                                       .number("silences", faults.silences)
                                       .str();
  Object engine;
  for (std::uint32_t c = 0; c < LLP_C__N; ++c) engine.number(llp_counter_name(c), counters.at(c));
  return fmt::format(
      "{{\n  \"protocol\": \"{}\",\n  \"seed\": {},\n  \"messages\": {},\n  \"frames\": {},\n"
      "  \"faults\": {},\n  \"counters\": {},\n  \"results\": {}\n}}\n",
      escaped(protocol), seed, messages, frame_counts, fault_counts, engine.str(), results(sent));
}

std::string Report::summary() const {
  const Totals t = totals(sent);
  std::string out;
  const auto add = [&out](const std::string& line) { out += line + "\n"; };
  if (!sent.empty())
    add(fmt::format("sent {}: {} delivered, {} failed, {} with unknown fate; {} replies; {} sent again",
                    sent.size(), t.delivered, t.failed, t.unknown, t.replies, retried));
  if (received > 0 || sent.empty())
    add(fmt::format("received {} ({} bytes), {} repeats, {} answered, {} refused", received, received_bytes,
                    repeats, answered, refused));
  add(fmt::format("blocks: {} out ({} again), {} in; NAKs: {} out, {} in", frames.blocks_out,
                  frames.again_out, frames.blocks_in, frames.naks_out, frames.naks_in));
  const std::uint64_t damage = faults.flipped + faults.lost + faults.doubled + faults.inserted +
                               faults.blocks + faults.acks_lost + faults.acks_delayed + faults.silences;
  if (damage > 0)
    add(
        fmt::format("faults: {} bytes flipped, {} lost, {} doubled, {} inserted, {} blocks damaged, {} "
                    "acknowledgements lost, {} late, {} silences (seed {})",
                    faults.flipped, faults.lost, faults.doubled, faults.inserted, faults.blocks,
                    faults.acks_lost, faults.acks_delayed, faults.silences, seed));
  return out;
}

void LadderObserver::count(const llp_event& event) {
  const bool out = event.out != 0;
  switch (event.frame) {
    case LLP_FR_BLOCK:
    case LLP_FR_D:
    case LLP_FR_MSG:
      if (out) {
        counts_.blocks_out++;
        if ((event.flags & LLP_FRAME_AGAIN) != 0) counts_.again_out++;
      } else if (event.verdict == LLP_FV_GOOD) {
        counts_.blocks_in++;
      } else if (event.verdict == LLP_FV_DUPLICATE) {
        counts_.duplicates_in++;
      } else {
        counts_.bad_in++;
      }
      break;
    case LLP_FR_NAK:
    case LLP_FR_N:
    case LLP_FR_CNAK: (out ? counts_.naks_out : counts_.naks_in)++; break;
    case LLP_FR_ACK:
    case LLP_FR_RINT:
    case LLP_FR_CACK: (out ? counts_.acks_out : counts_.acks_in)++; break;
    case LLP_FR_ENQ: (out ? counts_.enq_out : counts_.enq_in)++; break;
    default: break;
  }
}

void LadderObserver::write(char direction, const std::string& text) const {
  if (out_ == nullptr) return;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
  fmt::print(out_, "{}.{:06} {} {}\n", us / 1000000, us % 1000000, direction, text);
  (void)std::fflush(out_);
}

void LadderObserver::frame(const llp_event& event) {
  count(event);
  if (out_ == nullptr) return;
  std::string text = llp_frame_name(static_cast<llp_frame>(event.frame));
  switch (event.frame) {
    case LLP_FR_ACK: text += std::to_string(event.num); break;
    case LLP_FR_BLOCK: text += fmt::format(" {}, {} bytes", event.num, event.len); break;
    case LLP_FR_N:
      text += event.num >= 0x20 && event.num < 0x7f ? fmt::format(" {}", static_cast<char>(event.num)) : "";
      break;
    case LLP_FR_D:
    case LLP_FR_MSG:
    case LLP_FR_BLOCK_ABORT:
    case LLP_FR_GARBAGE: text += fmt::format(", {} bytes", event.len); break;
    default: break;
  }
  if ((event.flags & LLP_FRAME_LAST) != 0) text += ", last";
  if ((event.flags & LLP_FRAME_AGAIN) != 0) text += ", again";
  if (event.verdict != LLP_FV_GOOD)
    text += fmt::format(" ({})", llp_frame_verdict_name(static_cast<llp_verdict_frame>(event.verdict)));
  write(event.out != 0 ? '>' : '<', text);
}

void LadderObserver::timer(const char* name) { write('.', fmt::format("timer {}", name)); }
void LadderObserver::state(const char*) {}
void LadderObserver::lost(std::size_t bytes) { write('<', fmt::format("{} bytes outside any frame", bytes)); }
void LadderObserver::connection(bool up, const std::string& what) {
  write('.', fmt::format("line {}{}{}", up ? "up" : "down", what.empty() ? "" : ": ", what));
}
void LadderObserver::raw(bool, std::span<const std::uint8_t>) {}

}  // namespace llp::sim
