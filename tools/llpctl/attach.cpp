// SPDX-License-Identifier: BSD-3-Clause
// llpctl attach, detach: as llpattach.
#include <fmt/format.h>

#include <memory>

#include "llpattach/arguments.hpp"
#include "llpctl/context.hpp"
#include "llpctl/json.hpp"

namespace llp::ctl {

namespace {

int run_attach(Context& context, const attach::Arguments& given) {
  attach::Arguments arguments = given;
  if (context.json && !arguments.detach) {
    arguments.attached = [&](std::uint32_t line) {
      context.print(Json::object()
                        .number("line", line)
                        .text("device", fmt::format("/dev/llp{}", line))
                        .text("name", given.words.name)
                        .text("port", given.device)
                        .str() +
                    "\n");
    };
  }
  const auto system = context.attach_system();
  const int status = attach::run(arguments, *system, context.open_kernel, context.complain);
  if (context.json && arguments.detach && status == 0) {
    context.print(Json::object().text("port", given.device).flag("detached", true).str() + "\n");
  }
  return status;
}

}  // namespace

void add_attach(CLI::App& app, Context& context, Run& run) {
  auto* verb = app.add_subcommand("attach", "make a line of a serial port, and stay; as llpattach(8)");
  const auto a = std::make_shared<attach::Arguments>();
  attach::add_options(*verb, *a);
  verb->footer(
      "It stays until it is told to end, or the port goes. Examples:\n"
      "  llpctl attach /dev/ttyUSB0 --protocol x328 --name chem\n"
      "  llpctl attach /dev/ttyS1 --baud 19200 --mode 7e1 -p hllp --json");
  verb->callback([&context, &run, a] { run = [&context, a] { return run_attach(context, *a); }; });
}

void add_detach(CLI::App& app, Context& context, Run& run) {
  auto* verb = app.add_subcommand("detach", "take the line from a serial port");
  const auto a = std::make_shared<attach::Arguments>();
  a->detach = true;
  verb->footer("Example:\n  llpctl detach /dev/ttyUSB0");
  verb->add_option("device", a->device, "the port")->type_name("DEVICE")->required();
  verb->callback([&context, &run, a] { run = [&context, a] { return run_attach(context, *a); }; });
}

}  // namespace llp::ctl
