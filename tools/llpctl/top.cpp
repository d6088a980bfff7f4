// SPDX-License-Identifier: BSD-3-Clause
// llpctl top: all lines on a screen, again and again; once where there is none.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <asio/error.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <csignal>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "llpctl/context.hpp"
#include "llpctl/daemon.hpp"
#include "llpctl/json.hpp"
#include "llpctl/line_view.hpp"
#include "llpctl/screen.hpp"
#include "llpctl/top_model.hpp"
#include "llpctl/words.hpp"

namespace llp::ctl {

namespace {

using top::Key;
using top::Model;
using top::Sample;

// The rest of what a key sends comes within this time.
constexpr auto kKeyTime = std::chrono::milliseconds(50);

struct TopArguments {
  bool once = false;
  double interval = 1;  // seconds
  std::string sort = "name";
  std::string filter;
};

std::chrono::nanoseconds interval_of(const TopArguments& a) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(a.interval));
}

Sample sample_of(const LineView& line) {
  Sample sample;
  sample.name = line.name;
  sample.state = line.state;
  sample.trouble = line.trouble;
  sample.about = fmt::format("{}, {}{}", line.protocol, line.port, line.kernel ? ", in the kernel" : "");
  if (!line.kernel && line.served) {
    const std::string reason = shown(text_at(*line.served, "reason"));
    if (!reason.empty()) sample.about += ": " + reason;
  }
  sample.char_time_s = static_cast<double>(line.char_time) * 1e-9;
  sample.queue = line.waiting;
  for (const auto& counter : line.counters) sample.counters[counter.name] = counter.value;
  return sample;
}

// Asks the kernel and llpd; one of them is enough.
class Source {
 public:
  explicit Source(const Context& context) : lines_(context) {}

  Result<std::vector<Sample>> take() {
    const auto lines = lines_.all();
    if (!lines) return std::unexpected(*lines_.no_daemon());
    std::vector<Sample> all;
    for (const LineView& line : *lines) all.push_back(sample_of(line));
    return all;
  }

 private:
  Lines lines_;
};

Model::Time now() { return std::chrono::steady_clock::now().time_since_epoch(); }

std::string clock_words(const Context& context) {
  const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(
      std::chrono::steady_clock::now().time_since_epoch());
  const std::string time = context.time_of_day(static_cast<std::uint64_t>(ns.count()));
  return time.substr(0, time.find('.'));
}

std::string top_json(const Model& model) {
  Json out = Json::array();
  for (const top::Row* row : model.rows()) {
    const auto rate = [](double value) { return fmt::format("{:.3f}", value); };
    out.element(Json::object()
                    .text("name", row->now.name)
                    .text("state", row->now.state)
                    .flag("trouble", row->now.trouble)
                    .raw("messages_in_per_s", rate(row->rates.messages_in))
                    .raw("messages_out_per_s", rate(row->rates.messages_out))
                    .raw("bytes_per_s", rate(row->rates.bytes))
                    .raw("use", row->now.char_time_s > 0 ? rate(row->rates.use) : "null")
                    .raw("naks_per_s", rate(row->rates.naks))
                    .raw("retries_per_s", rate(row->rates.retries))
                    .number("queue", row->now.queue)
                    .str());
  }
  return out.str() + "\n";
}

int once(Context& context, Source& source, Model& model, const TopArguments& a) {
  for (int i = 0; i < 2; ++i) {
    if (i > 0) std::this_thread::sleep_for(interval_of(a));
    auto samples = source.take();
    if (!samples) return context.failed(samples.error());
    model.update(now(), std::move(*samples), clock_words(context));
  }
  if (context.json) {
    context.print(top_json(model));
  } else if (model.rows().empty()) {
    context.print("There is no line.\n");
  } else {
    std::string text;
    for (const std::string& line : model.table(context.columns)) text += line + "\n";
    context.print(text);
  }
  return 0;
}

class Live {
 public:
  Live(Context& context, Source& source, Model& model, const TopArguments& a, Screen screen)
      : context_(context),
        source_(source),
        model_(model),
        arguments_(a),
        screen_(std::move(screen)),
        input_(context.io, ::dup(STDIN_FILENO)),
        timer_(context.io),
        key_timer_(context.io),
        resized_(context.io, SIGWINCH),
        ends_(context.io, SIGTERM, SIGINT, SIGHUP) {}

  int run() {
    look();
    wait_for_keys();
    wait_for_size();
    ends_.async_wait([this](const asio::error_code& error, int number) {
      if (error) return;
      status_ = kSignal + number;
      context_.io.stop();
    });
    context_.io.run();
    return status_;
  }

 private:
  static constexpr int kSignal = 128;

  void draw() {
    const Screen::Size size = screen_.size();
    screen_.draw(model_.screen(size.columns, size.rows, context_.colour));
  }

  void look() {
    auto samples = source_.take();
    if (samples) {
      model_.update(now(), std::move(*samples), clock_words(context_));
    } else {
      model_.set_notice(samples.error().message);
    }
    draw();
    timer_.expires_after(interval_of(arguments_));
    timer_.async_wait([this](const asio::error_code& error) {
      if (!error) look();
    });
  }

  void wait_for_size() {
    resized_.async_wait([this](const asio::error_code& error, int) {
      if (error) return;
      draw();
      wait_for_size();
    });
  }

  void wait_for_keys() {
    input_.async_wait(asio::posix::stream_descriptor::wait_read, [this](const asio::error_code& error) {
      if (error) return context_.io.stop();
      std::array<char, 256> part{};
      const ssize_t n = ::read(input_.native_handle(), part.data(), part.size());
      // With VMIN 0, nothing at all is the terminal's end.
      if (n <= 0) return context_.io.stop();
      typed_.append(part.data(), static_cast<std::size_t>(n));
      if (!press(true)) return context_.io.stop();
      if (!typed_.empty()) wait_for_rest();
      wait_for_keys();
    });
  }

  // An Escape alone begins as the arrows do.
  void wait_for_rest() {
    key_timer_.expires_after(kKeyTime);
    key_timer_.async_wait([this](const asio::error_code& error) {
      if (!error && !press(false)) context_.io.stop();
    });
  }

  bool press(bool more) {
    for (const std::string& key : top::keys_in(typed_, more)) {
      if (!model_.press(key)) return false;
    }
    draw();
    return true;
  }

  Context& context_;
  Source& source_;
  Model& model_;
  const TopArguments& arguments_;
  Screen screen_;
  asio::posix::stream_descriptor input_;
  asio::steady_timer timer_, key_timer_;
  asio::signal_set resized_, ends_;
  std::string typed_;
  int status_ = 0;
};

int run_top(Context& context, const TopArguments& a) {
  Source source(context);
  Model model;
  model.set_unicode(context.unicode);
  for (const Key key : top::all_keys()) {
    if (a.sort == top::to_string(key)) model.set_sort(key);
  }
  model.set_filter(a.filter);
  if (a.once || context.json || !context.terminal) return once(context, source, model, a);
  auto screen = Screen::open(STDIN_FILENO, STDOUT_FILENO);
  if (!screen) return once(context, source, model, a);
  return Live(context, source, model, a, std::move(*screen)).run();
}

}  // namespace

void add_top(CLI::App& app, Context& context, Run& run) {
  auto* verb = app.add_subcommand("top", "all lines on a screen: state, rates, use of the wire");
  const auto a = std::make_shared<TopArguments>();
  verb->add_flag("-1,--once", a->once, "one table, of one interval, and no screen");
  verb->add_option("-i,--interval", a->interval, "seconds between two looks")
      ->check(CLI::Range(0.001, 3600.0))
      ->capture_default_str();
  verb->add_option("-s,--sort", a->sort, "the largest first of this")
      ->check(CLI::IsMember({"name", "state", "messages", "bytes", "use", "naks", "retries", "queue"}))
      ->capture_default_str();
  verb->add_option("-f,--filter", a->filter, "only lines with this in name, state, protocol or port")
      ->type_name("TEXT");
  verb->footer(
      "Keys: s sorts by the next column, r reverses, / filters, the arrows and Enter show one line, Esc "
      "goes\n"
      "back, q ends. USE is the share of the wire's time that bytes took, both ways together.\n\n"
      "Examples:\n"
      "  llpctl top                          until q\n"
      "  llpctl top --sort use               the busiest wire first\n"
      "  llpctl top --once --interval 10     one table, of ten seconds");
  verb->callback([&context, &run, a] { run = [&context, a] { return run_top(context, *a); }; });
}

}  // namespace llp::ctl
