// SPDX-License-Identifier: BSD-3-Clause
// What facts mean. One table for the machine, one for ports; those of lines are
// in doctor_line_checks.cpp.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <sstream>

#include "llpctl/doctor_facts.hpp"

namespace llp::ctl::doctor {

namespace {

using Said = std::optional<std::string>;

constexpr int kNumber = 29;  // of n_llp among the line disciplines
constexpr std::string_view kName = "n_llp";
constexpr unsigned kLatency = 4;  // milliseconds that an adapter may wait
// Who has a port by right.
constexpr std::array kOurs{"llpd", "llpdrv", "llpattach", "ldattach", "llpctl"};

bool ours(const Process& process) { return std::ranges::find(kOurs, process.program) != kOurs.end(); }

std::string who(const Process& process) { return fmt::format("{} ({})", process.program, process.pid); }

// The line discipline with this number; empty: none.
std::string ldisc_with(const std::string& table, int number) {
  std::istringstream in(table);
  std::string name;
  for (int n = 0; in >> name >> n;) {
    if (n == number) return name;
  }
  return {};
}

const Process* running(const Machine& machine, std::string_view program) {
  const auto found = std::ranges::find(machine.meddlers, program, &Process::program);
  return found == machine.meddlers.end() ? nullptr : &*found;
}

bool property_is(const Port& port, const char* name, std::string_view value) {
  const auto found = port.properties.find(name);
  return found != port.properties.end() && found->second == value;
}

bool on_usb(const Port& port) { return property_is(port, "ID_BUS", "usb"); }

// ---- the machine ----

Said ldisc_taken(const Facts& f) {
  const std::string other = ldisc_with(f.machine->ldiscs, kNumber);
  if (other.empty() || other == kName) return {};
  return fmt::format("The line discipline {} has the number {}, which n_llp uses.", other, kNumber);
}

Said module_missing(const Facts& f) {
  if (!f.machine->kernel || !ldisc_with(f.machine->ldiscs, kNumber).empty()) return {};
  return "The module n_llp is not loaded.";
}

Said module_silent(const Facts& f) {
  if (!f.machine->kernel || ldisc_with(f.machine->ldiscs, kNumber) != kName) return {};
  return fmt::format("The module n_llp is loaded, but does not tell of its lines: {}.", *f.machine->kernel);
}

Said daemon_silent(const Facts& f) {
  if (!f.machine->daemon) return {};
  return fmt::format("llpd cannot be asked: {}.", *f.machine->daemon);
}

constexpr std::array kMachine{
    Check{
        "ldisc-taken", Severity::error,
        "Unload that module, or load n_llp with another number (modprobe n_llp ldisc=N) and attach with it.",
        ldisc_taken},
    Check{"module-missing", Severity::hint,
          "Without it llpd runs the protocols itself. To have them in the kernel: modprobe n_llp; if that "
          "fails, dmesg says why (most often it was not built for this kernel, or is not signed).",
          module_missing},
    Check{"module-silent", Severity::warning,
          "The module and llpctl are of different versions, or this is a container without the family llp.",
          module_silent},
    Check{"daemon-silent", Severity::hint,
          "systemctl status llpd; if it is meant to run elsewhere, --control names its socket.",
          daemon_silent},
};

// ---- a port ----

Said port_missing(const Facts& f) {
  if (!f.port->node.empty()) return {};
  return fmt::format("{} is not there.", f.port->device);
}

Said port_not_serial(const Facts& f) {
  if (f.port->node.empty() || f.port->serial) return {};
  return fmt::format("{} is no serial port.", f.port->device);
}

Said port_permission(const Facts& f) {
  const Port& p = *f.port;
  if (p.node.empty() || (p.readable && p.writable)) return {};
  return fmt::format("{} may not be {} by {} ({}).", p.node,
                     !p.readable && !p.writable ? "opened"
                     : p.readable               ? "written"
                                                : "read",
                     p.us, p.rights);
}

Said port_held(const Facts& f) {
  std::vector<std::string> names;
  for (const Process& holder : f.port->holders) {
    if (!ours(holder)) names.push_back(who(holder));
  }
  if (names.empty()) return {};
  return fmt::format("{} is held open by {}.", f.port->node, fmt::join(names, ", "));
}

Said port_locked(const Facts& f) {
  const Port& p = *f.port;
  if (!p.flock) return {};
  const auto holder = std::ranges::find(p.holders, *p.flock, &Process::pid);
  // One of ours has it by right; another is told as its holder.
  if (holder != p.holders.end()) return {};
  return fmt::format("{} is locked (flock) by process {}, which cannot be seen from here.", p.node, *p.flock);
}

Said port_lock_file(const Facts& f) {
  const Port& p = *f.port;
  if (!p.lock_file || p.lock_file_stale) return {};
  const auto holder = std::ranges::find(p.holders, *p.lock_file, &Process::pid);
  if (holder != p.holders.end()) return {};
  return fmt::format("{} says that process {} has {}, which has not opened it.", p.lock_path, *p.lock_file,
                     p.node);
}

Said port_lock_stale(const Facts& f) {
  const Port& p = *f.port;
  if (!p.lock_file || !p.lock_file_stale) return {};
  return fmt::format("{} is left from process {}, which has ended.", p.lock_path, *p.lock_file);
}

Said port_unusable(const Facts& f) {
  if (!f.port->unusable) return {};
  return fmt::format("{} cannot be opened: {}.", f.port->node, *f.port->unusable);
}

Said modem_manager(const Facts& f) {
  const Process* process = running(*f.machine, "ModemManager");
  if (process == nullptr || !on_usb(*f.port) || property_is(*f.port, "ID_MM_DEVICE_IGNORE", "1") ||
      property_is(*f.port, "ID_MM_PORT_IGNORE", "1")) {
    return {};
  }
  return fmt::format("{} runs and may talk to {} as to a modem.", who(*process), f.port->node);
}

Said braille(const Facts& f) {
  const Process* process = running(*f.machine, "brltty");
  if (process == nullptr || !on_usb(*f.port)) return {};
  return fmt::format("{} runs and takes adapters like {} for Braille displays.", who(*process), f.port->node);
}

Said gps(const Facts& f) {
  const Process* process = running(*f.machine, "gpsd");
  if (process == nullptr) return {};
  const bool named = process->words.find(f.port->node) != std::string::npos;
  if (!named && !on_usb(*f.port)) return {};
  return named ? fmt::format("{} is told to use {}.", who(*process), f.port->node)
               : fmt::format("{} runs and may take {} for a receiver when it is plugged in.", who(*process),
                             f.port->node);
}

Said damage_unseen(const Facts& f) {
  const auto& state = f.port->state;
  if (!state || f.line == nullptr || !state->parity || state->input_check) return {};
  return fmt::format("{} is {}, but INPCK is off: characters with wrong parity pass for good ones.",
                     f.port->node, state->mode);
}

Said no_clear_to_send(const Facts& f) {
  const auto& state = f.port->state;
  if (!state || !state->hardware_flow || !state->modem_lines || state->clear_to_send) return {};
  return fmt::format("{} waits for CTS before it sends, and CTS is off.", f.port->node);
}

Said no_carrier(const Facts& f) {
  const auto& state = f.port->state;
  if (!state || !state->modem_lines || state->carrier || state->data_set || state->clear_to_send) return {};
  return fmt::format("Nobody raises DCD, DSR or CTS at {}: DCD off, DSR off, CTS off.", f.port->node);
}

Said latency(const Facts& f) {
  if (!f.port->latency_ms || *f.port->latency_ms <= kLatency) return {};
  return fmt::format("The adapter at {} keeps received bytes back for up to {} ms (latency_timer).",
                     f.port->node, *f.port->latency_ms);
}

constexpr std::array kPort{
    Check{"port-missing", Severity::error,
          "Is the adapter plugged in? `ls -l /dev/serial/by-id` shows what there is, dmesg what happened.",
          port_missing},
    Check{"port-not-serial", Severity::error, "Name the port, e.g. /dev/ttyS0 or /dev/serial/by-id/...",
          port_not_serial},
    Check{"port-permission", Severity::error,
          "Add the user to the group of the port (adduser USER dialout), and log in again; llpd has it from "
          "its unit (SupplementaryGroups=).",
          port_permission},
    Check{"port-held", Severity::error,
          "Two programs on one port take each other's bytes. End that program, or take the port from its "
          "configuration.",
          port_held},
    Check{"port-locked", Severity::warning,
          "It may run in a container, or under another user: `lslocks` as root shows it.", port_locked},
    Check{"port-lock-file", Severity::warning,
          "minicom and cu leave such files and respect them. If that process does not use the port, remove "
          "the file.",
          port_lock_file},
    Check{"port-lock-stale", Severity::hint,
          "llpd and llpattach take it over if they may remove it; else remove it.", port_lock_stale},
    Check{"port-unusable", Severity::error,
          "EBUSY: a program has it for itself alone (TIOCEXCL). EIO: the adapter has gone, or there is no "
          "hardware behind that name (setserial -g).",
          port_unusable},
    Check{"modem-manager", Severity::warning,
          "Tell it to leave the port alone: `llpctl bind` writes the udev rule (ID_MM_DEVICE_IGNORE=1); or "
          "remove the package modemmanager.",
          modem_manager},
    Check{"brltty", Severity::warning,
          "It takes away CH340 and CP210x adapters a second after they are plugged in. Remove the package "
          "brltty, or mask brltty-udev.service.",
          braille},
    Check{"gpsd", Severity::warning,
          "Take the port from DEVICES in /etc/default/gpsd and set USBAUTO=false, or mask gpsd.socket.", gps},
    Check{"inpck-off", Severity::warning,
          "Attach with llpattach (8), which sets it; ldattach needs --iflag INPCK.", damage_unseen},
    Check{"no-cts", Severity::error,
          "These protocols need no flow control: take flow=none. Else the instrument, or the cable, must "
          "drive CTS.",
          no_clear_to_send},
    Check{"no-carrier", Severity::hint,
          "With a three-wire cable that is as it must be. With a full one the instrument is off, or the "
          "cable is not plugged in, or is not the right one (a null modem crosses 2 and 3).",
          no_carrier},
    Check{"latency", Severity::hint,
          "It slows each answer down by as much. llpattach and llpd ask for low latency; by hand: echo 1 > "
          "/sys/bus/usb-serial/devices/NAME/latency_timer.",
          latency},
};

void apply(std::span<const Check> checks, const Facts& facts, const std::string& subject,
           std::vector<Finding>& found) {
  for (const Check& check : checks) {
    auto sentence = check.judge(facts);
    if (!sentence) continue;
    found.push_back({check.id, check.severity, subject, std::move(*sentence), std::string(check.advice)});
  }
}

}  // namespace

std::uint64_t Line::count(std::string_view counter) const {
  const auto found = counters.find(std::string(counter));
  return found == counters.end() ? 0 : found->second;
}

const char* to_string(Severity severity) noexcept {
  switch (severity) {
    case Severity::error: return "error";
    case Severity::warning: return "warning";
    case Severity::hint: return "hint";
  }
  return "?";
}

std::span<const Check> machine_checks() noexcept { return kMachine; }
std::span<const Check> port_checks() noexcept { return kPort; }

std::vector<Finding> judge(const Facts& facts) {
  std::vector<Finding> found;
  if (facts.port == nullptr && facts.line == nullptr) apply(kMachine, facts, "", found);
  if (facts.port != nullptr) {
    apply(kPort, facts, facts.line != nullptr ? facts.line->name : facts.port->device, found);
  }
  if (facts.line != nullptr) apply(line_checks(), facts, facts.line->name, found);
  std::ranges::stable_sort(found, {}, &Finding::severity);
  return found;
}

}  // namespace llp::ctl::doctor
