// SPDX-License-Identifier: BSD-3-Clause
// llp_walk: random walks over kept seeds, and what came of them.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <string_view>

#include "walk.hpp"

namespace {

using llp::walk::Tally;

struct Kind {
  const char* name;
  llp_protocol protocol;
  unsigned release;
};
constexpr std::array<Kind, 4> kKinds{{{"x328", LLP_PROTO_X328, 1},
                                      {"hllp", LLP_PROTO_HLLP, 1},
                                      {"mllp2", LLP_PROTO_MLLP, 2},
                                      {"mllp", LLP_PROTO_MLLP, 1}}};
constexpr std::array<double, 5> kRates{1e-6, 1e-5, 1e-4, 1e-3, 1e-2};
// Each walk is short enough to be repeated alone.
constexpr std::uint64_t kWalk = 5000;

// Set by SIGINT and SIGTERM: the walk under way is finished, and what was done is printed.
// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables): a signal handler reaches nothing else
volatile std::sig_atomic_t stopped = 0;

// How a station knows the reply to its request: by its place, or by the name of the request, as in HL7.
constexpr std::array<bool, 2> kNamed{true, false};
const char* match(bool named) { return named ? "msa_id" : "lockstep"; }

void print(const Kind& kind, bool named, double rate, const Tally& t) {
  const double line = t.seconds > 0 ? static_cast<double>(t.good_bytes) / t.seconds / 11520 * 100 : 0;
  const std::string theory = kind.protocol == LLP_PROTO_MLLP
                                 ? fmt::format("no check: what keeps its frame, of {}", t.damaged)
                                 : fmt::format("1 in 256 of {} that only the check sees: {:.1f}", t.multiple,
                                               static_cast<double>(t.multiple) / 256);
  fmt::print("{:<6} {:<8} {:>6.0e} {:>9} {:>9} {:>7} {:>7} {:>9} {:>6.1f} % {:>7} {:>8} {:>9} {:>9}   {}\n",
             kind.name, match(named), rate, t.messages, t.delivered, t.failed, t.unknown, t.retransmissions,
             line, t.repeats, t.lockstep, t.unchecked, t.undetected, theory);
  static_cast<void>(std::fflush(stdout));
}

bool number(std::string_view text, std::uint64_t& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size() && out > 0;
}

int usage() {
  fmt::print(
      stderr,
      "usage: llp_walk [--messages N] [--seed S] [x328|hllp|mllp|mllp2]...\n"
      "Sends N messages (100000) of each protocol over lines with faults, in walks of {} from seed S (1) "
      "on: half of\nthem HL7 with default options, half texts from one byte on with match=lockstep.\nExit "
      "status 1: a promise was broken; the walk is named. 2: it was interrupted, after what it "
      "printed.\n",
      kWalk);
  return 64;
}

// One protocol at one rate. False: a promise was broken.
bool run(const Kind& kind, bool named, double rate, std::uint64_t messages, std::uint64_t seed) {
  Tally all;
  for (std::uint64_t done = 0; done < messages && !stopped; done += kWalk, ++seed) {
    all +=
        llp::walk::walk({kind.protocol, kind.release, named, rate, std::min(kWalk, messages - done), seed});
    if (!all.violation.empty()) {
      fmt::print("{} {} at {:.0e} faults per byte: {}\n", kind.name, match(named), rate, all.violation);
      return false;
    }
  }
  print(kind, named, rate, all);
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t messages = 100000, seed = 1;
  std::string wanted;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--messages" || word == "--seed") {
      ++i;
      if (i == argc || !number(argv[i], word == "--seed" ? seed : messages)) return usage();
    } else if (std::ranges::find(kKinds, word, &Kind::name) != kKinds.end()) {
      wanted += fmt::format(" {} ", word);
    } else {
      return usage();
    }
  }
  fmt::print("{:<6} {:<8} {:>6} {:>9} {:>9} {:>7} {:>7} {:>9} {:>8} {:>7} {:>8} {:>9} {:>9}   {}\n", "",
             "match", "rate", "messages", "delivered", "failed", "unknown", "resent", "of line", "repeats",
             "lockstep", "unchecked", "damaged", "what theory lets pass");
  (void)std::signal(SIGINT, [](int) { stopped = 1; });
  (void)std::signal(SIGTERM, [](int) { stopped = 1; });
  bool good = true;
  for (const Kind& kind : kKinds) {
    if (!wanted.empty() && wanted.find(fmt::format(" {} ", kind.name)) == std::string::npos) continue;
    for (const bool named : kNamed)
      for (const double rate : kRates)
        if (!stopped) good &= run(kind, named, rate, messages / (kRates.size() * kNamed.size()), seed);
  }
  if (stopped) fmt::print("interrupted: the last row is what was done of it, and nothing after it\n");
  if (!good) return 1;
  return stopped ? 2 : 0;
}
