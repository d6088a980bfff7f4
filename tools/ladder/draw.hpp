// SPDX-License-Identifier: BSD-3-Clause
// Ladders: what was sighted on a line as text for a terminal, or as SVG.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ladder/decode.hpp"

namespace llp::ladder {

inline constexpr double kSecond = 1e9;  // ns

struct Style {
  std::string title;  // "chem, x328, /dev/ttyS1"
  std::string left = "this end", right = "the other end";
  std::string protocol;   // "x328": how octets are named
  bool content = false;   // octets are shown, too
  bool colour = false;    // text: what is marked
  unsigned columns = 80;  // text, at least 60
};

// Row by row, as it happens. Nothing but printable ASCII and line ends comes
// out, whatever was captured or a file says (and colours, if asked for).
class TextLadder {
 public:
  explicit TextLadder(Style style) : style_(std::move(style)) {}
  [[nodiscard]] std::string head() const;
  [[nodiscard]] std::string row(const Sight& sight);

 private:
  [[nodiscard]] std::string line(const std::string& times, std::string body, bool marked) const;
  Style style_;
  bool begun_ = false;
  std::uint64_t start_ = 0, last_ = 0;
};

// The whole as one document that needs nothing else. `date`: when it began, for
// people; may be empty.
[[nodiscard]] std::string svg_ladder(const Style& style, const std::vector<Sight>& sights,
                                     const std::string& date);

// Octets as captures write them, in lines of at most `width` characters.
[[nodiscard]] std::vector<std::string> content_lines(const Sight& sight, const std::string& protocol,
                                                     std::size_t width);
// Only printable ASCII: '?' for what is not.
[[nodiscard]] std::string printable(std::string_view text);
// "+0.512", or nothing below a millisecond.
[[nodiscard]] std::string gap_words(std::uint64_t ns);

}  // namespace llp::ladder
