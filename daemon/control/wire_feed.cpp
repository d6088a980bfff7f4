// SPDX-License-Identifier: BSD-3-Clause
#include "control/wire_feed.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <iterator>
#include <nlohmann/json.hpp>
#include <variant>

namespace llp::control {

namespace {

using Json = nlohmann::ordered_json;

const char* kind_name(WirePiece::Kind kind) {
  switch (kind) {
    case WirePiece::Kind::bytes: return "bytes";
    case WirePiece::Kind::message: return "message";
    case WirePiece::Kind::up: return "up";
    case WirePiece::Kind::down: return "down";
  }
  return "";
}

std::string hex(std::span<const std::uint8_t> octets) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  out.reserve(2 * octets.size());
  for (const std::uint8_t octet : octets) {
    out += kDigits[octet >> 4U];
    out += kDigits[octet & 15U];
  }
  return out;
}

}  // namespace

std::int64_t time_of_day(std::uint64_t at) {
  using std::chrono::duration_cast;
  using std::chrono::nanoseconds;
  const auto steady = duration_cast<nanoseconds>(std::chrono::steady_clock::now().time_since_epoch());
  const auto wall = duration_cast<nanoseconds>(std::chrono::system_clock::now().time_since_epoch());
  return (wall - steady).count() + static_cast<std::int64_t>(at);
}

// By hand: a line that somebody listens to waits for it.
std::string wire_event(const WirePiece& piece, std::uint64_t lost) {
  const std::string name = Json(piece.line).dump(-1, ' ', false, Json::error_handler_t::replace);
  std::string out =
      fmt::format(R"({{"event":"wire","name":{},"time_ns":{},"kind":"{}","out":{},"octets":"{}")", name,
                  time_of_day(piece.at), kind_name(piece.kind), piece.out, hex(piece.octets));
  std::string marks;
  for (std::size_t i = 0; i < piece.flags.size(); i++) {
    if (piece.flags[i] == 0) continue;
    fmt::format_to(std::back_inserter(marks), "{}[{},{}]", marks.empty() ? "" : ",", i, piece.flags[i]);
  }
  if (!marks.empty()) out += ",\"marks\":[" + marks + "]";
  if (lost > 0) fmt::format_to(std::back_inserter(out), ",\"lost\":{}", lost);
  return out + "}\n";
}

Json wire_report(const LineInfo& line) {
  const core::LineConfig& config = *line.config;
  Json report;
  report["protocol"] = llp_protocol_name(config.protocol);
  report["port"] = io::describe(config.port);
  const auto* tty = std::get_if<io::Tty>(&config.port);
  report["baud"] = tty != nullptr && !tty->keep ? tty->baud : 0;
  Json params = Json::object();
  llp_params standard{};
  llp_params_default(&standard, config.protocol);
  for (u32 i = 0; const llp_param* row = llp_param_at(i); ++i) {
    std::array<char, 64> now{};
    std::array<char, 64> before{};
    const auto text = [&](const llp_params& p, std::array<char, 64>& out) {
      return llp_params_get(&p, config.protocol, row->name, out.data(), out.size());
    };
    if (text(config.params, now) < 0 || text(standard, before) < 0 || now == before) continue;
    params[row->name] = now.data();
  }
  report["params"] = std::move(params);
  report["connected"] = line.service != nullptr && line.service->status().connected;
  return report;
}

}  // namespace llp::control
