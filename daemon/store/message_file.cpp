// SPDX-License-Identifier: BSD-3-Clause
#include "store/message_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "store/number.hpp"

namespace llp::store {

namespace {

constexpr std::string_view kLetterMagic = "llp-spool 1";
constexpr std::size_t kReasonMax = 400;

struct KindName {
  LetterKind kind;
  const char* name;
};
constexpr std::array kKinds{
    KindName{LetterKind::message, "message"},
    KindName{LetterKind::late_reply, "late-reply"},
    KindName{LetterKind::stray_acknowledgement, "stray-acknowledgement"},
    KindName{LetterKind::unclaimed_reply, "unclaimed-reply"},
    KindName{LetterKind::late_answer, "late-answer"},
};

std::unexpected<Error> torn(const std::string& what) {
  return fail(Errc::malformed, "not a whole message of a spool: " + what);
}

bool set(Letter& letter, std::string_view key, std::string_view value) {
  if (key == "line") {
    letter.line = value;
    return !value.empty();
  }
  if (key == "id") return number(value, letter.id) && letter.id > 0;
  if (key == "kind") {
    const auto* known = std::ranges::find(kKinds, value, &KindName::name);
    if (known == kKinds.end()) return false;
    letter.kind = known->kind;
    return true;
  }
  if (key == "time") {
    std::int64_t ns = 0;
    if (!number(value, ns)) return false;
    letter.time = Time(std::chrono::nanoseconds(ns));
    return true;
  }
  if (key == "length") return number(value, letter.key.length);
  if (key == "sha256") {
    const auto digest = parse_digest(value);
    if (digest) letter.key.digest = *digest;
    return digest.has_value();
  }
  if (key == "possible-duplicate") {
    letter.possible_duplicate = value == "yes";
    return value == "yes" || value == "no";
  }
  if (key == "attempts") return number(value, letter.attempts);
  if (key == "reason") letter.reason = value;
  return true;
}

// The keys without which it is no header.
constexpr std::array<std::string_view, 6> kNeeded{"line", "id", "kind", "time", "length", "sha256"};

}  // namespace

const char* to_string(LetterKind kind) noexcept {
  for (const KindName& known : kKinds) {
    if (known.kind == kind) return known.name;
  }
  return "unknown";
}

std::string header_of(const Letter& letter) {
  std::string reason = letter.reason.substr(0, kReasonMax);
  std::ranges::replace_if(reason, [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  return fmt::format(
      "{}\nline {}\nid {}\nkind {}\ntime {}\nlength {}\nsha256 {}\npossible-duplicate {}\nattempts {}\n"
      "reason {}\n\n",
      kLetterMagic, letter.line, letter.id, to_string(letter.kind), letter.time.time_since_epoch().count(),
      letter.key.length, hex(letter.key.digest), letter.possible_duplicate ? "yes" : "no", letter.attempts,
      reason);
}

Result<Header> parse_header(std::span<const std::uint8_t> data) {
  const std::string head(data.begin(), data.begin() + static_cast<std::ptrdiff_t>(
                                                          std::min<std::size_t>(data.size(), kHeaderMax)));
  const std::size_t end = head.find("\n\n");
  if (end == std::string::npos) return torn("its header has no end");
  Header header;
  header.size = end + 2;
  std::string_view rest = std::string_view(head).substr(0, end + 1);
  const auto next_line = [&rest] {
    const std::size_t stop = rest.find('\n');
    const std::string_view text = rest.substr(0, stop);
    rest.remove_prefix(stop + 1);
    return text;
  };
  if (next_line() != kLetterMagic) return torn("its first line is not '" + std::string(kLetterMagic) + "'");
  std::array<bool, kNeeded.size()> seen{};
  while (!rest.empty()) {
    const std::string_view text = next_line();
    const std::size_t space = std::min(text.find(' '), text.size());
    const std::string_view key = text.substr(0, space);
    const std::string_view value = text.substr(std::min(space + 1, text.size()));
    if (!set(header.letter, key, value)) return torn("its " + std::string(key) + " cannot be read");
    const auto* needed = std::ranges::find(kNeeded, key);
    if (needed != kNeeded.end()) seen.at(static_cast<std::size_t>(needed - kNeeded.begin())) = true;
  }
  if (!std::ranges::all_of(seen, std::identity{})) return torn("its header is not complete");
  return header;
}

}  // namespace llp::store
