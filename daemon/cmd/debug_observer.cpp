// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/debug_observer.hpp"

#include <fmt/format.h>

#include <array>
#include <iterator>

#include "line/frame_words.hpp"

namespace llp::cmd {

namespace {

constexpr std::array<const char*, 33> kNames{"NUL", "SOH", "STX", "ETX", "EOT", "ENQ", "ACK", "BEL", "BS",
                                             "HT",  "LF",  "VT",  "FF",  "CR",  "SO",  "SI",  "DLE", "DC1",
                                             "DC2", "DC3", "DC4", "NAK", "SYN", "ETB", "CAN", "EM",  "SUB",
                                             "ESC", "FS",  "GS",  "RS",  "US",  "DEL"};

const char* control_name(std::uint8_t byte) {
  if (byte < 0x20) return kNames.at(byte);
  return byte == 0x7f ? kNames.back() : nullptr;
}

}  // namespace

std::string bytes_text(std::span<const std::uint8_t> bytes, bool content) {
  std::string out;
  std::size_t run = 0;
  const auto end_run = [&out, &run] {
    if (run > 0) fmt::format_to(std::back_inserter(out), "[{}]", run);
    run = 0;
  };
  for (const std::uint8_t byte : bytes) {
    if (const char* name = control_name(byte)) {
      end_run();
      fmt::format_to(std::back_inserter(out), "<{}>", name);
    } else if (!content) {
      run++;
    } else if (byte >= 0x80) {
      fmt::format_to(std::back_inserter(out), "<{:02X}>", byte);
    } else {
      out += static_cast<char>(byte);
    }
  }
  end_run();
  return out;
}

std::string frame_text(const llp_event& event) {
  std::string out = event.out != 0 ? "sent " : "received ";
  out += line::frame_words(event);
  if (event.out == 0 && event.verdict != LLP_FV_GOOD) {
    out += ": ";
    out += llp_frame_verdict_name(static_cast<llp_verdict_frame>(event.verdict));
  }
  return out;
}

void DebugObserver::frame(const llp_event& event) { log_.debug("{}", frame_text(event)); }
void DebugObserver::timer(const char* name) { log_.debug("timer: {}", name); }
void DebugObserver::state(const char* name) { log_.debug("state: {}", name); }
void DebugObserver::lost(std::size_t bytes) { log_.debug("lost {} bytes outside any frame", bytes); }
void DebugObserver::connection(bool up, const std::string& what) {
  log_.debug("line {}{}{}", up ? "up" : "down", what.empty() ? "" : ": ", what);
}
void DebugObserver::raw(bool out, std::span<const std::uint8_t> bytes) {
  log_.debug("{} {}", out ? ">" : "<", bytes_text(bytes, content_));
}

}  // namespace llp::cmd
