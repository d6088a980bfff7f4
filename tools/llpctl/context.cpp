// SPDX-License-Identifier: BSD-3-Clause
#include "llpctl/context.hpp"

#include "cmd/exit_status.hpp"
#include "llpattach/arguments.hpp"

namespace llp::ctl {

int Context::failed(const Error& error) const {
  complain(error.message);
  return attach::exit_status(error);
}

int Context::misused(const std::string& why) const {
  complain(why + " (see llpctl --help)");
  return cmd::kUsage;
}

void add_verbs(CLI::App& app, Context& context, Run& run) {
  app.fallthrough();  // the verbs take it over as they are added
  app.add_flag("--json", context.json, "print for programs");
  for (const auto add : {add_list, add_show, add_set, add_up_down, add_attach, add_detach, add_stats,
                         add_monitor, add_send, add_bind, add_unbind, add_completion}) {
    add(app, context, run);
  }
  app.require_subcommand(1);
}

}  // namespace llp::ctl
