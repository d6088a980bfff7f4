// SPDX-License-Identifier: BSD-3-Clause
#include "llpcat/input.hpp"

#include <fmt/format.h>

#include <utility>

#include "base/read_file.hpp"

namespace llp::cat {

namespace {

Bytes bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

bool begins_message(std::string_view line) {
  return line.starts_with("MSH") || line.starts_with("FHS") || line.starts_with("BHS");
}

bool blank(std::string_view text) { return text.find_first_not_of("\r\n \t") == std::string_view::npos; }

}  // namespace

Bytes with_cr(std::string_view text) {
  Bytes out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool after_cr = i > 0 && text[i - 1] == '\r';
    if (text[i] == '\n' && after_cr) continue;
    out.push_back(static_cast<std::uint8_t>(text[i] == '\n' ? '\r' : text[i]));
  }
  return out;
}

std::vector<Bytes> split_messages(std::string_view text) {
  std::vector<Bytes> out;
  std::size_t start = 0;
  const auto cut = [&](std::size_t end) {
    std::string_view message = text.substr(start, end - start);
    start = end;
    if (blank(message)) return;
    // The end of the last segment stays, empty lines behind it go.
    const std::size_t last = message.find_last_not_of("\r\n");
    const std::size_t line_end = message.substr(last + 1).starts_with("\r\n") ? 2 : 1;
    out.push_back(bytes_of(message.substr(0, std::min(message.size(), last + 1 + line_end))));
  };
  for (std::size_t at = 0; at < text.size();) {
    if (begins_message(text.substr(at))) cut(at);
    const std::size_t end = text.find_first_of("\r\n", at);
    if (end == std::string_view::npos) break;
    at = end + 1;
  }
  cut(text.size());
  return out;
}

Result<std::vector<Input>> read_messages(const std::vector<std::string>& files, bool split, bool text) {
  std::vector<Input> out;
  for (const auto& name : files) {
    auto content = read_file(name);
    if (!content) return std::unexpected(std::move(content.error()));
    if (text) {
      const Bytes converted = with_cr(*content);
      content->assign(converted.begin(), converted.end());
    }
    const std::string shown = name == "-" ? "standard input" : name;
    const std::vector<Bytes> messages =
        split ? split_messages(*content) : std::vector<Bytes>{bytes_of(*content)};
    if (messages.empty() || messages.front().empty()) {
      return fail(Errc::not_found, shown + " is empty: nothing to send");
    }
    for (std::size_t i = 0; i < messages.size(); ++i) {
      out.push_back(
          {messages.size() == 1 ? shown : fmt::format("{}, message {}", shown, i + 1), messages[i]});
    }
  }
  return out;
}

}  // namespace llp::cat
