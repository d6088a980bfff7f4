// SPDX-License-Identifier: BSD-3-Clause
// llpctl list: one row a line.
#include <fmt/format.h>

#include "llpctl/context.hpp"
#include "llpctl/json.hpp"
#include "llpctl/line_view.hpp"
#include "llpctl/table.hpp"

namespace llp::ctl {

namespace {

std::string list_json(const std::vector<LineView>& all) {
  Json out = Json::array();
  for (const LineView& line : all) {
    Json one = Json::object();
    put_identity(one, line);
    out.element(one.flag("up", line.up)
                    .text("state", line.state)
                    .number("rx_messages", line.counter("rx_messages"))
                    .number("tx_messages", line.counter("tx_messages"))
                    .number("tx_failed", line.counter("tx_failed"))
                    .number("rx_cancelled", line.counter("rx_cancelled"))
                    .number("waiting", line.waiting)
                    .str());
  }
  return out.str() + "\n";
}

int list(Context& context) {
  const auto all = Lines(context).all();
  if (!all) return context.failed(all.error());
  if (context.json) {
    context.print(list_json(*all));
    return 0;
  }
  if (all->empty()) {
    context.print("There is no line. `llpctl attach PORT` makes one.\n");
    return 0;
  }
  Table table({{"LINE"},
               {"NAME", false, true},
               {"PORT", false, true},
               {"PROTOCOL"},
               {"STATE", false, true},
               {"RECEIVED", true},
               {"SENT", true},
               {"FAILED", true}});
  for (const LineView& line : *all) {
    const bool unnamed = line.kernel && line.kernel->name.empty();
    table.add({line.device(), unnamed ? "-" : line.name, line.port, line.protocol, line.state,
               std::to_string(line.counter("rx_messages")), std::to_string(line.counter("tx_messages")),
               std::to_string(line.counter("tx_failed") + line.counter("rx_cancelled"))});
  }
  context.print(table.str(context.columns, context.colour));
  return 0;
}

}  // namespace

void add_list(CLI::App& app, Context& context, Run& run) {
  auto* verb = app.add_subcommand("list", "the lines that there are");
  verb->footer(
      "Lines of the kernel (llp0, ...) and lines whose protocol llpd runs itself (-). Examples:\n"
      "  llpctl list\n"
      "  llpctl list --json | jq '.[] | select(.state != \"ready\")'");
  verb->callback([&] { run = [&] { return list(context); }; });
}

}  // namespace llp::ctl
