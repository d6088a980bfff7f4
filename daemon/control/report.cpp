// SPDX-License-Identifier: BSD-3-Clause
#include "control/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <variant>

#include "config/parameters.hpp"
#include "control/line_events.hpp"
#include "line/engine_api.hpp"

namespace llp::control {

namespace {

using Json = nlohmann::ordered_json;

// Milliseconds with three places at most.
double milliseconds(std::chrono::nanoseconds time) {
  return static_cast<double>(std::chrono::duration_cast<std::chrono::microseconds>(time).count()) / 1000;
}

Json times_report(const core::TimeHistogram& times) {
  Json classes = Json::array();
  for (std::size_t i = 0; i <= core::TimeHistogram::kBounds.size(); ++i) {
    Json one;
    one["to_ms"] =
        i < core::TimeHistogram::kBounds.size() ? Json(core::TimeHistogram::kBounds.at(i)) : Json();
    one["count"] = times.in_class(i);
    classes.push_back(std::move(one));
  }
  return {{"count", times.count()}, {"sum_ms", milliseconds(times.sum())}, {"classes", std::move(classes)}};
}

Json target_report(const core::TargetStatus& target) {
  Json report{{"address", target.address}, {"present", target.present}, {"failures", target.failures}};
  if (target.failures > 0) {
    report["failure"] = target.failure;
    report["rests_ms"] = milliseconds(target.rests);
  }
  return report;
}

Json turnaround_report(const Turnaround& t) {
  Json report{{"count", t.count}, {"sum_ns", t.sum}, {"longest_ns", t.longest}};
  if (t.count > 0) {
    report["p50_ns"] = *t.quantile(500);
    report["p99_ns"] = *t.quantile(990);
  }
  report["buckets"] = t.bucket;
  return report;
}

void put_parameters(Json& report, const core::LineConfig& config) {
  const auto all = config::parameter_texts(config.params, config.protocol);
  report["peer"] = config::peer_of(all, config.protocol);
  Json params = Json::object();
  for (const Parameter& p : all) params[p.name] = p.value;
  report["params"] = std::move(params);
  Json changed = Json::object();
  for (const auto& c : config::changed_parameters(all, config.protocol)) {
    changed[c.name] = {{"value", c.value}, {"default", c.standard}};
  }
  report["changed"] = std::move(changed);
}

}  // namespace

Json line_report(const LineInfo& line) {
  const core::LineConfig& config = *line.config;
  const HealthReport health = health_of(line);
  Json report;
  report["name"] = config.name;
  report["state"] = state_name(line.state);
  report["for_s"] =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - line.since).count();
  report["health"] = health_name(health.health);
  if (!health.reason.empty()) report["reason"] = health.reason;
  if (!line.failure.empty()) report["failure"] = line.failure;
  report["protocol"] = llp_protocol_name(config.protocol);
  report["port"] = io::describe(config.port);
  const auto* tty = std::get_if<io::Tty>(&config.port);
  report["baud"] = tty != nullptr && !tty->keep ? tty->baud : 0;
  if (config.dist) {
    report["dist"] = illp::to_string(*config.dist);
    report["dist_tls"] = config.tls.for_dist();
  }
  put_parameters(report, config);
  report["last_errors"] = Json::array();
  if (line.events != nullptr) {
    for (const LineEvent& e : line.events->errors()) report["last_errors"].push_back(error_report(e));
  }
  if (line.service == nullptr) return report;

  const core::LineStatus status = line.service->status();
  if (const std::string slave = line.service->slave_name(); !slave.empty()) report["terminal"] = slave;
  if (const auto port = line.service->dist_port(); port != 0) report["dist_port"] = port;
  const line::Measures measures = line.service->measures();
  report["engine"] = measures.in_kernel ? "kernel" : "user";
  report["connected"] = status.connected;
  report["idle"] = status.idle;
  report["takes_messages"] = status.takes_messages;
  report["messages_in_hand"] = status.messages;
  report["requests_waiting"] = status.requests;
  report["request_on_line"] = status.request_on_line;
  report["clients"] = status.clients;
  report["dead_letters"] = status.dead_letters;
  if (status.has_spool) {
    report["spool"] = {{"waiting", status.stored},
                       {"dead", status.stored_dead},
                       {"late", status.stored_late},
                       {"bytes", status.stored_bytes}};
  }
  report["targets"] = Json::array();
  for (const core::TargetStatus& target : status.targets) report["targets"].push_back(target_report(target));
  Json counters = Json::object();
  for (const core::LineCounter& counter : core::kLineCounters) {
    counters[counter.name] = line.service->counters().*counter.value;
  }
  report["counters"] = std::move(counters);
  Json protocol = Json::object();
  for (u32 i = 0; i < LLP_C__N; ++i) protocol[llp_counter_name(i)] = status.protocol.at(i);
  report["protocol_counters"] = std::move(protocol);
  report["turnaround"] = turnaround_report(measures.turnaround);
  if (measures.high_bytes) report["high_bytes"] = *measures.high_bytes;
  report["times"] = {{"proximal", times_report(line.service->times().proximal)},
                     {"distal", times_report(line.service->times().distal)}};
  return report;
}

Json health_report(const LineHost& host) {
  Health worst = Health::good;
  Json lines = Json::object();
  for (const LineInfo& line : host.lines()) {
    const HealthReport health = health_of(line);
    worst = std::max(worst, health.health);
    Json one{{"health", health_name(health.health)}};
    if (!health.reason.empty()) one["reason"] = health.reason;
    lines[line.config->name] = std::move(one);
  }
  return {{"health", health_name(worst)}, {"lines", std::move(lines)}};
}

}  // namespace llp::control
