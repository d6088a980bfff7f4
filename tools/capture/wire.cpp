// SPDX-License-Identifier: BSD-3-Clause
#include "capture/wire.hpp"

#include <algorithm>
#include <variant>

namespace llp::capture {

bool Listened::release2() const {
  return protocol == "mllp" &&
         std::ranges::any_of(params, [](const auto& p) { return p.first == "release" && p.second == "2"; });
}

Recording recording_of(const Capture& capture, Side end, std::uint64_t start) {
  Recording out;
  out.line.name = capture.station(end).name;
  if (out.line.name.empty()) out.line.name = side_name(end);
  out.line.protocol = capture.protocol;
  // Of a foreign station nothing is known: what the other one has fits it.
  const StationInfo& station = capture.station(capture.station(end).engine ? end : other(end));
  out.line.params = station.options;
  if (!station.preset.empty()) out.line.params.emplace(out.line.params.begin(), "peer", station.preset);
  out.line.port = capture.title;
  for (const Entry& entry : capture.entries) {
    const auto* traffic = std::get_if<Traffic>(&entry.what);
    if (traffic == nullptr) continue;
    const bool ours = traffic->from == end;
    if (ours ? !traffic->sent : !traffic->arrives) continue;
    Packet packet;
    packet.time = start + entry.at;
    packet.out = ours;
    packet.octets = values(traffic->bytes);
    for (std::size_t i = 0; i < traffic->bytes.size() && !ours; i++) {
      const Flag flag = traffic->bytes[i].flag;
      if (flag != Flag::none) packet.marks.push_back({static_cast<std::uint32_t>(i), flag});
    }
    out.packets.push_back(std::move(packet));
  }
  return out;
}

Capture capture_of(const Recording& recording) {
  Capture out;
  out.title = recording.line.name;
  out.protocol = recording.line.protocol;
  for (StationInfo& station : out.stations) {
    for (const auto& [name, value] : recording.line.params) {
      if (name == "peer") {
        station.preset = value;
      } else {
        station.options.emplace_back(name, value);
      }
    }
  }
  const std::uint64_t start = recording.packets.empty() ? 0 : recording.packets.front().time;
  std::uint64_t last = 0;
  for (const Packet& packet : recording.packets) {
    if (packet.kind != PacketKind::bytes || packet.octets.empty()) continue;
    // A clock that was set back does not take the conversation with it.
    last = std::max(last, packet.time < start ? 0 : packet.time - start);
    Traffic traffic;
    traffic.from = packet.out ? Side::left : Side::right;
    traffic.bytes = unflagged(packet.octets);
    for (const Mark& mark : packet.marks) traffic.bytes.at(mark.offset).flag = mark.flag;
    Entry entry;
    entry.at = last;
    entry.what = std::move(traffic);
    out.entries.push_back(std::move(entry));
  }
  return out;
}

}  // namespace llp::capture
