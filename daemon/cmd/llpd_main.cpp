// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>
#include <unistd.h>

#include <utility>

#include "cmd/addresses_check.hpp"
#include "cmd/args.hpp"
#include "cmd/background.hpp"
#include "cmd/exit_status.hpp"
#include "cmd/host.hpp"
#include "cmd/log_sinks.hpp"
#include "cmd/notify.hpp"
#include "cmd/pid_file.hpp"
#include "cmd/programs.hpp"
#include "cmd/setup.hpp"

namespace llp::cmd {

namespace {

constexpr const char* kName = "llpd";

int inform(const DaemonInvocation& invocation) {
  switch (invocation.action) {
    case Action::help: return print(llpd_help());
    case Action::version: return print(version_text(kName));
    case Action::list_peers: return print(config::list_peers());
    default: break;
  }
  std::string all;
  for (unsigned i = 0; i < LLP_PROTO__N; i++) {
    const auto protocol = static_cast<llp_protocol>(i);
    all += fmt::format("{}{}:\n{}", i > 0 ? "\n" : "", llp_protocol_name(protocol),
                       config::list_parameters(protocol));
  }
  return print(all);
}

// The configuration, or the status to end with after everything wrong was said.
std::expected<config::DaemonConfig, int> load(const DaemonInvocation& invocation) {
  std::vector<config::ConfigSource> sources;
  for (const auto& path : invocation.config) {
    auto read = config::read_config(path);
    if (!read) {
      say(kName, read.error().message);
      return std::unexpected(read.error().code == Errc::too_large ? kConfig : exit_status(read.error()));
    }
    std::ranges::move(*read, std::back_inserter(sources));
  }
  auto parsed = config::parse_config(sources, invocation.scale);
  if (parsed) return std::move(*parsed);
  for (const Error& error : parsed.error()) say(kName, error.message);
  return std::unexpected(kConfig);
}

int check(const config::DaemonConfig& config) {
  std::string text;
  for (const core::LineConfig& line : config.lines) {
    text += fmt::format("{}: {} on {}", line.name, llp_protocol_name(line.protocol), io::describe(line.port));
    for (const auto& to : line.to) text += fmt::format(", to {}", illp::to_string(to));
    if (line.dist) text += fmt::format(", dist {}", illp::to_string(*line.dist));
    text += "\n";
  }
  return print(text);
}

Logger::Sink sink(unsigned debug) {
  if (debug > 0) return timed_sink(kName);
  return stderr_is_journal() ? journal_sink() : stderr_sink(kName);
}

int serve(const DaemonInvocation& invocation, config::DaemonConfig config) {
  const auto failed = [](const Error& error) {
    say(kName, error.message);
    return exit_status(error);
  };
  const Logger log(sink(invocation.debug), invocation.debug > 0 ? LogLevel::debug : LogLevel::notice);
  const auto pool = std::make_shared<WorkerPool>();
  const auto directory =
      runtime_dir(invocation.runtime_dir.empty() ? config.runtime_dir : invocation.runtime_dir);
  if (!directory) return failed(directory.error());
  for (core::LineConfig& line : config.lines) line.runtime_dir = *directory;
  PidFile pid_file;
  if (const auto path = invocation.pid_file.value_or(config.pid_file); !path.empty()) {
    auto taken = PidFile::take(path, ::getpid());
    if (!taken) return failed(taken.error());
    pid_file = std::move(*taken);
  }

  HostOptions options;
  options.on_failure = config.on_failure;
  options.retry_interval = config.retry_interval;
  options.debug = invocation.debug;
  options.running = [&log](const core::LineConfig& line, core::LineService& service) {
    if (const std::string slave = service.slave_name(); !slave.empty())
      log.notice("{}: line: {}", line.name, slave);
  };
  options.started = [] {
    notify("READY=1");
    return Result<void>();
  };
  options.start_failed = [](const Error& error) { say(kName, error.message); };
  options.ending = [] { notify("STOPPING=1"); };
  Host host(std::move(config.lines), std::move(options), pool, log);
  return host.run();
}

}  // namespace

int llpd_main(int argc, const char* const* argv) {
  const auto invocation = parse_llpd(arguments(argc, argv));
  if (!invocation) {
    say(kName, invocation.error().message + " (try llpd --help)");
    return kUsage;
  }
  prepare_process(true);
  if (invocation->action != Action::run && invocation->action != Action::check) return inform(*invocation);
  auto config = load(*invocation);
  if (!config) return config.error();
  if (invocation->action == Action::check) return check(*config);
  leave_terminal();
  return serve(*invocation, std::move(*config));
}

}  // namespace llp::cmd
