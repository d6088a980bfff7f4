// SPDX-License-Identifier: BSD-3-Clause
// Attaching a serial port to the line discipline n_llp, and setting its line up.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "llpattach/attach_tty.hpp"
#include "netlink/kernel_control.hpp"

namespace llp::attach {

struct AttachOptions {
  io::Tty tty;
  netlink::LineChange line;  // what is asked for: empty members stay as they come
  std::string lock_dir = "/var/lock";
  bool low_latency = true;
  // The port is this line of the kernel now, set up. May be empty.
  // NOLINTNEXTLINE(readability-redundant-member-init): GCC asks for it
  std::function<void(std::uint32_t line)> attached = {};
};

// Where a line's settings as people write them go. All errors are
// Errc::invalid, for the command line.
struct SettingWords {
  std::string name, protocol, policy;
  std::vector<std::string> peers, settings;  // settings: NAME=VALUE
  bool up = true;                            // where a protocol is given
};
[[nodiscard]] Result<netlink::LineChange> line_change(const SettingWords& words);

// "9600", "8n1", "none": Errc::invalid says what is allowed.
[[nodiscard]] Result<io::Tty> tty_of(const std::string& device, unsigned baud, const std::string& mode,
                                     const std::string& flow);

using OpenKernel = std::function<Result<std::unique_ptr<netlink::KernelControl>>()>;
using Say = std::function<void(const std::string&)>;

// The number under which the table of line disciplines (/proc/tty/ldiscs) has
// n_llp; the usual one when it is not there, for the kernel loads it then.
// Errc::in_use: another has the usual number.
[[nodiscard]] Result<int> ldisc_number(const std::string& table);

// Attaches, sets up, tells the service manager, waits; returns why it ended.
// On an error nothing stays attached. `say` gets notices for people.
[[nodiscard]] Result<End> attach_port(AttachSystem& system, const OpenKernel& open_kernel,
                                      const AttachOptions& options, const Say& say);

// Takes the line from a port: ends the llpattach or ldattach that holds it, or
// takes the line discipline off. Errc::not_found: it has none.
[[nodiscard]] Result<void> detach_port(AttachSystem& system, const OpenKernel& open_kernel,
                                       const std::string& device, const Say& say);

}  // namespace llp::attach
