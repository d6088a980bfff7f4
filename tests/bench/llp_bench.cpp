// SPDX-License-Identifier: BSD-3-Clause
// How fast the engine encodes and decodes, as ratios to baselines of the same
// run. Everything is measured through the engine's public calls, with the
// events and verdicts that a shell has to handle.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "baseline.h"
#include "message.hpp"
#include "station.hpp"

namespace {

using Bytes = std::vector<std::uint8_t>;

struct Subject {
  std::string name;  // "x328 block=233"
  llp_protocol proto;
  std::vector<std::pair<const char*, const char*>> settings;
  const char* baseline;
  std::size_t largest;
};

const std::vector<Subject> kSubjects = {
    {"mllp", LLP_PROTO_MLLP, {}, "find+copy", 1 << 20},
    {"mllp2", LLP_PROTO_MLLP, {{"release", "2"}}, "find+copy", 1 << 20},
    {"hllp", LLP_PROTO_HLLP, {}, "xor+copy", 90000},
    {"x328 block=233", LLP_PROTO_X328, {}, "xor+copy", 1 << 20},
    {"x328 block=4096", LLP_PROTO_X328, {{"block_max", "4096"}}, "xor+copy", 1 << 20},
    {"x328 block=99999",
     LLP_PROTO_X328,
     {{"block_max", "99999"}, {"max_rx_text", "99999"}},
     "xor+copy",
     1 << 20},
};

const std::size_t kSizes[] = {500, 2000, 90000, 1 << 20};

llp_params params_of(const Subject& s) {
  llp_params p{};
  llp_params_default(&p, s.proto);
  for (const auto& [name, value] : s.settings)
    if (llp_params_set(&p, s.proto, name, value)) std::abort();
  return p;
}

// The conversation of one message, recorded once: what goes to the receiver,
// in the pieces between which it answers, and what comes back.
struct Conversation {
  std::vector<Bytes> out, back;
};

Conversation record(const Subject& s, const Bytes& text) {
  Conversation c;
  bench::Station sender(s.proto, params_of(s), 1 << 12);
  bench::Station receiver(s.proto, params_of(s), text.size() + 200000);
  sender.submit(text);
  for (int turn = 0; turn < 1000000; ++turn) {
    const auto out = sender.pull();
    if (out.empty()) break;
    c.out.emplace_back(out.begin(), out.end());
    receiver.feed(c.out.back());
    const auto back = receiver.pull();
    c.back.emplace_back(back.begin(), back.end());
    sender.feed(c.back.back());
  }
  if (receiver.received() != 1) std::abort();
  return c;
}

void decode(benchmark::State& state, const Subject& s, std::size_t size) {
  const Bytes text = bench::oru(size);
  const Conversation c = record(s, text);
  bench::Station station(s.proto, params_of(s), text.size() + 200000);
  for ([[maybe_unused]] auto _ : state) {
    for (const auto& piece : c.out) {
      station.feed(piece);
      station.drain();
    }
  }
  if (station.received() != static_cast<uint64_t>(state.iterations()))
    state.SkipWithError("messages were lost");
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * size));
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()));
}

void encode(benchmark::State& state, const Subject& s, std::size_t size) {
  const Bytes text = bench::oru(size);
  const Conversation c = record(s, text);
  bench::Station station(s.proto, params_of(s), 1 << 12);
  for ([[maybe_unused]] auto _ : state) {
    station.submit(text);
    for (const auto& piece : c.back) {
      benchmark::DoNotOptimize(station.pull().data());
      station.feed(piece);
    }
    benchmark::DoNotOptimize(station.pull().data());
    // HLLP waits for an N block after a message that nothing answers.
    if (!station.done()) station.pass_time();
    if (!station.done()) {
      state.SkipWithError("a message was not sent");
      break;
    }
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * size));
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()));
}

void baseline(benchmark::State& state, const std::string& kind, std::size_t size) {
  const Bytes text = bench::oru(size);
  Bytes to(size);
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(text.data());
    if (kind == "find+copy")
      benchmark::DoNotOptimize(baseline_find_copy(to.data(), text.data(), size, 0x0b, 0x1c));
    else if (kind == "xor+copy")
      benchmark::DoNotOptimize(baseline_xor_copy(to.data(), text.data(), size));
    else {
      benchmark::DoNotOptimize(std::memchr(text.data(), 0x1c, size));
      std::memcpy(to.data(), text.data(), size);
    }
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * size));
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()));
}

// Keeps the figures for the table of ratios, and prints the best of each
// benchmark's repetitions only.
class Collector : public benchmark::ConsoleReporter {
 public:
  Collector() : ConsoleReporter(OO_None) {}
  void ReportRuns(const std::vector<Run>& runs) override {
    const Run* best = nullptr;
    for (const auto& run : runs) {
      if (run.error_occurred) {
        failed_ = true;
        ConsoleReporter::ReportRuns({run});
      } else if (run.run_type == Run::RT_Iteration && (!best || speed(run) > speed(*best))) {
        best = &run;
      }
    }
    if (!best) return;
    Run shown = *best;
    shown.run_name.repetitions.clear();
    rates_[shown.benchmark_name()] = speed(shown);
    ConsoleReporter::ReportRuns({shown});
  }
  double rate(const std::string& name) const {
    const auto it = rates_.find(name);
    return it == rates_.end() ? 0 : it->second;
  }
  bool failed() const { return failed_; }

 private:
  static double speed(const Run& run) {
    const auto it = run.counters.find("bytes_per_second");
    return it == run.counters.end() ? 0 : it->second.value;
  }

  std::map<std::string, double> rates_;
  bool failed_ = false;
};

std::string label(const std::string& what, const std::string& name, std::size_t size) {
  return what + "/" + name + "/" + std::to_string(size);
}

void print_ratios(const Collector& c) {
  std::printf("\nRatios to the baseline of this run (goal: 0.50 at 90000 bytes and above)\n");
  std::printf("%-18s %9s  %-10s %12s %12s %8s %12s %8s\n", "protocol", "bytes", "baseline", "MB/s",
              "decode MB/s", "ratio", "encode MB/s", "ratio");
  for (const auto& s : kSubjects) {
    for (const std::size_t size : kSizes) {
      if (size > s.largest) continue;
      const double base = c.rate(label("baseline", s.baseline, size));
      const double dec = c.rate(label("decode", s.name, size));
      const double enc = c.rate(label("encode", s.name, size));
      if (base == 0 || dec == 0 || enc == 0) continue;
      const auto mark = [&](double r) { return size >= 90000 && r < 0.5 ? '*' : ' '; };
      std::printf("%-18s %9zu  %-10s %12.0f %12.0f %7.2f%c %12.0f %7.2f%c\n", s.name.c_str(), size,
                  s.baseline, base / 1e6, dec / 1e6, dec / base, mark(dec / base), enc / 1e6, enc / base,
                  mark(enc / base));
    }
  }
  std::printf("(*: below the goal; memchr+memcpy of the C library is listed above for information)\n");
}

}  // namespace

int main(int argc, char** argv) {
  for (const std::size_t size : kSizes) {
    for (const char* kind : {"find+copy", "xor+copy", "memchr+memcpy"})
      benchmark::RegisterBenchmark(label("baseline", kind, size).c_str(),
                                   [=](benchmark::State& st) { baseline(st, kind, size); });
    for (const auto& s : kSubjects) {
      if (size > s.largest) continue;
      benchmark::RegisterBenchmark(label("decode", s.name, size).c_str(),
                                   [&s, size](benchmark::State& st) { decode(st, s, size); });
      benchmark::RegisterBenchmark(label("encode", s.name, size).c_str(),
                                   [&s, size](benchmark::State& st) { encode(st, s, size); });
    }
  }
  // Several short turns each, in a mixed order, of which the best counts: what else the machine does
  // meets all alike. Arguments that are given come later and win.
  std::vector<std::string> words{argv[0], "--benchmark_repetitions=15", "--benchmark_min_time=0.02",
                                 "--benchmark_enable_random_interleaving=true"};
  words.insert(words.end(), argv + 1, argv + argc);
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  argc = static_cast<int>(arguments.size());
  arguments.push_back(nullptr);
  benchmark::Initialize(&argc, arguments.data());
  if (benchmark::ReportUnrecognizedArguments(argc, arguments.data())) return 64;
  Collector collector;
  benchmark::RunSpecifiedBenchmarks(&collector);
  print_ratios(collector);
  return collector.failed() ? 1 : 0;
}
