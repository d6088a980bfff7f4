// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>

#include "ladder/draw.hpp"

namespace llp::ladder {

namespace {

constexpr unsigned kWidth = 880, kLeft = 190, kRight = 850, kTop = 96, kStep = 30, kContentStep = 15;
constexpr std::size_t kContentWidth = 96;

// Of text in an element.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default: out += c;
    }
  }
  return out;
}

constexpr const char* kHead = R"svg(<?xml version="1.0" encoding="UTF-8"?>
<svg xmlns="http://www.w3.org/2000/svg" width="{0}" height="{1}" viewBox="0 0 {0} {1}">
<title>{2}</title>
<style>
text {{ font: 13px "DejaVu Sans", Verdana, sans-serif; fill: #1b2733; }}
.title {{ font-size: 16px; font-weight: bold; }}
.date, .time {{ fill: #5b6b7a; }}
.time {{ font-size: 12px; }}
.gap {{ font-size: 12px; fill: #1b2733; }}
.party {{ font-weight: bold; }}
.rail {{ stroke: #9fb0bf; stroke-width: 2; }}
.arrow {{ stroke: #2b6cb0; stroke-width: 1.6; }}
.head {{ fill: #2b6cb0; }}
.marked {{ fill: #b3261e; }}
.arrow.marked {{ stroke: #b3261e; }}
.lost {{ stroke-dasharray: 6 4; }}
.note {{ stroke: #9fb0bf; stroke-dasharray: 2 4; }}
.content {{ font: 11px "DejaVu Sans Mono", monospace; fill: #5b6b7a; }}
</style>
<rect width="100%" height="100%" fill="#ffffff"/>
)svg";

class Drawing {
 public:
  Drawing(const Style& style, const std::vector<Sight>& sights) : style_(style), sights_(sights) {}

  std::string draw(const std::string& date) {
    for (const Sight& sight : sights_) row(sight);
    const unsigned height = y_ + 20;
    std::string out = fmt::format(kHead, kWidth, height, escaped(style_.title));
    const auto add = std::back_inserter(out);
    fmt::format_to(add, "<text class=\"title\" x=\"20\" y=\"30\">{}</text>\n", escaped(style_.title));
    if (!date.empty())
      fmt::format_to(add, "<text class=\"date\" x=\"20\" y=\"50\">{}</text>\n", escaped(date));
    for (const bool right : {false, true}) {
      const unsigned x = right ? kRight : kLeft;
      fmt::format_to(add, "<text class=\"party\" x=\"{}\" y=\"{}\" text-anchor=\"{}\">{}</text>\n", x,
                     kTop - 24, right ? "end" : "start", escaped(right ? style_.right : style_.left));
      fmt::format_to(add, "<line class=\"rail\" x1=\"{0}\" y1=\"{1}\" x2=\"{0}\" y2=\"{2}\"/>\n", x,
                     kTop - 14, height - 12);
    }
    return out + rows_ + "</svg>\n";
  }

 private:
  void row(const Sight& sight) {
    const std::uint64_t start = sights_.front().begin;
    const std::uint64_t gap = sight.begin < last_ || last_ == 0 ? 0 : sight.begin - last_;
    last_ = std::max(last_, sight.end);
    const auto add = std::back_inserter(rows_);
    const double seconds = static_cast<double>(sight.begin < start ? 0 : sight.begin - start) / kSecond;
    y_ += kStep;
    fmt::format_to(add, "<text class=\"time\" x=\"80\" y=\"{}\" text-anchor=\"end\">{:.3f} s</text>\n",
                   y_ + 4, seconds);
    if (const std::string words = gap_words(gap); !words.empty()) {
      fmt::format_to(add, "<text class=\"gap\" x=\"160\" y=\"{}\" text-anchor=\"end\">{} s</text>\n", y_ + 4,
                     words);
    }
    if (sight.kind == SightKind::frame || sight.kind == SightKind::message) {
      arrow(sight);
    } else {
      note(sight);
    }
    if (!style_.content) return;
    for (const std::string& part : content_lines(sight, style_.protocol, kContentWidth)) {
      y_ += kContentStep;
      fmt::format_to(add, "<text class=\"content\" x=\"{}\" y=\"{}\" xml:space=\"preserve\">{}</text>\n",
                     kLeft + 12, y_ + 2, escaped(part));
    }
  }

  void arrow(const Sight& sight) {
    const auto add = std::back_inserter(rows_);
    const bool marked = is_marked(sight);
    // What was lost ends before it is there, and what is noise begins on the way.
    constexpr unsigned kShort = 160;
    unsigned from = kLeft + 2;
    unsigned to = kRight - 2;
    if (!sight.out) std::swap(from, to);
    const int step = sight.out ? 1 : -1;
    const auto moved = [step](unsigned x, int by) {
      return static_cast<unsigned>(static_cast<int>(x) + step * by);
    };
    if (sight.fate == Fate::lost) to = moved(to, -static_cast<int>(kShort));
    if (sight.fate == Fate::noise) from = moved(from, static_cast<int>(kShort));
    fmt::format_to(add, "<line class=\"arrow{}{}\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>\n",
                   marked ? " marked" : "", sight.fate == Fate::lost ? " lost" : "", from, y_, moved(to, -8),
                   y_);
    if (sight.fate == Fate::lost) {
      fmt::format_to(add, "<path class=\"arrow marked\" d=\"M{0} {1} l12 12 m0 -12 l-12 12\"/>\n", to - 6,
                     y_ - 6);
    } else {
      fmt::format_to(add, "<path class=\"head{}\" d=\"M{} {} L{} {} L{} {} Z\"/>\n", marked ? " marked" : "",
                     to, y_, moved(to, -10), y_ - 5, moved(to, -10), y_ + 5);
    }
    std::string words = ladder::words(sight);
    if (const std::string wrong = trouble(sight); !wrong.empty()) words += ": " + wrong;
    fmt::format_to(add, "<text{} x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n",
                   marked ? " class=\"marked\"" : "", (kLeft + kRight) / 2, y_ - 6, escaped(words));
  }

  void note(const Sight& sight) {
    fmt::format_to(std::back_inserter(rows_),
                   "<line class=\"note\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>\n"
                   "<text{} x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n",
                   kLeft, y_, kRight, y_, is_marked(sight) ? " class=\"marked\"" : "", (kLeft + kRight) / 2,
                   y_ - 6, escaped(ladder::words(sight)));
  }

  const Style& style_;
  const std::vector<Sight>& sights_;
  std::string rows_;
  unsigned y_ = kTop - 10;
  std::uint64_t last_ = 0;
};

}  // namespace

std::string svg_ladder(const Style& style, const std::vector<Sight>& sights, const std::string& date) {
  return Drawing(style, sights).draw(date);
}

}  // namespace llp::ladder
