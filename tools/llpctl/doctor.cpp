// SPDX-License-Identifier: BSD-3-Clause
// llpctl doctor: what is wrong, in words, and what to do.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "config/text.hpp"
#include "llpctl/context.hpp"
#include "llpctl/daemon.hpp"
#include "llpctl/doctor_facts.hpp"
#include "llpctl/doctor_system.hpp"
#include "llpctl/json.hpp"
#include "llpctl/line_view.hpp"
#include "llpctl/table.hpp"
#include "llpctl/words.hpp"

namespace llp::ctl {

namespace {

using doctor::Facts;

using doctor::Line;
using doctor::Severity;

constexpr int kFound = 1;
constexpr unsigned kP99 = 990;

struct DoctorArguments {
  std::string which;
  std::string lock_dir = "/var/lock";
};

// A line and the port that it is on; empty: none that is a serial port.
struct Subject {
  Line line;
  std::string device;
};

Line line_of(const LineView& view) {
  Line line;
  line.name = view.name;
  line.in_kernel = view.kernel.has_value();
  line.up = !view.kernel || view.up;
  line.takes_messages = view.takes_messages;
  line.state = view.state;
  if (view.served) {
    line.health = text_at(*view.served, "health");
    line.reason = shown(text_at(*view.served, "reason"));
  }
  line.protocol = view.protocol;
  for (const auto& p : view.params) line.params[p.name] = p.value;
  for (const auto& c : view.counters) line.counters[c.name] = c.value;
  if (view.turnaround.count > 0) {
    line.answer_longest_ns = view.turnaround.longest;
    line.answer_p99_ns = view.turnaround.quantile(kP99);
  }
  line.high_bytes = view.high_bytes;
  return line;
}

class Doctor {
 public:
  Doctor(Context& context, const DoctorArguments& a)
      : context_(context), arguments_(a), system_(context.doctor_system()) {}

  int run() {
    ask_machine();
    std::vector<Subject> subjects = gather();
    bool known = arguments_.which.empty();
    if (known) found_ = judge(Facts{&machine_, nullptr, nullptr});
    for (const Subject& subject : subjects) {
      if (!known_as(subject)) continue;
      known = true;
      examine_line(subject);
    }
    // No line, so a port, whether or not it is there.
    if (!known && arguments_.which.find('/') == std::string::npos) return unknown(subjects);
    if (!known) examine_port(arguments_.which, nullptr);
    std::ranges::stable_sort(found_, {}, &doctor::Finding::severity);
    context_.print(context_.json ? as_json() : as_text());
    const auto grave = [](const doctor::Finding& f) { return f.severity != Severity::hint; };
    return std::ranges::any_of(found_, grave) ? kFound : 0;
  }

 private:
  void ask_machine() {
    machine_.ldiscs = system_->text_of("/proc/tty/ldiscs");
    machine_.meddlers = system_->running({"ModemManager", "brltty", "gpsd"});
  }

  std::vector<Subject> gather() {
    std::vector<Subject> all;
    Lines lines(context_);
    const auto views = lines.all();
    if (lines.no_kernel()) machine_.kernel = lines.no_kernel()->message;
    if (lines.no_daemon()) machine_.daemon = lines.no_daemon()->message;
    if (!views) return all;
    for (const LineView& view : *views) all.push_back({line_of(view), view.node(context_)});
    return all;
  }

  bool known_as(const Subject& subject) {
    const std::string& which = arguments_.which;
    if (which.empty() || which == subject.line.name || which == subject.device) return true;
    const std::string real = which.starts_with('/') ? system_->real_path(which) : std::string();
    return !real.empty() && !subject.device.empty() && real == system_->real_path(subject.device);
  }

  int unknown(const std::vector<Subject>& subjects) {
    std::vector<std::string> names;
    names.reserve(subjects.size());
    for (const Subject& subject : subjects) names.push_back(subject.line.name);
    return context_.failed({Errc::not_found,
                            "there is no line or port " + config::quote(arguments_.which) +
                                config::did_you_mean(arguments_.which, names),
                            0});
  }

  void examine_line(const Subject& subject) {
    if (subject.device.empty()) {
      add(judge(Facts{&machine_, nullptr, &subject.line}));
    } else {
      examine_port(subject.device, &subject.line);
    }
    examined_.push_back(subject.line.name);
  }

  void examine_port(const std::string& device, const Line* line) {
    const doctor::Port port = examine(*system_, device, arguments_.lock_dir);
    add(judge(Facts{&machine_, &port, line}));
    if (line == nullptr) examined_.push_back(device);
    if (port.state) wires_.push_back(wire_words(port));
  }

  static std::string wire_words(const doctor::Port& port) {
    const doctor::PortState& s = *port.state;
    std::string words = fmt::format("{}: {} baud {}", port.node, s.baud, s.mode);
    if (!s.modem_lines) return words + ", no modem lines";
    const auto on = [](bool raised) { return raised ? "on" : "off"; };
    return words +
           fmt::format(", DCD {}, DSR {}, CTS {}", on(s.carrier), on(s.data_set), on(s.clear_to_send));
  }

  void add(std::vector<doctor::Finding> more) { std::ranges::move(more, std::back_inserter(found_)); }

  [[nodiscard]] std::string as_json() const {
    Json out = Json::array();
    for (const doctor::Finding& f : found_) {
      out.element(Json::object()
                      .text("id", f.id)
                      .text("severity", to_string(f.severity))
                      .text("subject", f.subject)
                      .text("sentence", f.sentence)
                      .text("advice", f.advice)
                      .str());
    }
    return out.str() + "\n";
  }

  [[nodiscard]] std::string as_text() const {
    std::string out;
    for (const std::string& wire : wires_) out += wire + "\n";
    const auto colour = [&](Severity severity) {
      if (!context_.colour) return "";
      constexpr std::array kColours{"\x1b[31m", "\x1b[33m", "\x1b[36m"};
      return kColours.at(static_cast<std::size_t>(severity));
    };
    for (const doctor::Finding& f : found_) {
      out += fmt::format("\n{}{}{} [{}]{}{}\n", colour(f.severity), to_string(f.severity),
                         context_.colour ? "\x1b[0m" : "", f.id, f.subject.empty() ? "" : " ", f.subject);
      out += wrapped(f.sentence, 2, context_.columns) + wrapped(f.advice, 4, context_.columns);
    }
    if (found_.empty()) {
      out += fmt::format("{}Nothing is wrong{}.\n", out.empty() ? "" : "\n",
                         examined_.empty() ? "; there is no line yet" : " that can be seen from here");
    }
    return out.starts_with('\n') ? out.substr(1) : out;
  }

  Context& context_;
  const DoctorArguments& arguments_;
  std::unique_ptr<DoctorSystem> system_;
  doctor::Machine machine_;
  std::vector<doctor::Finding> found_;
  std::vector<std::string> examined_, wires_;
};

}  // namespace

void add_doctor(CLI::App& app, Context& context, Run& run) {
  auto* verb = app.add_subcommand("doctor", "what is wrong with lines and ports, and what to do");
  const auto a = std::make_shared<DoctorArguments>();
  verb->add_option("line", a->which, "a line or a port (a path); else the machine and all lines")
      ->type_name("LINE");
  verb->add_option("--lock-dir", a->lock_dir, "where UUCP lock files are")
      ->type_name("DIR")
      ->capture_default_str();
  verb->footer(
      "It opens ports to ask them; on one that nobody has open, DTR and RTS move. Exit status 1: something\n"
      "was found that is more than a hint.\n\n"
      "Examples:\n"
      "  llpctl doctor                       the machine, and every line\n"
      "  llpctl doctor chem                  one line and its port\n"
      "  llpctl doctor /dev/ttyUSB0          a port that is no line yet\n"
      "  llpctl doctor --json | jq '.[] | select(.severity == \"error\")'");
  verb->callback([&context, &run, a] { run = [&context, a] { return Doctor(context, *a).run(); }; });
}

}  // namespace llp::ctl
