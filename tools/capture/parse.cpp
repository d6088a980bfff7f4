// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <charconv>
#include <cstddef>
#include <map>

#include "capture/capture.hpp"
#include "capture/words.hpp"

namespace llp::capture {
namespace {

// No file may make us allocate more than this for one line of bytes.
constexpr std::uint64_t kMaxBytes = 64U << 20;

template <class T>
using Parsed = std::expected<T, std::string>;

struct Token {
  std::string text;
  bool quoted = false;
  std::uint64_t times = 1;
};

bool blank(char c) { return c == ' ' || c == '\t'; }

Parsed<std::uint64_t> number(std::string_view text, int base = 10) {
  std::uint64_t v = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v, base);
  if (error != std::errc{} || end != text.data() + text.size())
    return std::unexpected("'" + std::string(text) + "' is not a number");
  return v;
}

// "12", "0.25": nanoseconds.
Parsed<std::uint64_t> seconds(std::string_view text) {
  const auto point = text.find('.');
  const auto whole = number(text.substr(0, point));
  if (!whole || *whole > 1000000)
    return std::unexpected("'" + std::string(text) + "' is not a time in seconds");
  if (point == std::string_view::npos) return *whole * 1000000000;
  std::string fraction(text.substr(point + 1));
  if (fraction.empty() || fraction.size() > 9)
    return std::unexpected("a time has 1 to 9 digits after its point");
  fraction.resize(9, '0');
  const auto part = number(fraction);
  if (!part) return part;
  return *whole * 1000000000 + *part;
}

// `"` has been passed; takes up to the closing one.
Parsed<std::string> quoted(std::string_view& rest) {
  std::string out;
  while (!rest.empty()) {
    const char c = rest.front();
    rest.remove_prefix(1);
    if (c == '"') return out;
    if (c != '\\') {
      out += c;
      continue;
    }
    if (rest.empty() || (rest.front() != '"' && rest.front() != '\\'))
      return std::unexpected(R"(in quotes, only \" and \\ may follow a backslash)");
    out += rest.front();
    rest.remove_prefix(1);
  }
  return std::unexpected("a quote has no end");
}

Parsed<std::vector<Token>> tokens(std::string_view rest) {
  std::vector<Token> out;
  for (;;) {
    while (!rest.empty() && blank(rest.front())) rest.remove_prefix(1);
    if (rest.empty() || rest.front() == '#') return out;
    Token token;
    if (const auto star = rest.find('*');
        star != std::string_view::npos && star > 0 &&
        std::all_of(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(star),
                    [](char c) { return c >= '0' && c <= '9'; })) {
      const auto times = number(rest.substr(0, star));
      if (!times || *times == 0 || *times > kMaxBytes) return std::unexpected("a count is out of range");
      token.times = *times;
      rest.remove_prefix(star + 1);
      if (rest.empty() || blank(rest.front())) return std::unexpected("nothing follows a count");
    }
    if (rest.front() == '"') {
      rest.remove_prefix(1);
      auto text = quoted(rest);
      if (!text) return std::unexpected(text.error());
      token.text = std::move(*text);
      token.quoted = true;
      if (!rest.empty() && !blank(rest.front()) && rest.front() != '#')
        return std::unexpected("a blank must follow a quote");
    } else {
      const auto end = std::find_if(rest.begin(), rest.end(), blank);
      token.text.assign(rest.begin(), end);
      rest.remove_prefix(token.text.size());
    }
    out.push_back(std::move(token));
  }
}

// A word for octets; nothing if it is none.
std::optional<std::string> octets(const Token& token) {
  if (token.quoted) return token.text;
  const std::string_view w = token.text;
  if (const auto* at = std::find(kControls.begin(), kControls.end(), w); at != kControls.end())
    return std::string(1, static_cast<char>(at - kControls.begin()));
  if (w == "RINT") return std::string{kDle, '<'};
  if (w.size() == 4 && w.starts_with("ACK") && w[3] >= '0' && w[3] <= '7') return std::string{kDle, w[3]};
  if (w.size() == 4 && w.starts_with("0x"))
    if (const auto v = number(w.substr(2), 16)) return std::string(1, static_cast<char>(*v));
  return std::nullopt;
}

Parsed<Bytes> bytes_of(const std::vector<Token>& list, std::size_t from) {
  Bytes out;
  std::size_t last = 0;  // where the token before begins
  bool any = false;
  for (std::size_t i = from; i < list.size(); i++) {
    const Token& token = list[i];
    if (!token.quoted && token.text.starts_with('!')) {
      const auto* at = std::find(kFlags.begin() + 1, kFlags.end(), token.text);
      if (at == kFlags.end()) return std::unexpected("there is no flag " + token.text);
      if (!any || token.times != 1) return std::unexpected("a flag stands behind the bytes it belongs to");
      for (std::size_t k = last; k < out.size(); k++) out[k].flag = static_cast<Flag>(at - kFlags.begin());
      continue;
    }
    const auto octet = octets(token);
    if (!octet)
      return std::unexpected("'" + token.text +
                             "' is no byte: use names (ENQ), \"text\", 0x8F, ACK0..ACK7, RINT");
    if (out.size() + octet->size() * token.times > kMaxBytes) return std::unexpected("too many bytes");
    last = out.size();
    any = true;
    for (std::uint64_t n = 0; n < token.times; n++)
      for (const char c : *octet) out.push_back({static_cast<std::uint8_t>(c), Flag::none});
  }
  return out;
}

struct Arrow {
  std::string_view text;
  Side from;
  bool sent, arrives;
};
constexpr std::array<Arrow, 6> kArrows{{
    {">", Side::left, true, true},
    {">|", Side::left, true, false},
    {"|>", Side::left, false, true},
    {"<", Side::right, true, true},
    {"|<", Side::right, true, false},
    {"<|", Side::right, false, true},
}};

const std::map<std::string_view, std::pair<std::size_t, std::size_t>>& verbs() {
  // How many words may follow each; submit takes bytes too.
  static const std::map<std::string_view, std::pair<std::size_t, std::size_t>> kVerbs = {
      {"submit", {1, 3}},    {"abort", {1, 1}}, {"accept", {0, 0}}, {"answer", {0, 0}},  {"reject", {0, 0}},
      {"forget", {0, 0}},    {"ready", {1, 1}}, {"hangup", {0, 1}}, {"connect", {0, 0}}, {"turn", {0, 0}},
      {"interrupt", {0, 0}}, {"hold", {1, 1}},  {"resume", {0, 0}}};
  return kVerbs;
}

Parsed<Action> action(Side side, const std::vector<Token>& list) {
  Action out{.side = side, .verb = {}, .words = {}, .text = {}};
  if (list.size() < 3) return std::unexpected("what does the station do?");
  out.verb = list[2].text;
  const auto verb = verbs().find(out.verb);
  if (verb == verbs().end()) return std::unexpected("there is no action '" + out.verb + "'");
  std::size_t i = 3;
  for (; i < list.size(); i++) {
    const Token& token = list[i];
    if (out.verb == "submit" && i > 3 && octets(token)) break;
    if (token.quoted || token.times != 1) return std::unexpected("'" + token.text + "' is out of place");
    out.words.push_back(token.text);
  }
  if (out.words.size() < verb->second.first || out.words.size() > verb->second.second)
    return std::unexpected(out.verb + " takes other words");
  if (out.verb == "submit" || out.verb == "abort" || out.verb == "hold")
    if (!number(out.words[0])) return std::unexpected(out.verb + " needs a number");
  if (i < list.size()) {
    const auto text = bytes_of(list, i);
    if (!text) return std::unexpected(text.error());
    out.text = values(*text);
  }
  return out;
}

Parsed<Expected> expectation(Side side, const std::vector<Token>& list) {
  Expected out{.side = side, .name = {}, .words = {}, .bytes = {}, .length = {}};
  if (list.size() < 3 || list[2].quoted) return std::unexpected("what is the station told?");
  out.name = list[2].text;
  for (std::size_t i = 3; i < list.size(); i++) {
    const Token& token = list[i];
    if (octets(token)) {
      const auto text = bytes_of(list, i);
      if (!text) return std::unexpected(text.error());
      out.bytes = values(*text);
      return out;
    }
    if (i + 1 < list.size() && list[i + 1].text == "bytes") {
      const auto length = number(token.text);
      if (!length) return std::unexpected(length.error());
      out.length = *length;
      if (i + 2 < list.size()) return std::unexpected("nothing may follow 'bytes'");
      return out;
    }
    out.words.push_back(token.text);
  }
  return out;
}

Parsed<void> header(Capture& c, std::string_view name, std::string_view value) {
  if (value.empty()) return std::unexpected("'" + std::string(name) + "' needs a value");
  const std::string text(value);
  if (name == "title") {
    c.title = text;
  } else if (name == "protocol") {
    c.protocol = text;
  } else if (name == "slack") {
    const auto ns = seconds(value);
    if (!ns) return std::unexpected(ns.error());
    c.slack = *ns;
  } else if (name == "character") {
    const auto ns = seconds(value);
    if (!ns) return std::unexpected(ns.error());
    if (*ns > UINT32_MAX) return std::unexpected("a character takes at most 4 seconds");
    c.character = static_cast<std::uint32_t>(*ns);
  } else if (name == "shows") {
    const auto list = tokens(value);
    if (!list) return std::unexpected(list.error());
    for (const Token& token : *list) c.shows.push_back(token.text);
  } else {
    const auto dot = name.find('.');
    const std::string_view which = name.substr(0, dot);
    if (which != "left" && which != "right")
      return std::unexpected("there is no header '" + std::string(name) + "'");
    StationInfo& s = c.station(which == "left" ? Side::left : Side::right);
    const std::string_view key = dot == std::string_view::npos ? std::string_view{} : name.substr(dot + 1);
    if ((key == "engine" || key == "known") && text != "yes" && text != "no")
      return std::unexpected(std::string(name) + " is yes or no");
    if (key.empty()) {
      s.name = text;
    } else if (key == "engine") {
      s.engine = text == "yes";
    } else if (key == "known") {
      s.known = text == "yes";
    } else if (key == "verdict") {
      s.verdict = text;
    } else if (key == "preset") {
      s.preset = text;
    } else if (key == "set") {
      const auto equals = text.find('=');
      if (equals == std::string::npos) return std::unexpected("an option is written name=value");
      s.options.emplace_back(text.substr(0, equals), text.substr(equals + 1));
    } else {
      return std::unexpected("there is no header '" + std::string(name) + "'");
    }
  }
  return {};
}

Parsed<Entry> entry(const std::vector<Token>& list, std::uint64_t before) {
  Entry e;
  e.at = before;
  const std::string& when = list[0].text;
  if (when == "&") {
    e.crossing = true;
  } else {
    const auto step = seconds(std::string_view(when).substr(1));
    if (!step) return std::unexpected(step.error());
    e.at = before + *step;
  }
  if (list.size() < 2) return std::unexpected("nothing follows the time");
  const std::string& what = list[1].text;
  for (const Arrow& arrow : kArrows) {
    if (what != arrow.text) continue;
    auto bytes = bytes_of(list, 2);
    if (!bytes) return std::unexpected(bytes.error());
    if (bytes->empty()) return std::unexpected("no bytes");
    const bool flagged =
        std::any_of(bytes->begin(), bytes->end(), [](Byte b) { return b.flag != Flag::none; });
    if (flagged && !arrow.arrives) return std::unexpected("only bytes that arrive have flags");
    e.what =
        Traffic{.from = arrow.from, .sent = arrow.sent, .arrives = arrow.arrives, .bytes = std::move(*bytes)};
    return e;
  }
  for (const Side side : {Side::left, Side::right}) {
    const std::string name(side_name(side));
    if (what == name + ":") {
      auto a = action(side, list);
      if (!a) return std::unexpected(a.error());
      e.what = std::move(*a);
      return e;
    }
    if (what == name && list.size() > 2 && list[2].text == "=") {
      std::vector<Token> rest = list;
      rest.erase(rest.begin() + 2);
      auto x = expectation(side, rest);
      if (!x) return std::unexpected(x.error());
      e.what = std::move(*x);
      return e;
    }
  }
  return std::unexpected("'" + what +
                         "' is no direction (> >| |> < |< <|), action (left:) or event (left =)");
}

}  // namespace

std::expected<Capture, ParseError> parse(std::string_view text) {
  Capture c;
  bool first = true;
  std::size_t line = 0;
  auto fail = [&line](std::string why) { return std::unexpected(ParseError{line, std::move(why)}); };
  while (!text.empty()) {
    line++;
    const auto end = text.find('\n');
    std::string_view row = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    while (!row.empty() && (blank(row.back()) || row.back() == '\r')) row.remove_suffix(1);
    if (row.empty() || row.front() == '#') continue;
    if (first) {
      if (row != "llp-capture 1") return fail("the first line is 'llp-capture 1'");
      first = false;
      continue;
    }
    if (row.front() == '+' || row.front() == '&') {
      const auto list = tokens(row);
      if (!list) return fail(list.error());
      auto e = entry(*list, c.entries.empty() ? 0 : c.entries.back().at);
      if (!e) return fail(e.error());
      if (e->crossing && c.entries.empty()) return fail("'&' needs a line before it");
      e->line = line;
      c.entries.push_back(std::move(*e));
      continue;
    }
    if (!c.entries.empty()) return fail("a line of the conversation begins with '+' or '&'");
    const auto space = row.find(' ');
    std::string_view value = space == std::string_view::npos ? std::string_view{} : row.substr(space + 1);
    while (!value.empty() && blank(value.front())) value.remove_prefix(1);
    if (auto ok = header(c, row.substr(0, space), value); !ok) return fail(ok.error());
  }
  if (first) return fail("the first line is 'llp-capture 1'");
  if (c.protocol.empty()) return fail("there is no protocol");
  return c;
}

}  // namespace llp::capture
