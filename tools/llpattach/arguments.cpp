// SPDX-License-Identifier: BSD-3-Clause
#include "llpattach/arguments.hpp"

#include <utility>

#include "cmd/exit_status.hpp"

namespace llp::attach {

void add_options(CLI::App& app, Arguments& a) {
  app.add_option("device", a.device, "the port: /dev/ttyS1, or a link to it")
      ->type_name("DEVICE")
      ->required();
  const std::string serial = "The port";
  app.add_option("-b,--baud", a.baud, "bits per second")
      ->check(CLI::Range(1U, 20'000'000U))
      ->capture_default_str()
      ->group(serial);
  app.add_option("-m,--mode", a.mode, "data bits, parity (n, e, o, m, s), stop bits")
      ->capture_default_str()
      ->group(serial);
  app.add_option("--flow", a.flow, "none, rtscts or xonxoff")->capture_default_str()->group(serial);
  app.add_flag("--keep", a.keep, "leave rate, mode and flow control as they are found")->group(serial);
  app.add_flag("--no-low-latency", a.no_low_latency, "do not ask the driver for low latency")->group(serial);
  app.add_option("--lock-dir", a.lock_dir, "where UUCP lock files are")->capture_default_str()->group(serial);
  const std::string line = "The line";
  app.add_option("-n,--name,--line", a.words.name, "its name: /dev/llp/NAME by udev, and for llpctl")
      ->type_name("NAME")
      ->group(line);
  app.add_option("-p,--protocol", a.words.protocol, "x328, hllp, mllp or mllp2; the line goes up with it")
      ->type_name("NAME")
      ->group(line);
  app.add_option("--peer", a.words.peers, "settings for a known peer")
      ->expected(1)
      ->take_all()
      ->type_name("NAME")
      ->group(line);
  app.add_option("--set", a.words.settings, "a parameter of the protocol")
      ->expected(1)
      ->take_all()
      ->type_name("NAME=VALUE")
      ->group(line);
  app.add_option("--policy", a.words.policy, "when messages are acknowledged: arrival, read or commit")
      ->group(line);
  app.add_option("--max-messages", a.max_messages, "received messages that may wait")->group(line);
  app.add_option("--max-bytes", a.max_bytes, "bytes of them")->group(line);
  app.add_option("--max-writes", a.max_writes, "messages to be sent that may wait")->group(line);
  app.add_flag("--down", a.down, "set up, but leave it down")->group(line);
  app.add_flag("-q,--quiet", a.quiet, "say errors only");
}

int exit_status(const Error& error) noexcept {
  // A module or a line is missing by word, a port by errno.
  if (error.code == Errc::not_found && error.sys_errno == 0) return cmd::kUnavailable;
  return cmd::exit_status(error);
}

int run(const Arguments& a, AttachSystem& system, const OpenKernel& open_kernel, const Say& say) {
  const auto failed = [&say](const Error& error, int status) {
    say(error.message);
    return status;
  };
  const Say notice = [&](const std::string& text) {
    if (!a.quiet) say(text);
  };
  if (a.detach) {
    const auto done = detach_port(system, open_kernel, a.device, notice);
    return done ? cmd::kOk : failed(done.error(), exit_status(done.error()));
  }
  AttachOptions options;
  auto tty = tty_of(a.device, a.baud, a.mode, a.flow);
  if (!tty) return failed(tty.error(), cmd::kUsage);
  options.tty = std::move(*tty);
  options.tty.keep = a.keep;
  SettingWords words = a.words;
  words.up = !a.down;
  auto line = line_change(words);
  if (!line) return failed(line.error(), cmd::kUsage);
  options.line = std::move(*line);
  options.line.max_messages = a.max_messages;
  options.line.max_bytes = a.max_bytes;
  options.line.max_writes = a.max_writes;
  options.lock_dir = a.lock_dir;
  options.low_latency = !a.no_low_latency;
  options.attached = a.attached;
  const auto end = attach_port(system, open_kernel, options, notice);
  if (!end) return failed(end.error(), exit_status(end.error()));
  switch (*end) {
    case End::told: return cmd::kOk;
    case End::detached: notice(a.device + " was detached"); return cmd::kOk;
    default: say(a.device + " is gone: unplugged, or hung up"); return kPortGone;
  }
}

}  // namespace llp::attach
