// SPDX-License-Identifier: BSD-3-Clause
// llpctl reload, start, stop: what llpd is to do.
#include <fmt/format.h>

#include <memory>

#include "cmd/exit_status.hpp"
#include "llpctl/context.hpp"
#include "llpctl/daemon.hpp"

namespace llp::ctl {

namespace {

int done(Context& context, const Result<DaemonJson>& answer, const std::string& words) {
  if (!answer) return context.failed(answer.error());
  context.print(context.json ? "{\"ok\": true}\n" : words + "\n");
  return 0;
}

int reload(Context& context) {
  const auto answer = context.ask_daemon({{"op", "reload"}});
  // It lists what is wrong with the configuration, if that is why.
  if (!answer && answer.error().code == Errc::refused &&
      answer.error().message.find('\n') != std::string::npos) {
    context.complain(answer.error().message);
    return cmd::kConfig;
  }
  return done(context, answer, "llpd has read its configuration again.");
}

int order(Context& context, const std::string& op, const std::string& line) {
  const auto answer = context.ask_daemon({{"op", op}, {"line", line}});
  return done(context, answer,
              op == "stop" ? fmt::format("{} ends, and stays so until `llpctl start {}`.", line, line)
                           : fmt::format("{} starts.", line));
}

}  // namespace

void add_daemon_orders(CLI::App& app, Context& context, Run& run) {
  auto* again = app.add_subcommand("reload", "llpd reads its configuration again");
  again->footer(
      "What is wrong with it is listed, and then nothing has changed (exit status 78).\n\nExample:\n"
      "  llpctl reload");
  again->callback([&] { run = [&] { return reload(context); }; });
  for (const auto& [op, help, words] :
       {std::tuple{"start", "llpd serves a line again",
                   "One that failed is tried at once.\n\nExample:\n  llpctl start chem"},
        std::tuple{"stop", "llpd leaves a line, the protocol's way",
                   "Until `start`, or the end of llpd. What is in hand is finished first.\n\nExample:\n"
                   "  llpctl stop chem"}}) {
    auto* verb = app.add_subcommand(op, help);
    const auto line = std::make_shared<std::string>();
    verb->add_option("line", *line, "as llpd calls it")->type_name("SERVED")->required();
    verb->footer(words);
    verb->callback([&context, &run, line, name = std::string(op)] {
      run = [&context, line, name] { return order(context, name, *line); };
    });
  }
}

}  // namespace llp::ctl
