// SPDX-License-Identifier: BSD-3-Clause
// What doctor knows when it judges: facts of the machine, of a serial port and
// of a line, gathered beforehand, and what follows from them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace llp::ctl::doctor {

struct Process {
  pid_t pid = 0;
  std::string program;  // "minicom"
  std::string words;    // its command line
  friend bool operator==(const Process&, const Process&) = default;
};

// The machine.
struct Machine {
  std::string ldiscs;                 // /proc/tty/ldiscs: "n_tty 0\nn_llp 29\n"
  std::optional<std::string> kernel;  // why the module's lines cannot be asked
  std::optional<std::string> daemon;  // why llpd cannot be asked
  std::vector<Process> meddlers;      // ModemManager, brltty, gpsd
};

// What an open port says of itself.
struct PortState {
  unsigned baud = 0;
  std::string mode;          // "8N1"
  bool parity = false;       // PARENB
  bool input_check = false;  // INPCK: damaged characters are told
  bool hardware_flow = false;
  int ldisc = 0;
  bool modem_lines = false;  // the three below are known
  bool carrier = false, data_set = false, clear_to_send = false;
};

struct Port {
  std::string device;                     // as it was named
  std::string node;                       // "/dev/ttyUSB0", what it leads to; empty: it is not there
  bool serial = true;                     // a character device
  bool readable = true, writable = true;  // for this user
  std::string rights;                     // "root:dialout 0660"
  std::string us;                         // "anna"
  std::vector<Process> holders;           // have it open
  std::optional<pid_t> flock;             // has it locked
  std::optional<pid_t> lock_file;         // in LCK..NAME
  bool lock_file_stale = false;           // that process does not live
  std::string lock_path;
  std::optional<std::string> unusable;  // why it cannot be opened
  std::optional<PortState> state;
  std::map<std::string, std::string> properties;  // udev's
  std::optional<unsigned> latency_ms;             // an FTDI adapter's timer
};

struct Line {
  std::string name;
  bool in_kernel = false;
  bool up = true;
  bool takes_messages = true;
  std::string state;           // in words
  std::string health, reason;  // llpd's
  std::string protocol;
  std::map<std::string, std::string> params;                      // those that are known
  std::map<std::string, std::uint64_t> counters;                  // the protocol's
  std::optional<std::uint64_t> answer_p99_ns, answer_longest_ns;  // our answers
  std::optional<std::uint64_t> high_bytes;  // received with their eighth bit set, where that is known

  // 0 for one that is not there.
  [[nodiscard]] std::uint64_t count(std::string_view counter) const;
};

// All that is known about one subject; members that do not apply are empty.
struct Facts {
  const Machine* machine = nullptr;
  const Port* port = nullptr;
  const Line* line = nullptr;
};

enum class Severity : std::uint8_t { error, warning, hint };
[[nodiscard]] const char* to_string(Severity severity) noexcept;

struct Finding {
  std::string_view id;
  Severity severity = Severity::hint;
  std::string subject;  // "chem", "/dev/ttyUSB0", or empty: the machine
  std::string sentence;
  std::string advice;
};

// One kind of finding, with what it takes to know it: for the manual and tests.
struct Check {
  std::string_view id;
  Severity severity;
  std::string_view advice;
  // A sentence if it applies. Called only with the facts that it is about.
  std::optional<std::string> (*judge)(const Facts& facts);
};

// Of the machine, of a port (with its line, if it has one), of a line.
[[nodiscard]] std::span<const Check> machine_checks() noexcept;
[[nodiscard]] std::span<const Check> port_checks() noexcept;
[[nodiscard]] std::span<const Check> line_checks() noexcept;

// What the facts show: of the port and the line if they are given, else of the
// machine.
[[nodiscard]] std::vector<Finding> judge(const Facts& facts);

}  // namespace llp::ctl::doctor
