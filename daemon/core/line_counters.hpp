// SPDX-License-Identifier: BSD-3-Clause
// What is counted on a line, as one table: the counters themselves, and their
// names and meaning for status and metrics.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace llp::core {

// X(name, meaning)
// NOLINTNEXTLINE(cppcoreguidelines-macro-usage): one list makes members and their names
#define LLP_LINE_COUNTERS(X)                                                                               \
  X(proximal_ok, "messages from the instrument that an application took, and their replies written")       \
  X(proximal_failed, "messages from the instrument without a whole reply, or whose reply was not written") \
  X(proximal_refused, "messages from the instrument that nobody takes: no target, or shutting down")       \
  X(distal_ok, "requests to the instrument with a reply for the client")                                   \
  X(distal_failed, "requests to the instrument that failed")                                               \
  X(distal_refused, "requests to the instrument refused: queue full, or shutting down")                    \
  X(distal_expired, "requests to the instrument that waited queue_timeout in vain")                        \
  X(distal_left, "requests whose client went before it had its reply")                                     \
  X(peers_refused, "connections refused: the address is not allowed or has too many, or TLS failed")       \
  X(withdrawn, "requests that gave way to a message from the instrument")                                  \
  X(possible_duplicates, "messages from the instrument that may have been delivered before")               \
  X(answered_again, "repeats answered with the kept reply")                                                \
  X(attached, "repeats that joined a delivery under way")                                                  \
  X(too_late, "messages whose sender stopped waiting before they were acknowledged")                       \
  X(replies_discarded, "replies of applications on a line that takes none")                                \
  X(late_replies, "replies of the instrument after their time")                                            \
  X(stray_acknowledgements, "acknowledgements that belong to no request")                                  \
  X(dead_letters, "messages kept as dead letters")                                                         \
  X(dead_letters_dropped, "dead letters dropped to keep newer ones")                                       \
  X(stored, "messages from the instrument put into the spool")                                             \
  X(stored_delivered, "messages from the spool that an application took")                                  \
  X(stored_failed, "deliveries from the spool that failed")                                                \
  X(stored_dead, "messages from the spool given up and kept as dead letters")                              \
  X(store_refused, "messages from the instrument refused because they could not be stored")                \
  X(duplicates_dropped, "possible duplicates acknowledged and not delivered")                              \
  X(duplicates_diverted, "possible duplicates delivered to the address for them")                          \
  X(copies_sent, "copies that a further listener took")                                                    \
  X(copies_failed, "copies that a further listener did not take, each try")                                \
  X(copies_dropped, "copies dropped: a further listener's queue was full, or the line shut down")          \
  X(torn_files, "files of the spool and records of the journal that were not whole")                       \
  X(journal_errors, "deliveries not begun because the journal could not be written")

// Counted since start.
struct LineCounters {
// NOLINTNEXTLINE(cppcoreguidelines-macro-usage)
#define LLP_COUNTER_MEMBER(name, meaning) std::uint64_t name = 0;
  LLP_LINE_COUNTERS(LLP_COUNTER_MEMBER)
#undef LLP_COUNTER_MEMBER
};

struct LineCounter {
  const char* name;
  const char* meaning;  // a clause without a final stop
  std::uint64_t LineCounters::* value;
};

// NOLINTNEXTLINE(cppcoreguidelines-macro-usage)
#define LLP_COUNTER_ROW(name, meaning) LineCounter{#name, meaning, &LineCounters::name},
inline constexpr std::array kLineCounters{LLP_LINE_COUNTERS(LLP_COUNTER_ROW)};
#undef LLP_COUNTER_ROW

// How long things took: counts in classes with fixed upper bounds, as metrics
// show them.
class TimeHistogram {
 public:
  using Duration = std::chrono::nanoseconds;
  // Upper bounds in milliseconds, inclusive; the last class has none.
  static constexpr std::array<unsigned, 14> kBounds{1,   2,   5,    10,   20,   50,    100,
                                                    250, 500, 1000, 2500, 5000, 15000, 60000};

  void add(Duration time) noexcept {
    std::size_t i = 0;
    while (i < kBounds.size() && time > std::chrono::milliseconds(kBounds.at(i))) ++i;
    ++counts_.at(i);
    ++count_;
    sum_ += time;
  }
  // Of class i alone; i up to kBounds.size().
  [[nodiscard]] std::uint64_t in_class(std::size_t i) const { return counts_.at(i); }
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  [[nodiscard]] Duration sum() const noexcept { return sum_; }

 private:
  std::array<std::uint64_t, kBounds.size() + 1> counts_{};
  std::uint64_t count_ = 0;
  Duration sum_{};
};

// Whole transactions, from the message's or request's arrival to its end.
struct LineTimes {
  TimeHistogram proximal, distal;
};

}  // namespace llp::core
