// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <iterator>
#include <utility>

#include "cmd/args.hpp"
#include "cmd/invocation.hpp"
#include "config/addresses.hpp"
#include "config/line_draft.hpp"
#include "config/line_options.hpp"
#include "config/text.hpp"

namespace llp::cmd {

namespace {

using config::LineDraft;

std::vector<OptionSpec> specs() {
  std::vector<OptionSpec> all{
      {'a', "x328", Takes::nothing},
      {'h', "hllp", Takes::nothing},
      {'m', "mllp", Takes::nothing},
      {0, "mllp2", Takes::nothing},
      {0, "protocol", Takes::value},
      {'t', "tty", Takes::value},
      {'p', "pty", Takes::value},
      {'u', "unix", Takes::value},
      {'i', {}, Takes::value},
      {0, "tcp", Takes::value},
      {0, "line", Takes::value},
      {0, "to", Takes::value},
      {0, "dist", Takes::value},
      {'I', "serve-at-once", Takes::nothing},
      {'1', "one-shot", Takes::nothing},
      {'d', "debug", Takes::nothing},
      {'y', "foreground", Takes::nothing},
      {'Y', "supervised", Takes::nothing},
      {0, "peer", Takes::value},
      {0, "set", Takes::value},
      {0, "match", Takes::value},
      {0, "expect", Takes::value},
      {0, "max-message", Takes::value},
      {0, "reply-timeout", Takes::value},
      {0, "time-scale", Takes::value},
      {0, "name", Takes::value},
      {0, "runtime-dir", Takes::value},
      {0, "pid-file", Takes::value},
      {0, "lock-dir", Takes::value},
      {0, "list-params", Takes::maybe},
      {0, "list-peers", Takes::nothing},
      {0, "help", Takes::nothing},
      {0, "version", Takes::nothing},
  };
  for (const config::LineOption& option : config::line_options()) {
    all.push_back({0, config::long_name(option), option.value.empty() ? Takes::maybe : Takes::value});
  }
  return all;
}

std::unexpected<Error> bad(std::string message) { return fail(Errc::invalid, std::move(message)); }

// Collects the options into a draft.
class Collector {
 public:
  // Says what to do instead of running, if anything.
  Result<void> take(const Option& option) {
    const std::string& name = option.spec->name;
    if (option.spec->letter == 'i') return positional(option);
    for (const auto& [known, handler] : handlers()) {
      if (known == name) return std::invoke(handler, *this, option);
    }
    // What is left is of the table.
    draft_.options.push_back({option.shown, name, option.has_value ? option.value : "yes"});
    return {};
  }

  Result<Invocation> finish() {
    if (invocation_.action != Action::run) return std::move(invocation_);
    if (!draft_.port) return bad("no line is given: -t DEVICE, -p PATH, -u PATH or -i SERVICE");
    auto line = config::resolve(draft_);
    if (!line) return std::unexpected(std::move(line.error().front()));
    if (lock_dir_) line->stream.lock_dir = *lock_dir_;
    invocation_.line = std::move(*line);
    return std::move(invocation_);
  }

 private:
  using Handler = Result<void> (Collector::*)(const Option&);
  static std::span<const std::pair<std::string_view, Handler>> handlers() {
    using C = Collector;
    static constexpr std::array<std::pair<std::string_view, Handler>, 32> table{{
        {"x328", &C::protocol},
        {"hllp", &C::protocol},
        {"mllp", &C::protocol},
        {"mllp2", &C::protocol},
        {"protocol", &C::protocol},
        {"tty", &C::line},
        {"pty", &C::line},
        {"unix", &C::line},
        {"tcp", &C::line},
        {"line", &C::line},
        {"to", &C::to},
        {"dist", &C::dist},
        {"serve-at-once", &C::flag},
        {"one-shot", &C::flag},
        {"debug", &C::flag},
        {"foreground", &C::stay},
        {"supervised", &C::stay},
        {"peer", &C::peer},
        {"set", &C::set},
        {"match", &C::parameter},
        {"expect", &C::parameter},
        {"max-message", &C::parameter},
        {"reply-timeout", &C::parameter},
        {"time-scale", &C::time_scale},
        {"name", &C::name},
        {"runtime-dir", &C::directory},
        {"lock-dir", &C::directory},
        {"pid-file", &C::pid_file},
        {"list-params", &C::list_params},
        {"list-peers", &C::instead},
        {"help", &C::instead},
        {"version", &C::instead},
    }};
    return table;
  }

  // Puts the option before what is wrong with its value.
  template <class T>
  static Result<T> at(const std::string& place, Result<T> result) {
    if (!result) result.error().message = place + ": " + result.error().message;
    return result;
  }

  Result<void> protocol(const Option& option) {
    auto chosen = option.has_value ? at(option.shown, config::parse_protocol(option.value))
                                   : config::parse_protocol(option.spec->name);
    if (!chosen) return std::unexpected(std::move(chosen.error()));
    if (!protocol_by_.empty() && draft_.protocol != *chosen) {
      return bad(fmt::format("{} and {} are different protocols", protocol_by_, option.shown));
    }
    protocol_by_ = option.shown;
    draft_.protocol = *chosen;
    return {};
  }

  Result<void> line(const Option& option) {
    const std::string& name = option.spec->name;
    auto parse = name == "tty"    ? config::parse_tty
                 : name == "pty"  ? config::parse_pty
                 : name == "unix" ? config::parse_unix_line
                 : name == "line" ? config::parse_line
                                  : config::parse_tcp_line;
    if (draft_.port) {
      return bad(fmt::format("{} {}: the line was given before by {}; it comes first and once", option.shown,
                             config::quote(option.value), line_by_));
    }
    auto port = at(option.shown, parse(option.value));
    if (!port) return std::unexpected(std::move(port.error()));
    draft_.port = std::move(*port);
    line_by_ = fmt::format("{} {}", option.shown, config::quote(option.value));
    return {};
  }

  Result<void> add_to(const std::string& place, const std::string& value) {
    if (value == "-") return {};
    auto endpoint = at(place, config::parse_to(value));
    if (!endpoint) return std::unexpected(std::move(endpoint.error()));
    draft_.to.push_back(std::move(*endpoint));
    return {};
  }

  Result<void> set_dist(const std::string& place, const std::string& value) {
    if (draft_.dist) return bad(fmt::format("{} {}: dist was given before", place, config::quote(value)));
    if (value == "-") return {};
    auto endpoint = at(place, config::parse_dist(value));
    if (!endpoint) return std::unexpected(std::move(endpoint.error()));
    draft_.dist = std::move(*endpoint);
    return {};
  }

  // -i: the line, if there is none yet; then to, then dist.
  Result<void> positional(const Option& option) {
    if (!draft_.port) {
      if (option.value == "-") return bad("-i -: the line cannot be left out");
      return line(option);
    }
    switch (position_++) {
      case 0: return add_to("-i (to)", option.value);
      case 1: return set_dist("-i (dist)", option.value);
      default:
        return bad(
            fmt::format("-i {}: one too many; they are the line, to and dist", config::quote(option.value)));
    }
  }

  Result<void> to(const Option& option) { return add_to(option.shown, option.value); }
  Result<void> dist(const Option& option) { return set_dist(option.shown, option.value); }

  Result<void> flag(const Option& option) {
    const std::string& name = option.spec->name;
    if (name == "debug") {
      invocation_.debug++;
    } else if (name == "one-shot") {
      draft_.one_shot = true;
    } else {
      draft_.serve_dist_at_once = true;
    }
    return {};
  }

  Result<void> stay(const Option& option) {
    const Stay wanted = option.spec->name == "foreground" ? Stay::foreground : Stay::supervised;
    if (invocation_.stay != Stay::background && invocation_.stay != wanted) {
      return bad("-y and -Y exclude each other");
    }
    invocation_.stay = wanted;
    return {};
  }

  Result<void> peer(const Option& option) {
    draft_.peers.push_back({option.shown, "", option.value});
    return {};
  }

  Result<void> set(const Option& option) {
    const std::size_t equals = option.value.find('=');
    if (equals == 0 || equals == std::string::npos) {
      return bad(fmt::format("--set {}: write NAME=VALUE, such as timer_a=6s", config::quote(option.value)));
    }
    const std::string name = option.value.substr(0, equals);
    std::string place = config::quote(name);  // without its quotes
    place = "--set " + place.substr(1, place.size() - 2);
    draft_.parameters.push_back({std::move(place), name, option.value.substr(equals + 1)});
    return {};
  }

  Result<void> parameter(const Option& option) {
    std::string name = option.spec->name;
    std::ranges::replace(name, '-', '_');
    draft_.parameters.push_back({option.shown, std::move(name), option.value});
    return {};
  }

  Result<void> time_scale(const Option& option) {
    auto scale = at(option.shown, config::parse_scale(option.value));
    if (!scale) return std::unexpected(std::move(scale.error()));
    draft_.scale = *scale;
    return {};
  }

  Result<void> name(const Option& option) {
    auto good = at(option.shown, config::parse_name(option.value));
    if (!good) return std::unexpected(std::move(good.error()));
    draft_.name = std::move(*good);
    return {};
  }

  Result<void> directory(const Option& option) {
    if (option.spec->name == "lock-dir") {
      lock_dir_ = option.value == "-" ? "" : option.value;
      return {};
    }
    if (option.value.empty()) return bad(option.shown + ": its value is missing");
    invocation_.runtime_dir = option.value;
    return {};
  }

  Result<void> pid_file(const Option& option) {
    if (option.value.empty()) return bad(option.shown + ": its value is missing");
    invocation_.pid_file = option.value == "-" ? "" : option.value;
    return {};
  }

  Result<void> list_params(const Option& option) {
    set_action(Action::list_params);
    if (!option.has_value) return {};
    auto protocol = at(option.shown, config::parse_protocol(option.value));
    if (!protocol) return std::unexpected(std::move(protocol.error()));
    invocation_.listed = *protocol;
    return {};
  }

  Result<void> instead(const Option& option) {
    const std::string& name = option.spec->name;
    set_action(name == "help" ? Action::help : name == "version" ? Action::version : Action::list_peers);
    return {};
  }

  // The first of them.
  void set_action(Action action) {
    if (invocation_.action == Action::run) invocation_.action = action;
  }

  Invocation invocation_;
  LineDraft draft_;
  std::optional<std::string> lock_dir_;
  std::string protocol_by_, line_by_;
  int position_ = 0;  // of -i after the line
};

}  // namespace

Result<Invocation> parse_llpdrv(std::span<const std::string> args) {
  const auto known = specs();
  auto options = split_args(args, known);
  if (!options) return std::unexpected(std::move(options.error()));
  Collector collector;
  for (const Option& option : *options) {
    if (auto done = collector.take(option); !done) return std::unexpected(std::move(done.error()));
  }
  return collector.finish();
}

std::string llpdrv_help() {
  std::string out = R"(llpdrv connects one instrument on a line with applications on TCP or UNIX sockets.

  llpdrv [-dyYI1] [-a|-h|-m] [[-i|-u|-p|-t] line] [-i to] [-i dist] [--OPTION...]

Protocol of the line
  -a, --x328            ANSI X3.28 (default)
  -h, --hllp            hybrid lower layer protocol
  -m, --mllp            minimal lower layer protocol, release 1; --mllp2: release 2
Line (first)
  -t DEV[,BAUD[,MODE[,FLOW]]]  serial port; 9600,8n1,none unless said; MODE keep: as it is found
  -p PATH|-             a pseudo terminal made here, PATH a symbolic link to it
  -u PATH, -u %PATH     UNIX socket: listen, connect
  -i SERVICE%HOST       TCP: connect
  -i SERVICE[%@ADDRESS] TCP: listen on loopback, on an address, on all (%@*)
Applications
  -i to                 next -i: SERVICE[%HOST] or unix:PATH, called for each message from the line
  -i dist               the one after: SERVICE[%ADDRESS] or unix:PATH, where applications reach the
                        instrument; loopback unless said, %*: every address.  -i -: leave one out
  -I, --serve-at-once   serve dist at once, not from the line's first message on
  -1, --one-shot        leave the line after each transaction
Running
  -y, --foreground      stay on this terminal
  -Y, --supervised      stay in the foreground without a terminal
  -d, --debug           show what happens on the line; twice: with the content of messages
  --name NAME           of the line, for logs and locks
  --runtime-dir DIR     for lock files and pid file
  --pid-file FILE|-     instead of RUNTIME_DIR/NAME.pid
  --lock-dir DIR|-      for the lock files of serial ports (/var/lock)
Protocol parameters (llp-params(7))
  --peer NAME           what a known peer needs
  --set NAME=VALUE      one parameter
  --match, --expect, --max-message, --reply-timeout VALUE    the same as --set with these names
  --time-scale FACTOR   multiply every time, for tests
Information
  --help, --version     on standard output
  --list-params[=PROTOCOL], --list-peers    parameters with bounds and defaults, known peers
Also --line KIND:LINE, --tty, --pty, --unix, --tcp LINE; --to ADDRESS (several), --dist ADDRESS;
--protocol NAME.

Further options, with what is allowed and the default
)";
  const core::LineConfig defaults;
  for (const config::LineOption& option : config::line_options()) {
    fmt::format_to(std::back_inserter(out), "  --{:<20} {} ({}; default {})\n", config::long_name(option),
                   option.help, option.allowed, option.get(defaults));
  }
  out += R"(
Examples
  llpdrv -t /dev/ttyUSB0,9600,8n1 -a -i 5001%labsys -i 5002
  llpdrv -y -I -m -i 4001%ts1 -i - -i '5002%*'
  llpdrv -y -d -h -p /tmp/analyser -i unix:/run/labsys/inbound
)";
  return out;
}

}  // namespace llp::cmd
