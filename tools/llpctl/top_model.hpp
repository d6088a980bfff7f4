// SPDX-License-Identifier: BSD-3-Clause
// What top shows, without a terminal: rates of counters, their order, and the
// lines of text that a screen of some size gets.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace llp::ctl::top {

// A line at one moment.
struct Sample {
  std::string name;
  std::string state;  // in words
  bool trouble = false;
  std::string about;        // "x328, /dev/ttyS0 9600 8N1"
  double char_time_s = 0;   // of one character on the wire, 0: it is none
  std::uint64_t queue = 0;  // messages and requests that wait
  std::map<std::string, std::uint64_t> counters;
};

// "9600 8N1" at the end of llpd's words for a port, as seconds a character; 0
// if there is no such thing.
[[nodiscard]] double char_time_of(std::string_view port);

// Per second, since the last sample.
struct Rates {
  double messages_in = 0, messages_out = 0, bytes = 0, naks = 0, retries = 0;
  double use = 0;  // of the wire's time, 0 to 1; 0 where there is no wire
};

enum class Key : std::uint8_t { name, state, messages, bytes, use, naks, retries, queue };
[[nodiscard]] const char* to_string(Key key) noexcept;
[[nodiscard]] std::span<const Key> all_keys() noexcept;

// One line of the list.
struct Row {
  Sample now;
  Rates rates;
  std::deque<double> history;  // bytes a second, the newest last
};

// A counter of trouble that moved.
struct Moved {
  std::string when, counter;
  std::uint64_t by = 0;
};

class Model {
 public:
  using Time = std::chrono::duration<double>;  // of any clock that only goes on

  // Lines that are not in it any more are forgotten. `when`: for people.
  void update(Time now, std::vector<Sample> samples, const std::string& when);

  // In the order and with the filter that are set. The pointers are good until
  // the next call of update().
  [[nodiscard]] std::vector<const Row*> rows() const;
  // Nothing if the line is not there.
  [[nodiscard]] const Row* row(std::string_view name) const;

  // A key's letter, an arrow or the like, as Keys reads them; false: it ends.
  bool press(std::string_view key);

  // The text of a screen: at most `height` lines of at most `width` columns.
  // `colour`: with escape sequences, which have no columns.
  [[nodiscard]] std::vector<std::string> screen(std::size_t width, std::size_t height, bool colour) const;
  // The list alone, of any length.
  [[nodiscard]] std::vector<std::string> table(std::size_t width) const;

  void set_unicode(bool on) { unicode_ = on; }
  void set_sort(Key key) { sort_ = key; }
  void set_filter(std::string text) { filter_ = std::move(text); }
  // Why there is nothing new; empty: there is.
  void set_notice(std::string text) { notice_ = std::move(text); }

 private:
  struct Known {
    Row row;
    std::deque<Moved> moved;  // the newest last
    std::map<std::string, double> per_second;
  };
  void press_in_filter(std::string_view key);
  void move(std::ptrdiff_t by);
  [[nodiscard]] std::string head(std::size_t width) const;
  [[nodiscard]] std::string line_of(const Row& row, std::size_t width) const;
  [[nodiscard]] std::vector<std::string> detail(std::size_t width, std::size_t height) const;
  [[nodiscard]] std::string title() const;
  [[nodiscard]] std::string keys() const;

  std::map<std::string, Known, std::less<>> known_;
  Time last_{-1};
  Key sort_ = Key::name;
  bool reverse_ = false;
  bool unicode_ = true;
  bool typing_ = false;  // the filter
  std::string filter_, notice_;
  std::string selected_;  // a name
  bool drilled_ = false;
};

// Values as a row of bars, the newest at its right end; the largest is as high
// as can be.
[[nodiscard]] std::string sparkline(const std::deque<double>& values, std::size_t width, bool unicode);

// Splits what a terminal sends into keys: "a", "up", "enter", "escape", ...
// What is not whole yet stays in `bytes`; `more` says that more may come.
[[nodiscard]] std::vector<std::string> keys_in(std::string& bytes, bool more);

}  // namespace llp::ctl::top
