// SPDX-License-Identifier: BSD-3-Clause
// The engine's table of parameters for people: setting by name with errors
// that say what is allowed, and listings.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/parameter.hpp"
#include "base/result.hpp"
#include "line/engine_api.hpp"

namespace llp::config {

// "x328", "hllp", "mllp", or "mllp2" for MLLP with release=2.
struct Protocol {
  llp_protocol protocol = LLP_PROTO_X328;
  bool release2 = false;
  friend bool operator==(const Protocol&, const Protocol&) = default;
};
[[nodiscard]] Result<Protocol> parse_protocol(std::string_view text);

// Sets one parameter. Errors are Errc::invalid clauses that name what was
// found, what is allowed, and a near name for an unknown one.
[[nodiscard]] Result<void> set_parameter(llp_params& params, llp_protocol protocol, std::string_view name,
                                         std::string_view value);

// Applies the settings for a known peer.
[[nodiscard]] Result<void> apply_peer(llp_params& params, llp_protocol protocol, std::string_view name);

// What may be written for a parameter: "1ms to 1h, or 0", "plain or cr".
[[nodiscard]] std::string allowed(const llp_param& row);

// Its default as it is written.
[[nodiscard]] std::string default_text(const llp_param& row, llp_protocol protocol);

// Names of all parameters of a protocol, with "expect".
[[nodiscard]] std::vector<std::string> parameter_names(llp_protocol protocol);

// All parameters of a protocol with their values, without those that are the
// wire's own (char_time).
[[nodiscard]] std::vector<Parameter> parameter_texts(const llp_params& params, llp_protocol protocol);

// A parameter that is not at its default.
struct ChangedParameter {
  std::string name, value, standard;
};
[[nodiscard]] std::vector<ChangedParameter> changed_parameters(std::span<const Parameter> all,
                                                               llp_protocol protocol);
// The known peer whose settings these are exactly; empty: none.
[[nodiscard]] std::string peer_of(std::span<const Parameter> all, llp_protocol protocol);

// For --list-params: one line a parameter; of all protocols, each under its name.
// For --list-peers likewise.
[[nodiscard]] std::string list_parameters(llp_protocol protocol);
[[nodiscard]] std::string list_parameters();
[[nodiscard]] std::string list_peers();

// The same as the part of the manual that the table makes: roff, man(7) macros.
[[nodiscard]] std::string parameters_as_roff();

}  // namespace llp::config
