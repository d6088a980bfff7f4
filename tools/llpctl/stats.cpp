// SPDX-License-Identifier: BSD-3-Clause
// llpctl stats: a line's counters, once or again and again with what was added.
#include <fmt/format.h>

#include <algorithm>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <utility>

#include "llpctl/context.hpp"
#include "llpctl/json.hpp"
#include "llpctl/table.hpp"
#include "llpctl/words.hpp"

namespace llp::ctl {

namespace {

using netlink::LineStats;

struct StatsArguments {
  std::string line;
  bool all = false;
  bool watch = false;
  double interval = 1;  // seconds
  unsigned count = 0;   // 0: until it is ended
};

std::string as_json(const LineStats& stats) {
  Json counters = Json::object();
  for (const auto& c : stats.counters) counters.number(c.name, c.value);
  Json buckets = Json::array();
  for (const std::uint64_t n : stats.turnaround.bucket) buckets.element(std::to_string(n));
  return Json::object()
             .number("line", stats.line)
             .text("name", stats.name)
             .text("tty", stats.tty)
             .raw("counters", counters.str())
             .raw("turnaround", Json::object()
                                    .number("count", stats.turnaround.count)
                                    .number("sum_ns", stats.turnaround.sum)
                                    .number("longest_ns", stats.turnaround.longest)
                                    .raw("buckets", buckets.str())
                                    .str())
             .str() +
         "\n";
}

std::string as_text(const Context& context, const LineStats& stats, const LineStats* before, bool all) {
  std::vector<Column> columns{{"COUNTER"}, {"VALUE", true}};
  if (before != nullptr) columns.push_back({"ADDED", true});
  Table table(std::move(columns));
  bool any = false;
  for (const auto& c : stats.counters) {
    if (c.value == 0 && !all) continue;
    any = true;
    std::vector<std::string> cells{c.name, std::to_string(c.value)};
    if (before != nullptr) {
      const std::uint64_t more = c.value - std::min(before->counter(c.name), c.value);
      cells.push_back(more == 0 ? "" : fmt::format("+{}", more));
    }
    table.add(std::move(cells));
  }
  std::string out = any ? table.str(context.columns, context.colour) : "Nothing has happened on it yet.\n";
  const auto& t = stats.turnaround;
  if (t.count > 0) {
    out +=
        fmt::format("turnaround: p50 {}, p99 {}, longest {}, of {} answers\n", time_words(*quantile(t, 500)),
                    time_words(*quantile(t, 990)), time_words(t.longest), t.count);
  }
  return out;
}

// Looks again until the count is reached or the line goes.
class Watch {
 public:
  Watch(Context& context, netlink::KernelControl& kernel, std::uint32_t line, const StatsArguments& a)
      : context_(context), kernel_(kernel), line_(line), arguments_(a), timer_(context.io) {}

  int run() {
    look();
    context_.io.run();
    return status_;
  }

 private:
  void look() {
    auto stats = kernel_.stats(netlink::LineNumber{line_});
    if (!stats) {
      status_ = context_.failed(stats.error());
      return;
    }
    if (context_.json) {
      context_.print(as_json(*stats));
    } else {
      const std::string text = as_text(context_, *stats, seen_ > 0 ? &before_ : nullptr, arguments_.all);
      context_.print(context_.terminal ? "\x1b[H\x1b[2J" + text : seen_ > 0 ? "\n" + text : text);
    }
    before_ = std::move(*stats);
    if (++seen_ == arguments_.count) return;
    timer_.expires_after(std::chrono::duration_cast<std::chrono::nanoseconds>(
        std::chrono::duration<double>(arguments_.interval)));
    timer_.async_wait([this](const asio::error_code& error) {
      if (!error) look();
    });
  }

  Context& context_;
  netlink::KernelControl& kernel_;
  std::uint32_t line_;
  const StatsArguments& arguments_;
  asio::steady_timer timer_;
  LineStats before_;
  unsigned seen_ = 0;
  int status_ = 0;
};

int stats(Context& context, const StatsArguments& a) {
  auto kernel = context.open_kernel();
  if (!kernel) return context.failed(kernel.error());
  const auto line = netlink::find_line(**kernel, a.line);
  if (!line) return context.failed(line.error());
  if (a.watch) return Watch(context, **kernel, line->line, a).run();
  const auto now = (*kernel)->stats(netlink::LineNumber{line->line});
  if (!now) return context.failed(now.error());
  context.print(context.json ? as_json(*now) : as_text(context, *now, nullptr, a.all));
  return 0;
}

}  // namespace

void add_stats(CLI::App& app, Context& context, Run& run) {
  auto* verb = app.add_subcommand("stats", "a line's counters");
  const auto a = std::make_shared<StatsArguments>();
  verb->add_option("line", a->line, "its name, number or tty")->type_name("LINE")->required();
  verb->add_flag("-a,--all", a->all, "those that are 0, too");
  verb->add_flag("-w,--watch", a->watch, "again and again, with what was added");
  verb->add_option("-i,--interval", a->interval, "seconds between two looks")
      ->check(CLI::Range(0.001, 3600.0))
      ->capture_default_str();
  verb->add_option("-c,--count", a->count, "end after so many looks");
  verb->callback([&context, &run, a] { run = [&context, a] { return stats(context, *a); }; });
}

}  // namespace llp::ctl
