// SPDX-License-Identifier: BSD-3-Clause
// The kernel's lines as a whole: what there is, how it is set up, what it
// counts, what happens. The kernel says it over generic netlink (llp.yaml);
// tests put a model in its place (model/model_kernel.hpp).
#pragma once

#include <uapi/llp.h>
#include <uapi/llp_netlink.h>

#include <array>
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <variant>
#include <vector>

#include "base/parameter.hpp"
#include "base/result.hpp"
#include "base/turnaround.hpp"

namespace llp::netlink {

using llp::Parameter;

// A line as line-get tells it.
struct LineStatus {
  std::uint32_t line = 0;      // N of /dev/llpN
  std::string name;            // may be empty
  std::string tty;             // "ttyS1"
  std::uint32_t protocol = 0;  // LLP_PROTOCOL_*
  bool up = false;
  std::string state;        // what the protocol is doing, for people
  std::uint32_t flags = 0;  // LLP_INFO_*
  std::uint32_t policy = 0;
  std::uint32_t max_messages = 0, max_bytes = 0, max_writes = 0;
  std::uint32_t messages = 0, bytes = 0, writes = 0;  // that wait now
  std::uint32_t speed = 0;                            // bits per second, 0: not a wire
  std::uint32_t char_time = 0;                        // nanoseconds, 0: not a wire
  std::vector<Parameter> params;                      // all of the protocol's
  friend bool operator==(const LineStatus&, const LineStatus&) = default;
};

struct Counter {
  std::string name;  // "naks_sent"
  std::uint64_t value = 0;
  friend bool operator==(const Counter&, const Counter&) = default;
};

using llp::Turnaround;
static_assert(std::tuple_size_v<decltype(Turnaround::bucket)> == LLP_BUCKETS);

struct LineStats {
  std::uint32_t line = 0;
  std::string name;
  std::string tty;
  std::vector<Counter> counters;  // in the kernel's order
  Turnaround turnaround;
  // 0 for a counter that this kernel has not.
  [[nodiscard]] std::uint64_t counter(std::string_view wanted) const noexcept;
  friend bool operator==(const LineStats&, const LineStats&) = default;
};

// Which line is meant.
struct LineNumber {
  std::uint32_t number = 0;
};
struct LineName {
  std::string name;
};
struct LineTty {
  std::string tty;
};
using LineRef = std::variant<LineNumber, LineName, LineTty>;

// What line-set is asked for: what is not given stays. `protocol` gives all
// parameters their defaults before `params`.
struct LineChange {
  std::optional<std::string> name = std::nullopt;
  std::optional<std::uint32_t> protocol = std::nullopt;
  std::vector<Parameter> params = {};  // NOLINT(readability-redundant-member-init): GCC asks for it
  std::optional<std::uint32_t> policy = std::nullopt;
  std::optional<std::uint32_t> max_messages = std::nullopt;
  std::optional<std::uint32_t> max_bytes = std::nullopt;
  std::optional<std::uint32_t> max_writes = std::nullopt;
  std::optional<bool> up = std::nullopt;
};

struct LineEvent {
  llp_line_change change = LLP_LINE_CHANGE_APPEARED;
  std::uint32_t protocol = 0;
  bool up = false;
  friend bool operator==(const LineEvent&, const LineEvent&) = default;
};

struct MessageEvent {
  llp_message_event event = LLP_MESSAGE_EVENT_IN;
  std::uint32_t id = 0;
  std::optional<std::uint32_t> length;   // bytes
  std::uint32_t error = 0;               // errno that tells why
  std::optional<std::uint32_t> outcome;  // LLP_OUTCOME_*, of written ones
  std::uint32_t flags = 0;               // LLP_MSG_*, of received ones
  std::optional<std::uint32_t> reply_to;
  friend bool operator==(const MessageEvent&, const MessageEvent&) = default;
};

struct ExceptionEvent {
  llp_exception exception = LLP_EXCEPTION_FRAME;
  std::string frame;    // kind of frame, for people
  std::string verdict;  // what the receiver thought of it
  std::string timer;    // which timer
  std::optional<std::uint32_t> length;
  friend bool operator==(const ExceptionEvent&, const ExceptionEvent&) = default;
};

// We were too slow, or the kernel had no memory: events are missing here. The
// members of Event that say which line are empty.
struct EventsMissed {
  friend bool operator==(const EventsMissed&, const EventsMissed&) = default;
};

struct Event {
  std::uint32_t line = 0;
  std::string name;
  std::string tty;
  std::uint64_t time = 0;  // CLOCK_MONOTONIC, nanoseconds
  std::variant<LineEvent, MessageEvent, ExceptionEvent, EventsMissed> what;
  friend bool operator==(const Event&, const Event&) = default;
};

// Everything that happens from the call of KernelControl::events() on.
class EventStream {
 public:
  EventStream() = default;
  EventStream(const EventStream&) = delete;
  EventStream& operator=(const EventStream&) = delete;
  virtual ~EventStream() = default;

  // The next event, waiting for it. One wait at a time. Errc::cancelled after
  // close().
  [[nodiscard]] virtual asio::awaitable<Result<Event>> next() = 0;
  virtual void close() noexcept = 0;
};

// The kernel answers requests at once, within the call; only a line that is
// just being shut down makes it take longer, at most 10 s (Errc::timeout).
// Errors say what to do. Errc::not_found: the module is not loaded, or there is
// no such line; permission: setting needs CAP_NET_ADMIN; in_use: the line is up
// (line-set says what of it must be down); invalid: with the kernel's sentence.
class KernelControl {
 public:
  KernelControl() = default;
  KernelControl(const KernelControl&) = delete;
  KernelControl& operator=(const KernelControl&) = delete;
  virtual ~KernelControl() = default;

  // All lines, by number.
  [[nodiscard]] virtual Result<std::vector<LineStatus>> lines() = 0;
  [[nodiscard]] virtual Result<LineStatus> line(const LineRef& which) = 0;
  // All that is asked for, or nothing.
  [[nodiscard]] virtual Result<void> set(const LineRef& which, const LineChange& change) = 0;
  [[nodiscard]] virtual Result<LineStats> stats(const LineRef& which) = 0;
  [[nodiscard]] virtual Result<std::unique_ptr<EventStream>> events(
      const asio::any_io_executor& executor) = 0;
};

// The kernel of this machine. Errc::not_found: the module n_llp is not loaded.
[[nodiscard]] Result<std::unique_ptr<KernelControl>> open_kernel_control();

// A line as people name it: by its name, its number ("0", "llp0",
// "/dev/llp0"), its link ("/dev/llp/NAME") or its tty ("ttyS1",
// "/dev/ttyS1"); a name goes before a number, a number before a tty.
// Errc::not_found names the lines that there are.
[[nodiscard]] Result<LineStatus> find_line(KernelControl& kernel, std::string_view text);

// "line 0", "the line analyser", "the line on ttyS1"
[[nodiscard]] std::string describe(const LineRef& which);

}  // namespace llp::netlink
