// SPDX-License-Identifier: BSD-3-Clause
#include "core/line_service.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/context.hpp"
#include "core/distal.hpp"
#include "core/proximal.hpp"
#include "core/stores.hpp"
#include "io/transaction_lock.hpp"
#include "line/engine_line.hpp"
#include "line/kernel_line.hpp"
#include "line/llp_device.hpp"

namespace llp::core {

namespace {

// After stop_grace: for deliveries to end and their verdicts to be given.
constexpr auto kDecideTime = std::chrono::seconds(1);

Result<void> check_config(const LineConfig& config) {
  const auto good = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  if (config.name.empty() || config.name.size() > 64 || !std::ranges::all_of(config.name, good)) {
    return fail(Errc::invalid, fmt::format("line name '{}': use 1 to 64 of A-Z a-z 0-9 . _ -", config.name));
  }
  if (config.runtime_dir.empty()) return fail(Errc::invalid, "there is no directory for the line's locks");
  if (config.retry_min <= std::chrono::nanoseconds::zero()) {
    return fail(Errc::invalid, "retry_min must be more than 0");
  }
  if (config.commit == CommitPoint::spooled && config.spool.dir.empty()) {
    return fail(Errc::invalid, "commit=spooled needs a spool: a directory for it is missing (spool_dir)");
  }
  // Never in the clear because a file was not read.
  if (config.tls.use != TlsFor::none && !config.security) {
    return fail(Errc::invalid, "TLS is asked for and its files were not read");
  }
  if (config.dist && config.max_queue == 0) return fail(Errc::invalid, "max_queue must be at least 1");
  return config.illp.validate();
}

// The kernel's device for the line, or nothing: the engine runs here.
Result<std::unique_ptr<line::MessageDevice>> make_device(const asio::any_io_executor& executor,
                                                         const LineConfig& config, Logger& log) {
  const auto* tty = std::get_if<io::Tty>(&config.port);
  if (tty != nullptr && line::is_message_device(tty->device)) {
    if (config.engine == Engine::user) {
      return fail(Errc::invalid, tty->device + " is the kernel's line: engine cannot be user");
    }
    return line::make_device_node(executor, tty->device, config.stream, log);
  }
  if (config.engine == Engine::user) return nullptr;
  if (tty == nullptr) {
    if (config.engine == Engine::automatic) return nullptr;
    return fail(Errc::invalid, io::describe(config.port) +
                                   " is no serial port: its protocol cannot run in the kernel (engine)");
  }
  if (config.engine == Engine::automatic) {
    if (!line::kernel_has_llp()) return nullptr;
    if (!line::may_attach()) {
      log.notice("the protocol runs in this program: attaching {} to the kernel's needs CAP_SYS_TTY_CONFIG",
                 tty->device);
      return nullptr;
    }
  }
  return line::make_attached_port(executor, *tty, config.stream, log);
}

}  // namespace

std::filesystem::path transaction_lock_file(const LineConfig& config) {
  const auto* tty = std::get_if<io::Tty>(&config.port);
  if (tty != nullptr && line::is_message_device(tty->device)) return tty->device;
  return config.runtime_dir / (config.name + ".lock");
}

struct LineService::Impl : std::enable_shared_from_this<Impl> {
  Impl(asio::any_io_executor executor, LineConfig config, std::unique_ptr<line::Line> given, Logger log)
      : c(std::move(executor), std::move(config), std::move(log)), proximal(c), distal(c) {
    c.line = std::move(given);
  }

  Context c;
  Proximal proximal;
  Distal distal;
  std::optional<io::RoleLock> role;
  std::shared_ptr<line::Observer> observer;
  std::string slave_name;
  bool started = false;
  bool listen_begun = false;
  bool leaving = false;

  static asio::awaitable<Result<void>> start(std::shared_ptr<Impl> self);
  static asio::awaitable<void> stop(std::shared_ptr<Impl> self);
  static asio::awaitable<void> listen_late(Impl& self);
  static asio::awaitable<void> leave(Impl& self);

  // Views of one owner, so that whoever holds a part holds the whole.
  std::shared_ptr<Distal> shared_distal() { return {shared_from_this(), &distal}; }

  Result<void> make_line() {
    if (c.line) return {};
    auto device = make_device(c.executor, c.config, c.log);
    if (!device) return std::unexpected(std::move(device.error()));
    if (*device) {
      line::KernelLineOptions options;
      options.stop_grace = c.config.stop_grace;
      options.observer = observer;
      c.line = line::make_kernel_line(c.executor, std::move(*device), c.config.protocol, c.config.params,
                                      std::move(options), c.log);
      return {};
    }
    io::StreamOptions how = c.config.stream;
    how.refused = [weak = weak_from_this()] {
      if (const auto self = weak.lock()) ++self->c.counters.peers_refused;
    };
    auto stream = io::make_stream(c.executor, c.config.port, std::move(how), c.log);
    if (!stream) return std::unexpected(std::move(stream.error()));
    if (std::holds_alternative<io::Pty>(c.config.port)) slave_name = (*stream)->local_name();
    line::EngineLineOptions options;
    options.stop_grace = c.config.stop_grace;
    options.observer = observer;
    c.line = line::make_engine_line(c.executor, std::move(*stream), c.config.protocol, c.config.params,
                                    std::move(options), c.log);
    return {};
  }

  // The line's first message opens the way for applications.
  void first_message() {
    if (c.stopping || !c.config.dist || std::exchange(listen_begun, true)) return;
    c.scope.spawn(listen_late(*this));
  }

  void transaction_over() {
    if (!c.config.one_shot || c.stopping || std::exchange(leaving, true)) return;
    c.transactor.set_held(true);
    c.scope.spawn(leave(*this));
  }

  // Everything that waits returns, soon.
  void close() noexcept {
    c.stopping = true;
    c.closed = true;
    distal.refuse_new();
    distal.abort_current();
    proximal.abort();
    if (c.line) c.line->close();
    c.transactor.close();
    c.copies.close();
    c.changed.notify();
  }
};

asio::awaitable<void> LineService::Impl::listen_late(Impl& self) {
  auto up = co_await self.distal.listen(self.shared_distal());
  if (!up && !self.c.stopping) {
    self.c.log.error("{}", up.error().message);
    if (self.c.failed) self.c.failed(std::move(up.error()));
  }
}

// Between two transactions of a line that is left after each.
asio::awaitable<void> LineService::Impl::leave(Impl& self) {
  Context& c = self.c;
  bool rests = false;
  while (!rests && !c.closed) {
    while (c.transactor.busy() && !c.closed) co_await c.changed.wait();
    co_await c.line->rest();
    rests = !c.transactor.busy();
  }
  if (!c.closed) c.line->disconnect();
  self.leaving = false;
  c.transactor.set_held(false);
}

asio::awaitable<Result<void>> LineService::Impl::start(std::shared_ptr<Impl> self) {
  Context& c = self->c;
  if (auto good = check_config(c.config); !good) co_return good;
  auto role = io::RoleLock::take(c.config.runtime_dir / (c.config.name + ".server"));
  if (!role) co_return std::unexpected(std::move(role.error()));
  self->role = std::move(*role);
  c.scope.set_owner(self);
  c.first_message = [raw = self.get()] { raw->first_message(); };
  c.transaction_over = [raw = self.get()] { raw->transaction_over(); };
  auto up = co_await open_stores(c);
  if (up) up = self->make_line();
  // A port in use shows before the line is touched.
  if (up && c.config.dist && (c.config.serve_dist_at_once || !self->proximal.has_target())) {
    self->listen_begun = true;
    up = co_await self->distal.listen(self->shared_distal());
  }
  if (up) {
    c.ready.set_target(self->proximal.has_target());
    self->proximal.update_room();
    c.ready.attach(*c.line);
    up = co_await c.line->start();
  }
  if (!up) {
    self->close();
    co_await c.scope.join();
    while (self->distal.clients() > 0) co_await c.changed.wait();
    co_await close_stores(c);
    self->role.reset();
    co_return up;
  }
  self->started = true;
  c.log.info("serving {}", c.line->describe());
  c.scope.spawn(self->proximal.watch_begins());
  c.scope.spawn(self->proximal.read());
  c.scope.spawn(self->proximal.serve());
  c.scope.spawn(self->proximal.write());
  c.scope.spawn(self->proximal.probe());
  c.scope.spawn(self->proximal.deliver_stored());
  c.scope.spawn(self->proximal.close_windows());
  c.scope.spawn(self->proximal.mend_spool());
  for (std::size_t i = 0; i < c.copies.size(); ++i) c.scope.spawn(c.copies.serve(i));
  c.scope.spawn(self->distal.run());
  c.scope.spawn(self->distal.expire());
  co_return Result<void>{};
}

asio::awaitable<void> LineService::Impl::stop(std::shared_ptr<Impl> self) {
  Context& c = self->c;
  if (!self->started) co_return;
  if (!std::exchange(c.stopping, true)) {
    const auto grace = later(Clock::now(), c.config.stop_grace);
    c.ready.set_stopping();
    self->proximal.refuse_new();
    self->distal.refuse_new();
    while (!(self->proximal.idle() && self->distal.idle()) && Clock::now() < grace) {
      co_await c.changed.wait_until(grace);
    }
    // The rest is ended the protocol's way: refused, taken back, cancelled.
    self->proximal.abort();
    self->distal.abort_current();
    const auto decided = later(Clock::now(), kDecideTime);
    while (self->proximal.deciding() && Clock::now() < decided) co_await c.changed.wait_until(decided);
    co_await c.line->stop();
    self->close();
  }
  co_await c.scope.join();
  while (self->distal.clients() > 0) co_await c.changed.wait();
  co_await close_stores(c);
  self->role.reset();
}

LineService::LineService(asio::any_io_executor executor, LineConfig config, Logger log)
    : LineService(std::move(executor), std::move(config), nullptr, std::move(log)) {}

LineService::LineService(asio::any_io_executor executor, LineConfig config, std::unique_ptr<line::Line> line,
                         Logger log)
    : impl_(std::make_shared<Impl>(std::move(executor), std::move(config), std::move(line), std::move(log))) {
}

LineService::~LineService() {
  impl_->c.failed = nullptr;
  impl_->close();
}

asio::awaitable<Result<void>> LineService::start() { return Impl::start(impl_); }
asio::awaitable<void> LineService::stop() { return Impl::stop(impl_); }
void LineService::on_failure(std::function<void(Error)> handler) { impl_->c.failed = std::move(handler); }
const LineCounters& LineService::counters() const noexcept { return impl_->c.counters; }
const LineTimes& LineService::times() const noexcept { return impl_->c.times; }

LineStatus LineService::status() const {
  const Context& c = impl_->c;
  LineStatus status;
  if (c.line) {
    status.connected = c.line->connected();
    status.idle = c.line->idle();
    status.protocol = c.line->counters();
  }
  status.takes_messages = c.ready.ready();
  status.messages = impl_->proximal.in_hand();
  status.requests = impl_->distal.waiting();
  status.request_on_line = impl_->distal.on_line();
  status.clients = impl_->distal.clients();
  status.dead_letters = c.dead_letters.size();
  if (c.spool) {
    const store::SpoolState& spool = c.spool->state();
    status.has_spool = true;
    status.stored = spool.queued;
    status.stored_dead = spool.dead;
    status.stored_late = spool.late;
    status.stored_bytes = spool.bytes;
  }
  status.targets = impl_->proximal.targets();
  return status;
}

line::Measures LineService::measures() const {
  return impl_->c.line ? impl_->c.line->measures() : line::Measures();
}
line::Line& LineService::line() noexcept { return *impl_->c.line; }
std::uint16_t LineService::dist_port() const noexcept { return impl_->distal.port(); }
std::string LineService::slave_name() const { return impl_->slave_name; }
// Whoever holds it holds the service's inside, which it belongs to.
std::shared_ptr<SpoolAccess> LineService::spool() const {
  if (!impl_->c.spool) return nullptr;
  const auto both =
      std::make_shared<std::pair<std::shared_ptr<Impl>, std::shared_ptr<SpoolAccess>>>(impl_, impl_->c.spool);
  return {both, both->second.get()};
}
std::vector<DeadLetter> LineService::take_dead_letters() { return impl_->c.dead_letters.take(); }
void LineService::set_observer(std::shared_ptr<line::Observer> observer) {
  impl_->observer = std::move(observer);
}

}  // namespace llp::core
