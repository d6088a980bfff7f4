// SPDX-License-Identifier: BSD-3-Clause
// Tables that fit the terminal.
#pragma once

#include <string>
#include <vector>

namespace llp::ctl {

struct Column {
  std::string head;
  bool right = false;  // numbers
  bool cut = false;    // may be shortened where the terminal is narrow
};

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  // As many cells as there are columns.
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  // Lines of at most `width` characters as far as the columns can be cut ("an
  // analys~"), never with spaces at their ends. `bold`: the head.
  [[nodiscard]] std::string str(unsigned width, bool bold) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// Words as lines of at most `width`, each behind `indent` spaces.
[[nodiscard]] std::string wrapped(const std::string& text, unsigned indent, unsigned width);

}  // namespace llp::ctl
