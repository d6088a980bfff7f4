// SPDX-License-Identifier: BSD-3-Clause
#include "llpctl/top_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <ranges>
#include <utility>

#include "llpctl/words.hpp"

namespace llp::ctl::top {

namespace {

constexpr std::size_t kHistory = 256;
constexpr std::size_t kMoved = 200;
constexpr std::array kKeys{Key::name, Key::state, Key::messages, Key::bytes,
                           Key::use,  Key::naks,  Key::retries,  Key::queue};

std::uint64_t count(const Sample& sample, std::string_view counter) {
  const auto found = sample.counters.find(std::string(counter));
  return found == sample.counters.end() ? 0 : found->second;
}

// A counter that is smaller than before began anew with its line.
std::uint64_t added(std::uint64_t before, std::uint64_t now) { return now >= before ? now - before : now; }

// At most five characters: "0", "0.25", "12.5", "1234", "56k", "7.8M".
std::string rate_words(double rate) {
  if (rate <= 0) return "0";
  if (rate < 10) return fmt::format("{:.2f}", rate);
  if (rate < 100) return fmt::format("{:.1f}", rate);
  if (rate < 9999.5) return fmt::format("{:.0f}", rate);
  if (rate < 999'500) return fmt::format("{:.0f}k", rate / 1e3);
  return rate < 999.5e6 ? fmt::format("{:.1f}M", rate / 1e6) : fmt::format("{:.0f}G", rate / 1e9);
}

std::string count_words(std::uint64_t number) {
  return number < 100'000 ? std::to_string(number) : rate_words(static_cast<double>(number));
}

std::string fitted(std::string_view text, std::size_t width) {
  if (text.size() > width) return width == 0 ? "" : std::string(text.substr(0, width - 1)) + "~";
  return std::string(text) + std::string(width - text.size(), ' ');
}

bool contains(std::string_view text, std::string_view part) {
  const auto same = [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
  };
  return std::search(text.begin(), text.end(), part.begin(), part.end(), same) != text.end();
}

double value_of(const Row& row, Key key) {
  switch (key) {
    case Key::messages: return row.rates.messages_in + row.rates.messages_out;
    case Key::bytes: return row.rates.bytes;
    case Key::use: return row.rates.use;
    case Key::naks: return row.rates.naks;
    case Key::retries: return row.rates.retries;
    case Key::queue: return static_cast<double>(row.now.queue);
    case Key::state: return row.now.trouble ? 1 : 0;
    case Key::name: return 0;
  }
  return 0;
}

struct ColumnOf {
  std::string_view head;
  std::size_t width;
};
constexpr std::array kColumns{ColumnOf{"LINE", 10}, ColumnOf{"STATE", 12},  ColumnOf{"IN/s", 5},
                              ColumnOf{"OUT/s", 5}, ColumnOf{"BYTES/s", 7}, ColumnOf{"USE", 4},
                              ColumnOf{"NAK/s", 5}, ColumnOf{"RETRY/s", 7}, ColumnOf{"QUEUE", 5}};

constexpr std::size_t columns_width() {
  std::size_t width = 0;
  for (const ColumnOf& column : kColumns) width += column.width + 1;
  return width;
}

}  // namespace

const char* to_string(Key key) noexcept {
  constexpr std::array kWords{"name", "state", "messages", "bytes", "use", "naks", "retries", "queue"};
  return kWords.at(static_cast<std::size_t>(key));
}

std::span<const Key> all_keys() noexcept { return kKeys; }

double char_time_of(std::string_view port) {
  // "/dev/ttyS0 9600 8N1", perhaps with more after it.
  std::size_t at = port.find(' ');
  if (!port.starts_with('/') || at == std::string_view::npos) return 0;
  port.remove_prefix(at + 1);
  unsigned baud = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), baud);
  at = static_cast<std::size_t>(end - port.data());
  if (error != std::errc{} || baud == 0 || port.size() < at + 4 || port[at] != ' ') return 0;
  const auto digit = [&](std::size_t i) { return std::isdigit(static_cast<unsigned char>(port[i])) != 0; };
  if (!digit(at + 1) || !digit(at + 3)) return 0;
  const int bits = 1 + (port[at + 1] - '0') + (port[at + 2] == 'N' ? 0 : 1) + (port[at + 3] - '0');
  return static_cast<double>(bits) / baud;
}

void Model::update(Time now, std::vector<Sample> samples, const std::string& when) {
  const double seconds = last_.count() < 0 ? 0 : std::max((now - last_).count(), 1e-6);
  last_ = now;
  std::map<std::string, Known, std::less<>> all;
  for (Sample& sample : samples) {
    Known known;
    const auto before = known_.find(sample.name);
    const bool seen = before != known_.end() && seconds > 0;
    if (before != known_.end()) known = std::move(before->second);
    known.per_second.clear();
    Rates rates;
    if (seen) {
      const Sample& old = known.row.now;
      const auto rate = [&](std::string_view counter) {
        return static_cast<double>(added(count(old, counter), count(sample, counter))) / seconds;
      };
      rates.messages_in = rate("rx_messages");
      rates.messages_out = rate("tx_messages");
      rates.bytes = rate("rx_bytes") + rate("tx_bytes");
      rates.naks = rate("naks_sent") + rate("naks_received");
      rates.retries = rate("retransmissions");
      rates.use = std::min(rates.bytes * sample.char_time_s, 1.0);
      for (const auto& [counter, value] : sample.counters) {
        const std::uint64_t more = added(count(old, counter), value);
        if (more == 0) continue;
        known.per_second[counter] = static_cast<double>(more) / seconds;
        if (is_trouble(counter)) known.moved.push_back({when, counter, more});
      }
      while (known.moved.size() > kMoved) known.moved.pop_front();
      known.row.history.push_back(rates.bytes);
      while (known.row.history.size() > kHistory) known.row.history.pop_front();
    }
    known.row.rates = rates;
    known.row.now = std::move(sample);
    std::string name = known.row.now.name;
    all.emplace(std::move(name), std::move(known));
  }
  known_ = std::move(all);
  notice_.clear();
}

const Row* Model::row(std::string_view name) const {
  const auto found = known_.find(name);
  return found == known_.end() ? nullptr : &found->second.row;
}

std::vector<const Row*> Model::rows() const {
  std::vector<const Row*> all;
  for (const auto& [name, known] : known_) {
    if (filter_.empty() || contains(name, filter_) || contains(known.row.now.state, filter_) ||
        contains(known.row.now.about, filter_)) {
      all.push_back(&known.row);
    }
  }
  // By name already; the largest first.
  std::ranges::stable_sort(
      all, [this](const Row* a, const Row* b) { return value_of(*a, sort_) > value_of(*b, sort_); });
  if (reverse_) std::ranges::reverse(all);
  return all;
}

void Model::move(std::ptrdiff_t by) {
  const auto all = rows();
  if (all.empty()) return;
  const auto at = std::ranges::find_if(all, [this](const Row* r) { return r->now.name == selected_; });
  std::ptrdiff_t i = at == all.end() ? (by > 0 ? -1 : 1) : at - all.begin();
  i = std::clamp<std::ptrdiff_t>(i + by, 0, static_cast<std::ptrdiff_t>(all.size()) - 1);
  selected_ = all[static_cast<std::size_t>(i)]->now.name;
}

void Model::press_in_filter(std::string_view key) {
  if (key == "enter") {
    typing_ = false;
  } else if (key == "escape") {
    typing_ = false;
    filter_.clear();
  } else if (key == "backspace") {
    if (!filter_.empty()) filter_.pop_back();
  } else if (key.size() == 1) {
    filter_ += key;
  }
}

bool Model::press(std::string_view key) {
  if (key == "interrupt") return false;
  if (typing_) {
    press_in_filter(key);
    return true;
  }
  if (key == "q") return false;
  if (drilled_) {
    if (key == "escape" || key == "left" || key == "backspace" || key == "enter") drilled_ = false;
    if (key == "up" || key == "k") move(-1);
    if (key == "down" || key == "j") move(1);
    return true;
  }
  if (key == "up" || key == "k") move(-1);
  if (key == "down" || key == "j") move(1);
  if (key == "enter" || key == "right") {
    if (row(selected_) == nullptr) move(1);
    drilled_ = row(selected_) != nullptr;
  }
  if (key == "s") {
    const auto at = std::ranges::find(kKeys, sort_);
    sort_ = at + 1 == kKeys.end() ? kKeys.front() : *(at + 1);
  }
  if (key == "r") reverse_ = !reverse_;
  if (key == "/") {
    typing_ = true;
    filter_.clear();
  }
  if (key == "escape") filter_.clear();
  return true;
}

std::string Model::title() const {
  const auto bad = std::ranges::count_if(known_, [](const auto& k) { return k.second.row.now.trouble; });
  std::string text = fmt::format("llpctl top: {} line{}", known_.size(), known_.size() == 1 ? "" : "s");
  if (bad > 0) text += fmt::format(", {} not well", bad);
  text += fmt::format("; by {}{}", to_string(sort_), reverse_ ? ", reversed" : "");
  if (typing_ || !filter_.empty()) text += fmt::format("; only \"{}{}\"", filter_, typing_ ? "_" : "");
  if (!notice_.empty()) text += "; " + notice_;
  return text;
}

std::string Model::keys() const {
  if (typing_) return "Enter: done   Esc: no filter";
  if (drilled_) return "Esc: all lines   Up Down: other line   q: quit";
  return "q: quit   s: sort   r: reverse   /: filter   Up Down Enter: one line";
}

std::string Model::head(std::size_t width) const {
  std::string text;
  for (const ColumnOf& column : kColumns) {
    const bool left = &column < &kColumns[2];
    text += left ? fitted(column.head, column.width) : fmt::format("{:>{}}", column.head, column.width);
    text += ' ';
  }
  if (width > text.size()) text += std::string_view("TRAFFIC").substr(0, width - text.size());
  return text.substr(0, width);
}

std::string Model::line_of(const Row& row, std::size_t width) const {
  const Rates& r = row.rates;
  const std::array cells{rate_words(r.messages_in),
                         rate_words(r.messages_out),
                         rate_words(r.bytes),
                         row.now.char_time_s > 0 ? fmt::format("{:.0f}%", r.use * 100) : std::string("-"),
                         rate_words(r.naks),
                         rate_words(r.retries),
                         count_words(row.now.queue)};
  std::string text = fitted(row.now.name, kColumns[0].width) + ' ' + fitted(row.now.state, kColumns[1].width);
  for (std::size_t i = 0; i < cells.size(); ++i)
    text += fmt::format(" {:>{}}", cells.at(i), kColumns.at(i + 2).width);
  if (width <= columns_width()) return text.substr(0, width);
  return text + ' ' + sparkline(row.history, width - columns_width(), unicode_);
}

std::vector<std::string> Model::table(std::size_t width) const {
  std::vector<std::string> lines{head(width)};
  for (const Row* row : rows()) lines.push_back(line_of(*row, width));
  for (std::string& line : lines) line.erase(line.find_last_not_of(' ') + 1);
  return lines;
}

std::vector<std::string> Model::detail(std::size_t width, std::size_t height) const {
  const Known& known = known_.find(selected_)->second;
  const Row& row = known.row;
  std::vector<std::string> lines;
  const auto put = [&](std::string_view text) { lines.emplace_back(text.substr(0, width)); };
  put(fmt::format("{}: {}", row.now.name, row.now.state));
  put(row.now.about);
  lines.push_back(sparkline(row.history, width, unicode_));
  put(fmt::format("{} bytes/s, {} in/s, {} out/s, wire {}, {} wait", rate_words(row.rates.bytes),
                  rate_words(row.rates.messages_in), rate_words(row.rates.messages_out),
                  row.now.char_time_s > 0 ? fmt::format("{:.0f}%", row.rates.use * 100) : "-",
                  row.now.queue));
  put("");
  // Counters at the left, what moved at the right; the newest first.
  std::vector<std::string> left, right;
  for (const auto& [counter, value] : row.now.counters) {
    if (value == 0) continue;
    const auto rate = known.per_second.find(counter);
    left.push_back(fmt::format("{:<18} {:>10} {:>7}", counter, value,
                               rate == known.per_second.end() ? "" : rate_words(rate->second) + "/s"));
  }
  for (const Moved& moved : std::ranges::reverse_view(known.moved)) {
    right.push_back(fmt::format("{} {} +{}", moved.when, moved.counter, moved.by));
  }
  if (left.empty()) left.emplace_back("Nothing has happened on it yet.");
  put(fmt::format("{:<38}{}", "COUNTERS", width > 60 ? "WHAT WENT WRONG" : ""));
  const std::size_t room = height > lines.size() ? height - lines.size() : 0;
  for (std::size_t i = 0; i < room && (i < left.size() || (width > 60 && i < right.size())); ++i) {
    put(fmt::format("{:<38}{}", i < left.size() ? left[i] : "",
                    width > 60 && i < right.size() ? right[i] : ""));
  }
  return lines;
}

std::vector<std::string> Model::screen(std::size_t width, std::size_t height, bool colour) const {
  const char* bold = colour ? "\x1b[1m" : "";
  const char* plain = colour ? "\x1b[0m" : "";
  std::vector<std::string> lines;
  if (height == 0 || width == 0) return lines;
  lines.push_back(bold + fitted(title(), width) + plain);
  if (height < 4) return lines;
  const std::size_t room = height - 2;  // below the title, above the keys
  if (drilled_ && row(selected_) != nullptr) {
    for (std::string& line : detail(width, room)) lines.push_back(std::move(line));
  } else {
    lines.push_back(bold + head(width) + plain);
    const auto all = rows();
    const auto at = std::ranges::find_if(all, [this](const Row* r) { return r->now.name == selected_; });
    const auto chosen = static_cast<std::size_t>(at - all.begin());
    const std::size_t first = chosen < all.size() && chosen >= room - 1 ? chosen - (room - 2) : 0;
    for (std::size_t i = first; i < all.size() && lines.size() < room + 1; ++i) {
      const bool marked = i == chosen;
      const char* on = !colour ? "" : marked ? "\x1b[7m" : all[i]->now.trouble ? "\x1b[31m" : "";
      lines.push_back(on + line_of(*all[i], width) + (*on != '\0' ? plain : ""));
    }
  }
  lines.resize(height - 1);
  lines.push_back(keys().substr(0, width));
  return lines;
}

std::string sparkline(const std::deque<double>& values, std::size_t width, bool unicode) {
  constexpr std::array kBars{" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  constexpr std::array kPlain{" ", ".", ":", "-", "=", "+", "*", "%", "#"};
  const auto& bars = unicode ? kBars : kPlain;
  const std::size_t n = std::min(width, values.size());
  const auto first = values.end() - static_cast<std::ptrdiff_t>(n);
  const double most = n == 0 ? 0 : *std::max_element(first, values.end());
  std::string out(width - n, ' ');
  for (auto it = first; it != values.end(); ++it) {
    // Whatever is more than nothing is seen.
    const double part = most > 0 ? *it / most * static_cast<double>(bars.size() - 1) : 0;
    out += bars.at(*it > 0 ? static_cast<std::size_t>(std::clamp(std::ceil(part), 1.0, 8.0)) : 0);
  }
  return out;
}

std::vector<std::string> keys_in(std::string& bytes, bool more) {
  struct Sequence {
    std::string_view bytes, key;
  };
  constexpr std::array kSequences{
      Sequence{"\x1b[A", "up"},    Sequence{"\x1b[B", "down"}, Sequence{"\x1b[C", "right"},
      Sequence{"\x1b[D", "left"},  Sequence{"\x1bOA", "up"},   Sequence{"\x1bOB", "down"},
      Sequence{"\x1bOC", "right"}, Sequence{"\x1bOD", "left"},
  };
  std::vector<std::string> keys;
  while (!bytes.empty()) {
    const char c = bytes.front();
    std::size_t used = 1;
    if (c == '\x1b') {
      const auto whole =
          std::ranges::find_if(kSequences, [&](const Sequence& s) { return bytes.starts_with(s.bytes); });
      const bool begun =
          std::ranges::any_of(kSequences, [&](const Sequence& s) { return s.bytes.starts_with(bytes); });
      if (whole != kSequences.end()) {
        keys.emplace_back(whole->key);
        used = whole->bytes.size();
      } else if (begun && more) {
        return keys;
      } else if (bytes.size() == 1 || bytes[1] != '[') {
        keys.emplace_back("escape");
      } else {
        // Of another key: all of it, to its last byte.
        std::size_t end = 2;
        while (end < bytes.size() && (bytes[end] < '@' || bytes[end] > '~')) ++end;
        if (end == bytes.size() && more) return keys;
        used = std::min(end + 1, bytes.size());
      }
    } else if (c == '\r' || c == '\n') {
      keys.emplace_back("enter");
    } else if (c == '\x03') {
      keys.emplace_back("interrupt");
    } else if (c == '\x7f' || c == '\b') {
      keys.emplace_back("backspace");
    } else if (c >= ' ' && c <= '~') {
      keys.emplace_back(1, c);
    }
    bytes.erase(0, used);
  }
  return keys;
}

}  // namespace llp::ctl::top
