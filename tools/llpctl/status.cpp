// SPDX-License-Identifier: BSD-3-Clause
// llpctl status: llpd's lines, one row each, and one of them in full.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "llpctl/context.hpp"
#include "llpctl/daemon.hpp"
#include "llpctl/line_view.hpp"
#include "llpctl/table.hpp"

namespace llp::ctl {

namespace {

constexpr int kBad = 1;

// "1 d 3 h", "2 min"
std::string duration_words(std::uint64_t seconds) {
  if (seconds < 120) return fmt::format("{} s", seconds);
  if (seconds < 7200) return fmt::format("{} min", seconds / 60);
  if (seconds < 172'800) return fmt::format("{} h {} min", seconds / 3600, seconds / 60 % 60);
  return fmt::format("{} d {} h", seconds / 86'400, seconds / 3600 % 24);
}

const char* colour_of(const Context& context, const std::string& health) {
  if (!context.colour) return "";
  return health == "good" ? "\x1b[32m" : health == "bad" ? "\x1b[31m" : "\x1b[33m";
}
const char* plain(const Context& context) { return context.colour ? "\x1b[0m" : ""; }

std::string letters_words(const DaemonJson& line) {
  const DaemonJson& spool = part_at(line, "spool");
  const std::uint64_t waiting = number_at(spool, "waiting");
  const std::uint64_t kept =
      number_at(spool, "dead") + number_at(spool, "late") + number_at(line, "dead_letters");
  return fmt::format("{}+{}", waiting, kept);
}

std::string table_of(const Context& context, const std::vector<DaemonJson>& lines) {
  Table table({{"LINE", false, true},
               {"HEALTH"},
               {"STATE"},
               {"PROTOCOL"},
               {"PORT", false, true},
               {"IN", true},
               {"OUT", true},
               {"FAILED", true},
               {"SPOOL", true}});
  for (const DaemonJson& line : lines) {
    const DaemonJson& counters = part_at(line, "counters");
    const bool served = counters.is_object();
    const auto number = [&](std::uint64_t value) { return served ? std::to_string(value) : "-"; };
    table.add({shown(text_at(line, "name")), text_at(line, "health"), text_at(line, "state"),
               text_at(line, "protocol"), shown(text_at(line, "port")),
               number(number_at(counters, "proximal_ok")), number(number_at(counters, "distal_ok")),
               number(number_at(counters, "proximal_failed") + number_at(counters, "distal_failed")),
               letters_words(line)});
  }
  return table.str(context.columns, context.colour);
}

std::string reasons_of(const Context& context, const std::vector<DaemonJson>& lines) {
  std::string out;
  for (const DaemonJson& line : lines) {
    const std::string reason = text_at(line, "reason");
    if (reason.empty()) continue;
    const std::string name = shown(text_at(line, "name"));
    std::string text = wrapped(fmt::format("{}: {}", name, shown(reason)), 2, context.columns);
    text.insert(2, colour_of(context, text_at(line, "health")));
    text.insert(text.size() - 1, plain(context));
    out += (out.empty() ? "\n" : "") + text;
  }
  return out;
}

std::string one_line(const Context& context, const DaemonJson& line) {
  std::string out;
  const auto row = [&](const std::string& word, const std::string& text) {
    out += row_of(word, text, context.columns);
  };
  const std::string health = text_at(line, "health");
  out +=
      fmt::format("{}{}{}{}\n", context.colour ? "\x1b[1m" : "", shown(text_at(line, "name")), plain(context),
                  text_at(line, "reason").empty() ? "" : ": " + shown(text_at(line, "reason")));
  row("health", health);
  row("state", fmt::format("{} for {}", text_at(line, "state"), duration_words(number_at(line, "for_s"))));
  row("protocol", text_at(line, "protocol"));
  row("port", shown(text_at(line, "port")));
  served_ends(line, row);
  const DaemonJson& counters = part_at(line, "counters");
  if (!counters.is_object()) return out;
  row("wire",
      fmt::format("{}, {}; messages are {}", flag_at(line, "connected") ? "connected" : "not connected",
                  flag_at(line, "idle") ? "idle" : "busy",
                  flag_at(line, "takes_messages") ? "taken" : "refused"));
  served_rows(line, row);
  Table table({{"COUNTER"}, {"VALUE", true}});
  bool any = false;
  for (const DaemonJson* all : {&counters, &part_at(line, "protocol_counters")}) {
    for (const auto& [key, value] : all->items()) {
      if (!value.is_number_unsigned() || value.get<std::uint64_t>() == 0) continue;
      any = true;
      table.add({shown(key), std::to_string(value.get<std::uint64_t>())});
    }
  }
  return any ? out + "\n" + table.str(context.columns, context.colour) : out;
}

int status(Context& context, const std::string& name) {
  const auto lines = daemon_lines(context, name);
  if (!lines) return context.failed(lines.error());
  const bool bad =
      std::ranges::any_of(*lines, [](const DaemonJson& line) { return text_at(line, "health") == "bad"; });
  if (context.json) {
    DaemonJson all = DaemonJson::array();
    for (const DaemonJson& line : *lines) all.push_back(line);
    const DaemonJson& out = name.empty() || lines->empty() ? all : lines->front();
    context.print(out.dump(-1, ' ', true, DaemonJson::error_handler_t::replace) + "\n");
  } else if (lines->empty()) {
    context.print("llpd runs, and serves no line.\n");
  } else if (!name.empty()) {
    context.print(one_line(context, lines->front()));
  } else {
    context.print(table_of(context, *lines) + reasons_of(context, *lines));
  }
  return bad ? kBad : 0;
}

}  // namespace

void add_status(CLI::App& app, Context& context, Run& run) {
  auto* verb = app.add_subcommand("status", "the lines that llpd serves, and how they are");
  const auto name = std::make_shared<std::string>();
  verb->add_option("line", *name, "one line in full")->type_name("SERVED");
  verb->footer(
      "SPOOL: messages that wait for their application + letters kept for a person to decide.\n\n"
      "Examples:\n"
      "  llpctl status                       one row a line; exit status 1 if one is bad\n"
      "  llpctl status chem                  one line in full\n"
      "  llpctl status --json | jq '.[] | select(.health != \"good\")'");
  verb->callback([&context, &run, name] { run = [&context, name] { return status(context, *name); }; });
}

}  // namespace llp::ctl
