// SPDX-License-Identifier: BSD-3-Clause
// llpattach: a serial port becomes a line of the kernel's.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <string>

#include "cmd/exit_status.hpp"
#include "llpattach/arguments.hpp"

namespace {

using namespace llp;

constexpr const char* kExamples = R"(
Examples:
  llpattach --protocol x328 --name chem /dev/ttyS1
      the analyser on the first port is served as /dev/llp0: 9600 baud, 8N1
  llpattach -b 19200 -m 7e1 -p hllp --set t_in=2s /dev/ttyUSB0
      other serial settings, and a parameter of the protocol, see llp-params(7)
  llpattach -p x328 --peer vista-x328 /dev/serial/by-id/usb-FTDI_FT232R_A10K-if00-port0
      an adapter by its serial number, and the settings of a known peer
  llpattach /dev/ttyS1
      attach only: the line is down until `llpctl set` or llpd sets it up
  llpattach -d /dev/ttyS1
      take the line from the port again

It stays until a signal ends it, the port is unplugged or hung up, or somebody detaches it.

Exit status: 0 ended by a signal or detached; 64 wrong usage; 66 there is no such port; 69 the module
n_llp is not there, or nothing to detach; 70 internal error; 71 the port or the kernel does not do what
is asked; 74 the port was unplugged or hung up; 75 another program has the port, or the line discipline's
number; 77 no permission.
)";

void say(const std::string& text) { fmt::print(stderr, "llpattach: {}\n", text); }

}  // namespace

int main(int argc, char** argv) {
  attach::Arguments arguments;
  CLI::App app("Attaches a serial port to the kernel's line discipline n_llp and sets its line up.",
               "llpattach");
  app.footer(kExamples);
  app.set_version_flag("--version", "llpattach " LLP_VERSION);
  attach::add_options(app, arguments);
  app.add_flag("-d,--detach", arguments.detach, "take the line from the port");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);
    say(fmt::format("{} (see llpattach --help)", e.what()));
    return cmd::kUsage;
  }
  try {
    const auto system = attach::make_attach_system();
    return attach::run(arguments, *system, netlink::open_kernel_control, say);
  } catch (const std::exception& e) {
    say(fmt::format("internal error: {}", e.what()));
    return cmd::kSoftware;
  }
}
