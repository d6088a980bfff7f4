// SPDX-License-Identifier: BSD-3-Clause
#include <cstddef>

#include "capture/capture.hpp"
#include "capture/words.hpp"

namespace llp::capture {
namespace {

bool printable(std::uint8_t c) { return c >= 0x20 && c < 0x7f; }

void word(std::string& out, std::string_view text) {
  if (!out.empty()) out += ' ';
  out += text;
}

std::string hex(std::uint8_t v) {
  static constexpr std::string_view kDigits = "0123456789ABCDEF";
  return {'0', 'x', kDigits[v >> 4], kDigits[v & 15]};
}

std::string quote(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

// DLE and a digit or `<`, where they are one sequence.
std::string sequence(const Bytes& bytes, std::size_t at, std::string_view protocol) {
  if (protocol != "x328" || bytes[at].value != kDle || at + 1 >= bytes.size()) return {};
  if (bytes[at].flag != bytes[at + 1].flag) return {};
  const std::uint8_t second = bytes[at + 1].value;
  if (second == '<') return "RINT";
  if (second < '0' || second > '7') return {};
  return std::string("ACK") + static_cast<char>(second);
}

void head_line(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += ' ';
  out += value;
  out += '\n';
}

std::string_view arrow(const Traffic& t) {
  if (t.from == Side::left) return !t.arrives ? ">|" : t.sent ? ">" : "|>";
  return !t.arrives ? "|<" : t.sent ? "<" : "<|";
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& w : words) word(out, w);
  return out;
}

}  // namespace

std::string_view side_name(Side side) { return side == Side::left ? "left" : "right"; }

std::string values(const Bytes& bytes) {
  std::string out;
  out.reserve(bytes.size());
  for (const Byte b : bytes) out.push_back(static_cast<char>(b.value));
  return out;
}

Bytes unflagged(std::string_view octets) {
  Bytes out;
  out.reserve(octets.size());
  for (const char c : octets) out.push_back({static_cast<std::uint8_t>(c), Flag::none});
  return out;
}

std::string write_bytes(const Bytes& bytes, std::string_view protocol) {
  // A run shorter than this is written out.
  constexpr std::size_t kRun = 24;
  std::string out;
  for (std::size_t i = 0; i < bytes.size();) {
    const Byte b = bytes[i];
    std::size_t same = 1;
    while (i + same < bytes.size() && bytes[i + same] == b) same++;
    std::string token;
    std::size_t taken = 1;
    if (same >= kRun) {
      const char c = static_cast<char>(b.value);
      token = std::to_string(same) + '*' +
              (printable(b.value) ? quote(std::string_view(&c, 1))
               : b.value < 0x20   ? std::string(kControls.at(b.value))
                                  : hex(b.value));
      taken = same;
    } else if (printable(b.value)) {
      std::string text;
      while (i + text.size() < bytes.size()) {
        const Byte next = bytes[i + text.size()];
        if (!printable(next.value) || next.flag != b.flag) break;
        std::size_t run = 1;
        while (i + text.size() + run < bytes.size() && bytes[i + text.size() + run] == next) run++;
        if (run >= kRun) break;
        text.push_back(static_cast<char>(next.value));
      }
      taken = text.size();
      token = quote(text);
    } else if (auto name = sequence(bytes, i, protocol); !name.empty()) {
      token = name;
      taken = 2;
    } else {
      token = b.value < 0x20 ? std::string(kControls.at(b.value)) : hex(b.value);
    }
    word(out, token);
    if (b.flag != Flag::none) word(out, kFlags.at(static_cast<std::size_t>(b.flag)));
    i += taken;
  }
  return out;
}

std::string write_time(std::uint64_t ns) {
  std::string fraction = std::to_string(1000000000 + ns % 1000000000).substr(1);
  while (fraction.size() > 3 && fraction.back() == '0') fraction.pop_back();
  return std::to_string(ns / 1000000000) + '.' + fraction;
}

std::string write_entry(const Entry& entry, std::string_view protocol) {
  std::string out;
  if (const auto* t = std::get_if<Traffic>(&entry.what)) {
    out = arrow(*t);
    word(out, write_bytes(t->bytes, protocol));
  } else if (const auto* a = std::get_if<Action>(&entry.what)) {
    out = std::string(side_name(a->side)) + ": " + a->verb;
    if (!a->words.empty()) word(out, joined(a->words));
    if (!a->text.empty()) word(out, write_bytes(unflagged(a->text), {}));
  } else if (const auto* e = std::get_if<Expected>(&entry.what)) {
    out = std::string(side_name(e->side)) + " = " + e->name;
    if (!e->words.empty()) word(out, joined(e->words));
    if (e->length) word(out, std::to_string(*e->length) + " bytes");
    if (e->bytes) word(out, write_bytes(unflagged(*e->bytes), {}));
  }
  return out;
}

std::string write(const Capture& c) {
  std::string out = "llp-capture 1\n";
  if (!c.title.empty()) head_line(out, "title", c.title);
  head_line(out, "protocol", c.protocol);
  for (const Side side : {Side::left, Side::right}) {
    const std::string name(side_name(side));
    const StationInfo& s = c.station(side);
    if (!s.name.empty()) head_line(out, name, s.name);
    if (!s.engine) head_line(out, name + ".engine", "no");
    if (s.known) head_line(out, name + ".known", "yes");
    if (s.verdict != "accept") head_line(out, name + ".verdict", s.verdict);
    if (!s.preset.empty()) head_line(out, name + ".preset", s.preset);
    for (const auto& [key, value] : s.options) {
      std::string setting = key;
      setting += '=';
      setting += value;
      head_line(out, name + ".set", setting);
    }
  }
  if (c.slack) head_line(out, "slack", write_time(c.slack));
  if (c.character) head_line(out, "character", write_time(c.character));
  if (!c.shows.empty()) head_line(out, "shows", joined(c.shows));
  out += '\n';
  std::uint64_t before = 0;
  for (const Entry& e : c.entries) {
    out += e.crossing ? "&     " : '+' + write_time(e.at - before);
    out += ' ';
    out += write_entry(e, c.protocol);
    out += '\n';
    before = e.at;
  }
  return out;
}

}  // namespace llp::capture
