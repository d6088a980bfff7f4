// SPDX-License-Identifier: BSD-3-Clause
// The command line of attaching, which llpattach and `llpctl attach` share.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "llpattach/attach.hpp"

namespace llp::attach {

inline constexpr int kPortGone = 74;  // EX_IOERR: unplugged, or hung up

struct Arguments {
  std::string device;
  unsigned baud = 9600;
  std::string mode = "8n1", flow = "none", lock_dir = "/var/lock";
  SettingWords words;
  std::optional<std::uint32_t> max_messages, max_bytes, max_writes;
  bool keep = false, down = false, no_low_latency = false, quiet = false, detach = false;
  // As AttachOptions has it.
  // NOLINTNEXTLINE(readability-redundant-member-init): GCC asks for it
  std::function<void(std::uint32_t line)> attached = {};
};

// All but --detach.
void add_options(CLI::App& app, Arguments& arguments);

// Attaches and waits, or detaches. Returns the exit status; `say` gets what is
// to be told, errors too.
[[nodiscard]] int run(const Arguments& arguments, AttachSystem& system, const OpenKernel& open_kernel,
                      const Say& say);

// Of sysexits.h. A module or a line that is missing is 69, a port 66.
[[nodiscard]] int exit_status(const Error& error) noexcept;

}  // namespace llp::attach
