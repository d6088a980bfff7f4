// SPDX-License-Identifier: BSD-3-Clause
#include "llpctl/line_view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "config/parameters.hpp"
#include "config/text.hpp"
#include "llpctl/table.hpp"
#include "llpctl/top_model.hpp"
#include "llpctl/words.hpp"

namespace llp::ctl {

namespace {

using netlink::LineStats;
using netlink::LineStatus;

constexpr unsigned kRowIndent = 14;  // of what stands behind a word

std::string served_state(const DaemonJson& report) {
  const std::string state = shown(text_at(report, "state"));
  if (state != "running") return state.empty() ? "unknown" : state;
  if (!flag_at(report, "connected")) return "no wire";
  if (!flag_at(report, "idle")) return "busy";
  return flag_at(report, "takes_messages") ? "ready" : "takes no messages";
}

void put_params(LineView& view, std::uint32_t protocol) {
  if (protocol >= LLP_PROTO__N) return;
  const auto known = static_cast<llp_protocol>(protocol);
  view.changed = config::changed_parameters(view.params, known);
  view.peer = config::peer_of(view.params, known);
}

// "/dev/ttyS0" of llpd's words for a port.
std::string path_in(std::string_view port) {
  return port.starts_with('/') ? std::string(port.substr(0, port.find(' '))) : std::string();
}

bool named(const LineView& view, const std::string& text) {
  if (view.name == text) return true;
  if (!view.served) return false;
  const std::string path = path_in(text_at(*view.served, "port"));
  const std::string terminal = text_at(*view.served, "terminal");
  return (!path.empty() && (path == text || path == "/dev/" + text)) ||
         (!terminal.empty() && terminal == text);
}

}  // namespace

std::uint64_t LineView::counter(std::string_view wanted) const noexcept {
  const auto found = std::ranges::find(counters, wanted, &netlink::Counter::name);
  return found == counters.end() ? 0 : found->value;
}

std::string LineView::device() const { return kernel ? fmt::format("llp{}", kernel->line) : "-"; }

std::string LineView::node(const Context& context) const {
  if (!kernel) return path_in(port);
  std::string tty = kernel->tty;
  if (tty.starts_with("pts") && !tty.starts_with("pts/")) tty.insert(3, "/");
  return (context.dev_dir / tty).string();
}

LineView view_of(const LineStatus& status, const LineStats& stats) {
  LineView view;
  view.name = status.name.empty() ? fmt::format("llp{}", status.line) : status.name;
  view.port = status.tty;
  view.protocol = protocol_word(status);
  view.state = state_words(status);
  view.up = status.up;
  view.takes_messages = (status.flags & LLP_INFO_READY) != 0;
  view.trouble = !status.up || (status.flags & (LLP_INFO_READY | LLP_INFO_IDLE)) == LLP_INFO_IDLE;
  view.speed = status.speed;
  view.char_time = status.char_time;
  view.waiting = std::uint64_t{status.messages} + status.writes;
  view.params = status.params;
  put_params(view, status.protocol);
  view.counters = stats.counters;
  view.turnaround = stats.turnaround;
  view.kernel = status;
  return view;
}

LineView view_of(const DaemonJson& report) {
  LineView view;
  view.name = shown(text_at(report, "name"));
  view.port = shown(text_at(report, "port"));
  view.state = served_state(report);
  view.up = text_at(report, "state") == "running";
  view.takes_messages = flag_at(report, "takes_messages");
  view.trouble = text_at(report, "health") != "good";
  view.speed = number_at(report, "baud");
  view.char_time = static_cast<std::uint64_t>(std::llround(top::char_time_of(view.port) * 1e9));
  view.waiting = number_at(report, "messages_in_hand") + number_at(report, "requests_waiting") +
                 number_at(part_at(report, "spool"), "waiting");
  for (const auto& [name, value] : part_at(report, "params").items()) {
    if (value.is_string()) view.params.push_back({shown(name), shown(value.get<std::string>())});
  }
  const std::string protocol = text_at(report, "protocol");
  view.protocol = shown(protocol);
  if (const auto known = config::parse_protocol(protocol)) {
    put_params(view, known->protocol);
    const bool release2 = std::ranges::find(view.params, Parameter{"release", "2"}) != view.params.end();
    if (known->protocol == LLP_PROTO_MLLP && release2) view.protocol = "mllp2";
  }
  for (const auto& [name, value] : part_at(report, "protocol_counters").items()) {
    if (value.is_number_unsigned()) view.counters.push_back({shown(name), value.get<std::uint64_t>()});
  }
  const DaemonJson& turnaround = part_at(report, "turnaround");
  view.turnaround.count = number_at(turnaround, "count");
  view.turnaround.sum = number_at(turnaround, "sum_ns");
  view.turnaround.longest = number_at(turnaround, "longest_ns");
  std::size_t next = 0;
  for (const DaemonJson& n : part_at(turnaround, "buckets")) {
    auto& bucket = view.turnaround.bucket.at(std::min(next++, view.turnaround.bucket.size() - 1));
    if (n.is_number_unsigned()) bucket += n.get<std::uint64_t>();
  }
  if (report.contains("high_bytes")) view.high_bytes = number_at(report, "high_bytes");
  view.served = report;
  return view;
}

void Lines::ask_kernel(std::vector<LineView>& all) {
  no_kernel_.reset();
  if (!kernel_) {
    auto opened = context_.open_kernel();
    if (!opened) {
      no_kernel_ = std::move(opened.error());
      return;
    }
    kernel_ = std::move(*opened);
  }
  const auto lines = kernel_->lines();
  if (!lines) {
    no_kernel_ = lines.error();
    kernel_.reset();
    return;
  }
  for (const LineStatus& line : *lines) {
    const auto stats = kernel_->stats(netlink::LineNumber{line.line});
    if (stats) {
      all.push_back(view_of(line, *stats));
    } else if (stats.error().code != Errc::not_found) {  // else it went meanwhile
      no_kernel_ = stats.error();
    }
  }
}

void Lines::ask_daemon(std::vector<LineView>& all) {
  no_daemon_.reset();
  const auto reports = daemon_lines(context_);
  if (!reports) {
    no_daemon_ = reports.error();
    return;
  }
  const std::size_t of_the_kernel = all.size();
  for (const DaemonJson& report : *reports) {
    LineView view = view_of(report);
    const auto end = all.begin() + static_cast<std::ptrdiff_t>(of_the_kernel);
    const auto same = std::find_if(all.begin(), end, [&](const LineView& v) { return v.name == view.name; });
    if (same == end || text_at(report, "engine") == "user") {
      all.push_back(std::move(view));
      continue;
    }
    // The kernel knows more of what it runs, llpd what waits and why.
    same->waiting += view.waiting;
    same->trouble |= view.trouble;
    same->served = std::move(view.served);
  }
}

Result<std::vector<LineView>> Lines::all() {
  std::vector<LineView> all;
  ask_kernel(all);
  ask_daemon(all);
  if (no_kernel_ && no_daemon_) return std::unexpected(*no_kernel_);
  return all;
}

Result<LineView> Lines::find(const std::string& text) {
  auto views = all();
  if (!views) return std::unexpected(std::move(views.error()));
  if (kernel_) {
    const auto found = netlink::find_line(*kernel_, text);
    if (!found && (no_daemon_ || found.error().code != Errc::not_found))
      return std::unexpected(found.error());
    if (found) {
      const auto same = std::ranges::find_if(
          *views, [&](const LineView& v) { return v.kernel && v.kernel->line == found->line; });
      if (same != views->end()) return std::move(*same);
    }
  }
  const auto found = std::ranges::find_if(*views, [&](const LineView& v) { return named(v, text); });
  if (found != views->end()) return std::move(*found);
  std::vector<std::string> names;
  for (const LineView& v : *views) names.push_back(v.name);
  return fail(Errc::not_found,
              fmt::format("there is no line {}{}", config::quote(text), config::did_you_mean(text, names)));
}

void put_identity(Json& out, const LineView& line) {
  if (line.kernel) {
    out.number("line", line.kernel->line)
        .text("device", fmt::format("/dev/llp{}", line.kernel->line))
        .text("name", line.kernel->name)
        .text("tty", line.kernel->tty);
  } else {
    out.raw("line", "null").raw("device", "null").text("name", line.name).text("port", line.port);
  }
  out.text("protocol", line.protocol).text("engine", line.kernel ? "kernel" : "user");
}

std::string counters_json(const std::vector<netlink::Counter>& counters) {
  Json out = Json::object();
  for (const auto& c : counters) out.number(c.name, c.value);
  return out.str();
}

std::string turnaround_json(const Turnaround& t) {
  Json buckets = Json::array();
  for (const std::uint64_t n : t.bucket) buckets.element(std::to_string(n));
  Json out = Json::object();
  out.number("count", t.count).number("sum_ns", t.sum).number("longest_ns", t.longest);
  if (t.count > 0) out.number("p50_ns", *t.quantile(500)).number("p99_ns", *t.quantile(990));
  return out.raw("buckets", buckets.str()).str();
}

std::string row_of(const std::string& word, const std::string& text, unsigned columns) {
  std::string rest = wrapped(text, kRowIndent, columns);
  if (!rest.empty()) rest.replace(0, kRowIndent, fmt::format("  {:<{}}", word, kRowIndent - 2));
  return rest;
}

void served_ends(const DaemonJson& report, const PutRow& row) {
  row("terminal", shown(text_at(report, "terminal")));
  row("dist", shown(text_at(report, "dist")));
}

void served_rows(const DaemonJson& report, const PutRow& row) {
  if (!part_at(report, "counters").is_object()) return;
  row("queues",
      fmt::format("{} messages in hand, {} requests wait, {} clients", number_at(report, "messages_in_hand"),
                  number_at(report, "requests_waiting"), number_at(report, "clients")));
  if (const DaemonJson& spool = part_at(report, "spool"); spool.is_object()) {
    row("spool", fmt::format("{} wait, {} dead, {} late, {} bytes", number_at(spool, "waiting"),
                             number_at(spool, "dead"), number_at(spool, "late"), number_at(spool, "bytes")));
  }
  for (const DaemonJson& target : part_at(report, "targets")) {
    if (!target.is_object()) continue;
    const std::uint64_t failures = number_at(target, "failures");
    row("target",
        shown(text_at(target, "address")) + (flag_at(target, "present") ? ", the present one" : "") +
            (failures == 0
                 ? std::string()
                 : fmt::format("; {} failures, the last: {}", failures, shown(text_at(target, "failure")))));
  }
}

}  // namespace llp::ctl
