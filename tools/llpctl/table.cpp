// SPDX-License-Identifier: BSD-3-Clause
#include "llpctl/table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <sstream>

namespace llp::ctl {

namespace {

constexpr std::size_t kGap = 2;
constexpr std::size_t kLeast = 6;  // characters of a column that is cut

std::string cut(const std::string& text, std::size_t width) {
  return text.size() <= width ? text : text.substr(0, width - 1) + "~";
}

}  // namespace

std::string Table::str(unsigned width, bool bold) const {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t most = columns_[i].head.size();
    for (const auto& row : rows_) most = std::max(most, row.at(i).size());
    widths.push_back(most);
  }
  // The widest of those that may be cut gives way.
  const auto total = [&] {
    return std::accumulate(widths.begin(), widths.end(), kGap * (widths.size() - 1));
  };
  while (total() > width) {
    std::size_t* widest = nullptr;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const std::size_t least = std::max(kLeast, columns_[i].head.size());
      if (columns_[i].cut && widths[i] > least && (widest == nullptr || widths[i] > *widest)) {
        widest = &widths[i];
      }
    }
    if (widest == nullptr) break;
    --*widest;
  }
  std::string out;
  const auto line = [&](const auto& cell, const char* before, const char* after) {
    std::string text;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const std::string shown = cut(cell(i), widths[i]);
      text += columns_[i].right ? fmt::format("{:>{}}", shown, widths[i])
                                : fmt::format("{:<{}}", shown, widths[i]);
      text.append(kGap, ' ');
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out += before + text + after + '\n';
  };
  line([&](std::size_t i) { return columns_[i].head; }, bold ? "\x1b[1m" : "", bold ? "\x1b[0m" : "");
  for (const auto& row : rows_) line([&](std::size_t i) { return row[i]; }, "", "");
  return out;
}

std::string wrapped(const std::string& text, unsigned indent, unsigned width) {
  std::istringstream in(text);
  std::string word;
  std::string line;
  std::string out;
  const std::string before(indent, ' ');
  const auto flush = [&] {
    if (!line.empty()) out += before + line + '\n';
    line.clear();
  };
  while (in >> word) {
    if (!line.empty() && indent + line.size() + 1 + word.size() > width) flush();
    line += (line.empty() ? "" : " ") + word;
  }
  flush();
  return out;
}

}  // namespace llp::ctl
