// SPDX-License-Identifier: BSD-3-Clause
//
// llp_model: explores two stations over a faulty line.
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

#include "config.hpp"
#include "explorer.hpp"
#include "ladder.hpp"

using namespace llp::model;

namespace {

void print_path(const Model& model, const std::vector<Action>& path, bool rest) {
  for (const std::string& line : ladder(model, path, rest)) std::printf("    %s\n", line.c_str());
}

bool explore(const Config& c, const Limits& limits, bool traces) {
  const Model model(c);
  Explorer explorer(model, limits);
  const Report r = explorer.run();
  std::printf(
      "%-20s %d faults, %d events: %s; %u states, %llu transitions, rest after %.1f s of %.1f s, "
      "%u at rest, frontier %zu, %.1f s, %zu MiB\n",
      c.name.c_str(), c.faults, c.events,
      r.completed == c.faults ? "complete" : ("completed " + std::to_string(r.completed)).c_str(), r.states,
      static_cast<unsigned long long>(r.transitions), r.longest_rest_ms / 1e3, c.rest_bound() / 1e9, r.rests,
      r.frontier, r.seconds, r.memory >> 20);
  for (std::size_t i = 0; i < r.layer.size(); i++)
    std::printf("    with %zu faults: %llu states\n", i, static_cast<unsigned long long>(r.layer[i]));
  for (const auto& [k, n] : r.cases) {
    std::printf("  case %s: %llu\n", k->name, static_cast<unsigned long long>(n.count));
    if (traces) print_path(model, n.path, false);
  }
  for (const Violation& v : r.violations) {
    std::printf("  VIOLATION of property %d: %s\n", rule_property(v.finding.rule), words(v.finding).c_str());
    print_path(model, v.path, v.at_rest);
  }
  std::fflush(stdout);
  return r.violations.empty();
}

}  // namespace

int main(int argc, char** argv) {
  Limits limits;
  std::string only;
  int faults = -1, events = -1;
  bool traces = false;
  for (int i = 1; i < argc; i++) {
    const std::string_view a = argv[i];
    if (a == "--only" && i + 1 < argc) only = argv[++i];
    if (a == "--faults" && i + 1 < argc) faults = std::atoi(argv[++i]);
    if (a == "--events" && i + 1 < argc) events = std::atoi(argv[++i]);
    if (a == "--keep-going") limits.keep_going = true;
    if (a == "--traces") traces = true;
  }
  bool good = true;
  for (Config c : configs(Profile::kCheck)) {
    if (!only.empty() && c.name != only) continue;
    if (faults >= 0) c.faults = faults;
    if (events >= 0) c.events = events;
    good &= explore(c, limits, traces);
  }
  return good ? 0 : 1;
}
