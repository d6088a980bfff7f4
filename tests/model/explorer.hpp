// SPDX-License-Identifier: BSD-3-Clause
//
// Breadth-first search over all states of a model, by number of faults: first
// all that is reached without a fault, then with one, and so on, so that a
// state that was seen need not be looked at again with fewer faults left.
#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cases.hpp"
#include "model.hpp"
#include "store.hpp"

namespace llp::model {

struct Limits {
  std::chrono::seconds time{3600};
  std::size_t memory = std::size_t{4} << 30;
  bool keep_going = false;  // look for one violation of each kind
  bool exact = false;       // the last layer breadth first, too: shortest traces, more memory
  const std::atomic<bool>* interrupted = nullptr;  // stop as if the time was up
};

struct Violation {
  Finding finding;
  std::vector<Action> path;
  bool at_rest = false;  // found when all was over
};

struct CaseCount {
  std::uint64_t count = 0;
  std::vector<Action> path;  // the first
};

struct Report {
  std::uint64_t transitions = 0;
  std::uint32_t states = 0;
  std::uint32_t rests = 0;  // states at rest
  std::uint32_t longest_rest_ms = 0;
  int completed = -1;                // faults
  std::vector<std::uint64_t> layer;  // states by number of faults
  std::size_t frontier = 0;          // states that wait for the next fault
  std::size_t memory = 0;
  double seconds = 0;
  std::vector<Violation> violations;
  std::map<const Case*, CaseCount> cases;
};

class Explorer {
 public:
  Explorer(const Model& model, const Limits& limits);
  Report run();

 private:
  void layer(int faults, StateQueue& from, StateQueue& next);
  void expand(const World& w, std::uint32_t entry, std::uint32_t depth, bool faults);
  void arrive(const Action& a, const World& next, const Step& step, std::uint32_t from, std::uint32_t depth);
  void judge(const std::vector<Finding>& findings, const World& w, std::uint32_t entry, const Action* a);
  bool out_of_bounds();
  // Time until rest, along the slowest way; kNoEntry if a violation was found on one.
  std::uint32_t live(const World& w, std::uint32_t entry);
  std::vector<Action> path_to(std::uint32_t entry, const Action* last);

  const Model& model_;
  const Limits limits_;
  const std::uint64_t bound_ms_;
  Report report_;
  SeenSet seen_;
  std::unique_ptr<StateQueue> same_;  // states with as many faults
  StateQueue* more_ = nullptr;        // states with one more; null: not to be kept
  bool stop_ = false;
  bool excused_only_ = true;  // of the findings judged last
  std::chrono::steady_clock::time_point begin_;
};

}  // namespace llp::model
