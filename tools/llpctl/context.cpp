// SPDX-License-Identifier: BSD-3-Clause
#include "llpctl/context.hpp"

#include "cmd/exit_status.hpp"
#include "config/text.hpp"
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

std::string usage_words(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App* at = &app;
  while (!at->get_subcommands().empty()) at = at->get_subcommands().front();
  std::vector<std::string> verbs;
  for (const CLI::App* verb : at->get_subcommands({})) verbs.push_back(verb->get_name());
  std::vector<std::string> options;
  for (const CLI::App* one : {at, &app}) {
    for (const CLI::Option* option : one->get_options()) {
      for (const std::string& name : option->get_lnames()) options.push_back("--" + name);
    }
  }
  for (const std::string& word : app.remaining(true)) {
    if (word.starts_with("--")) {
      const std::string name = word.substr(0, word.find('='));
      return "there is no option " + config::quote(name) + config::did_you_mean(name, options);
    }
    if (!verbs.empty() && !word.starts_with("-")) {
      return "there is no verb " + config::quote(word) + config::did_you_mean(word, verbs);
    }
  }
  return error.what();
}

void add_verbs(CLI::App& app, Context& context, Run& run) {
  app.fallthrough();  // the verbs take it over as they are added
  app.add_flag("--json", context.json, "print for programs");
  for (const auto add :
       {add_list,    add_show,          add_set,     add_up_down, add_attach, add_detach,    add_stats,
        add_monitor, add_send,          add_capture, add_ladder,  add_replay, add_bind,      add_unbind,
        add_status,  add_daemon_orders, add_spool,   add_doctor,  add_top,    add_completion}) {
    add(app, context, run);
  }
  app.require_subcommand(1);
}

}  // namespace llp::ctl
