// SPDX-License-Identifier: BSD-3-Clause
#include "netlink/kernel_control.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace llp::netlink {

namespace {

constexpr std::string_view kDev = "/dev/";
constexpr std::string_view kNode = "llp";
constexpr std::string_view kLinks = "llp/";
constexpr std::string_view kPts = "pts/";

std::optional<std::uint32_t> parse_number(std::string_view text) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return number;
}

// "0", "llp0"
std::optional<std::uint32_t> line_number(std::string_view text) {
  if (text.starts_with(kNode)) text.remove_prefix(kNode.size());
  return parse_number(text);
}

std::string those(const std::vector<LineStatus>& lines) {
  if (lines.empty()) return "there is none; `llpctl attach PORT` makes one";
  std::vector<std::string> names;
  names.reserve(lines.size());
  for (const LineStatus& l : lines) {
    names.push_back(l.name.empty() ? fmt::format("llp{} on {}", l.line, l.tty)
                                   : fmt::format("{} (llp{} on {})", l.name, l.line, l.tty));
  }
  return fmt::format("there {} {}", names.size() == 1 ? "is" : "are", fmt::join(names, ", "));
}

}  // namespace

std::uint64_t LineStats::counter(std::string_view wanted) const noexcept {
  const auto found = std::ranges::find(counters, wanted, &Counter::name);
  return found == counters.end() ? 0 : found->value;
}

Result<LineStatus> find_line(KernelControl& kernel, std::string_view text) {
  auto lines = kernel.lines();
  if (!lines) return std::unexpected(std::move(lines.error()));
  const auto take = [&](auto&& fits) {
    return std::ranges::find_if(*lines, std::forward<decltype(fits)>(fits));
  };
  const bool path = text.starts_with(kDev);
  const std::string_view word = path ? text.substr(kDev.size()) : text;
  const bool link = path && word.starts_with(kLinks);
  const std::string_view name = link ? word.substr(kLinks.size()) : word;
  auto found = lines->end();
  if ((link || !path) && !name.empty()) found = take([&](const LineStatus& l) { return l.name == name; });
  // The node is no bare number; the link is no node.
  const auto number = path && (link || !word.starts_with(kNode)) ? std::nullopt : line_number(word);
  if (found == lines->end() && number) found = take([&](const LineStatus& l) { return l.line == *number; });
  // The kernel calls /dev/pts/3 pts3.
  std::string tty(word);
  if (path && tty.starts_with(kPts)) tty.erase(kPts.size() - 1, 1);
  if (found == lines->end() && !link) found = take([&](const LineStatus& l) { return l.tty == tty; });
  if (found == lines->end()) {
    return fail(Errc::not_found, fmt::format("there is no line {}: {}", text, those(*lines)));
  }
  return std::move(*found);
}

std::string describe(const LineRef& which) {
  if (const auto* by = std::get_if<LineNumber>(&which)) return fmt::format("line {}", by->number);
  if (const auto* by = std::get_if<LineName>(&which)) return fmt::format("the line {}", by->name);
  return fmt::format("the line on {}", std::get<LineTty>(which).tty);
}

}  // namespace llp::netlink
