// SPDX-License-Identifier: BSD-3-Clause
#include "cmd/args.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "config/text.hpp"

namespace llp::cmd {

namespace {

using config::quote;

std::unexpected<Error> bad_option(std::string message) { return fail(Errc::invalid, std::move(message)); }

// One pass over the arguments.
class Splitter {
 public:
  Splitter(std::span<const std::string> args, std::span<const OptionSpec> specs)
      : args_(args), specs_(specs) {}

  Result<std::vector<Option>> run() {
    for (at_ = 0; at_ < args_.size(); at_++) {
      const std::string_view arg = args_[at_];
      if (arg == "--" && at_ + 1 == args_.size()) break;
      Result<void> done;
      if (arg.starts_with("--") && arg.size() > 2) {
        done = long_option(arg.substr(2));
      } else if (arg.starts_with('-') && arg.size() > 1 && arg != "--") {
        done = short_options(arg.substr(1));
      } else {
        done = bad_option(
            fmt::format("{} is not an option", quote(arg == "--" ? std::string_view(args_[at_ + 1]) : arg)));
      }
      if (!done) return std::unexpected(std::move(done.error()));
    }
    return std::move(found_);
  }

 private:
  Result<void> long_option(std::string_view text) {
    const std::size_t equals = text.find('=');
    const std::string_view name = text.substr(0, equals);
    const auto spec = std::ranges::find(specs_, name, &OptionSpec::name);
    if (name.empty() || spec == specs_.end()) {
      std::vector<std::string> names;
      for (const OptionSpec& s : specs_) {
        if (!s.name.empty()) names.push_back("--" + s.name);
      }
      const std::string shown = "--" + std::string(name);
      return bad_option(
          fmt::format("there is no option {}{}", quote(shown), config::did_you_mean(shown, names)));
    }
    Option option{&*spec, "--" + spec->name, {}, equals != std::string_view::npos};
    if (option.has_value) {
      if (spec->takes == Takes::nothing) return bad_option(fmt::format("{} takes no value", option.shown));
      option.value = text.substr(equals + 1);
    }
    return take(std::move(option));
  }

  Result<void> short_options(std::string_view letters) {
    while (!letters.empty()) {
      const char letter = letters.front();
      letters.remove_prefix(1);
      const auto spec = std::ranges::find(specs_, letter, &OptionSpec::letter);
      if (letter == 0 || spec == specs_.end()) {
        return bad_option(fmt::format("there is no option {}", quote(std::string("-") + letter)));
      }
      Option option{&*spec, std::string("-") + letter, {}, false};
      if (spec->takes == Takes::value && !letters.empty()) {
        option.value = std::exchange(letters, {});
        option.has_value = true;
      }
      if (auto done = take(std::move(option)); !done) return done;
    }
    return {};
  }

  // With the next argument as its value, if it needs one.
  Result<void> take(Option option) {
    if (option.spec->takes == Takes::value && !option.has_value) {
      if (at_ + 1 >= args_.size()) return bad_option(fmt::format("{}: its value is missing", option.shown));
      option.value = args_[++at_];
      option.has_value = true;
    }
    found_.push_back(std::move(option));
    return {};
  }

  std::span<const std::string> args_;
  std::span<const OptionSpec> specs_;
  std::size_t at_ = 0;
  std::vector<Option> found_;
};

}  // namespace

Result<std::vector<Option>> split_args(std::span<const std::string> args, std::span<const OptionSpec> specs) {
  return Splitter(args, specs).run();
}

std::vector<std::string> arguments(int argc, const char* const* argv) {
  if (argc < 1) return {};
  return {argv + 1, argv + argc};
}

}  // namespace llp::cmd
