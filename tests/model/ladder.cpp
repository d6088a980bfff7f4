// SPDX-License-Identifier: BSD-3-Clause
//
// Words for people: actions, bytes on the line, and runs as ladders.
#include "ladder.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "calls.hpp"

namespace llp::model {

namespace {

constexpr std::array<const char*, 32> kControl = {"NUL", "SOH", "STX", "ETX", "EOT", "ENQ", "ACK", "BEL",
                                                  "BS",  "HT",  "LF",  "VT",  "FF",  "CR",  "SO",  "SI",
                                                  "DLE", "DC1", "DC2", "DC3", "DC4", "NAK", "SYN", "ETB",
                                                  "CAN", "EM",  "SUB", "ESC", "FS",  "GS",  "RS",  "US"};
constexpr std::array<const char*, 5> kFlags = {"", "break", "framing error", "parity error", "overrun"};
constexpr std::array<const char*, 2> kStation = {"A", "B"};
constexpr int kColumn = 52;

std::string name_of(std::uint8_t c) {
  if (c < 32) return std::string("<") + kControl.at(c) + ">";
  if (c < 127) return {static_cast<char>(c)};
  std::array<char, 8> hex{};
  (void)std::snprintf(hex.data(), hex.size(), "<%02X>", c);
  return hex.data();
}

std::string message_name(int s, int item) {
  if (item >= kItems) return "a message";
  const std::string station = kStation.at(s);
  if (item >= kAnswers) return station + "'s answer " + std::to_string(item - kAnswers + 1);
  return item == kProbe ? station + "'s new message" : station + "'s message " + std::to_string(item + 1);
}

std::string tx_text(const Action& a) {
  static constexpr std::array<const char*, static_cast<std::size_t>(Tx::kCount)> kTx = {
      "",
      ": transmitter takes one byte at first",
      ": transmitter takes half at first",
      ": transmitter takes all but a byte at first",
      ": transmitter is reported empty late",
      ": aborted after one byte",
      ": aborted in the middle"};
  if (a.tx == Tx::kAll) return {};
  return std::string("; ") + kStation.at(a.at) + kTx.at(static_cast<std::size_t>(a.tx));
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text) out += name_of(static_cast<std::uint8_t>(c));
  return out;
}

void Model::Call::log(std::string text) const {
  step_.log->push_back(s_ == 0 ? text : std::string(kColumn, ' ') + text);
}

void Model::Call::log_bytes(const char* what, std::span<const std::uint8_t> bytes,
                            const std::uint8_t* flags) const {
  std::string out = std::string(what) + " ";
  for (std::size_t i = 0; i < bytes.size(); i++) {
    out += name_of(bytes[i]);
    if (flags && flags[i]) out += std::string("[") + kFlags.at(flags[i]) + "]";
  }
  log(out);
}

std::string Model::describe(const World& w, const Action& a) const {
  const std::string at = kStation.at(a.side);
  const std::string line = std::string(kStation.at(1 - a.side)) + " to " + at;
  std::string out;
  if (a.pos) out = "after " + std::to_string(a.pos) + " bytes " + line + ": ";
  const bool here = a.pos < w.queued[a.side];
  const std::string byte = here ? name_of(static_cast<std::uint8_t>(w.line[a.side][a.pos] & 0xff)) : "";
  switch (a.what) {
    case Do::kDeliver: out += line; break;
    case Do::kTimer: out += "time passes: " + at; break;
    case Do::kAccept: out += at + " accepts"; break;
    case Do::kAnswer: out += at + " answers"; break;
    case Do::kConnect: out += at + " is connected again"; break;
    case Do::kReady: out += at + " is ready again"; break;
    case Do::kResume: out += at + "'s transmitter goes on"; break;
    case Do::kSubmit: out += at + " submits " + message_name(a.side, a.rep); break;
    case Do::kHoldVerdict: out += at + " gives its verdict later"; break;
    case Do::kReject: out += at + " rejects"; break;
    case Do::kAbort: out += at + " aborts " + message_name(a.side, a.rep); break;
    case Do::kAbortRx: out += at + " wants no more of what it receives"; break;
    case Do::kTurn: out += at + " asks for its turn"; break;
    case Do::kNotReady: out += at + (a.rep ? " has no room" : " is not ready"); break;
    case Do::kHangup: out += at + " hangs up"; break;
    case Do::kHangupBoth: out += "the connection is lost"; break;
    case Do::kLineCheck: out += at + " checks the idle line"; break;
    case Do::kLose: out += "LOST " + line + ": " + byte; break;
    case Do::kLoseFrame: out += "LOST " + line + ": the whole sequence"; break;
    case Do::kDamage: out += "DAMAGED " + line + ": " + byte + " becomes " + name_of(a.rep); break;
    case Do::kInsert: out += "INSERTED " + line + ": " + name_of(a.rep); break;
    case Do::kDouble: out += "DOUBLED " + line + ": " + byte; break;
    case Do::kFlagged: out += "DAMAGED " + line + ": " + byte + " with " + kFlags.at(a.rep); break;
    case Do::kLate: out += "LATE " + line + ", behind a timer of " + kStation.at(a.rep); break;
    default: break;
  }
  return out + tx_text(a);
}

std::vector<std::string> ladder(const Model& model, std::span<const Action> path, bool rest) {
  std::vector<std::string> out;
  World w = model.start();
  std::vector<std::string> log;
  double ms = 0;
  out.push_back("station A" + std::string(kColumn - 9, ' ') + "station B");
  for (const Action& a : path) {
    Step step;
    log.clear();
    step.log = &log;
    const std::string what = model.describe(w, a);
    const bool possible = model.run(w, a, step);
    ms += static_cast<double>(step.elapsed) / kMs;
    std::array<char, 32> time{};
    (void)std::snprintf(time.data(), time.size(), "[%9.1f ms] ", ms);
    out.push_back(time.data() + what + (possible ? "" : "  (not possible)"));
    for (const std::string& line : log) out.push_back("    " + line);
    for (const Finding& f : step.findings) out.push_back("    *** " + words(f));
    // A rule broken twice by one action is told once.
    out.erase(std::unique(out.begin(), out.end()), out.end());
  }
  if (rest) {
    Step step;
    log.clear();
    step.log = &log;
    if (model.at_rest(w)) {
      model.check_rest(w, step);
      model.check_new_message(w, step);
      out.emplace_back("at rest; then a new message:");
      for (const std::string& line : log) out.push_back("    " + line);
    }
    for (const Finding& f : step.findings) out.push_back("    *** " + words(f));
  }
  return out;
}

std::string words(const Finding& f) {
  std::string out = rule_name(f.rule);
  if (f.item < kItems) out += " (" + message_name(f.side, f.item) + ")";
  if (*f.what)
    out += std::string(f.item < kItems ? "" : std::string(" at ") + kStation.at(f.side)) + ": " + f.what;
  return out;
}

}  // namespace llp::model
