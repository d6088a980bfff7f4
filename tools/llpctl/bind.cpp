// SPDX-License-Identifier: BSD-3-Clause
// llpctl bind, unbind: a port is a line from now on, whenever it is there.
#include <fmt/format.h>

#include <fstream>
#include <memory>
#include <system_error>
#include <utility>

#include "config/text.hpp"
#include "config/values.hpp"
#include "llpctl/bind_files.hpp"
#include "llpctl/context.hpp"
#include "llpctl/json.hpp"

namespace llp::ctl {

namespace {

constexpr std::uint64_t kMostBaud = 20'000'000;

struct BindArguments {
  std::string port, name, by;
  std::vector<std::string> settings;
  bool dry_run = false, force = false, no_trigger = false;
};

Result<void> take(Binding& b, const std::string& setting) {
  const std::size_t eq = setting.find('=');
  if (eq == std::string::npos) {
    return fail(Errc::invalid, fmt::format("{}: KEY=VALUE is wanted", config::quote(setting)));
  }
  const std::string key = setting.substr(0, eq);
  const std::string value = setting.substr(eq + 1);
  if (key == "baud") {
    auto baud = config::parse_unsigned(value, 1, kMostBaud);
    if (!baud) return fail(Errc::invalid, "baud: " + baud.error().message);
    b.baud = static_cast<unsigned>(*baud);
  } else if (key == "mode") {
    b.mode = value;
  } else if (key == "flow") {
    b.flow = value;
  } else if (key == "protocol") {
    b.protocol = value;
  } else if (key == "policy") {
    b.policy = value;
  } else if (key == "peer") {
    b.peers.push_back(value);
  } else if (key == "to") {
    b.to.push_back(value);
  } else if (key == "dist") {
    b.dist = value;
  } else {
    b.settings.push_back(setting);
  }
  return {};
}

// "serial=A10K", "path=pci-...": an adapter that need not be there now.
Result<std::map<std::string, std::string>> ports_match(const Context& context, const BindArguments& a) {
  for (const auto& [prefix, property] :
       {std::pair{"serial=", "ID_SERIAL_SHORT"}, std::pair{"path=", "ID_PATH"}}) {
    if (a.port.starts_with(prefix)) {
      return std::map<std::string, std::string>{{property, a.port.substr(std::string_view(prefix).size())}};
    }
  }
  auto properties = context.execute({"udevadm", "info", "--query=property", "--name=" + a.port});
  if (!properties) return std::unexpected(std::move(properties.error()));
  auto match = identify(*properties, a.by);
  if (!match) return fail(match.error().code, fmt::format("{}: {}", a.port, match.error().message));
  return match;
}

Result<void> write(const BindFile& file) {
  std::error_code error;
  std::filesystem::create_directories(file.path.parent_path(), error);
  if (error) return fail_errno("cannot make " + file.path.parent_path().string(), error.value());
  // Whole or not at all: udev and llpd read what is there at any time.
  const std::filesystem::path fresh =
      file.path.parent_path() / ("." + file.path.filename().string() + ".new");
  std::ofstream out(fresh);
  out << file.text;
  out.close();
  if (!out) return fail_errno("cannot write " + fresh.string());
  std::filesystem::rename(fresh, file.path, error);
  if (error) return fail_errno("cannot write " + file.path.string(), error.value());
  return {};
}

// What may fail without harm: there is no udevd in a container, and llpd may
// not run.
void tell_system(const Context& context, const std::vector<std::vector<std::string>>& commands) {
  for (const auto& command : commands) {
    if (const auto done = context.execute(command); !done) context.complain(done.error().message);
  }
}

void print(const Context& context, const std::vector<BindFile>& files, bool with_text) {
  if (context.json) {
    Json all = Json::array();
    for (const BindFile& file : files) {
      all.element(Json::object().text("path", file.path.string()).text("text", file.text).str());
    }
    context.print(all.str() + "\n");
    return;
  }
  for (const BindFile& file : files) {
    context.print(with_text ? fmt::format("==> {} <==\n{}\n", file.path.string(), file.text)
                            : fmt::format("{}\n", file.path.string()));
  }
}

int bind(Context& context, const BindArguments& a) {
  Binding binding;
  binding.name = a.name;
  for (const std::string& setting : a.settings) {
    if (auto done = take(binding, setting); !done) return context.misused(done.error().message);
  }
  auto match = ports_match(context, a);
  if (!match) return context.failed(match.error());
  binding.match = std::move(*match);
  const BindPlaces places = bind_places(context.rules_dir, context.lines_dir, a.name);
  const auto files = bind_files(binding, places);
  if (!files) return context.misused(files.error().message);
  if (a.dry_run) {
    print(context, *files, true);
    return 0;
  }
  std::error_code error;
  for (const BindFile& file : *files) {
    if (!a.force && std::filesystem::exists(file.path, error)) {
      return context.failed(
          {Errc::in_use,
           fmt::format("{} is there already; --force replaces it, `llpctl unbind {}` takes it away",
                       file.path.string(), a.name),
           0});
    }
  }
  for (const BindFile& file : *files) {
    if (auto done = write(file); !done) return context.failed(done.error());
  }
  print(context, *files, false);
  if (a.no_trigger) return 0;
  std::vector<std::vector<std::string>> commands{
      {"udevadm", "control", "--reload"}, {"udevadm", "trigger", "--action=change", "--subsystem-match=tty"}};
  if (files->size() > 2) commands.push_back({"systemctl", "try-reload-or-restart", "llpd.service"});
  tell_system(context, commands);
  return 0;
}

bool is_ours(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::string first;
  return std::getline(in, first) && first.starts_with(kBindMark);
}

int unbind(Context& context, const BindArguments& a) {
  const BindPlaces places = bind_places(context.rules_dir, context.lines_dir, a.name);
  std::vector<std::filesystem::path> ours;
  std::error_code error;
  for (const auto& path : {places.rules, places.options, places.line}) {
    if (!std::filesystem::exists(path, error)) continue;
    if (is_ours(path)) {
      ours.push_back(path);
    } else {
      context.complain(path.string() + " was not made by bind and stays");
    }
  }
  if (ours.empty())
    return context.failed({Errc::not_found, fmt::format("there is no binding {}", a.name), 0});
  std::vector<BindFile> gone;
  for (const auto& path : ours) {
    gone.push_back({path, ""});
    if (a.dry_run) continue;
    std::filesystem::remove(path, error);
    if (error) return context.failed(sys_error("cannot remove " + path.string(), error.value()));
  }
  print(context, gone, false);
  if (a.dry_run || a.no_trigger) return 0;
  std::vector<std::vector<std::string>> commands{
      {"udevadm", "control", "--reload"},
      {"systemctl", "stop", fmt::format("llp-attach@{}.service", a.name)},
      {"udevadm", "trigger", "--action=change", "--subsystem-match=tty"}};
  if (ours.back() == places.line) commands.push_back({"systemctl", "try-reload-or-restart", "llpd.service"});
  tell_system(context, commands);
  return 0;
}

void add_common(CLI::App& verb, Context& context, BindArguments& a) {
  verb.add_flag("-n,--dry-run", a.dry_run, "say what would be written, and change nothing");
  verb.add_flag("--no-trigger", a.no_trigger, "write only: udev and systemd are not told");
  verb.add_option("--rules-dir", context.rules_dir, "of udev")->type_name("DIR")->capture_default_str();
  verb.add_option("--lines-dir", context.lines_dir, "of lines")->type_name("DIR")->capture_default_str();
}

}  // namespace

void add_bind(CLI::App& app, Context& context, Run& run) {
  auto* verb = app.add_subcommand("bind", "a port is this line from now on, whenever it is there");
  const auto a = std::make_shared<BindArguments>();
  verb->add_option("port", a->port, "/dev/ttyUSB0, or serial=NUMBER or path=PATH as udev knows it")
      ->type_name("PORT")
      ->required();
  verb->add_option("name", a->name, "of the line")->type_name("NAME")->required();
  verb->add_option(
          "settings", a->settings,
          "baud, mode, flow; protocol, peer, policy and parameters; to, dist: applications, for llpd")
      ->type_name("KEY=VALUE");
  verb->add_option("--by", a->by, "tell the port from others by its serial number, path or name")
      ->check(CLI::IsMember({"serial", "path", "name"}));
  verb->add_flag("-f,--force", a->force, "replace what is there");
  verb->footer(
      "Examples:\n"
      "  llpctl bind /dev/ttyUSB0 chem protocol=x328 baud=9600 to=5001%labsys dist=5002\n"
      "  llpctl bind serial=A5069RR4 chem protocol=x328 --dry-run");
  add_common(*verb, context, *a);
  verb->callback([&context, &run, a] { run = [&context, a] { return bind(context, *a); }; });
}

void add_unbind(CLI::App& app, Context& context, Run& run) {
  auto* verb = app.add_subcommand("unbind", "take a binding away");
  const auto a = std::make_shared<BindArguments>();
  verb->add_option("name", a->name, "of the line")->type_name("NAME")->required();
  verb->footer("Example:\n  llpctl unbind chem");
  add_common(*verb, context, *a);
  verb->callback([&context, &run, a] { run = [&context, a] { return unbind(context, *a); }; });
}

}  // namespace llp::ctl
