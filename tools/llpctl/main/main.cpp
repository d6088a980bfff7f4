// SPDX-License-Identifier: BSD-3-Clause
// llpctl: the lines of the kernel and of llpd, seen and driven.
#include <fmt/format.h>
#include <langinfo.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <asio/signal_set.hpp>
#include <clocale>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

#include "cmd/exit_status.hpp"
#include "llpctl/context.hpp"
#include "llpctl/daemon.hpp"
#include "llpctl/happened.hpp"
#include "llpctl/system.hpp"

namespace {

using namespace llp;

constexpr const char* kExamples = R"(
Examples:
  llpctl list                                 every line in one row
  llpctl show chem                            one line: state, options, counters, and advice
  llpctl set chem timer_a=8s --restart        a parameter of its protocol
  llpctl monitor --trouble                    what goes wrong, as it happens
  llpctl send chem order.hl7                  a message, and its reply on standard output
  llpctl capture chem -w chem.pcapng          what passes on the line, for Wireshark
  llpctl ladder chem                          the same as a sequence diagram, as it happens
  llpctl status                               the lines that llpd serves, and how they are
  llpctl spool list chem                      what llpd keeps for an application, or for you
  llpctl bind /dev/ttyUSB0 chem protocol=x328 baud=9600 to=5001%labsys
      from now on this adapter is the line chem, whenever it is plugged in

Exit status: 0 all well; 1 a message was not delivered or got no reply; 64 wrong usage; 66 a file or port
is missing; 69 the module n_llp or the line is not there; 70 internal error; 71 the system refuses; 74 an
attached port was unplugged; 75 in use, or the line is up; 77 no permission; 78 llpd refuses its new
configuration. status: 1 if a line is bad.
)";

void say(std::string_view text) { fmt::print(stderr, "llpctl: {}\n", text); }

unsigned columns() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40) return size.ws_col;
  return 80;
}

}  // namespace

int main(int argc, char** argv) {
  (void)std::signal(SIGPIPE, SIG_IGN);
  asio::io_context io(1);
  ctl::Context context = ctl::system_context(io);
  const bool terminal = ::isatty(STDOUT_FILENO) != 0;
  const char* term = std::getenv("TERM");         // NOLINT(concurrency-mt-unsafe): no threads yet
  const char* colours = std::getenv("NO_COLOR");  // NOLINT(concurrency-mt-unsafe): as above
  const bool dumb = term == nullptr || std::string_view(term) == "dumb";
  context.colour = terminal && !dumb && (colours == nullptr || *colours == '\0');
  context.terminal = terminal && !dumb;
  context.columns = terminal ? columns() : 80;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): as above
  const char* charset = std::setlocale(LC_CTYPE, "") != nullptr ? ::nl_langinfo(CODESET) : "";
  context.unicode = std::string_view(charset) == "UTF-8";
  context.complain = say;

  CLI::App app("Sees and drives lines: those of the kernel (n_llp) and those of llpd.", "llpctl");
  app.footer(kExamples);
  app.set_version_flag("--version", "llpctl " LLP_VERSION);
  std::string control;
  app.add_option("--control", control, "llpd's control socket, if it is not where it is by default")
      ->type_name("PATH");
  ctl::Run run;
  ctl::add_verbs(app, context, run);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);
    say(fmt::format("{} (see llpctl --help)", ctl::usage_words(app, e)));
    return cmd::kUsage;
  }
  try {
    if (!control.empty()) {
      context.ask_daemon = ctl::daemon_at(control);
      context.daemon_events = [control](const asio::any_io_executor& executor) {
        return ctl::open_daemon_events(control, executor);
      };
    }
    context.control_socket = control;
    return run();
  } catch (const std::exception& e) {
    say(fmt::format("internal error: {}", e.what()));
    return cmd::kSoftware;
  }
}
