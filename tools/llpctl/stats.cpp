// SPDX-License-Identifier: BSD-3-Clause
// llpctl stats: a line's counters, once or again and again with what was added.
#include <fmt/format.h>

#include <algorithm>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include "llpctl/context.hpp"
#include "llpctl/json.hpp"
#include "llpctl/line_view.hpp"
#include "llpctl/table.hpp"
#include "llpctl/words.hpp"

namespace llp::ctl {

namespace {

struct StatsArguments {
  std::string line;
  bool all = false;
  bool watch = false;
  double interval = 1;  // seconds
  unsigned count = 0;   // 0: until it is ended
};

std::string stats_json(const LineView& line) {
  Json out = Json::object();
  put_identity(out, line);
  return out.raw("counters", counters_json(line.counters))
             .raw("turnaround", turnaround_json(line.turnaround))
             .str() +
         "\n";
}

std::string stats_text(const Context& context, const LineView& line, const LineView* before, bool all) {
  std::vector<Column> columns{{"COUNTER"}, {"VALUE", true}};
  if (before != nullptr) columns.push_back({"ADDED", true});
  Table table(std::move(columns));
  bool any = false;
  for (const auto& c : line.counters) {
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
  if (line.turnaround.count > 0) out += "turnaround: " + turnaround_words(line.turnaround) + "\n";
  return out;
}

// Looks again until the count is reached or the line goes.
class Watch {
 public:
  Watch(Context& context, const StatsArguments& a)
      : context_(context), lines_(context), arguments_(a), timer_(context.io) {}

  int run() {
    look();
    context_.io.run();
    return status_;
  }

 private:
  void look() {
    auto line = lines_.find(which_.empty() ? arguments_.line : which_);
    if (!line) {
      status_ = context_.failed(line.error());
      return;
    }
    // What was a number or a port may be another line's next.
    which_ = line->kernel ? line->device() : line->name;
    if (context_.json) {
      context_.print(stats_json(*line));
    } else {
      const std::string text = stats_text(context_, *line, before_ ? &*before_ : nullptr, arguments_.all);
      context_.print(context_.terminal ? "\x1b[H\x1b[2J" + text : before_ ? "\n" + text : text);
    }
    before_ = std::move(*line);
    if (++seen_ == arguments_.count) return;
    timer_.expires_after(std::chrono::duration_cast<std::chrono::nanoseconds>(
        std::chrono::duration<double>(arguments_.interval)));
    timer_.async_wait([this](const asio::error_code& error) {
      if (!error) look();
    });
  }

  Context& context_;
  Lines lines_;
  const StatsArguments& arguments_;
  asio::steady_timer timer_;
  std::string which_;  // as it was found first
  std::optional<LineView> before_;
  unsigned seen_ = 0;
  int status_ = 0;
};

int stats(Context& context, const StatsArguments& a) {
  if (a.watch) return Watch(context, a).run();
  const auto line = Lines(context).find(a.line);
  if (!line) return context.failed(line.error());
  context.print(context.json ? stats_json(*line) : stats_text(context, *line, nullptr, a.all));
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
  verb->footer(
      "Examples:\n"
      "  llpctl stats chem\n"
      "  llpctl stats chem --watch --interval 5");
  verb->callback([&context, &run, a] { run = [&context, a] { return stats(context, *a); }; });
}

}  // namespace llp::ctl
