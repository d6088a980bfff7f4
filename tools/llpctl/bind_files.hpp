// SPDX-License-Identifier: BSD-3-Clause
// The files that bind a port to a line: the udev rule that tags it, the options
// of llp-attach@NAME, and, where an application is named, llpd's line.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace llp::ctl {

// The first line of what bind writes; unbind removes no file without it.
inline constexpr std::string_view kBindMark = "# Made by `llpctl bind`";

struct Binding {
  std::string name;
  std::map<std::string, std::string> match;  // udev property -> value
  unsigned baud = 9600;
  std::string mode = "8n1", flow = "none";
  std::string protocol, policy;
  std::vector<std::string> peers, settings;  // settings: NAME=VALUE
  std::vector<std::string> to;
  std::string dist;
};

struct BindFile {
  std::filesystem::path path;
  std::string text;
};

struct BindPlaces {
  std::filesystem::path rules, options, line;
};
[[nodiscard]] BindPlaces bind_places(const std::filesystem::path& rules_dir,
                                     const std::filesystem::path& lines_dir, const std::string& name);

// Errc::invalid: a name or a value that is none.
[[nodiscard]] Result<std::vector<BindFile>> bind_files(const Binding& binding, const BindPlaces& places);

// How udev tells this port from others, out of what `udevadm info
// --query=property` printed: by an adapter's serial number, else by where it
// is plugged in, else by its name. `by`: serial, path or name, empty: the first
// of them that there is. Errc::not_found: the port has no such property.
[[nodiscard]] Result<std::map<std::string, std::string>> identify(const std::string& properties,
                                                                  const std::string& by);

}  // namespace llp::ctl
