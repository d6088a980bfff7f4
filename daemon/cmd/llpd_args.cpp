// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include <utility>

#include "cmd/args.hpp"
#include "cmd/invocation.hpp"

namespace llp::cmd {

namespace {

std::vector<OptionSpec> daemon_specs() {
  return {{'c', "config", Takes::value},      {0, "check", Takes::nothing},
          {'d', "debug", Takes::nothing},     {0, "runtime-dir", Takes::value},
          {0, "pid-file", Takes::value},      {0, "time-scale", Takes::value},
          {0, "list-params", Takes::nothing}, {0, "list-peers", Takes::nothing},
          {0, "help", Takes::nothing},        {0, "version", Takes::nothing}};
}

}  // namespace

Result<DaemonInvocation> parse_llpd(std::span<const std::string> args) {
  const auto known = daemon_specs();
  const auto options = split_args(args, known);
  if (!options) return std::unexpected(options.error());
  DaemonInvocation invocation;
  const auto action = [&invocation](Action a) {
    if (invocation.action == Action::run || invocation.action == Action::check) invocation.action = a;
  };
  for (const Option& option : *options) {
    const std::string& name = option.spec->name;
    if (option.has_value && option.value.empty())
      return fail(Errc::invalid, option.shown + ": its value is missing");
    if (name == "config") {
      invocation.config.emplace_back(option.value);
    } else if (name == "check") {
      action(Action::check);
    } else if (name == "debug") {
      invocation.debug++;
    } else if (name == "runtime-dir") {
      invocation.runtime_dir = option.value;
    } else if (name == "pid-file") {
      invocation.pid_file = option.value == "-" ? "" : option.value;
    } else if (name == "time-scale") {
      const auto scale = config::parse_scale(option.value);
      if (!scale) return fail(Errc::invalid, option.shown + ": " + scale.error().message);
      invocation.scale = *scale;
    } else {
      action(name == "help"          ? Action::help
             : name == "version"     ? Action::version
             : name == "list-params" ? Action::list_params
                                     : Action::list_peers);
    }
  }
  return invocation;
}

std::string llpd_help() {
  return R"(llpd connects any number of instruments with applications, as configuration files say.

  llpd [-d] [--config FILE|DIRECTORY]... [--check]

  -c, --config PATH     a TOML file, or a directory of *.toml; may be given again (llpd.toml(5));
                        else /etc/llp/llpd.toml and /etc/llp/lines.d/*.toml
  --check               read the configuration, say everything that is wrong with it, and end
  -d, --debug           show what happens on the lines; twice: with the content of messages
  --runtime-dir DIR     for lock files, instead of the configuration's
  --pid-file FILE|-     likewise
  --time-scale FACTOR   likewise; multiplies every time, for tests
  --list-params, --list-peers, --help, --version

It stays in the foreground, for a supervisor. SIGHUP reads the configuration again: lines that
are configured as before never notice. SIGTERM and SIGINT end it.

Example
  llpd --check && systemctl reload llpd
)";
}

std::string version_text(std::string_view program) { return fmt::format("{} {}\n", program, LLP_VERSION); }

}  // namespace llp::cmd
