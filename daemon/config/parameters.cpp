// SPDX-License-Identifier: BSD-3-Clause
#include "config/parameters.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <iterator>
#include <utility>

#include "config/text.hpp"
#include "config/values.hpp"

namespace llp::config {

namespace {

// Calls f(row) for each parameter of the protocol.
template <class F>
void for_each(llp_protocol protocol, F f) {
  for (u32 i = 0; const llp_param* row = llp_param_at(i); i++) {
    if ((static_cast<unsigned>(row->protocols) >> protocol & 1U) != 0) f(*row);
  }
}

// In units that the engine's parser knows: it has no hours.
std::string time_text(u32 us) {
  return us % 1'000'000 == 0 ? fmt::format("{}s", us / 1'000'000)
                             : format_duration(std::chrono::microseconds(us));
}

constexpr std::array kTitles{"X3.28", "HLLP", "MLLP"};

// A value as text, with its final NUL.
constexpr std::size_t kValueSize = 64;

// Not a matter of people who set a line up.
bool of_the_wire(std::string_view name) { return name == "char_time"; }

}  // namespace

Result<Protocol> parse_protocol(std::string_view text) {
  if (text == "x328") return Protocol{LLP_PROTO_X328, false};
  if (text == "hllp") return Protocol{LLP_PROTO_HLLP, false};
  if (text == "mllp") return Protocol{LLP_PROTO_MLLP, false};
  if (text == "mllp2") return Protocol{LLP_PROTO_MLLP, true};
  const std::array<std::string, 4> names{"x328", "hllp", "mllp", "mllp2"};
  return fail(Errc::invalid, fmt::format("{} is not a protocol, write {}{}", quote(text), one_of(names),
                                         did_you_mean(text, names)));
}

std::string allowed(const llp_param& row) {
  const std::string zero = row.zero_ok != 0 && row.min > 0 ? ", or 0" : "";
  switch (row.kind) {
    case LLP_PARAM_UINT: {
      const bool bytes = std::string_view(row.unit) == "bytes";
      return fmt::format("{} to {}{}{}", row.min, bytes ? format_size(row.max) : std::to_string(row.max),
                         *row.unit != '\0' ? fmt::format(" {}", row.unit) : "", zero);
    }
    case LLP_PARAM_BOOL: return "yes or no";
    case LLP_PARAM_ENUM: return one_of(split(row.choices, '|'));
    case LLP_PARAM_TIME: return fmt::format("{} to {}{}", time_text(row.min), time_text(row.max), zero);
    case LLP_PARAM_BYTE:
      return fmt::format("characters from 0x{:02x} to 0x{:02x}, written as 0x0b, 11 or 'c'", row.min,
                         row.max);
    default: return "reject, or replace: and a printable character";
  }
}

std::string default_text(const llp_param& row, llp_protocol protocol) {
  llp_params params{};
  llp_params_default(&params, protocol);
  std::array<char, 64> text{};
  if (llp_params_get(&params, protocol, row.name, text.data(), text.size()) < 0) return {};
  return text.data();
}

std::vector<std::string> parameter_names(llp_protocol protocol) {
  std::vector<std::string> names;
  for_each(protocol, [&names](const llp_param& row) { names.emplace_back(row.name); });
  names.emplace_back("expect");
  return names;
}

Result<void> set_parameter(llp_params& params, llp_protocol protocol, std::string_view name,
                           std::string_view value) {
  const std::string name_text(name);
  const std::string value_text(value);
  // The table's functions read C strings: what follows a NUL would be ignored.
  const auto has_nul = [](std::string_view text) { return text.find('\0') != std::string_view::npos; };
  int error = 0;
  if (has_nul(name)) {
    error = -ENOENT;
  } else if (has_nul(value)) {
    error = -EINVAL;
  } else {
    error = llp_params_set(&params, protocol, name_text.c_str(), value_text.c_str());
  }
  if (error == 0) return {};
  if (error == -ENOENT) {
    for (unsigned other = 0; other < LLP_PROTO__N && !has_nul(name); other++) {
      if (llp_param_find(static_cast<llp_protocol>(other), name_text.c_str()) != nullptr) {
        return fail(Errc::invalid,
                    fmt::format("{} has no parameter {}; {} has", llp_protocol_name(protocol), quote(name),
                                llp_protocol_name(static_cast<llp_protocol>(other))));
      }
    }
    return fail(Errc::invalid, fmt::format("{} has no parameter {}{}", llp_protocol_name(protocol),
                                           quote(name), did_you_mean(name, parameter_names(protocol))));
  }
  const llp_param* row = llp_param_find(protocol, name == "expect" ? "expect_out" : name_text.c_str());
  if (error == -ERANGE) {
    return fail(Errc::invalid,
                fmt::format("{} is out of bounds, allowed are {}", quote(value), allowed(*row)));
  }
  switch (row->kind) {
    case LLP_PARAM_UINT:
      return fail(Errc::invalid,
                  fmt::format("{} is not a number, allowed are {}", quote(value), allowed(*row)));
    case LLP_PARAM_TIME:
      return fail(Errc::invalid, fmt::format("{} is not a time, such as 500ms, 6s or 2min; allowed are {}",
                                             quote(value), allowed(*row)));
    case LLP_PARAM_ENUM:
      return fail(Errc::invalid, fmt::format("{} is not allowed, write {}{}", quote(value), allowed(*row),
                                             did_you_mean(value, split(row->choices, '|'))));
    default:
      return fail(Errc::invalid, fmt::format("{} is not allowed, write {}", quote(value), allowed(*row)));
  }
}

Result<void> apply_peer(llp_params& params, llp_protocol protocol, std::string_view name) {
  std::vector<std::string> names;
  const llp_preset* found = nullptr;
  for (u32 i = 0; const llp_preset* preset = llp_preset_at(i); i++) {
    if (preset->name == name) found = preset;
    if (preset->proto == protocol) names.emplace_back(preset->name);
  }
  if (found == nullptr) {
    const std::string known = names.empty() ? "none is known" : "known are " + one_of(names);
    return fail(Errc::invalid, fmt::format("{} is not a known peer; for {} {}{}", quote(name),
                                           llp_protocol_name(protocol), known, did_you_mean(name, names)));
  }
  const int error = llp_preset_apply(&params, protocol, found->name);
  if (error == -EPROTOTYPE) {
    return fail(Errc::invalid, fmt::format("{} is a peer for {}, not for {}", quote(name),
                                           llp_protocol_name(static_cast<llp_protocol>(found->proto)),
                                           llp_protocol_name(protocol)));
  }
  if (error != 0)
    return fail(Errc::invalid, fmt::format("the settings for {} do not fit this version", quote(name)));
  return {};
}

std::string list_parameters(llp_protocol protocol) {
  std::string out;
  for_each(protocol, [&out, protocol](const llp_param& row) {
    fmt::format_to(std::back_inserter(out), "{:<24} {:<12} {}\n{:24} {:12} {}\n", row.name,
                   default_text(row, protocol), allowed(row), "", "", row.help);
  });
  return out;
}

std::string list_parameters() {
  std::string all;
  for (unsigned i = 0; i < LLP_PROTO__N; i++) {
    const auto protocol = static_cast<llp_protocol>(i);
    all +=
        fmt::format("{}{}:\n{}", i > 0 ? "\n" : "", llp_protocol_name(protocol), list_parameters(protocol));
  }
  return all;
}

std::string list_peers() {
  std::string out;
  for (u32 i = 0; const llp_preset* preset = llp_preset_at(i); i++) {
    fmt::format_to(std::back_inserter(out), "{:<14} {:<5} {}\n{:20} {}\n", preset->name,
                   llp_protocol_name(static_cast<llp_protocol>(preset->proto)), preset->help, "",
                   preset->settings);
  }
  return out;
}

std::string parameters_as_roff() {
  std::string out;
  for (unsigned i = 0; i < LLP_PROTO__N; i++) {
    const auto protocol = static_cast<llp_protocol>(i);
    fmt::format_to(std::back_inserter(out), ".SH {}\n", kTitles.at(i));
    for_each(protocol, [&out, protocol](const llp_param& row) {
      fmt::format_to(std::back_inserter(out), ".TP\n.BR {} \" = {}\"\n{}.\nAllowed: {}.\n", roff(row.name),
                     roff(default_text(row, protocol)), roff(row.help), roff(allowed(row)));
    });
  }
  out += ".SH KNOWN PEERS\n";
  for (u32 i = 0; const llp_preset* preset = llp_preset_at(i); i++) {
    fmt::format_to(std::back_inserter(out), ".TP\n.BR {} \" ({})\"\n{}.\nSets {}.\n", roff(preset->name),
                   roff(llp_protocol_name(static_cast<llp_protocol>(preset->proto))), roff(preset->help),
                   roff(preset->settings));
  }
  return out;
}

// ---- as people see them ----

std::vector<Parameter> parameter_texts(const llp_params& params, llp_protocol protocol) {
  std::vector<Parameter> all;
  for (u32 i = 0; const llp_param* row = llp_param_at(i); ++i) {
    std::array<char, kValueSize> value{};
    if ((row->protocols & 1U << protocol) != 0 && !of_the_wire(row->name) &&
        llp_params_get(&params, protocol, row->name, value.data(), value.size()) >= 0) {
      all.push_back({row->name, value.data()});
    }
  }
  return all;
}

std::vector<ChangedParameter> changed_parameters(std::span<const Parameter> all, llp_protocol protocol) {
  std::vector<ChangedParameter> changed;
  for (const Parameter& p : all) {
    if (of_the_wire(p.name)) continue;
    const llp_param* row = llp_param_find(protocol, p.name.c_str());
    const std::string standard = row != nullptr ? default_text(*row, protocol) : std::string();
    if (p.value != standard) changed.push_back({p.name, p.value, standard});
  }
  return changed;
}

std::string peer_of(std::span<const Parameter> all, llp_protocol protocol) {
  for (u32 i = 0; const llp_preset* preset = llp_preset_at(i); ++i) {
    if (preset->proto != protocol) continue;
    llp_params params{};
    llp_params_default(&params, protocol);
    if (llp_preset_apply(&params, protocol, preset->name) != 0) continue;
    const auto wanted = parameter_texts(params, protocol);
    const bool same = std::ranges::all_of(
        wanted, [&](const Parameter& p) { return std::ranges::find(all, p) != all.end(); });
    if (same) return preset->name;
  }
  return {};
}

}  // namespace llp::config
