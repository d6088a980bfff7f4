// SPDX-License-Identifier: BSD-3-Clause
// A line as people see it, whoever runs its protocol: the kernel tells of its
// lines over netlink, llpd of its own over the control socket, and of a line
// that both know both do.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/parameters.hpp"
#include "llpctl/context.hpp"
#include "llpctl/daemon.hpp"
#include "llpctl/json.hpp"
#include "netlink/kernel_control.hpp"

namespace llp::ctl {

struct LineView {
  std::string name;      // "chem"; of the kernel's without a name "llp0"
  std::string port;      // "ttyS1"; llpd's words: "/dev/ttyS0 9600 8N1", "tcp listen localhost:4001"
  std::string protocol;  // "x328", "mllp2"
  std::string peer;      // the known one whose settings it has; empty: none
  std::string state;     // in words
  bool up = false;       // of llpd's: served
  bool takes_messages = false;
  bool trouble = false;         // it is not as it should be
  std::uint64_t speed = 0;      // bits per second, 0: not a wire
  std::uint64_t char_time = 0;  // ns, 0: not a wire
  std::uint64_t waiting = 0;    // messages and requests
  std::vector<Parameter> params;
  std::vector<config::ChangedParameter> changed;
  std::vector<netlink::Counter> counters;  // the protocol's
  Turnaround turnaround;
  std::optional<std::uint64_t> high_bytes;       // received with their eighth bit set, where that is known
  std::optional<netlink::LineStatus> kernel;     // its line
  std::optional<nlohmann::ordered_json> served;  // llpd's report: llpd-control(7)

  // 0 for one that is not there.
  [[nodiscard]] std::uint64_t counter(std::string_view wanted) const noexcept;
  // "llp0"; "-": the kernel has no such line.
  [[nodiscard]] std::string device() const;
  // The port's node; empty: it is no port.
  [[nodiscard]] std::string node(const Context& context) const;
};

// The kernel and llpd, whichever is there.
class Lines {
 public:
  explicit Lines(const Context& context) : context_(context) {}

  // The kernel's by number, then those that only llpd knows, in its order. One
  // of the two is enough; the kernel's error if none is there.
  [[nodiscard]] Result<std::vector<LineView>> all();
  // By name, number, link or port. Errc::not_found names what there is.
  [[nodiscard]] Result<LineView> find(const std::string& text);
  // Why one of the two could not be asked, at the last call; nothing: it could.
  [[nodiscard]] const std::optional<Error>& no_kernel() const noexcept { return no_kernel_; }
  [[nodiscard]] const std::optional<Error>& no_daemon() const noexcept { return no_daemon_; }

 private:
  void ask_kernel(std::vector<LineView>& all);
  void ask_daemon(std::vector<LineView>& all);

  const Context& context_;
  std::unique_ptr<netlink::KernelControl> kernel_;
  std::optional<Error> no_kernel_, no_daemon_;
};

// Of a line that the kernel knows, and of one that only llpd knows.
[[nodiscard]] LineView view_of(const netlink::LineStatus& status, const netlink::LineStats& stats);
[[nodiscard]] LineView view_of(const DaemonJson& report);

// What says which line it is: line, device, name, tty or port, protocol, and
// who runs it. Its counters; its turnaround.
void put_identity(Json& out, const LineView& line);
[[nodiscard]] std::string counters_json(const std::vector<netlink::Counter>& counters);
[[nodiscard]] std::string turnaround_json(const Turnaround& turnaround);

// "  state       ready", wrapped; nothing of an empty text.
[[nodiscard]] std::string row_of(const std::string& word, const std::string& text, unsigned columns);
// What llpd says of a line beside what every line has: where its ends are; queues,
// applications, spool.
using PutRow = std::function<void(const std::string& word, const std::string& text)>;
void served_ends(const DaemonJson& report, const PutRow& row);
void served_rows(const DaemonJson& report, const PutRow& row);

}  // namespace llp::ctl
