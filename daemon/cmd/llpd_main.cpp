// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <optional>
#include <utility>

#include "cmd/activation.hpp"
#include "cmd/addresses_check.hpp"
#include "cmd/args.hpp"
#include "cmd/background.hpp"
#include "cmd/exit_status.hpp"
#include "cmd/host.hpp"
#include "cmd/journal_events.hpp"
#include "cmd/log_sinks.hpp"
#include "cmd/notify.hpp"
#include "cmd/pid_file.hpp"
#include "cmd/programs.hpp"
#include "cmd/service_manager.hpp"
#include "cmd/setup.hpp"
#include "cmd/tls_files.hpp"
#include "config/state_dir.hpp"
#include "control/control_server.hpp"
#include "control/metrics_server.hpp"
#include "core/audit_log.hpp"
#include "udev/port_finder.hpp"

namespace llp::cmd {

namespace {

constexpr const char* kDaemonName = "llpd";

int inform(const DaemonInvocation& invocation) {
  switch (invocation.action) {
    case Action::help: return print(llpd_help());
    case Action::version: return print(version_text(kDaemonName));
    case Action::list_peers: return print(config::list_peers());
    default: break;
  }
  return print(config::list_parameters());
}

// Everything that is wrong, or the configuration; and the status to end with if
// its files cannot be read.
struct Unloaded {
  std::vector<Error> errors;
  int status = kConfig;
};
using Loaded = std::expected<config::DaemonConfig, Unloaded>;

// A file that was named must have lines. Directories may have lost the last
// one (llpctl unbind): a running daemon waits for the next.
Loaded load(const DaemonInvocation& invocation, bool running) {
  using config::NoLines;
  const auto is_directory = [](const std::filesystem::path& path) {
    std::error_code error;
    return std::filesystem::is_directory(path, error);
  };
  const NoLines none =
      std::ranges::all_of(invocation.config, is_directory) ? NoLines::accepted : NoLines::error;
  // At the start, a directory without any file is rather the wrong one.
  const NoLines no_files = running ? none : NoLines::error;
  std::vector<config::ConfigSource> sources;
  const auto add = [&sources](Result<std::vector<config::ConfigSource>> read) -> std::optional<Unloaded> {
    if (!read) {
      const int status = read.error().code == Errc::too_large ? kConfig : exit_status(read.error());
      return Unloaded{{std::move(read.error())}, status};
    }
    std::ranges::move(*read, std::back_inserter(sources));
    return std::nullopt;
  };
  std::optional<Unloaded> failed;
  if (invocation.config.empty())
    failed = add(config::read_default_config(config::kDefaultDirectory, no_files));
  for (const auto& path : invocation.config) {
    if (!failed) failed = add(config::read_config(path, no_files));
  }
  if (failed) return std::unexpected(std::move(*failed));
  auto parsed = config::parse_config(sources, invocation.scale, none);
  if (!parsed) return std::unexpected(Unloaded{std::move(parsed.error())});
  auto secured = load_tls(parsed->lines);
  if (!secured.errors.empty()) return std::unexpected(Unloaded{std::move(secured.errors)});
  std::ranges::move(secured.notices, std::back_inserter(parsed->notices));
  return std::move(*parsed);
}

int check(const config::DaemonConfig& config) {
  std::string text;
  for (const std::string& notice : config.notices) say(kDaemonName, notice);
  for (const core::LineConfig& line : config.lines) {
    text += fmt::format("{}: {} on {}", line.name, llp_protocol_name(line.protocol), io::describe(line.port));
    for (const auto& to : line.to) text += fmt::format(", to {}", illp::to_string(to));
    if (line.dist) text += fmt::format(", dist {}", illp::to_string(*line.dist));
    text += "\n";
  }
  return print(text);
}

Logger::Sink sink(unsigned debug) {
  if (debug > 0) return timed_sink(kDaemonName);
  return stderr_is_journal() ? journal_sink() : stderr_sink(kDaemonName);
}

// Without the lines.
config::DaemonConfig settings_of(const config::DaemonConfig& config) {
  config::DaemonConfig settings = config;
  settings.lines.clear();
  return settings;
}

// Where the lines keep what is theirs.
void place(config::DaemonConfig& config, const std::filesystem::path& runtime_dir) {
  const auto state_dir = config.state_dir.empty()
                             ? config::default_state_dir(config::current_state_environment())
                             : config.state_dir;
  for (core::LineConfig& line : config.lines) {
    line.runtime_dir = runtime_dir;
    line.journal.state_dir = state_dir.native();
  }
}

using Reloaded = std::expected<config::DaemonConfig, std::vector<Error>>;

// What a running daemon may be given: everything but what it holds.
Reloaded reload(const DaemonInvocation& invocation, const std::filesystem::path& directory,
                const config::DaemonConfig& first) {
  auto read = load(invocation, true);
  if (!read) return std::unexpected(std::move(read.error().errors));
  std::vector<Error> errors;
  const auto fixed = [&errors](const char* key) {
    errors.push_back({Errc::invalid, fmt::format("{} cannot change while llpd runs: restart it", key), 0});
  };
  if (invocation.runtime_dir.empty() && read->runtime_dir != first.runtime_dir) fixed("runtime_dir");
  if (!invocation.pid_file && read->pid_file != first.pid_file) fixed("pid_file");
  if (read->audit_log != first.audit_log) fixed("audit_log");
  if (read->audit_message_id != first.audit_message_id) fixed("audit_message_id");
  if (read->metrics != first.metrics) fixed("metrics");
  if (read->metrics_allow.text() != first.metrics_allow.text()) fixed("metrics_allow");
  if (read->state_dir != first.state_dir) fixed("state_dir");
  if (!errors.empty()) return std::unexpected(std::move(errors));
  place(*read, directory);
  return std::move(*read);
}

// What runs beside the lines.
class Services {
 public:
  // `to_journal`: what becomes of lines is told to systemd's journal.
  Services(Host& host, const Logger& log, bool to_journal)
      : manager(
            host.executor(), host,
            watchdog_interval(::secure_getenv("WATCHDOG_USEC"), ::secure_getenv("WATCHDOG_PID"), ::getpid()),
            [](std::string_view state) { notify(state); }),
        control(host.executor(), host, LLP_VERSION, log),
        metrics(host.executor(), host, LLP_VERSION, log) {
    if (to_journal) journal.emplace(host, kDaemonName, journal_sender());
  }
  ServiceManager manager;
  control::ControlServer control;
  control::MetricsServer metrics;
  std::optional<JournalEvents> journal;

  void stop() noexcept {
    manager.stop();
    control.stop();
    metrics.stop();
  }
};

// A socket that is handed over and that no line listens at keeps callers waiting.
void warn_of_unused(const illp::Inherited& sockets, const std::vector<core::LineConfig>& lines,
                    const Logger& log) {
  for (const core::LineConfig& line : lines) {
    if (line.dist) (void)sockets.find(line.name, *line.dist, line.illp);
  }
  for (const std::string& unused : sockets.unused()) {
    log.warning(
        "no line has a dist for the socket {} that was handed over: name it after the line "
        "(FileDescriptorName=)",
        unused);
  }
}

int serve(const DaemonInvocation& invocation, config::DaemonConfig config,
          const std::shared_ptr<illp::Inherited>& sockets) {
  const auto failed = [](const Error& error) {
    say(kDaemonName, error.message);
    return exit_status(error);
  };
  const Logger log(sink(invocation.debug), invocation.debug > 0 ? LogLevel::debug : LogLevel::notice);
  for (const std::string& notice : config.notices) log.warning("{}", notice);
  const auto pool = std::make_shared<WorkerPool>();
  const auto directory =
      runtime_dir(invocation.runtime_dir.empty() ? config.runtime_dir : invocation.runtime_dir);
  if (!directory) return failed(directory.error());
  place(config, *directory);
  PidFile pid_file;
  if (const auto path = invocation.pid_file.value_or(config.pid_file); !path.empty()) {
    auto taken = PidFile::take(path, ::getpid());
    if (!taken) return failed(taken.error());
    pid_file = std::move(*taken);
  }

  Services* services = nullptr;  // they need the host, whose callbacks need them
  HostOptions options;
  options.on_failure = config.on_failure;
  options.retry_interval = config.retry_interval;
  options.debug = invocation.debug;
  options.reload = [invocation, directory = *directory, first = settings_of(config)] {
    return reload(invocation, directory, first);
  };
  options.running = [&log](const core::LineConfig& line, core::LineService& service) {
    if (const std::string slave = service.slave_name(); !slave.empty())
      log.notice("{}: line: {}", line.name, slave);
  };
  options.started = [&services] {
    services->manager.ready();
    return Result<void>();
  };
  options.changed = [&services](const std::string& name) {
    services->manager.changed();
    services->control.line_changed(name);
    if (services->journal) services->journal->line_changed(name);
  };
  options.message = [&services](const core::MessageEvent& event) {
    if (services != nullptr && services->journal) services->journal->message(event);
  };
  std::weak_ptr<core::AuditLog> audit;
  options.reloading = [&services, &audit] {
    // Its file may have been moved away (logrotate), whatever the configuration is.
    if (const auto file = audit.lock()) file->reopen();
    services->manager.reloading();
  };
  options.passed = [&services](const control::WirePiece& piece) { services->control.passed(piece); };
  options.happened = [&services](std::string_view name, const control::LineEvent& event) {
    if (services != nullptr) services->control.happened(name, event);
  };
  options.reloaded = [&services] {
    services->manager.ready();
    services->control.tell("reloaded");
  };
  options.start_failed = [](const Error& error) { say(kDaemonName, error.message); };
  options.ending = [&services] {
    services->manager.stopping();
    services->control.tell("ending");
  };
  options.ended = [&services] { services->stop(); };
  warn_of_unused(*sockets, config.lines, log);
  const config::DaemonConfig settings = settings_of(config);
  Host host(std::move(config.lines), std::move(options), pool, log);
  host.set_ports(
      std::make_shared<udev::PortFinder>(host.executor(), udev::make_udev_source(host.executor()), log));
  host.set_inherited(sockets);
  if (!settings.audit_log.empty()) {
    auto opened = core::AuditLog::open(host.executor(), settings.audit_log, settings.audit_message_id, log);
    if (!opened) return failed(opened.error());
    const std::shared_ptr<core::AuditLog> file(std::move(*opened));
    audit = file;
    host.set_audit(file);
  }
  Services all(host, log, invocation.debug == 0 && stderr_is_journal());
  services = &all;
  if (auto up = all.control.listen(*directory / control::kSocketName); !up) return failed(up.error());
  if (settings.metrics) {
    all.metrics.on_audit_lost([audit] {
      const auto file = audit.lock();
      return file ? std::optional(file->lost()) : std::nullopt;
    });
    if (auto up = all.metrics.listen(*settings.metrics, settings.metrics_allow); !up)
      return failed(up.error());
  }
  return host.run();
}

}  // namespace

int llpd_main(int argc, const char* const* argv) {
  const auto invocation = parse_llpd(arguments(argc, argv));
  if (!invocation) {
    say(kDaemonName, invocation.error().message + " (try llpd --help)");
    return kUsage;
  }
  prepare_process(true);
  prevent_core_dumps();
  const auto sockets = std::make_shared<illp::Inherited>();
  if (auto taken = take_inherited(*sockets); !taken) {
    say(kDaemonName, taken.error().message);
    return exit_status(taken.error());
  }
  if (invocation->action != Action::run && invocation->action != Action::check) return inform(*invocation);
  auto config = load(*invocation, false);
  if (!config) {
    for (const Error& error : config.error().errors) say(kDaemonName, error.message);
    return config.error().status;
  }
  if (invocation->action == Action::check) return check(*config);
  leave_terminal();
  return serve(*invocation, std::move(*config), sockets);
}

}  // namespace llp::cmd
