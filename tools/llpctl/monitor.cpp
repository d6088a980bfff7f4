// SPDX-License-Identifier: BSD-3-Clause
// llpctl monitor: what happens on the lines, as it happens. Sizes and causes,
// never a byte of a message.
#include <fmt/format.h>

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <chrono>
#include <exception>
#include <memory>
#include <optional>

#include "llpctl/context.hpp"
#include "llpctl/happened.hpp"
#include "llpctl/line_view.hpp"

namespace llp::ctl {

namespace {

struct MonitorArguments {
  std::string line;    // empty: all
  unsigned count = 0;  // 0: until it is ended
  bool trouble = false;
};

// Both who tell of lines, until the end.
class Monitor {
 public:
  Monitor(Context& context, const MonitorArguments& a) : context_(context), arguments_(a) {}

  int run() {
    // Listening first, so that nothing is between.
    Result<void> no_kernel = listen_to_kernel();
    Result<void> no_daemon = listen_to_daemon();
    if (!no_kernel && !no_daemon) return context_.failed(no_kernel.error());
    if (!arguments_.line.empty()) {
      const auto line = Lines(context_).find(arguments_.line);
      if (!line) return context_.failed(line.error());
      if (line->kernel) number_ = line->kernel->line;
      if (line->served) name_ = line->name;
      if (!number_) kernel_events_.reset();
      if (!name_) daemon_events_.reset();
    }
    if (kernel_events_) spawn(follow_kernel());
    if (daemon_events_) spawn(follow_daemon());
    context_.io.run();
    return status_;
  }

 private:
  Result<void> listen_to_kernel() {
    auto kernel = context_.open_kernel();
    if (!kernel) return std::unexpected(std::move(kernel.error()));
    kernel_ = std::move(*kernel);
    auto events = kernel_->events(context_.io.get_executor());
    if (!events) return std::unexpected(std::move(events.error()));
    kernel_events_ = std::move(*events);
    return {};
  }

  Result<void> listen_to_daemon() {
    if (!context_.daemon_events) return fail(Errc::refused, "no llpd answers");
    auto events = context_.daemon_events(context_.io.get_executor());
    if (!events) return std::unexpected(std::move(events.error()));
    daemon_events_ = std::move(*events);
    return {};
  }

  void spawn(asio::awaitable<int> follower) {
    ++following_;
    asio::co_spawn(context_.io, std::move(follower), [this](const std::exception_ptr& error, int ended) {
      if (error) std::rethrow_exception(error);
      status_ = std::max(status_, ended);
      --following_;
      if (over_) close();
      if (following_ == 0) context_.io.stop();
    });
  }

  asio::awaitable<int> follow_kernel() {
    while (!over_) {
      const auto event = co_await kernel_events_->next();
      if (!event) co_return event.error().code == Errc::cancelled ? 0 : context_.failed(event.error());
      const bool missed = std::holds_alternative<netlink::EventsMissed>(event->what);
      if (number_ && !missed && event->line != *number_) continue;
      tell(happened(*event));
      const auto* change = std::get_if<netlink::LineEvent>(&event->what);
      // Its number may be another port's next.
      if (number_ && change != nullptr && change->change == LLP_LINE_CHANGE_GONE) over_ = true;
    }
    co_return 0;
  }

  asio::awaitable<int> follow_daemon() {
    while (!over_) {
      const auto event = co_await daemon_events_->next();
      if (!event) co_return event.error().code == Errc::cancelled ? 0 : context_.failed(event.error());
      for (Happened& h : happened(*event)) {
        const bool missed = std::holds_alternative<netlink::EventsMissed>(h.what);
        if (name_ && !missed && h.name != *name_) continue;
        if (h.time == 0) h.time = now();
        tell(h);
        const auto* served = std::get_if<ServedEvent>(&h.what);
        if (name_ && served != nullptr && served->state == "gone") over_ = true;
        if (over_) break;
      }
    }
    co_return 0;
  }

  void close() noexcept {
    if (kernel_events_) kernel_events_->close();
    if (daemon_events_) daemon_events_->close();
  }

  static std::uint64_t now() {
    const auto since = std::chrono::steady_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(std::chrono::nanoseconds(since).count());
  }

  void tell(const Happened& h) {
    if (arguments_.trouble && !means_trouble(h)) return;
    context_.print(context_.json ? as_json(h) + "\n" : as_row(context_, h));
    if (++seen_ == arguments_.count) over_ = true;
  }

  Context& context_;
  const MonitorArguments& arguments_;
  std::unique_ptr<netlink::KernelControl> kernel_;
  std::unique_ptr<netlink::EventStream> kernel_events_;
  std::unique_ptr<DaemonEvents> daemon_events_;
  std::optional<std::uint32_t> number_;  // of the one line
  std::optional<std::string> name_;      // of the same, as llpd has it
  unsigned seen_ = 0;
  unsigned following_ = 0;
  bool over_ = false;
  int status_ = 0;
};

int monitor(Context& context, const MonitorArguments& a) { return Monitor(context, a).run(); }

}  // namespace

void add_monitor(CLI::App& app, Context& context, Run& run) {
  auto* verb = app.add_subcommand("monitor", "what happens on the lines, as it happens");
  const auto a = std::make_shared<MonitorArguments>();
  verb->add_option("line", a->line, "one line only")->type_name("LINE");
  verb->add_option("-c,--count", a->count, "end after so many events");
  verb->add_flag("-t,--trouble", a->trouble, "only what went wrong");
  verb->footer(
      "Lines of the kernel and of llpd. Examples:\n"
      "  llpctl monitor                      all lines\n"
      "  llpctl monitor chem --trouble       what goes wrong on one");
  verb->callback([&context, &run, a] { run = [&context, a] { return monitor(context, *a); }; });
}

}  // namespace llp::ctl
