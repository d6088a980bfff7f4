// SPDX-License-Identifier: BSD-3-Clause
#include "llpctl/bind_files.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <uapi/llp.h>

#include <algorithm>
#include <cctype>
#include <sstream>

#include "config/text.hpp"
#include "llpattach/attach.hpp"

namespace llp::ctl {

namespace {

bool is_word(std::string_view text, std::string_view others) {
  return !text.empty() && std::ranges::all_of(text, [&](unsigned char c) {
    return std::isalnum(c) != 0 || others.find(static_cast<char>(c)) != std::string_view::npos;
  });
}

// What the kernel, llpd and systemd all take.
bool is_name(std::string_view name) {
  return name.size() < LLP_NAME_SIZE && is_word(name, "-_.") &&
         std::isalnum(static_cast<unsigned char>(name.front())) != 0;
}

std::string toml(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string rule(const Binding& b) {
  std::string conditions;
  for (const auto& [key, value] : b.match) {
    conditions += key == "DEVNAME" ? fmt::format(R"(KERNEL=="{}", )", value.substr(value.rfind('/') + 1))
                                   : fmt::format(R"(ENV{{{}}}=="{}", )", key, value);
  }
  return fmt::format(
      "{0}; `llpctl unbind {1}` takes it away.\n"
      "# The port is the line {1}: 90-llp-attach.rules does the rest.\n"
      "SUBSYSTEM==\"tty\", {2}ENV{{LLP_LINE}}=\"{1}\", ENV{{ID_MM_PORT_IGNORE}}=\"1\"\n",
      kBindMark, b.name, conditions);
}

std::string options(const Binding& b, const netlink::LineChange& line) {
  std::vector<std::string> words{"--baud", std::to_string(b.baud), "--mode", b.mode, "--flow", b.flow};
  const bool llpd = !b.to.empty() || !b.dist.empty();
  if (!llpd && line.protocol) {
    words.insert(words.end(), {"--protocol", b.protocol});
    for (const auto& p : line.params) {
      if (b.protocol == "mllp2" && p.name == "release") continue;
      words.insert(words.end(), {"--set", p.name + "=" + p.value});
    }
  }
  if (!b.policy.empty()) words.insert(words.end(), {"--policy", b.policy});
  return fmt::format("{} for llp-attach@{}.service: options of llpattach(8).\nLLP_ATTACH=\"{}\"\n", kBindMark,
                     b.name, fmt::join(words, " "));
}

std::string line_of(const Binding& b, const netlink::LineChange& line) {
  std::string out = fmt::format("{} for llpd; see llpd.toml(5).\n[line.{}]\nport = {}\n", kBindMark,
                                toml(b.name), toml("llp:" + b.name));
  if (!b.protocol.empty()) out += fmt::format("protocol = {}\n", toml(b.protocol));
  if (!b.to.empty()) {
    std::vector<std::string> all;
    all.reserve(b.to.size());
    for (const std::string& to : b.to) all.push_back(toml(to));
    out += fmt::format("to = [{}]\n", fmt::join(all, ", "));
  }
  if (!b.dist.empty()) out += fmt::format("dist = {}\n", toml(b.dist));
  std::string params;
  for (const auto& p : line.params) {
    if (b.protocol == "mllp2" && p.name == "release") continue;
    params += fmt::format("{} = {}\n", p.name, toml(p.value));
  }
  if (!params.empty()) out += fmt::format("\n[line.{}.params]\n{}", toml(b.name), params);
  return out;
}

}  // namespace

BindPlaces bind_places(const std::filesystem::path& rules_dir, const std::filesystem::path& lines_dir,
                       const std::string& name) {
  // After 60-serial.rules, which knows the adapter; before 77-mm*.rules, and
  // before 90-llp-attach.rules.
  return {rules_dir / fmt::format("65-llp-{}.rules", name), lines_dir / (name + ".conf"),
          lines_dir / (name + ".toml")};
}

Result<std::vector<BindFile>> bind_files(const Binding& b, const BindPlaces& places) {
  if (!is_name(b.name)) {
    return fail(
        Errc::invalid,
        fmt::format("{} is no name: it has at most {} letters, digits and -_. and begins with a letter "
                    "or digit",
                    config::quote(b.name), LLP_NAME_SIZE - 1));
  }
  for (const auto& [key, value] : b.match) {
    if (!is_word(value, "#+-.:=@_/")) {
      return fail(Errc::invalid,
                  fmt::format("{}={} cannot stand in a rule of udev", key, config::quote(value)));
    }
  }
  auto tty = attach::tty_of("/dev/" + b.name, b.baud, b.mode, b.flow);
  if (!tty) return std::unexpected(std::move(tty.error()));
  const bool llpd = !b.to.empty() || !b.dist.empty();
  auto line = attach::line_change({.name = b.name,
                                   .protocol = b.protocol,
                                   .policy = b.policy,
                                   .peers = b.peers,
                                   .settings = b.settings,
                                   .up = true});
  if (!line) return std::unexpected(std::move(line.error()));
  for (const auto& p : line->params) {
    if (!is_word(p.value, "-_.+:@#%/,=")) {
      return fail(Errc::invalid, fmt::format("{}: {} cannot stand in a file of options; write it as a number",
                                             p.name, config::quote(p.value)));
    }
  }
  for (const std::string& address : b.to) {
    if (std::ranges::any_of(address, [](unsigned char c) { return std::iscntrl(c) != 0; })) {
      return fail(Errc::invalid, fmt::format("to: {} is no address", config::quote(address)));
    }
  }
  std::vector<BindFile> files{{places.rules, rule(b)}, {places.options, options(b, *line)}};
  if (llpd) files.push_back({places.line, line_of(b, *line)});
  return files;
}

Result<std::map<std::string, std::string>> identify(const std::string& properties, const std::string& by) {
  std::map<std::string, std::string> all;
  std::istringstream in(properties);
  for (std::string line; std::getline(in, line);) {
    const std::size_t eq = line.find('=');
    if (eq != std::string::npos) all[line.substr(0, eq)] = line.substr(eq + 1);
  }
  if (all["SUBSYSTEM"] != "tty") return fail(Errc::invalid, "it is not a serial port");
  std::map<std::string, std::string> match;
  const auto take = [&](const char* key) {
    if (const auto found = all.find(key); found != all.end() && !found->second.empty()) match.insert(*found);
  };
  if ((by.empty() || by == "serial") && !all["ID_SERIAL_SHORT"].empty()) {
    // Some adapters have two ports under one number.
    for (const char* key : {"ID_VENDOR_ID", "ID_MODEL_ID", "ID_SERIAL_SHORT", "ID_USB_INTERFACE_NUM"})
      take(key);
    return match;
  }
  if ((by.empty() || by == "path") && !all["ID_PATH"].empty() && all["ID_BUS"] == "usb") {
    take("ID_PATH");
    return match;
  }
  if (by == "path") {
    take("ID_PATH");
    if (!match.empty()) return match;
  }
  if ((by.empty() || by == "name") && !all["DEVNAME"].empty()) {
    take("DEVNAME");
    return match;
  }
  return fail(Errc::not_found, fmt::format("udev knows no {} of it", by));
}

}  // namespace llp::ctl
