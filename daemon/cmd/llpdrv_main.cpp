// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <optional>
#include <system_error>
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
#include "cmd/tls_files.hpp"
#include "config/addresses.hpp"
#include "config/line_draft.hpp"
#include "config/state_dir.hpp"
#include "udev/port_finder.hpp"

namespace llp::cmd {

namespace {

constexpr const char* kName = "llpdrv";
constexpr auto kNamePatience = std::chrono::seconds(3);

LogLevel level(unsigned debug) { return debug > 0 ? LogLevel::debug : LogLevel::notice; }

int inform(const Invocation& invocation) {
  switch (invocation.action) {
    case Action::help: return print(llpdrv_help());
    case Action::version: return print(version_text(kName));
    case Action::list_peers: return print(config::list_peers());
    default: break;
  }
  if (invocation.listed) return print(config::list_parameters(invocation.listed->protocol));
  return print(config::list_parameters());
}

// The program once it is where it stays; `report` in the background.
class Driver {
 public:
  Driver(Invocation invocation, std::optional<StartReport> report)
      : invocation_(std::move(invocation)),
        report_(std::move(report)),
        logs_(first_sink(invocation_)),
        log_(logs_.sink(), level(invocation_.debug)) {}

  int run() {
    const auto prepared = prepare();
    if (!prepared) {
      failed(prepared.error());
      return exit_status(prepared.error());
    }
    HostOptions options;
    options.hangup_ends = invocation_.stay == Stay::foreground;
    options.debug = invocation_.debug;
    options.running = [](const core::LineConfig& config, core::LineService& service) {
      if (const std::string slave = service.slave_name(); !slave.empty()) say_plain("line: " + slave);
      const auto* dist = config.dist ? std::get_if<illp::TcpEndpoint>(&*config.dist) : nullptr;
      if (dist != nullptr && dist->service == "0" && service.dist_port() != 0) {
        say_plain(fmt::format("dist: {}", service.dist_port()));
      }
    };
    options.started = [this] { return started(); };
    options.start_failed = [this](const Error& error) { failed(error); };
    options.ending = [] { notify("STOPPING=1"); };
    Host host({invocation_.line}, std::move(options), pool_, log_);
    if (std::holds_alternative<io::Tty>(invocation_.line.port)) {
      auto source = udev::make_udev_source(host.executor());
      host.set_ports(std::make_shared<udev::PortFinder>(host.executor(), std::move(source), log_));
    }
    const int status = host.run();
    remove_own_locks();
    return status;
  }

 private:
  static Logger::Sink first_sink(const Invocation& invocation) {
    if (invocation.debug > 0) return timed_sink(kName);
    if (invocation.stay == Stay::supervised && stderr_is_journal()) return journal_sink();
    return stderr_sink(kName);
  }

  // Lock files under a name that has our process id in it serve nobody else.
  void remove_own_locks() const {
    const core::LineConfig& line = invocation_.line;
    if (config::default_name(line.port, 0) == config::default_name(line.port, 1)) return;
    if (line.name != config::default_name(line.port, ::getpid())) return;
    for (const char* suffix : {".lock", ".server"}) {
      std::error_code ignored;
      std::filesystem::remove(line.runtime_dir / (line.name + suffix), ignored);
    }
  }

  // All that can fail before the line is touched.
  Result<void> prepare() {
    if (invocation_.line.name.empty())
      invocation_.line.name = config::default_name(invocation_.line.port, ::getpid());
    auto directory = runtime_dir(invocation_.runtime_dir);
    if (!directory) return std::unexpected(std::move(directory.error()));
    core::LineConfig& line = invocation_.line;
    line.runtime_dir = *directory;
    // Each of these programs has a journal of its own, if it is asked for one.
    if (line.journal.mode == core::JournalMode::on) {
      const auto state = config::default_state_dir(config::current_state_environment());
      if (!state.empty()) line.journal.state_dir = (state / line.name).native();
    }
    if (auto secured = secure(line); !secured) return secured;
    auto checked = check_addresses(invocation_.line, *pool_, kNamePatience, log_);
    if (!checked) return checked;
    std::filesystem::path file = invocation_.pid_file.value_or("");
    if (!invocation_.pid_file && report_) file = *directory / (invocation_.line.name + ".pid");
    if (file.empty()) return {};
    auto taken = PidFile::take(file, ::getpid());
    if (!taken) return std::unexpected(std::move(taken.error()));
    pid_file_ = std::move(*taken);
    return {};
  }

  Result<void> secure(core::LineConfig& line) {
    std::vector<core::LineConfig> lines{line};
    auto loaded = load_tls(lines);
    if (!loaded.errors.empty()) return std::unexpected(std::move(loaded.errors.front()));
    for (const std::string& notice : loaded.notices) log_.warning("{}", notice);
    line.security = lines.front().security;
    return {};
  }

  Result<void> started() {
    notify("READY=1");
    if (!report_) return {};
    // With -d the caller's stderr is where it shows, for as long as we live.
    if (invocation_.debug == 0) logs_.turn(syslog_sink(kName));
    auto done = report_->succeeded(invocation_.debug > 0);
    report_.reset();
    return done;
  }

  void failed(const Error& error) {
    say(kName, error.message);
    if (report_) report_->failed(exit_status(error));
    report_.reset();
  }

  Invocation invocation_;
  std::optional<StartReport> report_;
  LogSwitch logs_;
  Logger log_;
  std::shared_ptr<WorkerPool> pool_ = std::make_shared<WorkerPool>();
  PidFile pid_file_;
};

}  // namespace

int llpdrv_main(int argc, const char* const* argv) {
  auto invocation = parse_llpdrv(arguments(argc, argv));
  if (!invocation) {
    say(kName, invocation.error().message + " (try llpdrv --help)");
    return kUsage;
  }
  prepare_process(invocation->stay != Stay::foreground);
  prevent_core_dumps();
  if (invocation->action != Action::run) return inform(*invocation);
  std::optional<StartReport> report;
  if (invocation->stay == Stay::supervised) leave_terminal();
  if (invocation->stay == Stay::background) {
    const auto here = std::filesystem::current_path();
    config::make_absolute(invocation->line, here);
    if (!invocation->runtime_dir.empty()) invocation->runtime_dir = here / invocation->runtime_dir;
    if (invocation->pid_file && !invocation->pid_file->empty())
      invocation->pid_file = here / *invocation->pid_file;
    auto side = detach(kName);
    if (!side) {
      say(kName, side.error().message);
      return exit_status(side.error());
    }
    if (const auto* caller = std::get_if<Caller>(&*side)) return caller->status;
    report = std::move(std::get<StartReport>(*side));
  }
  return Driver(std::move(*invocation), std::move(report)).run();
}

}  // namespace llp::cmd
