// SPDX-License-Identifier: BSD-3-Clause
// llpctl show: everything about one line, and what to do about what is wrong.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "llpctl/context.hpp"
#include "llpctl/happened.hpp"
#include "llpctl/json.hpp"
#include "llpctl/line_view.hpp"
#include "llpctl/table.hpp"
#include "llpctl/words.hpp"

namespace llp::ctl {

namespace {

constexpr unsigned kAdviceIndent = 6;

// The parts of a text for people.
class ShowText {
 public:
  ShowText(const Context& context, const LineView& line) : context_(context), line_(line) {
    if (!context.colour) return;
    bold_ = "\x1b[1m";
    warn_ = "\x1b[33m";
    plain_ = "\x1b[0m";
  }

  std::string all() {
    head();
    row("state", line_.state);
    if (line_.served) row("llpd", health());
    row("wire", wire());
    row("protocol", line_.protocol);
    row("peer", line_.peer);
    row("options", options());
    if (line_.kernel) of_the_kernel(*line_.kernel);
    if (line_.served) {
      const auto put = [this](const std::string& word, const std::string& text) { row(word, text); };
      served_ends(*line_.served, put);
      served_rows(*line_.served, put);
    }
    row("turnaround", turnaround_words(line_.turnaround));
    counters();
    findings();
    errors();
    return std::move(out_);
  }

 private:
  void row(const std::string& word, const std::string& text) { out_ += row_of(word, text, context_.columns); }

  void head() {
    const std::string what =
        line_.kernel ? fmt::format("/dev/llp{}{}{} on {}", line_.kernel->line,
                                   line_.kernel->name.empty() ? "" : " ", line_.kernel->name, line_.port)
                     : fmt::format("{} on {}", line_.name, line_.port);
    out_ += fmt::format("{}{}{}\n", bold_, what, plain_);
  }

  [[nodiscard]] std::string health() const {
    const std::string reason = shown(text_at(*line_.served, "reason"));
    return shown(text_at(*line_.served, "health")) + (reason.empty() ? "" : ": " + reason);
  }

  [[nodiscard]] std::string wire() const {
    if (line_.speed != 0 && line_.char_time != 0) {
      return fmt::format("{} baud, {} a character", line_.speed, time_words(line_.char_time));
    }
    return line_.kernel ? "none (a pseudo terminal)" : "none (its bytes have no baud rate)";
  }

  [[nodiscard]] std::string options() const {
    std::string text;
    for (const auto& c : line_.changed) {
      text += fmt::format("{}{}={} ({})", text.empty() ? "" : ", ", c.name, c.value, c.standard);
    }
    return text.empty() ? "all at their defaults" : text + "; defaults in brackets";
  }

  void of_the_kernel(const netlink::LineStatus& line) {
    row("policy", fmt::format("acknowledged at {}; at most {} messages of {} wait, and {} to be sent",
                              policy_word(line.policy), line.max_messages, size_words(line.max_bytes),
                              line.max_writes));
    row("waiting",
        fmt::format("{} received ({}), {} to be sent", line.messages, size_words(line.bytes), line.writes));
  }

  void counters() {
    std::vector<netlink::Counter> counted;
    std::ranges::copy_if(line_.counters, std::back_inserter(counted),
                         [](const netlink::Counter& c) { return c.value != 0; });
    if (line_.served) {
      for (const auto& [name, value] : part_at(*line_.served, "counters").items()) {
        if (value.is_number_unsigned() && value.get<std::uint64_t>() != 0) {
          counted.push_back({shown(name), value.get<std::uint64_t>()});
        }
      }
    }
    if (counted.empty()) {
      out_ += "\n  Nothing has happened on it yet.\n";
      return;
    }
    out_ += fmt::format("\n{}Counters that are not 0{}\n", bold_, plain_);
    const std::size_t columns = context_.columns >= 72 ? 2 : 1;
    for (std::size_t i = 0; i < counted.size(); i += columns) {
      std::string cells;
      for (std::size_t k = i; k < std::min(i + columns, counted.size()); ++k) {
        cells += fmt::format("  {:<18} {:>12}    ", counted[k].name, counted[k].value);
      }
      cells.erase(cells.find_last_not_of(' ') + 1);
      out_ += cells + '\n';
    }
  }

  void findings() {
    const auto wrong = ctl::findings(line_.counters);
    if (wrong.empty()) return;
    out_ += fmt::format("\n{}What went wrong{}\n", bold_, plain_);
    for (const Finding& f : wrong) {
      out_ += fmt::format("  {}{} {}{}: {}\n", warn_, f.value, f.counter, plain_, f.meaning);
      out_ += wrapped(std::string(f.advice), kAdviceIndent, context_.columns);
    }
  }

  // The newest first; what they mean stands above.
  void errors() {
    if (!line_.served) return;
    std::string text;
    for (const DaemonJson& error : part_at(*line_.served, "last_errors")) {
      if (!error.is_object()) continue;
      for (const Happened& h : happened(error)) {
        const std::string time = context_.time_of_day(h.time);
        std::string one = wrapped(words(h), static_cast<unsigned>(time.size()) + 4, context_.columns);
        if (one.empty()) continue;
        one.replace(0, time.size() + 4, fmt::format("  {}  ", time));
        text.insert(0, one);
      }
    }
    if (!text.empty()) out_ += fmt::format("\n{}Last errors{}\n{}", bold_, plain_, text);
  }

  const Context& context_;
  const LineView& line_;
  const char* bold_ = "";
  const char* warn_ = "";
  const char* plain_ = "";
  std::string out_;
};

std::string show_json(const LineView& line) {
  Json params = Json::object();
  for (const auto& p : line.params) params.text(p.name, p.value);
  Json changed = Json::object();
  for (const auto& c : line.changed) {
    changed.raw(c.name, Json::object().text("value", c.value).text("default", c.standard).str());
  }
  Json wrong = Json::array();
  for (const Finding& f : ctl::findings(line.counters)) {
    wrong.element(Json::object()
                      .text("counter", f.counter)
                      .number("value", f.value)
                      .text("meaning", f.meaning)
                      .text("advice", f.advice)
                      .str());
  }
  Json out = Json::object();
  put_identity(out, line);
  out.text("peer", line.peer).flag("up", line.up).text("state", line.state);
  if (line.kernel) {
    const netlink::LineStatus& k = *line.kernel;
    Json flags = Json::array();
    for (const std::string& word : flag_words(k.flags)) flags.element(json_text(word));
    out.text("engine_state", k.state).raw("flags", flags.str());
  }
  out.number("speed", line.speed).number("char_time_ns", line.char_time);
  if (line.kernel) {
    const netlink::LineStatus& k = *line.kernel;
    out.text("policy", policy_word(k.policy))
        .number("max_messages", k.max_messages)
        .number("max_bytes", k.max_bytes)
        .number("max_writes", k.max_writes)
        .number("messages", k.messages)
        .number("bytes", k.bytes)
        .number("writes", k.writes);
  }
  out.raw("params", params.str())
      .raw("changed", changed.str())
      .raw("counters", counters_json(line.counters))
      .raw("turnaround", turnaround_json(line.turnaround))
      .raw("findings", wrong.str());
  if (line.served) {
    out.raw("served", line.served->dump(-1, ' ', true, DaemonJson::error_handler_t::replace));
  }
  return out.str() + "\n";
}

int show(Context& context, const std::string& which) {
  const auto line = Lines(context).find(which);
  if (!line) return context.failed(line.error());
  context.print(context.json ? show_json(*line) : ShowText(context, *line).all());
  return 0;
}

}  // namespace

void add_show(CLI::App& app, Context& context, Run& run) {
  auto* verb = app.add_subcommand("show", "everything about one line, and advice");
  const auto which = std::make_shared<std::string>();
  verb->add_option("line", *which, "its name, number or tty")->type_name("LINE")->required();
  verb->footer(
      "Examples:\n"
      "  llpctl show chem                    by name; also llp0, ttyS1, /dev/ttyUSB0\n"
      "  llpctl show chem --json | jq .turnaround.p99_ns");
  verb->callback([&context, &run, which] { run = [&context, which] { return show(context, *which); }; });
}

}  // namespace llp::ctl
