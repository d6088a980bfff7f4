// SPDX-License-Identifier: BSD-3-Clause
// llpctl attach, detach: as llpattach.
#include <memory>

#include "llpattach/arguments.hpp"
#include "llpctl/context.hpp"

namespace llp::ctl {

namespace {

int run_attach(Context& context, const attach::Arguments& arguments) {
  const auto system = context.attach_system();
  return attach::run(arguments, *system, context.open_kernel, context.complain);
}

}  // namespace

void add_attach(CLI::App& app, Context& context, Run& run) {
  auto* verb = app.add_subcommand("attach", "make a line of a serial port, and stay; as llpattach(8)");
  const auto a = std::make_shared<attach::Arguments>();
  attach::add_options(*verb, *a);
  verb->callback([&context, &run, a] { run = [&context, a] { return run_attach(context, *a); }; });
}

void add_detach(CLI::App& app, Context& context, Run& run) {
  auto* verb = app.add_subcommand("detach", "take the line from a serial port");
  const auto a = std::make_shared<attach::Arguments>();
  a->detach = true;
  verb->add_option("device", a->device, "the port")->type_name("DEVICE")->required();
  verb->callback([&context, &run, a] { run = [&context, a] { return run_attach(context, *a); }; });
}

}  // namespace llp::ctl
