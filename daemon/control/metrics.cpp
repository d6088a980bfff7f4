// SPDX-License-Identifier: BSD-3-Clause
// The exposition format of Prometheus, text version 0.0.4.
#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <iterator>
#include <vector>

#include "control/report.hpp"
#include "line/engine_api.hpp"

namespace llp::control {

namespace {

// In label values: backslash, double quote and line feed.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

// A line with what it says now, asked once.
struct Row {
  const LineInfo* info;
  std::string label;  // line="chem"
  core::LineStatus status;
};

class Writer {
 public:
  explicit Writer(std::vector<Row> rows) : rows_(std::move(rows)) {}

  void head(std::string_view name, std::string_view type, std::string_view help) {
    fmt::format_to(out(), "# HELP {0} {1}\n# TYPE {0} {2}\n", name, help, type);
  }
  void value(std::string_view name, std::string_view labels, const auto& number) {
    fmt::format_to(out(), "{}{{{}}} {}\n", name, labels, number);
  }
  // One family with a value of each line; of those that are served only, if told.
  template <class Value>
  void family(std::string_view name, std::string_view type, std::string_view help, bool served,
              Value value_of) {
    head(name, type, help);
    for (const Row& row : rows_) {
      if (!served || row.info->service != nullptr) value(name, row.label, value_of(row));
    }
  }
  void states() {
    constexpr std::array kStates{LineState::starting, LineState::running, LineState::failed,
                                 LineState::stopping, LineState::stopped};
    head("llp_line_state", "gauge", "1 for the state that the line is in");
    for (const Row& row : rows_) {
      for (const LineState state : kStates) {
        value("llp_line_state", fmt::format("{},state=\"{}\"", row.label, state_name(state)),
              row.info->state == state ? 1 : 0);
      }
    }
  }
  void info() {
    head("llp_line_info", "gauge", "1, with what the line is");
    for (const Row& row : rows_) {
      value("llp_line_info",
            fmt::format(R"({},protocol="{}",port="{}")", row.label,
                        llp_protocol_name(row.info->config->protocol),
                        escaped(io::describe(row.info->config->port))),
            1);
    }
  }
  void targets() {
    head("llp_target_up", "gauge", "0 after a failure of the application, else 1");
    for (const Row& row : rows_) {
      for (const core::TargetStatus& target : row.status.targets) {
        value("llp_target_up", fmt::format("{},target=\"{}\"", row.label, escaped(target.address)),
              target.failures == 0 ? 1 : 0);
      }
    }
  }
  void times() {
    constexpr std::string_view kName = "llp_transaction_seconds";
    head(kName, "histogram", "whole transactions, from the arrival of the message or request to its end");
    for (const Row& row : rows_) {
      if (row.info->service == nullptr) continue;
      const core::LineTimes& both = row.info->service->times();
      for (const auto& [direction, times] :
           {std::pair{"proximal", &both.proximal}, std::pair{"distal", &both.distal}}) {
        histogram(kName, fmt::format("{},direction=\"{}\"", row.label, direction), *times);
      }
    }
  }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  std::back_insert_iterator<std::string> out() { return std::back_inserter(text_); }
  void histogram(std::string_view name, const std::string& labels, const core::TimeHistogram& times) {
    std::uint64_t up_to = 0;
    for (std::size_t i = 0; i < core::TimeHistogram::kBounds.size(); ++i) {
      up_to += times.in_class(i);
      const double bound = core::TimeHistogram::kBounds.at(i) / 1000.0;
      fmt::format_to(out(), "{}_bucket{{{},le=\"{}\"}} {}\n", name, labels, bound, up_to);
    }
    fmt::format_to(out(), "{}_bucket{{{},le=\"+Inf\"}} {}\n", name, labels, times.count());
    fmt::format_to(out(), "{}_sum{{{}}} {:.6f}\n", name, labels,
                   std::chrono::duration<double>(times.sum()).count());
    fmt::format_to(out(), "{}_count{{{}}} {}\n", name, labels, times.count());
  }

  std::vector<Row> rows_;
  std::string text_;
};

}  // namespace

std::string metrics_report(const LineHost& host, std::string_view version) {
  const std::vector<LineInfo> lines = host.lines();
  std::vector<Row> rows;
  rows.reserve(lines.size());
  for (const LineInfo& line : lines) {
    rows.push_back({&line, fmt::format("line=\"{}\"", escaped(line.config->name)),
                    line.service != nullptr ? line.service->status() : core::LineStatus{}});
  }
  Writer writer(std::move(rows));
  writer.head("llp_build_info", "gauge", "1, with what was built");
  writer.value("llp_build_info", fmt::format("version=\"{}\"", escaped(version)), 1);
  writer.info();
  writer.states();
  writer.family("llp_line_health", "gauge", "0 good, 1 waiting for something, 2 bad", false,
                [](const Row& row) { return static_cast<int>(health_of(*row.info).health); });
  writer.family("llp_line_connected", "gauge", "1 while the wire is there", false,
                [](const Row& row) { return row.status.connected ? 1 : 0; });
  writer.family("llp_messages_in_hand", "gauge", "messages from the instrument that wait or are worked on",
                true, [](const Row& row) { return row.status.messages; });
  writer.family("llp_requests_waiting", "gauge", "requests that wait for the line", true,
                [](const Row& row) { return row.status.requests; });
  writer.family("llp_clients", "gauge", "connections at dist with a request", true,
                [](const Row& row) { return row.status.clients; });
  writer.family("llp_dead_letters_kept", "gauge", "dead letters in memory", true,
                [](const Row& row) { return row.status.dead_letters; });
  writer.family("llp_spool_messages", "gauge", "messages in the spool that wait for their application", true,
                [](const Row& row) { return row.status.stored; });
  writer.family("llp_spool_dead_letters", "gauge", "dead letters in the spool", true,
                [](const Row& row) { return row.status.stored_dead + row.status.stored_late; });
  writer.family("llp_spool_bytes", "gauge", "bytes in the spool", true,
                [](const Row& row) { return row.status.stored_bytes; });
  writer.targets();
  writer.times();
  for (const core::LineCounter& counter : core::kLineCounters) {
    writer.family(fmt::format("llp_{}_total", counter.name), "counter", counter.meaning, true,
                  [&counter](const Row& row) { return row.info->service->counters().*counter.value; });
  }
  for (u32 i = 0; i < LLP_C__N; ++i) {
    writer.family(fmt::format("llp_protocol_{}_total", llp_counter_name(i)), "counter",
                  fmt::format("the protocol's counter {}", llp_counter_name(i)), true,
                  [i](const Row& row) { return row.status.protocol.at(i); });
  }
  return writer.take();
}

}  // namespace llp::control
