// SPDX-License-Identifier: BSD-3-Clause
// Runs lines until a signal ends them: the part that llpdrv and llpd share.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.hpp"
#include "base/result.hpp"
#include "base/worker_pool.hpp"
#include "config/toml_config.hpp"
#include "control/line_events.hpp"
#include "control/line_host.hpp"
#include "control/wire_feed.hpp"
#include "core/journal_access.hpp"
#include "core/line_service.hpp"
#include "illp/inherited.hpp"
#include "io/port_watch.hpp"

namespace llp::cmd {

struct HostOptions {
  config::OnFailure on_failure = config::OnFailure::exit;
  config::Duration retry_interval = std::chrono::seconds(30);
  bool hangup_ends = false;  // SIGHUP as SIGTERM; else it reloads, if there is `reload`
  unsigned debug = 0;
  // Reads the configuration again, or says everything that is wrong with it. In
  // a worker.
  std::function<std::expected<config::DaemonConfig, std::vector<Error>>()> reload;
  // A line that is not made from its configuration; for tests. May be empty.
  std::function<std::unique_ptr<line::Line>(const core::LineConfig&)> make_line;
  // Every line was tried once, and unless on_failure is `retry` all run; or
  // there is none. An error ends everything.
  std::function<Result<void>()> started;
  // A line runs. Each time it was started.
  std::function<void(const core::LineConfig&, core::LineService&)> running;
  // A line came, went or changed its state, or its wire came or went: lines()
  // says how it is now.
  std::function<void(const std::string& name)> changed;
  // Something passed on a line's wire. Called from within the line, which it
  // must not call. May be empty.
  std::function<void(const control::WirePiece&)> passed;
  // Something else happened on a line; as `passed`. May be empty.
  std::function<void(std::string_view name, const control::LineEvent&)> happened;
  // What became of a message; called from within its line, which it must not
  // call. May be empty.
  core::OnMessage message;
  // A change of the configuration begins to be applied; every line that it
  // concerns was stopped, or was tried.
  std::function<void()> reloading, reloaded;
  // An error of a line's start that ends everything, said once.
  std::function<void(const Error&)> start_failed;
  // The end begins. Once.
  std::function<void()> ending;
  // The last line has ended: what else holds the loop must let go. Once.
  std::function<void()> ended;
};

// One event loop in the calling thread. SIGTERM and SIGINT end the lines, each
// within its stop_grace and what its protocol needs; a second one, or a line
// that takes far longer, ends everything at once. Without a line it ends, too,
// unless a reload can bring one.
class Host final : public control::LineHost {
 public:
  Host(std::vector<core::LineConfig> lines, HostOptions options, std::shared_ptr<WorkerPool> pool,
       Logger log);
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;
  ~Host() override;

  [[nodiscard]] asio::any_io_executor executor() { return context_.get_executor(); }

  // Where ports are found; stopped when the host goes. Before run().
  void set_ports(std::shared_ptr<io::PortWatch> ports);

  // Sockets that listen already. Before run().
  void set_inherited(std::shared_ptr<const illp::Inherited> sockets);

  // Where transactions are written down. Before run().
  void set_audit(std::shared_ptr<core::AuditLog> audit);

  // Returns the exit status when everything has ended. Once.
  [[nodiscard]] int run();

  // control::LineHost. From the loop's thread.
  [[nodiscard]] std::vector<control::LineInfo> lines() const override;
  Result<void> stop_line(std::string_view name) override;
  Result<void> start_line(std::string_view name) override;
  // Lines that are configured as before never notice. Of the others each is
  // stopped the protocol's way; when all have ended, the new ones start. If the
  // configuration cannot be read, nothing changes. One after the other.
  void reload(std::function<void(const std::vector<Error>&)> done) override;

 private:
  struct Slot;  // a line's place

  static asio::awaitable<void> serve(Host& host, Slot& slot);
  static asio::awaitable<void> serve_once(Host& host, Slot& slot);
  static asio::awaitable<void> pause(Slot& slot, config::Duration time);
  static asio::awaitable<void> reload_now(Host& host);
  [[nodiscard]] std::unique_ptr<core::LineService> make_service(Slot& slot, const Logger& log);
  [[nodiscard]] bool must_stop(const Slot& slot) const;
  void add(core::LineConfig config);
  void share(core::LineConfig& config) const;
  void spawn(Slot& slot);
  void ended(Slot& slot);
  void finish();
  void let_go();
  void notify(const Slot& slot) const;
  void set_state(Slot& slot, control::LineState state);
  void tried(Slot& slot);
  void all_tried();
  void apply(config::DaemonConfig config);
  void stop_for_reload(Slot& slot);
  void stopped_for_reload(Slot& slot);
  void wake_if_applied();
  void listen_for_signals();
  void end(int status);
  void force(int status);
  [[nodiscard]] Slot* find(std::string_view name) const;
  [[nodiscard]] core::LineConfig prepared(core::LineConfig config) const;

  asio::io_context context_{1};
  asio::signal_set signals_{context_};
  asio::steady_timer deadline_{context_};
  asio::steady_timer all_stopped_{context_};  // cancelled when stopping_ becomes 0
  HostOptions options_;
  std::shared_ptr<WorkerPool> pool_;
  std::shared_ptr<core::JournalSet> journals_ = std::make_shared<core::JournalSet>();
  std::shared_ptr<io::PortWatch> ports_;
  std::shared_ptr<const illp::Inherited> inherited_;
  std::shared_ptr<core::AuditLog> audit_;
  Logger log_;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::vector<std::function<void(const std::vector<Error>&)>> reload_waiting_;
  std::size_t untried_ = 0;   // lines whose first start has not come to an end
  std::size_t serving_ = 0;   // coroutines
  std::size_t stopping_ = 0;  // lines that a reload stops
  bool started_ = false;      // options_.started was called
  bool reloading_ = false;
  bool ending_ = false;
  bool forced_ = false;
  int status_ = 0;
};

}  // namespace llp::cmd
