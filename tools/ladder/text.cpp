// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "ladder/draw.hpp"

namespace llp::ladder {

namespace {

constexpr std::size_t kTimes = 20;  // columns before the ladder: "    0.013    +0.013  "
constexpr std::size_t kLead = 3;    // of an arrow before its words

std::string dashes(std::size_t n) { return std::string(n, '-'); }

// "|--- ENQ ------->|" without its rails. What nobody sent begins with a star,
// what did not arrive ends with a cross.
std::string arrow(const std::string& words, bool right, Fate fate, std::size_t width) {
  const std::size_t rest = width - std::min(width, words.size() + kLead + 3);
  const char* from = fate == Fate::noise ? "*" : "-";
  const char* to = fate == Fate::lost ? "x" : nullptr;
  if (right) return from + dashes(kLead - 1) + " " + words + " " + dashes(rest) + (to ? to : ">");
  return (to ? to : "<") + dashes(rest) + " " + words + " " + dashes(kLead - 1) + from;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out(text);
  std::ranges::replace_if(out, [](unsigned char c) { return c < 0x20 || c >= 0x7f; }, '?');
  return out;
}

std::string gap_words(std::uint64_t ns) {
  if (ns < 500'000) return {};
  return fmt::format("+{:.3f}", static_cast<double>(ns) / kSecond);
}

std::vector<std::string> content_lines(const Sight& sight, const std::string& protocol, std::size_t width) {
  capture::Bytes bytes = capture::unflagged(sight.octets);
  for (const capture::Mark& mark : sight.marks) {
    if (mark.offset < bytes.size()) bytes[mark.offset].flag = mark.flag;
  }
  const std::string all = printable(capture::write_bytes(bytes, protocol));
  std::vector<std::string> out;
  for (std::size_t at = 0; at < all.size(); at += width) out.push_back(all.substr(at, width));
  return out;
}

std::string TextLadder::line(const std::string& times, std::string body, bool marked) const {
  const std::size_t width = style_.columns - kTimes - 3;
  body.resize(width, ' ');
  const bool colour = marked && style_.colour;
  return fmt::format("{:<{}}|{}{}{}|{}\n", times, kTimes, colour ? "\x1b[33m" : "", body,
                     colour ? "\x1b[0m" : "", marked ? "!" : "");
}

std::string TextLadder::head() const {
  const std::size_t width = style_.columns - kTimes - 1;
  std::string left = printable(style_.left);
  std::string right = printable(style_.right);
  left.resize(std::min(left.size(), width / 2));
  right.resize(std::min(right.size(), width / 2 - 1));
  std::string out = style_.title.empty() ? "" : printable(style_.title) + "\n";
  return out + fmt::format("  seconds       gap  {}{:>{}}\n", left, right, width - left.size());
}

std::string TextLadder::row(const Sight& sight) {
  if (!std::exchange(begun_, true)) start_ = last_ = sight.begin;
  const std::uint64_t gap = sight.begin < last_ ? 0 : sight.begin - last_;
  last_ = std::max(last_, sight.end);
  const double seconds = static_cast<double>(sight.begin < start_ ? 0 : sight.begin - start_) / kSecond;
  const std::string times = fmt::format("{:9.3f} {:>9}", seconds, gap_words(gap));
  const std::size_t width = style_.columns - kTimes - 3;
  const bool marked = is_marked(sight);
  const std::string wrong = trouble(sight);
  std::string words = printable(ladder::words(sight));
  std::string below;
  if (!wrong.empty()) {
    if (words.size() + wrong.size() + kLead + 8 <= width) {
      words += ": " + wrong;
    } else {
      below = wrong;
    }
  }
  std::string out;
  if (sight.kind == SightKind::frame || sight.kind == SightKind::message) {
    out = line(times, arrow(words, sight.out, sight.fate, width), marked);
  } else {
    out = line(times, fmt::format("{:^{}}", "-- " + words.substr(0, width - 6) + " --", width), marked);
  }
  if (!below.empty()) out += line("", "      " + below, false);
  if (style_.content) {
    for (const std::string& part : content_lines(sight, style_.protocol, width - 6)) {
      out += line("", "      " + part, false);
    }
  }
  return out;
}

}  // namespace llp::ladder
