// SPDX-License-Identifier: BSD-3-Clause
#include "config/values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <numeric>
#include <optional>

#include "config/text.hpp"

namespace llp::config {

namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

struct Unit {
  std::string_view name;
  std::uint64_t ns;
};
// From the largest; format_duration() takes the first that fits.
constexpr std::array kUnits{Unit{"h", 3600 * kSecond}, Unit{"min", 60 * kSecond}, Unit{"s", kSecond},
                            Unit{"ms", 1'000'000},     Unit{"us", 1000},          Unit{"ns", 1}};

// All of the text as decimal digits; nothing if it is not, or too large.
std::optional<std::uint64_t> digits(std::string_view text) {
  std::uint64_t value = 0;
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  const auto [stop, error] = std::from_chars(begin, end, value);
  if (text.empty() || error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

bool all_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

std::unexpected<Error> bad(std::string_view text, std::string_view what) {
  return fail(Errc::invalid, fmt::format("{} {}", quote(text), what));
}

// "12.5" into 12 and 500000000 (places of a thousand-millionth).
struct Decimal {
  std::uint64_t whole = 0, billionths = 0;
};
std::optional<Decimal> decimal(std::string_view text) {
  const std::size_t point = text.find('.');
  const auto whole = digits(text.substr(0, point));
  if (!whole || *whole > 1'000'000'000'000) return std::nullopt;
  Decimal value{*whole, 0};
  if (point == std::string_view::npos) return value;
  const std::string_view places = text.substr(point + 1);
  if (!all_digits(places) || places.size() > 9) return std::nullopt;
  value.billionths = *digits(places);
  for (std::size_t i = places.size(); i < 9; i++) value.billionths *= 10;
  return value;
}

}  // namespace

Result<std::uint64_t> parse_unsigned(std::string_view text, std::uint64_t min, std::uint64_t max) {
  if (!all_digits(text)) return bad(text, fmt::format("is not a number from {} to {}", min, max));
  const auto value = digits(text);
  if (!value || *value < min || *value > max) {
    return bad(text, fmt::format("is out of bounds, allowed are {} to {}", min, max));
  }
  return *value;
}

Result<std::uint64_t> parse_size(std::string_view text, std::uint64_t min, std::uint64_t max) {
  std::uint64_t unit = 1;
  std::string_view number = text;
  if (!text.empty()) {
    const char last = text.back();
    unit = last == 'k' || last == 'K' ? 1U << 10 : last == 'M' ? 1U << 20 : last == 'G' ? 1U << 30 : 1;
    if (unit > 1) number.remove_suffix(1);
  }
  if (!all_digits(number)) {
    return bad(text, fmt::format("is not a size in bytes, such as {}, 64k or 16M", min));
  }
  const auto value = digits(number);
  if (!value || *value > max / unit || *value * unit < min) {
    return bad(text, fmt::format("is out of bounds, allowed are {} to {} bytes", format_size(min),
                                 format_size(max)));
  }
  return *value * unit;
}

Result<Duration> parse_duration(std::string_view text, Duration min, Duration max) {
  const std::size_t end = std::min(text.find_first_not_of("0123456789."), text.size());
  const std::string_view word = text.substr(end);
  const Unit* unit = nullptr;
  for (const Unit& u : kUnits) {
    if (u.name == word || (word.empty() && u.name == "s")) unit = &u;
  }
  const auto number = decimal(text.substr(0, end));
  if (unit == nullptr || !number) {
    return bad(text, "is not a time; write a number with us, ms, s, min or h, such as 500ms or 1.5s");
  }
  // 2^63 ns are 292 years: whatever is larger is out of any bounds.
  const auto out_of_bounds = [&] {
    return bad(text, fmt::format("is out of bounds, allowed are {} to {}", format_duration(min),
                                 format_duration(max)));
  };
  if (number->whole > static_cast<std::uint64_t>(max.count()) / unit->ns) return out_of_bounds();
  const std::uint64_t part = unit->ns >= kSecond ? number->billionths * (unit->ns / kSecond)
                                                 : number->billionths / (kSecond / unit->ns);
  const Duration value(static_cast<std::int64_t>(number->whole * unit->ns + part));
  if (value < min || value > max) return out_of_bounds();
  return value;
}

Result<bool> parse_yes_no(std::string_view text) {
  for (const std::string_view word : {"yes", "on", "true", "1"}) {
    if (text == word) return true;
  }
  for (const std::string_view word : {"no", "off", "false", "0"}) {
    if (text == word) return false;
  }
  return bad(text, "is neither yes nor no");
}

Result<std::size_t> parse_choice(std::string_view text, std::string_view choices) {
  const auto words = split(choices, '|');
  const auto found = std::ranges::find(words, text);
  if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
  return bad(text, fmt::format("is not allowed, write {}{}", one_of(words), did_you_mean(text, words)));
}

Result<unsigned> parse_mode(std::string_view text) {
  unsigned value = 0;
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  const auto [stop, error] = std::from_chars(begin, end, value, 8);
  if (text.empty() || error != std::errc{} || stop != end || value > 0777) {
    return bad(text, "is not a permission mode, write octal digits from 0 to 777");
  }
  return value;
}

Result<Scale> parse_scale(std::string_view text) {
  const auto number = decimal(text);
  if (!number) return bad(text, "is not a factor; write a decimal number such as 0.02");
  constexpr std::uint64_t places = 10'000;
  if (number->billionths % (kSecond / places) != 0)
    return bad(text, "has more than four places after the point");
  std::uint64_t num = number->whole * places + number->billionths / (kSecond / places);
  if (num < places / 1000 || num > places * 1000) {
    return bad(text, "is out of bounds, allowed are 0.001 to 1000");
  }
  const std::uint64_t common = std::gcd(num, places);
  num /= common;
  if (num > 65535) return bad(text, "has too many digits");
  return Scale{static_cast<std::uint32_t>(num), static_cast<std::uint32_t>(places / common)};
}

Duration scaled(Duration time, Scale scale) noexcept {
  if (time <= Duration::zero()) return time;
  const Duration result = time / scale.den * scale.num + time % scale.den * scale.num / scale.den;
  return std::max<Duration>(result, std::chrono::milliseconds(1));
}

std::string format_duration(Duration time) {
  const auto ns = static_cast<std::uint64_t>(std::max(time, Duration::zero()).count());
  if (ns == 0) return "0s";
  const auto* unit = std::ranges::find_if(kUnits, [ns](const Unit& u) { return ns % u.ns == 0; });
  return fmt::format("{}{}", ns / unit->ns, unit->name);
}

std::string format_size(std::uint64_t bytes) {
  if (bytes == 0) return "0";
  if (bytes % (1U << 30) == 0) return fmt::format("{}G", bytes >> 30);
  if (bytes % (1U << 20) == 0) return fmt::format("{}M", bytes >> 20);
  if (bytes % (1U << 10) == 0) return fmt::format("{}k", bytes >> 10);
  return fmt::format("{}", bytes);
}

}  // namespace llp::config
