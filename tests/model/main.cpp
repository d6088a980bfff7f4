// SPDX-License-Identifier: BSD-3-Clause
//
// llp_model: explores two stations over a faulty line.
#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "config.hpp"
#include "explorer.hpp"
#include "ladder.hpp"

using namespace llp::model;

namespace {

constexpr const char* kUsage = R"(usage: llp_model [OPTION]...
Explores two stations over a faulty line, in every configuration of a profile.
  --profile check|soak   which configurations (check)
  --only NAME            one configuration
  --faults N, --events N its bounds, instead of the profile's
  --jobs N               configurations at a time (1)
  --minutes N            stop each after so long (60)
  --memory MIB           stop each at so much (2048)
  --report FILE          results in JUnit's form
  --traces               tell the first run of each named case
  --keep-going           tell a violation of each kind, not the first only
  --promises FILE        compare the named cases and their runs with FILE
  --write-promises FILE  write them
  --list                 print the configurations
Interrupted (SIGINT, SIGTERM), it prints what it completed.
Exit status 1: a property was violated, or not all was explored. 2: usage.
)";

// By a signal.
// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables): a handler reaches nothing else
std::atomic<bool> interrupted = false;

struct Options {
  Profile profile = Profile::kCheck;
  std::string only, report, promises, write_promises;
  int faults = -1, events = -1, jobs = 1, minutes = 60, memory = 2048;
  bool traces = false, keep_going = false, list = false;
};

struct Outcome {
  std::string text;
  std::string failure;  // one line; empty: all is well
  double seconds = 0;
  std::map<std::string, std::string> cases;  // the first run of each
};

bool number(const char* s, int& out) {
  const char* end = s + std::strlen(s);
  const auto [p, error] = std::from_chars(s, end, out);
  return error == std::errc() && p == end && out >= 0;
}

bool parse(int argc, char** argv, Options& o) {
  for (int i = 1; i < argc; i++) {
    const std::string_view a = argv[i];
    const char* value = i + 1 < argc ? argv[i + 1] : "";
    bool good = true;
    bool takes = true;
    if (a == "--only") {
      o.only = value;
    } else if (a == "--report") {
      o.report = value;
    } else if (a == "--promises") {
      o.promises = value;
    } else if (a == "--write-promises") {
      o.write_promises = value;
    } else if (a == "--profile") {
      o.profile = std::strcmp(value, "soak") == 0 ? Profile::kSoak : Profile::kCheck;
      good = o.profile == Profile::kSoak || std::strcmp(value, "check") == 0;
    } else if (a == "--faults") {
      good = number(value, o.faults);
    } else if (a == "--events") {
      good = number(value, o.events);
    } else if (a == "--jobs") {
      good = number(value, o.jobs) && o.jobs > 0;
    } else if (a == "--minutes") {
      good = number(value, o.minutes);
    } else if (a == "--memory") {
      good = number(value, o.memory);
    } else {
      takes = false;
      if (a == "--traces") {
        o.traces = true;
      } else if (a == "--keep-going") {
        o.keep_going = true;
      } else if (a == "--list") {
        o.list = true;
      } else {
        good = false;
      }
    }
    if (takes) i++;
    if (!good || i >= argc) return false;
  }
  return true;
}

std::string told(const Model& model, const std::vector<Action>& path, bool rest) {
  std::string out;
  for (const std::string& line : ladder(model, path, rest)) out += "    " + line + "\n";
  return out;
}

Outcome explore(const Config& c, const Options& o) {
  Limits limits;
  limits.keep_going = o.keep_going;
  limits.time = std::chrono::minutes(o.minutes);
  limits.memory = static_cast<std::size_t>(o.memory) << 20;
  limits.interrupted = &interrupted;
  const Model model(c);
  const Report r = Explorer(model, limits).run();
  Outcome out;
  out.seconds = r.seconds;
  std::array<char, 512> line{};
  (void)std::snprintf(
      line.data(), line.size(),
      "%-22s %d faults, %d events: %s; %u states, %llu transitions, %u at rest after at most %.0f s "
      "(bound %.0f s), %.1f s, %zu MiB\n",
      c.name.c_str(), c.faults, c.events,
      r.completed == c.faults
          ? "complete"
          : ("completed " + std::to_string(r.completed) + ", frontier " + std::to_string(r.frontier)).c_str(),
      r.states, static_cast<unsigned long long>(r.transitions), r.rests, r.longest_rest_ms / 1e3,
      static_cast<double>(c.rest_bound()) / 1e9, r.seconds, r.memory >> 20);
  out.text = line.data();
  for (std::size_t i = 0; i < r.layer.size(); i++)
    out.text +=
        "    " + std::to_string(r.layer[i]) + " states first met with " + std::to_string(i) + " faults\n";
  for (const auto& [k, n] : r.cases) {
    out.text += std::string("    case ") + k->name + " (" + rule_name(k->rule) +
                "): " + std::to_string(n.count) + " times\n";
    const std::string run = told(model, n.path, false);
    if (o.traces) out.text += run;
    out.cases.emplace(k->name, "In `" + c.name + "`:\n\n" + run);
  }
  for (const Violation& v : r.violations) {
    const std::string what =
        "property " + std::to_string(rule_property(v.finding.rule)) + ": " + words(v.finding);
    if (out.failure.empty()) out.failure = what;
    out.text += "  VIOLATED " + what + "\n" + told(model, v.path, v.at_rest);
  }
  if (r.violations.empty() && r.completed < c.faults && o.profile == Profile::kCheck)
    out.failure = "the bound was not completed";
  return out;
}

constexpr const char* kPromises = R"(# What the protocols promise, and what they cannot

Written by `llp_model --write-promises`, and compared by `make check`. The explorer (`tests/model`) joins two engines by
a faulty line and checks in every state that it reaches:

1. what is delivered is what was submitted, whole and in order, and replies belong to their requests;
2. a message reported delivered was delivered; one reported as not sent or refused was not;
3. no message is delivered twice, unless it is marked as a possible repeat and is one of the cases below;
4. from every state, without further faults, both stations come to rest within the sum of their timers, nothing is
   left half done, and a new message then passes;
5. counters agree with what happened.

What follows are the cases that the protocols themselves cannot exclude, each with the shortest run that leads to it.
Whatever breaks a rule and is none of these fails the check. Station A is on the left.
)";

std::string promises(const std::vector<Outcome>& done) {
  std::string out = kPromises;
  for (const Case& k : cases()) {
    if (!k.about) continue;
    out += std::string("\n## ") + k.name + "\n\n" + k.about + "\n";
    for (const Outcome& d : done) {
      const auto it = d.cases.find(k.name);
      if (it == d.cases.end()) continue;
      out += "\n" + it->second;
      break;
    }
  }
  return out;
}

bool same_promises(const std::string& path, const std::string& now) {
  std::ifstream f(path);
  const std::string then((std::istreambuf_iterator<char>(f)), std::istreambuf_iterator<char>());
  return then == now;
}

std::string escaped(std::string_view s) {
  std::string out;
  for (const char c : s) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '"') {
      out += "&quot;";
    } else {
      out += c;
    }
  }
  return out;
}

bool write_report(const std::string& path, const std::vector<Config>& all, const std::vector<Outcome>& done) {
  std::ofstream f(path);
  f << R"(<?xml version="1.0"?>)" << "\n" << R"(<testsuite name="model" tests=")" << all.size() << "\">\n";
  for (std::size_t i = 0; i < all.size(); i++) {
    f << R"(  <testcase classname="model" name=")" << all[i].name << R"(" time=")" << done[i].seconds
      << "\">";
    if (!done[i].failure.empty()) f << R"(<failure message=")" << escaped(done[i].failure) << R"("/>)";
    f << "</testcase>\n";
  }
  f << "</testsuite>\n";
  return f.good();
}

}  // namespace

int main(int argc, char** argv) {
  Options o;
  if (!parse(argc, argv, o)) {
    (void)std::fputs(kUsage, stderr);
    return 2;
  }
  std::vector<Config> all;
  for (Config& c : configs(o.profile)) {
    if (!o.only.empty() && c.name != o.only) continue;
    if (o.faults >= 0) c.faults = o.faults;
    if (o.events >= 0) c.events = o.events;
    all.push_back(std::move(c));
  }
  if (all.empty()) {
    (void)std::fprintf(stderr, "llp_model: no configuration is called %s; see --list\n", o.only.c_str());
    return 2;
  }
  if (o.list) {
    for (const Config& c : all)
      std::printf("%-22s %d faults, %d events: %s\n", c.name.c_str(), c.faults, c.events, c.about.c_str());
    return 0;
  }
  (void)std::signal(SIGINT, [](int) { interrupted = true; });
  (void)std::signal(SIGTERM, [](int) { interrupted = true; });
  std::vector<Outcome> done(all.size());
  std::atomic<std::size_t> next = 0;
  std::mutex print;
  {
    std::vector<std::jthread> workers;
    for (int j = 0; j < o.jobs; j++) {
      workers.emplace_back([&] {
        for (std::size_t i = next++; i < all.size(); i = next++) {
          if (interrupted) {
            done[i].text = all[i].name + ": not begun\n";
            done[i].failure = "interrupted";
          } else {
            done[i] = explore(all[i], o);
          }
          const std::lock_guard lock(print);
          (void)std::fputs(done[i].text.c_str(), stdout);
          (void)std::fflush(stdout);
        }
      });
    }
  }
  if (!o.write_promises.empty()) std::ofstream(o.write_promises) << promises(done);
  if (!o.promises.empty()) {
    Outcome& d = done.emplace_back();
    all.emplace_back().name = "promises";
    if (!same_promises(o.promises, promises(done))) {
      d.failure = o.promises + " is not what was found; write it anew with --write-promises";
      std::printf("%s\n", d.failure.c_str());
    }
  }
  if (!o.report.empty() && !write_report(o.report, all, done)) {
    (void)std::fprintf(stderr, "llp_model: cannot write %s\n", o.report.c_str());
    return 2;
  }
  for (const Outcome& d : done)
    if (!d.failure.empty()) return 1;
  return 0;
}
