// SPDX-License-Identifier: BSD-3-Clause
// llpctl set: options of a line and parameters of its protocol.
#include <fmt/format.h>

#include <memory>
#include <optional>

#include "config/parameters.hpp"
#include "config/text.hpp"
#include "config/values.hpp"
#include "line/engine_api.hpp"
#include "llpctl/context.hpp"
#include "llpctl/json.hpp"
#include "llpctl/words.hpp"

namespace llp::ctl {

namespace {

constexpr std::uint64_t kMaxCount = 1024;
constexpr std::uint64_t kMaxBytes = 1U << 30;

struct SetArguments {
  std::string line;
  std::vector<std::string> settings;
  bool restart = false;
};

// What is typed, in the kernel's terms. Parameters are read by the same table
// as in the kernel, so that an error can say what is allowed.
class Reader {
 public:
  explicit Reader(const netlink::LineStatus& line) : line_(line) {
    llp_params_default(&params_, protocol_);
    for (const auto& p : line.params) {
      static_cast<void>(llp_params_set(&params_, protocol_, p.name.c_str(), p.value.c_str()));
    }
  }

  Result<void> add(const std::string& setting) {
    const std::size_t eq = setting.find('=');
    if (eq == std::string::npos) {
      return fail(Errc::invalid, fmt::format("{}: KEY=VALUE is wanted", config::quote(setting)));
    }
    const std::string key = setting.substr(0, eq);
    const std::string value = setting.substr(eq + 1);
    auto done = one(key, value);
    if (!done) return fail(Errc::invalid, fmt::format("{}: {}", config::quote(key), done.error().message));
    return {};
  }

  // All parameters that differ from what the line has, or from the defaults of
  // a new protocol.
  netlink::LineChange change() && {
    llp_params before{};
    llp_params_default(&before, protocol_);
    if (!change_.protocol) {
      for (const auto& p : line_.params) {
        static_cast<void>(llp_params_set(&before, protocol_, p.name.c_str(), p.value.c_str()));
      }
    }
    for (u32 i = 0; const llp_param* row = llp_param_at(i); ++i) {
      if ((row->protocols & 1U << protocol_) == 0) continue;
      const std::string now = text(params_, row->name);
      if (now != text(before, row->name)) change_.params.push_back({row->name, now});
    }
    return std::move(change_);
  }

 private:
  std::string text(const llp_params& params, const char* name) const {
    std::array<char, LLP_VALUE_SIZE> value{};
    return llp_params_get(&params, protocol_, name, value.data(), value.size()) < 0 ? "" : value.data();
  }

  Result<void> number(std::optional<std::uint32_t>& member, const std::string& value, std::uint64_t max) {
    auto parsed = config::parse_size(value, 1, max);
    if (!parsed) return std::unexpected(std::move(parsed.error()));
    member = static_cast<std::uint32_t>(*parsed);
    return {};
  }

  Result<void> one(const std::string& key, const std::string& value) {
    if (key == "name") {
      change_.name = value;
      return {};
    }
    if (key == "policy") {
      auto policy = config::parse_choice(value, "arrival|read|commit");
      if (!policy) return std::unexpected(std::move(policy.error()));
      change_.policy = static_cast<std::uint32_t>(*policy);
      return {};
    }
    if (key == "max_messages") return number(change_.max_messages, value, kMaxCount);
    if (key == "max_bytes") return number(change_.max_bytes, value, kMaxBytes);
    if (key == "max_writes") return number(change_.max_writes, value, kMaxCount);
    if (key == "protocol") {
      auto protocol = config::parse_protocol(value);
      if (!protocol) return std::unexpected(std::move(protocol.error()));
      protocol_ = protocol->protocol;
      change_.protocol = static_cast<std::uint32_t>(protocol_);
      llp_params_default(&params_, protocol_);
      if (protocol->release2) return config::set_parameter(params_, protocol_, "release", "2");
      return {};
    }
    if (key == "peer") return config::apply_peer(params_, protocol_, value);
    return config::set_parameter(params_, protocol_, key, value);
  }

  const netlink::LineStatus& line_;
  llp_protocol protocol_ = static_cast<llp_protocol>(line_.protocol);
  llp_params params_{};
  netlink::LineChange change_;
};

int set(Context& context, const SetArguments& a) {
  auto kernel = context.open_kernel();
  if (!kernel) return context.failed(kernel.error());
  const auto line = netlink::find_line(**kernel, a.line);
  if (!line) return context.failed(line.error());
  Reader reader(*line);
  for (const std::string& setting : a.settings) {
    if (auto done = reader.add(setting); !done) return context.misused(done.error().message);
  }
  netlink::LineChange change = std::move(reader).change();
  const netlink::LineNumber which{line->line};
  const bool anew = change.protocol || !change.params.empty();
  if (anew && line->up && !a.restart) {
    return context.failed(
        {Errc::in_use,
         fmt::format("llp{} is up: its protocol can only be set while it is down; --restart "
                     "takes it down for a moment, which cancels what is in progress",
                     line->line),
         0});
  }
  const bool restart = anew && line->up;
  if (restart) change.up = false;
  Json params = Json::object();
  for (const auto& p : change.params) params.text(p.name, p.value);
  if (auto done = (*kernel)->set(which, change); !done) return context.failed(done.error());
  if (restart) {
    if (auto done = (*kernel)->set(which, {.up = true}); !done) return context.failed(done.error());
  }
  if (context.json) {
    context.print(Json::object()
                      .number("line", line->line)
                      .text("device", fmt::format("/dev/llp{}", line->line))
                      .text("name", change.name.value_or(line->name))
                      .raw("params", params.str())
                      .flag("restarted", restart)
                      .str() +
                  "\n");
  }
  return 0;
}

}  // namespace

void add_set(CLI::App& app, Context& context, Run& run) {
  auto* verb = app.add_subcommand("set", "change a line's options and its protocol's parameters");
  const auto a = std::make_shared<SetArguments>();
  verb->add_option("line", a->line, "its name, number or tty")->type_name("LINE")->required();
  verb->add_option(
          "settings", a->settings,
          "name, protocol, peer, policy, max_messages, max_bytes, max_writes, and every parameter of "
          "llp-params(7); a protocol before its parameters")
      ->type_name("KEY=VALUE")
      ->required();
  verb->footer(
      "Examples:\n"
      "  llpctl set chem timer_a=8s --restart\n"
      "  llpctl set llp0 name=chem protocol=x328 peer=vista-x328");
  verb->add_flag("--restart", a->restart, "a line that is up goes down for it, and up again");
  verb->callback([&context, &run, a] { run = [&context, a] { return set(context, *a); }; });
}

}  // namespace llp::ctl
