// SPDX-License-Identifier: BSD-3-Clause
#include "explorer.hpp"

#include <algorithm>
#include <memory>

namespace llp::model {

namespace {

constexpr std::uint32_t kVisited = 1;
constexpr std::uint32_t kRested = 2;
constexpr std::uint32_t kOnStack = 0xfffffffe;  // rest_ms: being looked at

bool same_kind(const Finding& a, const Finding& b) { return a.rule == b.rule && a.what == b.what; }

}  // namespace

Explorer::Explorer(const Model& model, const Limits& limits)
    : model_(model), limits_(limits), bound_ms_(model.config().rest_bound() / kMs) {}

std::vector<Action> Explorer::path_to(std::uint32_t entry, const Action* last) {
  std::vector<Action> path;
  if (last) path.push_back(*last);
  for (; seen_[entry].parent != kNoEntry; entry = seen_[entry].parent)
    path.push_back(Action::unpack(seen_[entry].action));
  std::ranges::reverse(path);
  return path;
}

void Explorer::judge(const std::vector<Finding>& findings, const World& w, std::uint32_t entry,
                     const Action* a) {
  excused_only_ = true;
  for (const Finding& f : findings) {
    if (const Case* k = excuse(model_.config(), w, f)) {
      CaseCount& c = report_.cases[k];
      if (c.count++ == 0) c.path = path_to(entry, a);
      continue;
    }
    excused_only_ = false;
    const bool known =
        std::ranges::any_of(report_.violations, [&](const Violation& v) { return same_kind(v.finding, f); });
    if (!known) report_.violations.push_back({f, path_to(entry, a), a == nullptr});
    if (!limits_.keep_going) stop_ = true;
  }
}

bool Explorer::out_of_bounds() {
  const std::size_t memory = seen_.bytes() + (same_ ? same_->bytes() : 0) + (more_ ? more_->bytes() : 0);
  report_.memory = std::max(report_.memory, memory);
  return memory > limits_.memory || std::chrono::steady_clock::now() - begin_ > limits_.time ||
         (limits_.interrupted && *limits_.interrupted);
}

std::uint32_t Explorer::live(const World& w, std::uint32_t entry) {
  struct Next {
    World world;
    std::uint32_t entry;
    std::uint32_t ms;
  };
  struct Frame {
    std::uint32_t entry;
    std::vector<Next> next;
    std::size_t done = 0;
    std::uint32_t longest = 0;
  };
  std::vector<Frame> stack;
  bool good = true;
  auto enter = [&](const World& v, std::uint32_t e, std::uint32_t parent, const Action* a) {
    Seen& s = seen_[e];
    if (s.parent == kNoEntry && a && e != 0) {
      s.parent = parent;
      s.action = a->packed();
    }
    s.rest_ms = kOnStack;
    Frame f{e, {}, 0, 0};
    model_.successors(v, Model::Which::kProgress, false, [&](const Action& b, World& n, Step& step) {
      const std::uint32_t to = seen_.find_or_add(model_.fingerprint(n));
      if (seen_[to].rest_ms == kOnStack) {
        judge({{Rule::kNoWayOut, 0, kItems, ""}}, n, e, &b);
        good = false;
        return;
      }
      if (seen_[to].parent == kNoEntry && to != 0 && !(seen_[to].flags & kVisited)) {
        seen_[to].parent = e;
        seen_[to].action = b.packed();
      }
      f.next.push_back({n, to, static_cast<std::uint32_t>(step.elapsed / kMs)});
    });
    if (f.next.empty() && !(seen_[e].flags & kRested)) {
      seen_[e].flags |= kRested;
      report_.rests++;
      Step step;
      model_.check_rest(v, step);
      if (step.findings.empty()) model_.check_new_message(v, step);
      judge(step.findings, v, e, nullptr);
    }
    stack.push_back(std::move(f));
  };
  enter(w, entry, kNoEntry, nullptr);
  while (!stack.empty() && !stop_) {
    Frame& f = stack.back();
    if (f.done == f.next.size()) {
      const std::uint32_t total = f.longest;
      seen_[f.entry].rest_ms = total;
      report_.longest_rest_ms = std::max(report_.longest_rest_ms, total);
      if (total > bound_ms_) {
        judge({{Rule::kTooSlow, 0, kItems, ""}}, w, f.entry, nullptr);
        good = false;
      }
      stack.pop_back();
      if (!stack.empty()) {
        Frame& up = stack.back();
        const std::uint32_t sum = up.next[up.done].ms + total;
        up.longest = std::max(up.longest, sum);
        up.done++;
      }
      continue;
    }
    const Next& n = f.next[f.done];
    const std::uint32_t known = seen_[n.entry].rest_ms;
    if (known == kOnStack) {
      judge({{Rule::kNoWayOut, 0, kItems, ""}}, w, f.entry, nullptr);
      good = false;
      f.done++;
    } else if (known != kNoEntry) {
      f.longest = std::max(f.longest, n.ms + known);
      f.done++;
    } else {
      const World next = n.world;
      enter(next, n.entry, f.entry, nullptr);
    }
  }
  return good ? seen_[entry].rest_ms : kNoEntry;
}

void Explorer::arrive(const Action& a, const World& next, const Step& step, std::uint32_t from,
                      std::uint32_t depth) {
  report_.transitions++;
  if (!step.findings.empty()) {
    judge(step.findings, next, from, &a);
    // What follows from a violation says nothing new.
    if (!excused_only_) return;
  }
  const std::uint32_t entry = seen_.find_or_add(model_.fingerprint(next));
  Seen& s = seen_[entry];
  if (s.flags & kVisited) return;
  s.flags |= kVisited;
  if (entry != 0) {
    s.parent = from;
    s.action = a.packed();
  }
  const auto f = static_cast<std::size_t>(next.faults);
  if (report_.layer.size() <= f) report_.layer.resize(f + 1);
  report_.layer[f]++;
  if (is_fault(a.what)) {
    if (more_) {
      more_->push(next, entry, depth + 1);
      return;
    }
  }
  same_->push(next, entry, depth + 1);
}

void Explorer::expand(const World& w, std::uint32_t entry, std::uint32_t depth, bool faults) {
  if (seen_[entry].rest_ms == kNoEntry) live(w, entry);
  if (stop_) return;
  model_.successors(w, Model::Which::kAll, faults, [&](const Action& a, World& next, Step& step) {
    if (!stop_) arrive(a, next, step, entry, depth);
  });
}

// All states with so many faults. Seeds, in order of depth, are in @from.
void Explorer::layer(int faults, StateQueue& from, StateQueue& next) {
  const bool last = faults == model_.config().faults;
  same_ = std::make_unique<StateQueue>(model_.start());
  StateQueue& closure = *same_;
  more_ = last ? nullptr : &next;
  World w{};
  std::uint64_t n = 0;
  while ((!from.empty() || !closure.empty()) && !stop_) {
    if ((++n & 0x3ff) == 0 && out_of_bounds()) {
      stop_ = true;
      report_.frontier = from.size() + closure.size();
      return;
    }
    const bool seed = closure.empty() || (!from.empty() && from.front_depth() <= closure.front_depth());
    StateQueue& q = seed ? from : closure;
    const std::uint32_t depth = q.front_depth();
    const std::uint32_t entry = q.pop(w);
    expand(w, entry, depth, !last);
  }
  if (!stop_) report_.completed = faults;
}

Report Explorer::run() {
  begin_ = std::chrono::steady_clock::now();
  auto from = std::make_unique<StateQueue>(model_.start());
  const std::uint32_t first = seen_.find_or_add(model_.fingerprint(model_.start()));
  seen_[first].flags |= kVisited;
  report_.layer.assign(1, 1);
  from->push(model_.start(), first, 0);
  for (int faults = 0; faults <= model_.config().faults && !stop_; faults++) {
    auto next = std::make_unique<StateQueue>(model_.start());
    layer(faults, *from, *next);
    (void)out_of_bounds();
    if (!stop_) report_.frontier = next->size();
    from = std::move(next);
    same_.reset();
    more_ = nullptr;
  }
  report_.states = seen_.size();
  report_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  return std::move(report_);
}

}  // namespace llp::model
