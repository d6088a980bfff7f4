// SPDX-License-Identifier: BSD-3-Clause
// llpctl up, down: a line works, or is silent.
#include <fmt/format.h>

#include <memory>

#include "llpctl/context.hpp"
#include "llpctl/json.hpp"

namespace llp::ctl {

namespace {

int put(Context& context, const std::string& which, bool up) {
  auto kernel = context.open_kernel();
  if (!kernel) return context.failed(kernel.error());
  const auto line = netlink::find_line(**kernel, which);
  if (!line) return context.failed(line.error());
  const auto done = (*kernel)->set(netlink::LineNumber{line->line}, {.up = up});
  if (!done) return context.failed(done.error());
  if (context.json) {
    context.print(Json::object()
                      .number("line", line->line)
                      .text("device", fmt::format("/dev/llp{}", line->line))
                      .text("name", line->name)
                      .flag("up", up)
                      .flag("was_up", line->up)
                      .str() +
                  "\n");
  }
  return 0;
}

}  // namespace

void add_up_down(CLI::App& app, Context& context, Run& run) {
  for (const bool up : {true, false}) {
    auto* verb =
        app.add_subcommand(up ? "up" : "down", up ? "put a line to work"
                                                  : "stop a line at once; what is in progress is cancelled");
    verb->footer(up ? "Example:\n  llpctl up chem" : "Example:\n  llpctl down chem");
    const auto which = std::make_shared<std::string>();
    verb->add_option("line", *which, "its name, number or tty")->type_name("LINE")->required();
    verb->callback(
        [&context, &run, which, up] { run = [&context, which, up] { return put(context, *which, up); }; });
  }
}

}  // namespace llp::ctl
