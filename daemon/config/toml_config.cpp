// SPDX-License-Identifier: BSD-3-Clause
#include "config/toml_config.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <compare>
#include <functional>
#include <map>
#include <set>
#include <utility>

#include "config/addresses.hpp"
#include "config/line_draft.hpp"
#include "config/line_options.hpp"
#include "config/places.hpp"
#include "config/text.hpp"

namespace llp::config {

namespace {

// Parameters of the protocol that may stand beside the options.
constexpr std::array<std::string_view, 4> kShortcuts{"match", "expect", "max_message", "reply_timeout"};

bool is_shortcut(std::string_view key) { return std::ranges::find(kShortcuts, key) != kShortcuts.end(); }

// Everything said in all files, and everything wrong with it.
class Reader {
 public:
  Reader(std::optional<Scale> scale, NoLines none) : scale_(scale), none_(none) {}

  void read(const ConfigSource& source) {
    file_ = source.file;
    files_.push_back(source.file);
    if (source.text.find_first_not_of(" \t\r\n") == std::string::npos) blank_.push_back(source.file);
    toml::table root;
    try {
      root = toml::parse(source.text, source.file);
    } catch (const toml::parse_error& e) {
      error(fmt::format("{}:{}", file_, e.source().begin.line), std::string(e.description()));
      return;
    }
    top(root);
  }

  [[nodiscard]] std::expected<DaemonConfig, std::vector<Error>> finish() {
    if (drafts_.empty() && errors_.empty()) no_lines();
    for (LineDraft& draft : drafts_) {
      draft.scale = scale_.value_or(Scale{});
      auto config = resolve(draft);
      if (config) {
        config_.lines.push_back(std::move(*config));
      } else {
        std::ranges::move(config.error(), std::back_inserter(errors_));
      }
    }
    // No line is served twice: not under one name, nor on one port or address.
    std::set<std::string> seen;
    for (core::LineConfig& line : config_.lines) {
      if (!seen.insert(line.name).second) continue;  // said already
      for (std::string& problem : places_.take(line)) error(names_.at(line.name), std::move(problem));
      if (lock_dir_) line.stream.lock_dir = *lock_dir_;
    }
    if (config_.metrics) {
      if (auto problem = places_.take_metrics(*config_.metrics))
        error(globals_["metrics"], std::move(*problem));
    }
    if (!errors_.empty()) return std::unexpected(sorted());
    return std::move(config_);
  }

 private:
  void no_lines() {
    if (none_ == NoLines::error) return error("", "no line is configured: a [line.NAME] table is missing");
    for (const std::string& file : blank_) error(file, "is empty; remove it, if no line is wanted");
    config_.notices.emplace_back("no line is configured: waiting for one (llpctl bind, llpctl reload)");
  }

  // In the order of the files and their lines, which tables do not keep.
  [[nodiscard]] std::vector<Error> sorted() {
    struct Place {
      std::size_t file, line, index;
      auto operator<=>(const Place&) const = default;
    };
    std::vector<Place> places;
    places.reserve(errors_.size());
    for (const Error& error : errors_) {
      Place place{files_.size(), 0, places.size()};
      for (std::size_t i = 0; i < files_.size() && place.file == files_.size(); i++) {
        const std::string prefix = files_[i] + ":";
        if (!error.message.starts_with(prefix)) continue;
        place.file = i;
        std::from_chars(error.message.data() + prefix.size(), error.message.data() + error.message.size(),
                        place.line);
      }
      places.push_back(place);
    }
    std::ranges::sort(places);
    std::vector<Error> errors;
    errors.reserve(places.size());
    for (const Place& place : places) errors.push_back(std::move(errors_[place.index]));
    return errors;
  }

  void error(const std::string& where, std::string message) {
    errors_.push_back({Errc::invalid, where.empty() ? std::move(message) : where + ": " + message, 0});
  }

  [[nodiscard]] std::string at(const toml::node& node, const std::string& key) const {
    return fmt::format("{}:{}: {}", file_, node.source().begin.line, key);
  }

  // A plain value as text, as the command line would have it.
  std::optional<std::string> text(const toml::node& node, const std::string& key) {
    if (const auto* value = node.as_string()) return value->get();
    if (const auto* value = node.as_integer()) return fmt::format("{}", value->get());
    if (const auto* value = node.as_floating_point()) return fmt::format("{}", value->get());
    if (const auto* value = node.as_boolean()) return value->get() ? "yes" : "no";
    error(at(node, key), "must be a string, a number, true or false");
    return std::nullopt;
  }

  // Takes a value through a parser; an error is noted with its place.
  template <class Parser>
  auto parsed(const toml::node& node, const std::string& key, Parser parser)
      -> std::optional<typename std::invoke_result_t<Parser, std::string_view>::value_type> {
    const auto value = text(node, key);
    if (!value) return std::nullopt;
    auto result = parser(std::string_view(*value));
    if (result) return std::move(*result);
    error(at(node, key), std::move(result.error().message));
    return std::nullopt;
  }

  // One value, or an array of them.
  template <class F>
  void each(const toml::node& node, const std::string& key, F f) {
    const auto* array = node.as_array();
    if (array == nullptr) return f(node);
    for (const toml::node& item : *array) f(item);
    if (array->empty()) error(at(node, key), "is empty");
  }

  // One value, or an array of them, each checked by itself, joined by commas.
  template <class Parser>
  std::optional<std::string> list(const toml::node& node, const std::string& key, Parser parser) {
    std::string all;
    each(node, key, [&](const toml::node& item) {
      const auto value = parsed(item, key, [&parser](std::string_view t) -> Result<std::string> {
        if (auto sound = parser(t); !sound) return std::unexpected(std::move(sound.error()));
        return std::string(t);
      });
      if (value) all += (all.empty() ? "" : ",") + *value;
    });
    if (all.empty()) return std::nullopt;
    return all;
  }

  void top(const toml::table& root) {
    // Defaults come first, wherever they stand.
    LineDraft defaults;
    if (const toml::node* node = root.get("defaults")) {
      if (const auto* table = node->as_table()) {
        for (const auto& [key, value] : *table) line_key(defaults, "defaults", key.str(), value, true);
      } else {
        error(at(*node, "defaults"), "must be a table");
      }
    }
    for (const auto& [k, node] : root) {
      const std::string key(k.str());
      if (key == "defaults") continue;
      if (key == "line") {
        lines(node, defaults);
      } else if (!global(key, node)) {
        error(at(node, key), "there is no such key" + did_you_mean(key, global_keys()));
      }
    }
  }

  bool global(const std::string& key, const toml::node& node) {
    const auto path = [this, &key, &node](auto& place) {
      const auto value = text(node, key);
      if (value && !value->starts_with('/'))
        return error(at(node, key), quote(*value) + " must begin with /");
      if (value) place = *value;
    };
    if (key == "runtime_dir") {
      path(config_.runtime_dir);
    } else if (key == "state_dir") {
      path(config_.state_dir);
    } else if (key == "pid_file") {
      path(config_.pid_file);
    } else if (key == "audit_log") {
      path(config_.audit_log);
    } else if (key == "audit_message_id") {
      config_.audit_message_id = parsed(node, key, parse_yes_no).value_or(false);
    } else if (key == "lock_dir") {
      lock_dir_ = text(node, key);
    } else if (key == "time_scale") {
      const auto scale = parsed(node, key, parse_scale);
      if (!scale_) scale_ = scale;
    } else if (key == "on_failure") {
      const auto choice = parsed(node, key, [](std::string_view t) { return parse_choice(t, "retry|exit"); });
      if (choice) config_.on_failure = static_cast<OnFailure>(*choice);
    } else if (key == "metrics") {
      if (auto address = parsed(node, key, parse_dist)) config_.metrics = std::move(*address);
    } else if (key == "metrics_allow") {
      const auto all = list(node, key, AllowList::parse);
      if (auto allow = AllowList::parse(all.value_or("any"))) config_.metrics_allow = std::move(*allow);
    } else if (key == "retry_interval") {
      const auto time = parsed(node, key, [](std::string_view t) {
        return parse_duration(t, std::chrono::milliseconds(100), std::chrono::hours(24));
      });
      if (time) config_.retry_interval = *time;
    } else {
      return false;
    }
    if (const auto [first, is_new] = globals_.try_emplace(key, at(node, key)); !is_new) {
      error(at(node, key), "was given before, at " + first->second);
    }
    return true;
  }

  void lines(const toml::node& node, const LineDraft& defaults) {
    if (const auto* table = node.as_table()) {
      for (const auto& [name, value] : *table) line(value, std::string(name.str()), defaults);
    } else if (const auto* array = node.as_array()) {
      for (const toml::node& value : *array) line(value, std::nullopt, defaults);
    } else {
      error(at(node, "line"), "must be tables: [line.NAME], or [[line]] with a name in each");
    }
  }

  void line(const toml::node& node, std::optional<std::string> name, const LineDraft& defaults) {
    const auto* table = node.as_table();
    if (table == nullptr) return error(at(node, "line"), "must be a table: [line.NAME]");
    const toml::node* named = table->get("name");
    if (!name) {
      if (named == nullptr) return error(at(node, "line"), "has no name");
      name = text(*named, "line.name");
      if (!name) return;
    } else if (named != nullptr) {
      error(at(*named, "line." + *name + ".name"), "the table's own name says it already");
    }
    const std::string place = "line." + (parse_name(*name) ? *name : quote(*name));
    LineDraft draft = defaults;
    draft.where = at(node, place);
    if (auto good = parse_name(*name); !good) error(draft.where, std::move(good.error().message));
    draft.name = *name;
    draft.options.insert(draft.options.begin(), {draft.where, "wait_for_device", "yes"});
    const auto [first, is_new] = names_.try_emplace(*name, draft.where);
    if (!is_new) error(draft.where, "a line of this name was described before, at " + first->second);
    const std::size_t before = errors_.size();
    for (const auto& [key, value] : *table) {
      if (key.str() != "name") line_key(draft, place, key.str(), value, false);
    }
    if (table->get("to") != nullptr && draft.to.size() > defaults.to.size()) {
      draft.to.erase(draft.to.begin(), draft.to.begin() + static_cast<std::ptrdiff_t>(defaults.to.size()));
    }
    // A port or address that could not be read is not missing as well.
    const bool broken = errors_.size() > before;
    if (broken && !draft.port && table->get("port") != nullptr) draft.port = io::Pty{};
    if (broken && draft.to.empty() && !draft.dist) draft.dist = illp::TcpEndpoint{"", "0"};
    drafts_.push_back(std::move(draft));
  }

  void line_key(LineDraft& draft, const std::string& place, std::string_view key, const toml::node& node,
                bool defaults) {
    const std::string where = place + "." + std::string(key);
    if (key == "params") return parameters(draft, where, node);
    if (key == "spool")
      return group(draft, where, node, "spool_", "a spool", "{ dir = \"/var/lib/llp/spool\" }");
    if (key == "tls") return tls(draft, where, node);
    if (key == "peer") {
      return each(node, where, [&](const toml::node& item) {
        if (auto value = text(item, where)) draft.peers.push_back({at(item, where), "", std::move(*value)});
      });
    }
    if (key == "protocol") {
      if (auto value = parsed(node, where, parse_protocol)) draft.protocol = *value;
      return;
    }
    if (key == "to") {
      return each(node, where, [&](const toml::node& item) {
        if (auto value = parsed(item, where, parse_to)) draft.to.push_back(std::move(*value));
      });
    }
    if (key == "serve_at_once" || key == "one_shot") {
      const auto value = parsed(node, where, parse_yes_no);
      if (value) (key == "one_shot" ? draft.one_shot : draft.serve_dist_at_once) = *value;
      return;
    }
    if (key == "port" && !defaults) {
      if (auto value = parsed(node, where, parse_line)) draft.port = std::move(*value);
      return;
    }
    if (key == "dist" && !defaults) {
      if (auto value = parsed(node, where, parse_dist)) draft.dist = std::move(*value);
      return;
    }
    if (is_shortcut(key)) {
      if (auto value = text(node, where))
        draft.parameters.push_back({at(node, where), std::string(key), *value});
      return;
    }
    // Names are written as they are in the manual, with underscores.
    const LineOption* option = find_line_option(key);
    if (option != nullptr && option->name == key) return option_value(draft, where, node, *option);
    if (defaults && (key == "port" || key == "dist" || key == "name")) {
      return error(at(node, where), "belongs to one line, not to the defaults");
    }
    error(at(node, where), "there is no such key" + did_you_mean(key, line_keys()));
  }

  // A value of an option, or several where it takes them.
  void option_value(LineDraft& draft, const std::string& where, const toml::node& node,
                    const LineOption& option) {
    const auto check = [&option](std::string_view t) {
      core::LineConfig trial;
      return option.set(trial, t);
    };
    auto value = option.list ? list(node, where, check) : text(node, where);
    if (value) draft.options.push_back({at(node, where), option.name, std::move(*value)});
  }

  // Options without their common beginning.
  void group(LineDraft& draft, const std::string& where, const toml::node& node, std::string_view prefix,
             std::string_view what, std::string_view example) {
    const auto* table = node.as_table();
    if (table == nullptr) return error(at(node, where), fmt::format("must be a table, such as {}", example));
    for (const auto& [k, value] : *table) {
      const std::string name = fmt::format("{}.{}", where, k.str());
      const std::string whole = std::string(prefix) + std::string(k.str());
      const LineOption* option = find_line_option(whole);
      if (option != nullptr && option->name == whole) {
        option_value(draft, name, value, *option);
        continue;
      }
      std::vector<std::string> names;
      for (const LineOption& o : line_options()) {
        if (o.name.starts_with(prefix)) names.push_back(o.name.substr(prefix.size()));
      }
      error(at(value, name), fmt::format("there is no such key; {} has {}{}", what, one_of(names),
                                         did_you_mean(k.str(), names)));
    }
  }

  // Whoever describes certificates means them to be used.
  void tls(LineDraft& draft, const std::string& where, const toml::node& node) {
    if (const auto* table = node.as_table(); table != nullptr && table->get("for") == nullptr) {
      draft.options.push_back({at(node, where), "tls_for", "both"});
    }
    group(draft, where, node, "tls_", "tls", R"({ certificate = "...", key = "...", authorities = "..." })");
  }

  void parameters(LineDraft& draft, const std::string& where, const toml::node& node) {
    const auto* table = node.as_table();
    if (table == nullptr) return error(at(node, where), "must be a table of the protocol's parameters");
    for (const auto& [k, value] : *table) {
      const std::string key(k.str());
      const std::string name = fmt::format("{}.{}", where, key);
      if (auto t = text(value, name)) draft.parameters.push_back({at(value, name), key, std::move(*t)});
    }
  }

  std::optional<Scale> scale_;
  NoLines none_;
  std::optional<std::string> lock_dir_;
  std::string file_;                // being read
  std::vector<std::string> files_;  // all of them
  std::vector<std::string> blank_;  // those without any text
  DaemonConfig config_;
  std::vector<LineDraft> drafts_;
  std::vector<Error> errors_;
  std::map<std::string, std::string> globals_;  // key: where it was given
  std::map<std::string, std::string> names_;    // of lines: where
  Places places_;                               // ports and addresses in use
};

}  // namespace

std::vector<std::string> line_keys() {
  std::vector<std::string> keys{"dist",     "name",          "one_shot", "params", "peer", "port",
                                "protocol", "serve_at_once", "spool",    "tls",    "to"};
  keys.insert(keys.end(), kShortcuts.begin(), kShortcuts.end());
  for (const LineOption& option : line_options()) keys.push_back(option.name);
  return keys;
}

std::vector<std::string> global_keys() {
  return {"audit_log",   "audit_message_id", "defaults",   "line",     "lock_dir",
          "metrics",     "metrics_allow",    "on_failure", "pid_file", "retry_interval",
          "runtime_dir", "state_dir",        "time_scale"};
}

std::expected<DaemonConfig, std::vector<Error>> parse_config(std::span<const ConfigSource> sources,
                                                             std::optional<Scale> scale, NoLines none) {
  Reader reader(scale, none);
  for (const ConfigSource& source : sources) reader.read(source);
  return reader.finish();
}

}  // namespace llp::config
