// SPDX-License-Identifier: BSD-3-Clause
// llpctl completion: scripts for bash and zsh, made of the command line itself.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "config/parameters.hpp"
#include "llpctl/context.hpp"

namespace llp::ctl {

namespace {

std::string joined(const std::vector<std::string>& words, const char* between = " ") {
  return fmt::format("{}", fmt::join(words, between));
}

std::vector<std::string> long_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

// "-o", "--out"
std::vector<std::string> all_names(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const std::string& name : option.get_snames()) names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) names.push_back("--" + name);
  return names;
}

// "left", "right" of what takes one of these.
std::vector<std::string> choices_of(const CLI::Option& option) {
  const std::string type = option.get_type_name();  // "TEXT:{left,right}"
  const std::size_t begin = type.find(":{");
  std::vector<std::string> words;
  if (begin == std::string::npos || !type.ends_with('}')) return words;
  std::string word;
  for (const char c : type.substr(begin + 2)) {
    if (c != ',' && c != '}') {
      word += c;
      continue;
    }
    words.push_back(word);
    word.clear();
  }
  return words;
}

bool is_file(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  return type == "FILE" || type == "DIR" || type == "PATH";
}

// What stands at a place that is no option's: a line of the kernel or of llpd, one
// that llpd serves, one of these words, or a file.
struct Place {
  bool line = false, served = false, file = false;
  std::vector<std::string> words;
};

Place first_place(const CLI::App& verb) {
  Place place;
  for (const CLI::Option* option : verb.get_options()) {
    if (!option->get_positional()) continue;
    const std::string type = option->get_type_name();
    place.line = type == "LINE";
    place.served = type == "SERVED";
    place.words = choices_of(*option);
    place.file = !place.line && !place.served && place.words.empty();
    break;
  }
  return place;
}

// What stands at the places after it.
std::vector<std::string> keys_of(const CLI::App& verb) {
  std::vector<std::string> words;
  for (const CLI::Option* option : verb.get_options()) {
    if (!option->get_positional() || option->get_type_name() != "KEY=VALUE") continue;
    for (const char* key :
         {"name", "protocol", "peer", "policy", "max_messages", "max_bytes", "max_writes"}) {
      words.push_back(fmt::format("{}=", key));
    }
    if (verb.get_name() == "bind") {
      for (const char* key : {"baud", "mode", "flow", "to", "dist"}) words.push_back(fmt::format("{}=", key));
    }
    for (unsigned p = 0; p < LLP_PROTO__N; ++p) {
      for (const std::string& name : config::parameter_names(static_cast<llp_protocol>(p))) {
        words.push_back(name + "=");
      }
    }
  }
  std::ranges::sort(words);
  const auto again = std::ranges::unique(words);
  words.erase(again.begin(), again.end());
  return words;
}

// Names of the lines that there are, as both shells ask for them.
constexpr const char* kLines =
    R"sh(llpctl list --json 2>/dev/null | tr '{' '\n' | sed -n 'h;s/.*"device": "\/dev\/\([^"]*\)".*/\1/p;g;s/.*"name": "\([^"][^"]*\)".*/\1/p')sh";

// The same of those that llpd serves.
constexpr const char* kServed =
    R"sh(llpctl status --json 2>/dev/null | tr '{' '\n' | sed -n 's/^"name":"\([^"]*\)".*/\1/p')sh";

// The program's verbs, "spool" and its parts as "spool list", with what can
// follow each.
struct Verb {
  std::string name;
  const CLI::App* app = nullptr;
  std::vector<std::string> parts, options;
};

std::vector<Verb> verbs_of(const CLI::App& app) {
  std::vector<std::string> everywhere = long_names(app);
  std::erase_if(everywhere, [](const std::string& name) { return name == "--version" || name == "--help"; });
  std::vector<Verb> all;
  const auto add = [&](const CLI::App& verb, const std::string& name) -> Verb& {
    Verb one{name, &verb, {}, long_names(verb)};
    one.options.insert(one.options.end(), everywhere.begin(), everywhere.end());
    all.push_back(std::move(one));
    return all.back();
  };
  for (const CLI::App* verb : app.get_subcommands({})) {
    std::vector<std::string> parts;
    for (const CLI::App* part : verb->get_subcommands({})) parts.push_back(part->get_name());
    add(*verb, verb->get_name()).parts = parts;
    for (const CLI::App* part : verb->get_subcommands({})) {
      add(*part, verb->get_name() + " " + part->get_name());
    }
  }
  return all;
}

// Calls f(names joined by '|', the option) for each option that takes a value.
template <class F>
void for_each_value(const Verb& verb, const CLI::App& app, F f) {
  for (const CLI::App* one : {verb.app, &app}) {
    for (const CLI::Option* option : one->get_options()) {
      if (option->get_positional() || option->get_items_expected_max() == 0) continue;
      f(joined(all_names(*option), "|"), *option);
    }
  }
}

// A shell's case that finds out where the word is: `verb`, and `place`, the
// number of words after it that are no options and no options' values.
std::string bash(const CLI::App& app) {
  std::string cases;
  std::string with_parts;
  for (const Verb& verb : verbs_of(app)) {
    const Place place = first_place(*verb.app);
    std::string values;
    for_each_value(verb, app, [&values](const std::string& names, const CLI::Option& option) {
      values += fmt::format("        {}) value={} choices='{}' ;;\n", names,
                            is_file(option) ? "file" : "word", joined(choices_of(option)));
    });
    cases += fmt::format("    '{}')\n      options='{}' keys='{}' first={} words='{}'\n", verb.name,
                         joined(verb.options), joined(keys_of(*verb.app)),
                         place.line     ? "line"
                         : place.served ? "served"
                         : place.file   ? "file"
                                        : "words",
                         verb.parts.empty() ? joined(place.words) : joined(verb.parts));
    cases += fmt::format("      case $1 in\n{}      esac ;;\n", values);
    if (!verb.parts.empty()) with_parts += (with_parts.empty() ? "" : "|") + verb.name;
  }
  std::vector<std::string> names;
  for (const CLI::App* verb : app.get_subcommands({})) names.push_back(verb->get_name());
  return fmt::format(R"(# bash completion of llpctl(1): source <(llpctl completion bash)
# What follows $verb; of its option $1: value, choices.
_llpctl_of() {{
  options='' keys='' first='' words='' value='' choices=''
  case $verb in
    '')
      options='{0}' first=words words='{1}'
      case $1 in --control) value=file ;; esac ;;
{2}  esac
}}
_llpctl() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} verb='' place=0 value='' choices='' options='' keys='' first='' words='' i
  for ((i = 1; i < COMP_CWORD; i++)); do
    _llpctl_of "${{COMP_WORDS[i]}}"
    case ${{COMP_WORDS[i]}} in
      -*) if [ -n "$value" ] && ((++i == COMP_CWORD)); then break; fi ; value='' ;;
      *)
        case $verb in
          '') verb=${{COMP_WORDS[i]}} ;;
          {3}) verb="$verb ${{COMP_WORDS[i]}}" ;;
          *) place=$((place + 1)) ;;
        esac ;;
    esac
  done
  COMPREPLY=()
  if [ -n "$value" ]; then
    if [ "$value" = file ]; then mapfile -t COMPREPLY < <(compgen -f -- "$cur"); fi
    if [ -n "$choices" ]; then mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$cur"); fi
    return
  fi
  _llpctl_of ''
  case $cur in
    -*) words=$options ;;
    *)
      if ((place > 0)); then words=$keys first=file; fi
      case $first in
        line) words=$({4}) ;;
        served) words=$({5}) ;;
      esac
      if [ "$first" = file ] && [ -z "$words" ]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        return
      fi ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
  case ${{COMPREPLY[0]}} in *=) compopt -o nospace 2> /dev/null ;; esac
}}
complete -F _llpctl llpctl
)",
                     joined(long_names(app)), joined(names), cases, with_parts.empty() ? "-" : with_parts,
                     kLines, kServed);
}

std::string zsh(const CLI::App& app) {
  std::string verbs;
  for (const CLI::App* verb : app.get_subcommands({})) {
    std::string help = verb->get_description();
    std::erase_if(help, [](char c) { return c == '\'' || c == ':' || c == '`'; });
    verbs += fmt::format("    '{}:{}'\n", verb->get_name(), help);
  }
  std::string cases;
  std::string with_parts;
  for (const Verb& verb : verbs_of(app)) {
    const Place place = first_place(*verb.app);
    std::string values;
    for_each_value(verb, app, [&values](const std::string& names, const CLI::Option& option) {
      values += fmt::format("        {}) value={} choices=({}) ;;\n", names,
                            is_file(option) ? "file" : "word", joined(choices_of(option)));
    });
    cases += fmt::format("    '{}')\n      options=({}) keys=({}) first={} names=({})\n", verb.name,
                         joined(verb.options), joined(keys_of(*verb.app)),
                         place.line     ? "line"
                         : place.served ? "served"
                         : place.file   ? "file"
                                        : "words",
                         verb.parts.empty() ? joined(place.words) : joined(verb.parts));
    cases += fmt::format("      case $1 in\n{}      esac ;;\n", values);
    if (!verb.parts.empty()) with_parts += (with_parts.empty() ? "" : "|") + verb.name;
  }
  return fmt::format(R"zsh(#compdef llpctl
# zsh completion of llpctl(1): put it as _llpctl where fpath looks.
# What follows $verb; of its option $1: value, choices.
_llpctl_of() {{
  options=() keys=() first='' names=() value='' choices=()
  case $verb in
    '')
      options=({0}) first=verbs
      case $1 in (--control) value=file ;; esac ;;
{1}  esac
}}
_llpctl() {{
  local verb='' value='' first='' cur=$words[CURRENT]
  local -a verbs options keys names choices
  integer i place=0
  verbs=(
{2}  )
  for ((i = 2; i < CURRENT; i++)); do
    _llpctl_of "$words[i]"
    case $words[i] in
      -*) if [[ -n $value ]] && ((++i == CURRENT)); then break; fi; value='' ;;
      *)
        case $verb in
          '') verb=$words[i] ;;
          {3}) verb="$verb $words[i]" ;;
          *) ((place += 1)) ;;
        esac ;;
    esac
  done
  if [[ -n $value ]]; then
    if [[ $value == file ]]; then _files; fi
    if (( $#choices )); then compadd -- $choices; fi
    return
  fi
  _llpctl_of ''
  if [[ $cur == -* ]]; then
    compadd -- $options
    return
  fi
  if ((place > 0)); then
    if (( $#keys )); then compadd -S '' -- $keys; else _files; fi
    return
  fi
  case $first in
    verbs) _describe verb verbs ;;
    line) compadd -- ${{(f)"$({4})"}} ;;
    served) compadd -- ${{(f)"$({5})"}} ;;
    file) _files ;;
    *) compadd -- $names ;;
  esac
}}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _llpctl "$@"; else compdef _llpctl llpctl; fi
)zsh",
                     joined(long_names(app)), cases, verbs, with_parts.empty() ? "-" : with_parts, kLines,
                     kServed);
}

}  // namespace

void add_completion(CLI::App& app, Context& context, Run& run) {
  auto* verb = app.add_subcommand("completion", "print a shell's completion script");
  verb->footer(
      "Examples:\n"
      "  source <(llpctl completion bash)\n"
      "  llpctl completion zsh > /usr/local/share/zsh/site-functions/_llpctl");
  const auto shell = std::make_shared<std::string>();
  verb->add_option("shell", *shell, "bash or zsh")->check(CLI::IsMember({"bash", "zsh"}))->required();
  verb->callback([&app, &context, &run, shell] {
    run = [&app, &context, shell] {
      context.print(*shell == "bash" ? bash(app) : zsh(app));
      return 0;
    };
  });
}

}  // namespace llp::ctl
