// SPDX-License-Identifier: BSD-3-Clause
// llpctl list: one row a line.
#include <fmt/format.h>

#include "llpctl/context.hpp"
#include "llpctl/json.hpp"
#include "llpctl/table.hpp"
#include "llpctl/words.hpp"

namespace llp::ctl {

namespace {

using netlink::LineStats;
using netlink::LineStatus;

struct Row {
  LineStatus line;
  LineStats stats;
};

Result<std::vector<Row>> rows(netlink::KernelControl& kernel) {
  auto lines = kernel.lines();
  if (!lines) return std::unexpected(std::move(lines.error()));
  std::vector<Row> all;
  for (LineStatus& line : *lines) {
    auto stats = kernel.stats(netlink::LineNumber{line.line});
    // It may have gone meanwhile.
    if (stats)
      all.push_back({std::move(line), std::move(*stats)});
    else if (stats.error().code != Errc::not_found)
      return std::unexpected(std::move(stats.error()));
  }
  return all;
}

std::string as_json(const std::vector<Row>& all) {
  Json out = Json::array();
  for (const auto& [line, stats] : all) {
    out.element(Json::object()
                    .number("line", line.line)
                    .text("device", fmt::format("/dev/llp{}", line.line))
                    .text("name", line.name)
                    .text("tty", line.tty)
                    .text("protocol", protocol_word(line))
                    .flag("up", line.up)
                    .text("state", state_words(line))
                    .number("rx_messages", stats.counter("rx_messages"))
                    .number("tx_messages", stats.counter("tx_messages"))
                    .number("tx_failed", stats.counter("tx_failed"))
                    .number("rx_cancelled", stats.counter("rx_cancelled"))
                    .number("waiting", line.messages)
                    .str());
  }
  return out.str() + "\n";
}

int list(Context& context) {
  auto kernel = context.open_kernel();
  if (!kernel) return context.failed(kernel.error());
  const auto all = rows(**kernel);
  if (!all) return context.failed(all.error());
  if (context.json) {
    context.print(as_json(*all));
    return 0;
  }
  if (all->empty()) {
    context.print("There is no line. `llpctl attach PORT` makes one.\n");
    return 0;
  }
  Table table({{"LINE"},
               {"NAME", false, true},
               {"TTY", false, true},
               {"PROTOCOL"},
               {"STATE", false, true},
               {"RECEIVED", true},
               {"SENT", true},
               {"FAILED", true}});
  for (const auto& [line, stats] : *all) {
    table.add({fmt::format("llp{}", line.line), line.name.empty() ? "-" : line.name, line.tty,
               protocol_word(line), state_words(line), std::to_string(stats.counter("rx_messages")),
               std::to_string(stats.counter("tx_messages")),
               std::to_string(stats.counter("tx_failed") + stats.counter("rx_cancelled"))});
  }
  context.print(table.str(context.columns, context.colour));
  return 0;
}

}  // namespace

void add_list(CLI::App& app, Context& context, Run& run) {
  auto* verb = app.add_subcommand("list", "the lines that there are");
  verb->callback([&] { run = [&] { return list(context); }; });
}

}  // namespace llp::ctl
