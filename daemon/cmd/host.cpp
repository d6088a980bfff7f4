// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/host.hpp"

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>
#include <csignal>
#include <exception>
#include <map>
#include <utility>

#include "cmd/debug_observer.hpp"
#include "cmd/exit_status.hpp"
#include "cmd/wire_observer.hpp"
#include "core/audit_log.hpp"

namespace llp::cmd {

namespace {

using control::LineState;

// Beyond a line's stop_grace: for its protocol's end, its transmitter, its
// connections.
constexpr auto kEndTime = std::chrono::seconds(15);
// After everything was cut off: for what is closed to notice.
constexpr auto kForcedTime = std::chrono::seconds(1);

}  // namespace

struct Host::Slot {
  Slot(asio::io_context& context, core::LineConfig c) : config(std::move(c)), wake(context) {}
  core::LineConfig config;
  std::optional<core::LineConfig> next;  // a reload's: takes the place of config
  std::unique_ptr<core::LineService> service;
  std::shared_ptr<control::LineEvents> events;  // from the first start on
  std::optional<Error> failure;                 // why it does not run
  asio::steady_timer wake;
  LineState state = LineState::starting;
  std::chrono::steady_clock::time_point since = std::chrono::steady_clock::now();
  std::string said;       // why it could not start, as it was logged last
  bool held = false;      // stopped on request
  bool leaving = false;   // not in the configuration any more
  bool untried = false;   // counted in untried_
  bool stopping = false;  // counted in stopping_
};

Host::Host(std::vector<core::LineConfig> lines, HostOptions options, std::shared_ptr<WorkerPool> pool,
           Logger log)
    : options_(std::move(options)), pool_(std::move(pool)), log_(std::move(log)) {
  all_stopped_.expires_at(asio::steady_timer::time_point::max());
  for (core::LineConfig& line : lines) add(std::move(line));
}

Host::~Host() {
  if (ports_) ports_->stop();
  if (audit_) audit_->close();  // while there is a loop that it can tell
}

void Host::set_ports(std::shared_ptr<io::PortWatch> ports) {
  ports_ = std::move(ports);
  for (const auto& slot : slots_) slot->config.stream.ports = ports_;
}

void Host::set_inherited(std::shared_ptr<const illp::Inherited> sockets) {
  inherited_ = std::move(sockets);
  for (const auto& slot : slots_) slot->config.inherited = inherited_;
}

void Host::set_audit(std::shared_ptr<core::AuditLog> audit) {
  audit_ = std::move(audit);
  for (const auto& slot : slots_) slot->config.audit = audit_;
}

// What all lines of the program share.
void Host::share(core::LineConfig& config) const {
  config.stream.pool = pool_;
  config.stream.ports = ports_;
  config.journals = journals_;
  config.inherited = inherited_;
  config.audit = audit_;
}

void Host::add(core::LineConfig config) {
  share(config);
  slots_.push_back(std::make_unique<Slot>(context_, std::move(config)));
  slots_.back()->untried = true;
  ++untried_;
}

int Host::run() {
  listen_for_signals();
  for (const auto& slot : slots_) spawn(*slot);
  if (slots_.empty()) all_tried();
  if (slots_.empty() && !options_.reload) end(kOk);
  context_.run();
  if (forced_) {
    signals_.cancel();
    deadline_.cancel();
    let_go();
    // The services cut off what is left when they go; it ends in the loop.
    for (const auto& slot : slots_) slot->service.reset();
    context_.restart();
    context_.run_for(kForcedTime);
  }
  return status_;
}

void Host::spawn(Slot& slot) {
  ++serving_;
  asio::co_spawn(context_, serve(*this, slot), [this, &slot](const std::exception_ptr& error) {
    if (error) {
      try {
        std::rethrow_exception(error);
      } catch (const std::exception& e) {
        log_.error("fault: {}", e.what());
      }
      end(kSoftware);
    }
    ended(slot);
  });
}

// A line's coroutine is over: the line left, or everything ends.
void Host::ended(Slot& slot) {
  if (slot.leaving && !ending_) {
    log_.notice("{}: no longer served", slot.config.name);
    const std::string name = slot.config.name;
    std::erase_if(slots_, [&slot](const auto& s) { return s.get() == &slot; });
    if (options_.changed) options_.changed(name);
  }
  if (--serving_ > 0) return;
  if (ending_) return finish();
  if (!options_.reload) end(status_);
}

// No line is left, and none will come.
void Host::finish() {
  signals_.cancel();
  deadline_.cancel();
  let_go();
}

void Host::let_go() {
  if (ports_) ports_->stop();
  if (options_.ended) std::exchange(options_.ended, nullptr)();
}

void Host::listen_for_signals() {
  signals_.add(SIGTERM);
  signals_.add(SIGINT);
  if (options_.hangup_ends || options_.reload) signals_.add(SIGHUP);
  signals_.async_wait([this](const asio::error_code& error, int number) {
    if (error) return;
    if (number == SIGHUP && !options_.hangup_ends) {
      log_.notice("reading the configuration again");
      reload({});
      return listen_for_signals();
    }
    if (ending_) return force(kSignal + number);
    log_.info("ending on signal {}", number);
    listen_for_signals();  // which end() takes back, if there is nothing to end
    end(kOk);
  });
}

void Host::end(int status) {
  if (std::exchange(ending_, true)) return;
  status_ = status;
  if (options_.ending) options_.ending();
  std::chrono::nanoseconds grace{};
  for (const auto& slot : slots_) {
    grace = std::max(grace, slot->config.stop_grace);
    slot->wake.cancel();
  }
  all_stopped_.cancel();
  deadline_.expires_after(grace + kEndTime);
  deadline_.async_wait([this](const asio::error_code& error) {
    if (error) return;
    log_.error("a line does not end: cut off");
    force(kSoftware);
  });
  if (serving_ == 0) finish();
}

void Host::force(int status) {
  forced_ = true;
  status_ = status;
  context_.stop();
}

// ---- one line ----

bool Host::must_stop(const Slot& slot) const { return ending_ || slot.leaving || slot.held || slot.next; }

void Host::notify(const Slot& slot) const {
  if (options_.changed) options_.changed(slot.config.name);
}

void Host::set_state(Slot& slot, LineState state) {
  slot.state = state;
  slot.since = std::chrono::steady_clock::now();
  notify(slot);
}

void Host::tried(Slot& slot) {
  if (!std::exchange(slot.untried, false)) return;
  if (--untried_ > 0) return;
  wake_if_applied();
  all_tried();
}

void Host::all_tried() {
  if (std::exchange(started_, true) || ending_ || !options_.started) return;
  if (auto done = options_.started(); !done) {
    options_.start_failed(done.error());
    end(exit_status(done.error()));
  }
}

// Returns early when the slot is woken.
asio::awaitable<void> Host::pause(Slot& slot, config::Duration time) {
  slot.wake.expires_after(time);
  co_await slot.wake.async_wait(asio::experimental::as_tuple(asio::use_awaitable));
}

std::unique_ptr<core::LineService> Host::make_service(Slot& slot, const Logger& log) {
  auto executor = context_.get_executor();
  if (!slot.events) {
    control::LineEvents::Tell tell;
    if (options_.happened) {
      tell = [this, name = slot.config.name](const control::LineEvent& e) { options_.happened(name, e); };
    }
    slot.events = std::make_shared<control::LineEvents>(std::move(tell));
  }
  core::LineConfig config = slot.config;
  config.on_message = [events = slot.events, next = options_.message](const core::MessageEvent& event) {
    events->application(event);
    if (next) next(event);
  };
  auto made = options_.make_line ? options_.make_line(config) : nullptr;
  auto service = made ? std::make_unique<core::LineService>(executor, std::move(config), std::move(made), log)
                      : std::make_unique<core::LineService>(executor, std::move(config), log);
  std::shared_ptr<line::Observer> shown;
  if (options_.debug > 0) shown = std::make_shared<DebugObserver>(log, options_.debug > 1);
  // Told in the loop's next turn: the line must not be looked at from within.
  auto changed = [this, name = slot.config.name] {
    asio::post(context_, [this, name] {
      if (options_.changed) options_.changed(name);
    });
  };
  std::function<void(llp_cause)> cut;
  if (options_.message) {
    cut = [this, name = slot.config.name](llp_cause cause) {
      options_.message({name, false, "cut", 0, 0, {}, llp_cause_name(cause)});
    };
  }
  service->set_observer(std::make_shared<WireObserver>(slot.config.name, std::move(changed), options_.passed,
                                                       std::move(shown), std::move(cut), slot.events));
  service->on_failure([&slot](Error error) {
    slot.failure = std::move(error);
    slot.wake.cancel();
  });
  return service;
}

asio::awaitable<void> Host::serve(Host& host, Slot& slot) {
  while (!host.ending_ && !slot.leaving) {
    // What a reload stops may have our port.
    while (host.stopping_ > 0 && !slot.stopping && !host.ending_) {
      co_await host.all_stopped_.async_wait(asio::experimental::as_tuple(asio::use_awaitable));
    }
    if (host.ending_ || slot.leaving) break;
    if (slot.next) slot.config = *std::exchange(slot.next, std::nullopt);
    if (slot.held) {
      slot.failure.reset();
      host.set_state(slot, LineState::stopped);
      host.tried(slot);
      while (slot.held && !host.ending_ && !slot.leaving && !slot.next) {
        co_await pause(slot, std::chrono::hours(24));
      }
    } else {
      co_await serve_once(host, slot);
    }
    host.stopped_for_reload(slot);
  }
  host.stopped_for_reload(slot);
  host.tried(slot);
}

// From the line's start to its end, and the pause after a failure.
asio::awaitable<void> Host::serve_once(Host& host, Slot& slot) {
  const Logger log = host.log_.child(slot.config.name);
  const bool exits = host.options_.on_failure == config::OnFailure::exit;
  slot.failure.reset();
  host.set_state(slot, LineState::starting);
  slot.service = host.make_service(slot, log);
  auto up = co_await slot.service->start();
  if (!slot.service) co_return;  // cut off
  if (up) {
    slot.said.clear();
    if (!slot.failure) host.set_state(slot, LineState::running);
    if (host.options_.running) host.options_.running(slot.config, *slot.service);
  } else if (exits) {
    slot.service.reset();
    if (host.slots_.size() > 1) up.error().message = slot.config.name + ": " + up.error().message;
    if (!host.ending_) host.options_.start_failed(up.error());
    host.end(exit_status(up.error()));
    co_return;
  } else {
    // Said again only when it is another reason.
    const LogLevel level = slot.said == up.error().message ? LogLevel::debug : LogLevel::error;
    log.log(level, "{}; trying again in {}", up.error().message,
            config::format_duration(host.options_.retry_interval));
    slot.said = up.error().message;
    slot.failure = std::move(up.error());
  }
  if (!slot.next) host.tried(slot);

  while (up && !slot.failure && !host.must_stop(slot)) co_await pause(slot, std::chrono::hours(24));
  if (!slot.service) co_return;  // cut off
  if (up) {
    host.set_state(slot, LineState::stopping);
    co_await slot.service->stop();
  }
  slot.service.reset();
  if (host.must_stop(slot)) co_return;
  host.set_state(slot, LineState::failed);
  if (exits) {
    host.end(exit_status(*slot.failure));
    co_return;
  }
  if (up) log.notice("starting again in {}", config::format_duration(host.options_.retry_interval));
  co_await pause(slot, host.options_.retry_interval);
}

// ---- control ----

Host::Slot* Host::find(std::string_view name) const {
  const auto found = std::ranges::find_if(
      slots_, [name](const auto& slot) { return !slot->leaving && slot->config.name == name; });
  return found == slots_.end() ? nullptr : found->get();
}

std::vector<control::LineInfo> Host::lines() const {
  std::vector<control::LineInfo> all;
  all.reserve(slots_.size());
  for (const auto& slot : slots_) {
    all.push_back({&slot->config, slot->state, slot->since,
                   slot->failure ? slot->failure->message : std::string(), slot->service.get(),
                   slot->events.get()});
  }
  return all;
}

Result<void> Host::stop_line(std::string_view name) {
  Slot* slot = find(name);
  if (slot == nullptr) return fail(Errc::not_found, fmt::format("there is no line '{}'", name));
  slot->held = true;
  slot->wake.cancel();
  return {};
}

Result<void> Host::start_line(std::string_view name) {
  Slot* slot = find(name);
  if (slot == nullptr) return fail(Errc::not_found, fmt::format("there is no line '{}'", name));
  slot->held = false;
  // One that failed is tried again at once.
  slot->wake.cancel();
  return {};
}

// ---- reload ----

void Host::reload(std::function<void(const std::vector<Error>&)> done) {
  if (!options_.reload || ending_) {
    if (done) done({Error{Errc::invalid, "there is no configuration to read again", 0}});
    return;
  }
  // An empty one stands for a SIGHUP. What comes while one is under way is
  // answered by the next.
  reload_waiting_.push_back(std::move(done));
  if (std::exchange(reloading_, true)) return;
  asio::co_spawn(context_, reload_now(*this), asio::detached);
}

asio::awaitable<void> Host::reload_now(Host& host) {
  while (!host.reload_waiting_.empty() && !host.ending_) {
    const auto asked = std::exchange(host.reload_waiting_, {});
    if (host.options_.reloading) host.options_.reloading();
    auto read = host.options_.reload;
    auto result = co_await host.pool_->run(std::move(read));
    std::vector<Error> errors;
    if (!result) {
      errors.push_back(std::move(result.error()));
    } else if (!*result) {
      errors = std::move(result->error());
    }
    if (host.ending_) errors.push_back({Errc::cancelled, "the program ends", 0});
    if (errors.empty()) {
      host.apply(std::move(**result));
      while ((host.stopping_ > 0 || host.untried_ > 0) && !host.ending_) {
        co_await host.all_stopped_.async_wait(asio::experimental::as_tuple(asio::use_awaitable));
      }
    } else {
      for (const Error& error : errors) host.log_.error("{}", error.message);
      host.log_.error("the configuration was not changed");
    }
    if (host.options_.reloaded) host.options_.reloaded();
    for (const auto& done : asked) {
      if (done) done(errors);
    }
  }
  host.reloading_ = false;
}

void Host::apply(config::DaemonConfig config) {
  options_.on_failure = config.on_failure;
  options_.retry_interval = config.retry_interval;
  for (const std::string& notice : config.notices) log_.warning("{}", notice);
  std::map<std::string, core::LineConfig*> wanted;
  for (core::LineConfig& line : config.lines) wanted.emplace(line.name, &line);
  std::size_t changed = 0;
  std::size_t removed = 0;
  std::size_t kept = 0;
  for (const auto& slot : slots_) {
    if (slot->leaving) continue;
    const auto found = wanted.find(slot->config.name);
    if (found == wanted.end()) {
      slot->leaving = true;
      ++removed;
      stop_for_reload(*slot);
      continue;
    }
    core::LineConfig& line = *found->second;
    wanted.erase(found);
    if (config::fingerprint(line) == config::fingerprint(slot->config)) {
      // The files' names are as before; what is in them counts from now on.
      if (line.security && slot->config.security) slot->config.security->renew(*line.security);
      ++kept;
      continue;
    }
    share(line);
    slot->next = std::move(line);
    slot->said.clear();
    if (!std::exchange(slot->untried, true)) ++untried_;
    ++changed;
    stop_for_reload(*slot);
  }
  const std::size_t before = slots_.size();
  for (core::LineConfig& line : config.lines) {
    if (wanted.contains(line.name)) add(std::move(line));
  }
  log_.notice("configuration applied: {} lines as before, {} changed, {} new, {} gone", kept, changed,
              slots_.size() - before, removed);
  for (std::size_t i = before; i < slots_.size(); i++) spawn(*slots_[i]);
}

void Host::stop_for_reload(Slot& slot) {
  if (!std::exchange(slot.stopping, true)) ++stopping_;
  slot.wake.cancel();
}

void Host::stopped_for_reload(Slot& slot) {
  // One that was changed again meanwhile has stopped for that, too.
  if (!std::exchange(slot.stopping, false)) return;
  --stopping_;
  wake_if_applied();
}

// Who waits for lines to stop, or to be tried, looks again.
void Host::wake_if_applied() {
  if (stopping_ == 0) all_stopped_.cancel();
}

}  // namespace llp::cmd
