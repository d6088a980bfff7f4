// SPDX-License-Identifier: BSD-3-Clause
// llpctl show: everything about one line, and what to do about what is wrong.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>

#include "llpctl/context.hpp"
#include "llpctl/json.hpp"
#include "llpctl/table.hpp"
#include "llpctl/words.hpp"

namespace llp::ctl {

namespace {

using netlink::LineStats;
using netlink::LineStatus;
using netlink::Turnaround;

constexpr unsigned kIndent = 14;  // of what stands behind a word

std::string turnaround_words(const Turnaround& t) {
  if (t.count == 0) return "no answers yet";
  return fmt::format("p50 {}, p99 {}, longest {}, of {} answers", time_words(*quantile(t, 500)),
                     time_words(*quantile(t, 990)), time_words(t.longest), t.count);
}

std::string as_text(const Context& context, const LineStatus& line, const LineStats& stats) {
  const char* bold = context.colour ? "\x1b[1m" : "";
  const char* warn = context.colour ? "\x1b[33m" : "";
  const char* plain = context.colour ? "\x1b[0m" : "";
  std::string out = fmt::format("{}/dev/llp{}{}{} on {}{}\n", bold, line.line, line.name.empty() ? "" : " ",
                                line.name, line.tty, plain);
  const auto row = [&](const std::string& word, const std::string& text) {
    std::string rest = wrapped(text, kIndent, context.columns);
    if (rest.empty()) return;
    rest.replace(0, kIndent, fmt::format("  {:<{}}", word, kIndent - 2));
    out += rest;
  };
  row("state", state_words(line));
  row("wire", line.speed == 0
                  ? "none (a pseudo terminal)"
                  : fmt::format("{} baud, {} a character", line.speed, time_words(line.char_time)));
  row("protocol", protocol_word(line));
  row("peer", peer_of(line));
  std::string options;
  for (const Changed& c : changed_params(line)) {
    options += fmt::format("{}{}={} ({})", options.empty() ? "" : ", ", c.name, c.value, c.standard);
  }
  row("options", options.empty() ? "all at their defaults" : options + "; defaults in brackets");
  row("policy",
      fmt::format("acknowledged at {}; at most {} messages of {} wait, and {} to be sent",
                  policy_word(line.policy), line.max_messages, size_words(line.max_bytes), line.max_writes));
  row("waiting",
      fmt::format("{} received ({}), {} to be sent", line.messages, size_words(line.bytes), line.writes));
  row("turnaround", turnaround_words(stats.turnaround));

  std::vector<netlink::Counter> counted;
  for (const auto& c : stats.counters)
    if (c.value != 0) counted.push_back(c);
  if (counted.empty()) return out + "\n  Nothing has happened on it yet.\n";
  out += fmt::format("\n{}Counters that are not 0{}\n", bold, plain);
  const std::size_t columns = context.columns >= 72 ? 2 : 1;
  for (std::size_t i = 0; i < counted.size(); i += columns) {
    std::string cells;
    for (std::size_t k = i; k < std::min(i + columns, counted.size()); ++k) {
      cells += fmt::format("  {:<18} {:>12}    ", counted[k].name, counted[k].value);
    }
    cells.erase(cells.find_last_not_of(' ') + 1);
    out += cells + '\n';
  }
  const auto wrong = findings(stats);
  if (wrong.empty()) return out;
  out += fmt::format("\n{}What went wrong{}\n", bold, plain);
  for (const Finding& f : wrong) {
    out += fmt::format("  {}{} {}{}: {}\n", warn, f.value, f.counter, plain, f.meaning);
    out += wrapped(std::string(f.advice), 6, context.columns);
  }
  return out;
}

std::string as_json(const LineStatus& line, const LineStats& stats) {
  Json flags = Json::array();
  for (const std::string& word : flag_words(line.flags)) flags.element(json_text(word));
  Json params = Json::object();
  for (const auto& p : line.params) params.text(p.name, p.value);
  Json changed = Json::object();
  for (const Changed& c : changed_params(line)) {
    changed.raw(c.name, Json::object().text("value", c.value).text("default", c.standard).str());
  }
  Json counters = Json::object();
  for (const auto& c : stats.counters) counters.number(c.name, c.value);
  const Turnaround& t = stats.turnaround;
  Json buckets = Json::array();
  for (const std::uint64_t n : t.bucket) buckets.element(std::to_string(n));
  Json turnaround = Json::object();
  turnaround.number("count", t.count).number("sum_ns", t.sum).number("longest_ns", t.longest);
  if (t.count > 0) turnaround.number("p50_ns", *quantile(t, 500)).number("p99_ns", *quantile(t, 990));
  turnaround.raw("buckets", buckets.str());
  Json wrong = Json::array();
  for (const Finding& f : findings(stats)) {
    wrong.element(Json::object()
                      .text("counter", f.counter)
                      .number("value", f.value)
                      .text("meaning", f.meaning)
                      .text("advice", f.advice)
                      .str());
  }
  return Json::object()
             .number("line", line.line)
             .text("device", fmt::format("/dev/llp{}", line.line))
             .text("name", line.name)
             .text("tty", line.tty)
             .text("protocol", protocol_word(line))
             .text("peer", peer_of(line))
             .flag("up", line.up)
             .text("state", state_words(line))
             .text("engine_state", line.state)
             .raw("flags", flags.str())
             .number("speed", line.speed)
             .number("char_time_ns", line.char_time)
             .text("policy", policy_word(line.policy))
             .number("max_messages", line.max_messages)
             .number("max_bytes", line.max_bytes)
             .number("max_writes", line.max_writes)
             .number("messages", line.messages)
             .number("bytes", line.bytes)
             .number("writes", line.writes)
             .raw("params", params.str())
             .raw("changed", changed.str())
             .raw("counters", counters.str())
             .raw("turnaround", turnaround.str())
             .raw("findings", wrong.str())
             .str() +
         "\n";
}

int show(Context& context, const std::string& which) {
  auto kernel = context.open_kernel();
  if (!kernel) return context.failed(kernel.error());
  const auto line = netlink::find_line(**kernel, which);
  if (!line) return context.failed(line.error());
  const auto stats = (*kernel)->stats(netlink::LineNumber{line->line});
  if (!stats) return context.failed(stats.error());
  context.print(context.json ? as_json(*line, *stats) : as_text(context, *line, *stats));
  return 0;
}

}  // namespace

void add_show(CLI::App& app, Context& context, Run& run) {
  auto* verb = app.add_subcommand("show", "everything about one line, and advice");
  const auto which = std::make_shared<std::string>();
  verb->add_option("line", *which, "its name, number or tty")->type_name("LINE")->required();
  verb->callback([&context, &run, which] { run = [&context, which] { return show(context, *which); }; });
}

}  // namespace llp::ctl
