// SPDX-License-Identifier: BSD-3-Clause
// llpcat: sends and takes messages by hand and by script.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <exception>
#include <string>
#include <vector>

#include "config/values.hpp"
#include "llpcat/input.hpp"
#include "llpcat/options.hpp"

namespace {

using namespace llp;
using namespace llp::cat;

constexpr const char* kAbout =
    "Sends standard input or files as messages and prints the replies; with -l, takes messages and answers "
    "them.";

constexpr const char* kExamples = R"(
Addresses: HOST:PORT, [IPV6]:PORT, PORT, unix:PATH, /dev/ttyUSB0[,BAUD[,MODE[,FLOW]]], pty:PATH,
/dev/llp0, llp:NAME (lines in the kernel: their protocol is set there).

Examples:
  llpcat --mllp lab:2575 < order.hl7
      sends one message and prints the acknowledgement
  llpcat --mllp -l 2575 --ack --out in/
      takes messages on port 2575, acknowledges them as an HL7 application, one file each in in/
  llpcat localhost:6002 query.hl7
      asks the instrument behind llpdrv's port 6002 (ILLP is the default)
  llpcat --x328 --timeout 1min /dev/ttyUSB0,9600,8n1 *.hl7
      sends each file to a serial port
  llpcat --mllp --text --split --rate 5 -n 100 lab:2575 day.txt
      sends all messages of a text file a hundred times, five a second
  llpcat -l 6001 --exec ./answer.sh
      an application in shell: request on its standard input, reply from its standard output

Exit status: 0 all sent and replied to; 1 refused or cancelled by the other end; 2 time-out; 3 the connection
ended too early; 4 a reply was a negative acknowledgement; 64 wrong usage; 65 a message that cannot be carried or
a reply that is not whole; 66 a file or device is missing; 69 the other end cannot be reached; 70 internal error;
73 output cannot be written; 75 address, port or line in use; 77 no permission.
)";

struct Words {
  std::string address, timeout = "5s", ack_code = "AA", reply, max_message = "16M";
  bool illp = false, mllp = false, mllp2 = false, hllp = false, x328 = false, ack = false, no_reply = false,
       no_urgent = false;
};

Protocol protocol_of(const Words& w) {
  if (w.mllp) return Protocol::mllp;
  if (w.mllp2) return Protocol::mllp2;
  if (w.hllp) return Protocol::hllp;
  return w.x328 ? Protocol::x328 : Protocol::illp;
}

Result<void> check_sides(const Words& w, const Options& o) {
  const int answers = (w.ack ? 1 : 0) + (w.reply.empty() ? 0 : 1) + (o.exec.empty() ? 0 : 1);
  if (answers > 1) return fail(Errc::invalid, "--ack, --reply and --exec exclude each other");
  if (o.listen && !o.files.empty()) {
    return fail(Errc::invalid, "with -l nothing is sent but answers: give files to --reply, or leave -l out");
  }
  if (!o.listen && answers > 0) return fail(Errc::invalid, "--ack, --reply and --exec are for -l");
  if (o.listen && (w.no_reply || o.rate > 0 || o.split || o.text)) {
    return fail(Errc::invalid, "--no-reply, --rate, --split and --text are for sending, not for -l");
  }
  if (!o.listen && o.address.kind == Address::Kind::tcp && o.address.host == "*") {
    return fail(Errc::invalid, "* is every address of this machine: for -l only");
  }
  return {};
}

Result<void> interpret(const Words& w, Options& o) {
  auto address = parse_address(w.address);
  if (!address) return std::unexpected(address.error());
  o.address = *address;
  o.client.protocol = protocol_of(w);
  auto timeout = config::parse_duration(w.timeout, std::chrono::milliseconds(1), std::chrono::hours(24));
  if (!timeout) return fail(Errc::invalid, "--timeout: " + timeout.error().message);
  o.client.timeout = std::chrono::ceil<std::chrono::milliseconds>(*timeout);
  auto size = config::parse_size(w.max_message, 1, std::uint64_t{1} << 30);
  if (!size) return fail(Errc::invalid, "--max-message: " + size.error().message);
  o.client.max_message = *size;
  o.client.urgent = !w.no_urgent;
  o.wait_reply = !w.no_reply;
  o.client.reply = o.wait_reply;
  if (w.ack) o.ack = w.ack_code;
  if (auto good = check_sides(w, o); !good) return good;
  if (w.reply.empty()) return {};
  auto reply = read_messages({w.reply}, false, false);
  if (!reply) return std::unexpected(reply.error());
  o.reply = std::move(reply->front().message);
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  (void)std::signal(SIGPIPE, SIG_IGN);
  Words w;
  Options o;
  CLI::App app(kAbout, "llpcat");
  app.footer(kExamples);
  app.set_version_flag("--version", "llpcat " LLP_VERSION);
  app.add_option("ADDRESS", w.address, "where the other end is; with -l, where to wait for it")->required();
  app.add_option("FILE", o.files, "messages to send, one in each file; none or -: standard input");
  const std::string protocols = "Protocols";
  auto* illp = app.add_flag("--illp", w.illp, "one connection for each message (default)")->group(protocols);
  auto* mllp = app.add_flag("--mllp", w.mllp, "MLLP release 1")->group(protocols);
  auto* mllp2 = app.add_flag("--mllp2", w.mllp2, "MLLP release 2")->group(protocols);
  auto* hllp = app.add_flag("--hllp", w.hllp, "hybrid LLP")->group(protocols);
  auto* x328 = app.add_flag("--x328", w.x328, "ANSI X3.28")->group(protocols);
  const std::vector<CLI::Option*> flags{illp, mllp, mllp2, hllp, x328};
  for (auto* a : flags) {
    for (auto* b : flags) {
      if (a != b) a->excludes(b);
    }
  }
  app.add_option("--set", o.client.settings, "a protocol parameter, NAME=VALUE, see llp-params(7)")
      ->expected(1)
      ->allow_extra_args(false)
      ->take_all()
      ->group(protocols);
  app.add_option("--peer", o.client.peer, "options for a known peer")->group(protocols);
  app.add_flag("--no-urgent", w.no_urgent, "ILLP over TCP: no urgent data, resets instead")->group(protocols);
  app.add_option("--lock-dir", o.client.lock_dir, "where UUCP lock files of serial ports are")
      ->group(protocols);

  app.add_flag("-l,--listen", o.listen, "wait for messages instead of sending");
  app.add_option("--timeout", w.timeout, "for each operation, such as 500ms, 5s, 1min")
      ->capture_default_str();
  app.add_option("-n,--count", o.count, "send everything so often; -l: end after so many messages")
      ->check(CLI::Range(1ULL, 1'000'000'000'000ULL));
  app.add_option("--out", o.out, "a directory: one file for each message received");
  app.add_flag("--lost", o.lost, "show bytes outside frames on standard error");
  app.add_option("--max-message", w.max_message, "bytes of a message received, at most")
      ->capture_default_str();
  app.add_flag("-q,--quiet", o.quiet, "errors only on standard error");
  const std::string sending = "Sending";
  app.add_flag("--no-reply", w.no_reply, "do not wait for replies")->group(sending);
  app.add_option("--rate", o.rate, "messages a second, at most")
      ->check(CLI::Range(0.001, 1e6))
      ->group(sending);
  app.add_flag("--split", o.split, "each MSH, FHS or BHS at the start of a line begins a message")
      ->group(sending);
  app.add_flag("--text", o.text, "line ends in files become CR")->group(sending);
  const std::string answering = "Answering (-l)";
  app.add_flag("--ack", w.ack, "acknowledge as an HL7 application")->group(answering);
  app.add_option("--ack-code", w.ack_code, "MSA-1 of these acknowledgements")
      ->check(CLI::IsMember({"AA", "AE", "AR", "CA", "CE", "CR"}))
      ->group(answering);
  app.add_option("--reply", w.reply, "a file: the answer to each message; - is standard input")
      ->group(answering);
  app.add_option("--exec", o.exec, "a shell command: message in, answer out; its failure refuses")
      ->group(answering);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);
    return complain(fmt::format("{} (see llpcat --help)", e.what()), kUsage);
  }
  try {
    if (auto good = interpret(w, o); !good) return complain(good.error().message, exit_of(good.error()));
    return o.listen ? serve(o) : send_messages(o);
  } catch (const std::exception& e) {
    return complain(fmt::format("internal error: {}", e.what()), kSoftware);
  }
}
