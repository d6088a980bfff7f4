// SPDX-License-Identifier: BSD-3-Clause
// llpctl up, down: a line works, or is silent.
#include <memory>

#include "llpctl/context.hpp"

namespace llp::ctl {

namespace {

int put(Context& context, const std::string& which, bool up) {
  auto kernel = context.open_kernel();
  if (!kernel) return context.failed(kernel.error());
  const auto line = netlink::find_line(**kernel, which);
  if (!line) return context.failed(line.error());
  const auto done = (*kernel)->set(netlink::LineNumber{line->line}, {.up = up});
  return done ? 0 : context.failed(done.error());
}

}  // namespace

void add_up_down(CLI::App& app, Context& context, Run& run) {
  for (const bool up : {true, false}) {
    auto* verb =
        app.add_subcommand(up ? "up" : "down", up ? "put a line to work"
                                                  : "stop a line at once; what is in progress is cancelled");
    const auto which = std::make_shared<std::string>();
    verb->add_option("line", *which, "its name, number or tty")->type_name("LINE")->required();
    verb->callback(
        [&context, &run, which, up] { run = [&context, which, up] { return put(context, *which, up); }; });
  }
}

}  // namespace llp::ctl
