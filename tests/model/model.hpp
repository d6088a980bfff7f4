// SPDX-License-Identifier: BSD-3-Clause
//
// What can happen to a state, and what must then be true. A Model has no state
// of its own: everything that changes is in World and Step.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config.hpp"
#include "world.hpp"

namespace llp::model {

// What is asked of every run; the numbers are those of the properties in docs/promises.md.
enum class Rule : std::uint8_t {
  kNone,
  kText,          // 1: a message arrived that nobody sent
  kOrder,         // 1: messages changed their order
  kLost,          // 1: a message was not delivered, though nothing went wrong
  kWrongReply,    // 1: a reply was given to another request
  kNotDelivered,  // 2: reported delivered, and is not there
  kDelivered,     // 2: reported as not delivered, and is there
  kNoReply,       // 2: an exchange was reported complete without its reply
  kRepeat,        // 3: a message came twice, unmarked
  kMarkedRepeat,  // 3: a message came twice, marked
  kNoWayOut,      // 4: the stations never come to rest
  kTooSlow,       // 4: it takes longer than the sum of their timers
  kUnfinished,    // 4: they are at rest, and something was forgotten
  kNewMessage,    // 4: they are at rest, and a new message does not pass
  kCounter,       // 5: a counter differs from what happened
  kContract,      // events in an order that the interface does not allow
  kModel,         // the model's own bounds
  kCount,
};

const char* rule_name(Rule r);
int rule_property(Rule r);  // 1 to 5; 0: the interface

struct Finding {
  Rule rule = Rule::kNone;
  std::uint8_t side = 0;
  std::uint8_t item = 0;
  const char* what = "";
};

// Events of one station during one action, to be compared with its counters.
struct Tally {
  std::uint64_t fed, pulled, ends, cancels, sent_ok, sent_failed, blocks_out, again_out, naks_out, naks_in,
      naks_cut;
  std::uint64_t duplicates, repeats, lost, hangups, late, gone, late_replies, stalls, timers;
  std::uint64_t flags[5];
};

// What an action brought about.
struct Step {
  std::uint64_t elapsed = 0;
  std::vector<Finding> findings;
  std::array<bool, 2> output{};  // the station sent something
  std::array<Tally, 2> tally{};
  std::vector<std::string>* log = nullptr;  // columns for a ladder, if wanted
};

class Model {
 public:
  explicit Model(Config config);

  const Config& config() const { return config_; }
  const World& start() const { return start_; }

  // Does it. False: it is not possible in this state.
  bool run(World& w, const Action& a, Step& step) const;

  enum class Which { kProgress, kAll };
  // Every action that is possible, with the state it leads to. Faults if @faults.
  // Sink: void(const Action&, World&, Step&).
  template <typename Sink>
  void successors(const World& w, Which which, bool faults, Sink sink) const;

  Fingerprint fingerprint(const World& w) const;
  // Nothing happens any more by itself. What is wrong with that goes to @step.
  bool at_rest(const World& w) const;
  void check_rest(const World& w, Step& step) const;
  // A new message passes, in each direction.
  void check_new_message(const World& w, Step& step) const;

  // "A to B, byte 3 <STX> becomes <ETX>"
  std::string describe(const World& w, const Action& a) const;

 private:
  struct Call;
  friend struct Call;

  void feed(World& w, int s, int n, Step& step) const;
  // Delivers @n bytes one by one. False: something ended that must be judged first.
  bool prefix(World& w, int s, int n, Step& step) const;
  void finish(World& w, Step& step) const;
  void flush(World& w, const Action& a, Step& step) const;
  void drain(World& w, int s, Step& step) const;
  // The clock goes to @at, counted from kEpoch; transmitters become empty on the way.
  void advance(World& w, std::uint64_t at, Step& step) const;
  void settle(World& w, Step& step) const;
  void empty(World& w, Step& step) const;
  bool first(const World& w, int s, int bytes) const;
  void pull(World& w, int s, std::size_t most, Step& step) const;
  void append(World& w, int s, const std::uint8_t* p, std::size_t n, Step& step) const;
  bool perform(World& w, const Action& a, Step& step) const;
  bool local(World& w, const Action& a, Step& step) const;
  bool fault(World& w, const Action& a, Step& step) const;
  bool submit(World& w, int s, int item, Step& step) const;
  bool verdict(World& w, int s, int slot, llp_decision d, Step& step) const;
  void deliver(World& w, int s, int slot, Step& step) const;
  void hangup(World& w, int s, bool final, Step& step) const;
  void audit(World& w, Step& step) const;
  void rebase(World& w) const;
  bool can_submit(const World& w, int s, int item) const;
  bool only_idle_timers(const World& w) const;
  unsigned timers(const World& w) const;
  bool answer_due(const World& w) const;
  bool before_bytes(const World& w, int s) const;
  std::uint64_t slack(const World& w, int s) const;
  bool in_flight(const World& w) const;
  void snap(World& w) const;
  int frame(const World& w, int s) const;
  void remove(World& w, int s, int n) const;

  template <typename Sink>
  void attempt(const World& w, const Action& a, Sink& sink) const;
  template <typename Sink>
  void events(const World& w, Sink& sink) const;
  template <typename Sink>
  void bytes(const World& w, int s, bool faults, Sink& sink) const;

  Config config_;
  World start_{};
  std::array<std::vector<std::uint8_t>, 2> reps_;  // for bytes towards station s
};

}  // namespace llp::model

#include "moves.hpp"
