// SPDX-License-Identifier: BSD-3-Clause
#include "llpattach/attach.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <sstream>
#include <utility>
#include <variant>

#include "config/addresses.hpp"
#include "config/parameters.hpp"
#include "config/text.hpp"
#include "config/values.hpp"
#include "line/engine_api.hpp"

namespace llp::attach {

namespace {

constexpr std::string_view kLdiscName = "n_llp";
constexpr int kPauses = 50;  // for a process that was asked to end
constexpr std::array<std::string_view, 2> kAttachers{"llpattach", "ldattach"};

// A line that is up is set up anew only after it went down.
Result<void> set_up(netlink::KernelControl& kernel, std::uint32_t number, netlink::LineChange change) {
  const netlink::LineNumber line{number};
  if (change.protocol || !change.params.empty()) {
    const bool up = change.up.value_or(false);
    change.up = false;
    if (auto set = kernel.set(line, change); !set) return set;
    if (!up) return {};
    return kernel.set(line, {.up = true});
  }
  const bool anything = change.name || change.policy || change.max_messages || change.max_bytes ||
                        change.max_writes || change.up;
  return anything ? kernel.set(line, change) : Result<void>();
}

Result<bool> has_line(netlink::KernelControl& kernel, const std::string& tty) {
  auto line = kernel.line(netlink::LineTty{tty});
  if (line) return true;
  if (line.error().code == Errc::not_found) return false;
  return std::unexpected(std::move(line.error()));
}

}  // namespace

Result<netlink::LineChange> line_change(const SettingWords& words) {
  netlink::LineChange change;
  if (!words.name.empty()) change.name = words.name;
  if (!words.policy.empty()) {
    auto policy = config::parse_choice(words.policy, "arrival|read|commit");
    if (!policy) return fail(Errc::invalid, "policy: " + policy.error().message);
    change.policy = static_cast<std::uint32_t>(*policy);
  }
  if (words.protocol.empty()) {
    if (!words.peers.empty() || !words.settings.empty()) {
      return fail(Errc::invalid, "parameters and peers need a protocol: x328, hllp, mllp or mllp2");
    }
    return change;
  }
  auto protocol = config::parse_protocol(words.protocol);
  if (!protocol) return fail(Errc::invalid, "protocol: " + protocol.error().message);
  llp_params params{};
  llp_params_default(&params, protocol->protocol);
  const auto set = [&](std::string_view name, std::string_view value) {
    return config::set_parameter(params, protocol->protocol, name, value);
  };
  if (protocol->release2) {
    if (auto done = set("release", "2"); !done) return std::unexpected(std::move(done.error()));
    change.params.push_back({"release", "2"});  // it brings defaults of its own
  }
  const llp_params defaults = params;
  for (const std::string& peer : words.peers) {
    if (auto done = config::apply_peer(params, protocol->protocol, peer); !done) {
      return fail(Errc::invalid, "peer: " + done.error().message);
    }
  }
  for (const std::string& setting : words.settings) {
    const std::size_t eq = setting.find('=');
    if (eq == std::string::npos) {
      return fail(Errc::invalid, fmt::format("{}: NAME=VALUE is wanted", config::quote(setting)));
    }
    auto done = set(std::string_view(setting).substr(0, eq), std::string_view(setting).substr(eq + 1));
    if (!done) return fail(Errc::invalid, fmt::format("{}: {}", setting.substr(0, eq), done.error().message));
  }
  if (const char* wrong = llp_params_check(&params, protocol->protocol)) {
    return fail(Errc::invalid, fmt::format("the parameters do not fit each other: {}", wrong));
  }
  change.protocol = static_cast<std::uint32_t>(protocol->protocol);
  for (u32 i = 0; const llp_param* row = llp_param_at(i); ++i) {
    if ((row->protocols & 1U << protocol->protocol) == 0) continue;
    std::array<char, LLP_VALUE_SIZE> now{};
    std::array<char, LLP_VALUE_SIZE> before{};
    llp_params_get(&params, protocol->protocol, row->name, now.data(), now.size());
    llp_params_get(&defaults, protocol->protocol, row->name, before.data(), before.size());
    if (now != before) change.params.push_back({row->name, now.data()});
  }
  change.up = words.up;
  return change;
}

Result<io::Tty> tty_of(const std::string& device, unsigned baud, const std::string& mode,
                       const std::string& flow) {
  if (device.empty() || device.find(',') != std::string::npos) {
    return fail(Errc::invalid, fmt::format("{} is no name of a port", config::quote(device)));
  }
  auto spec = config::parse_tty(fmt::format("{},{},{},{}", device, baud, mode, flow));
  if (!spec) return std::unexpected(std::move(spec.error()));
  auto* tty = std::get_if<io::Tty>(&*spec);
  if (tty == nullptr) return fail(Errc::invalid, fmt::format("{} is no serial port", config::quote(device)));
  return std::move(*tty);
}

Result<int> ldisc_number(const std::string& table) {
  std::istringstream in(table);
  std::string name;
  std::string other;
  int number = 0;
  while (in >> name >> number) {
    if (name == kLdiscName) return number;
    if (number == LLP_LDISC) other = name;
  }
  if (other.empty()) return LLP_LDISC;
  return fail(Errc::in_use,
              fmt::format("the line discipline {0} has the number {1}, and n_llp is not loaded: load it with "
                          "another number (modprobe n_llp ldisc=N), or remove {0}",
                          other, LLP_LDISC));
}

Result<End> attach_port(AttachSystem& system, const OpenKernel& open_kernel, const AttachOptions& options,
                        const Say& say) {
  const auto number = ldisc_number(system.ldiscs());
  if (!number) return std::unexpected(number.error());
  auto port = system.open(options.tty, options.lock_dir, options.low_latency);
  if (!port) return std::unexpected(std::move(port.error()));
  auto line = (*port)->attach(*number);
  if (!line) return std::unexpected(std::move(line.error()));
  auto kernel = open_kernel();
  if (!kernel) return std::unexpected(std::move(kernel.error()));
  if (auto set = set_up(**kernel, *line, options.line); !set) return std::unexpected(std::move(set.error()));
  for (const std::string& note : (*port)->notes()) say(note);
  const std::string what = fmt::format("{} is /dev/llp{}{}", options.tty.device, *line,
                                       options.line.name ? ", " + *options.line.name : std::string());
  say(what);
  if (options.attached) options.attached(*line);
  system.notify("READY=1\nSTATUS=" + what);
  auto end = (*port)->wait();
  system.notify("STOPPING=1");
  return end;
}

Result<void> detach_port(AttachSystem& system, const OpenKernel& open_kernel, const std::string& device,
                         const Say& say) {
  auto tty = system.tty_name(device);
  if (!tty) return std::unexpected(std::move(tty.error()));
  auto kernel = open_kernel();
  if (!kernel) return std::unexpected(std::move(kernel.error()));
  auto there = has_line(**kernel, *tty);
  if (!there) return std::unexpected(std::move(there.error()));
  if (!*there) return fail(Errc::not_found, fmt::format("{} has no line: it is not attached", device));

  bool asked = false;
  for (const Holder& holder : system.holders(device)) {
    if (std::ranges::find(kAttachers, holder.program) == kAttachers.end()) continue;
    if (auto ended = system.end(holder.pid); !ended) return ended;
    say(fmt::format("{} (process {}) was asked to end", holder.program, holder.pid));
    asked = true;
  }
  for (int i = 0; asked && *there && i < kPauses; ++i) {
    system.pause();
    there = has_line(**kernel, *tty);
    if (!there) return std::unexpected(std::move(there.error()));
  }
  // Held by something else, by nobody that we may see, or by what does not end.
  return *there ? system.take_off(device) : Result<void>();
}

}  // namespace llp::attach
