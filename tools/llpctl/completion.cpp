// SPDX-License-Identifier: BSD-3-Clause
// llpctl completion: scripts for bash and zsh, made of the command line itself.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>

#include "config/parameters.hpp"
#include "llpctl/context.hpp"

namespace llp::ctl {

namespace {

// "--json --help"
std::string options_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return fmt::format("{}", fmt::join(names, " "));
}

bool takes_line(const CLI::App& verb) {
  for (const CLI::Option* option : verb.get_options()) {
    if (option->get_positional() && option->get_type_name() == "LINE") return true;
  }
  return false;
}

// The place after the verb where it takes a line that llpd serves; 0: none.
unsigned served_at(const CLI::App& verb) {
  for (const CLI::Option* option : verb.get_options()) {
    if (option->get_positional() && option->get_type_name() == "SERVED") return 1;
  }
  for (const CLI::App* part : verb.get_subcommands({})) {
    if (served_at(*part) > 0) return 2;
  }
  return 0;
}

// "list show"
std::string parts_of(const CLI::App& verb) {
  std::vector<std::string> names;
  for (const CLI::App* part : verb.get_subcommands({})) names.push_back(part->get_name());
  return fmt::format("{}", fmt::join(names, " "));
}

std::string words_of(const CLI::App& verb) {
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
  return fmt::format("{}", fmt::join(words, " "));
}

// The names of the lines that there are, as both shells ask for them.
constexpr const char* kLines =
    R"sh(llpctl list --json 2>/dev/null | tr '{' '\n' | sed -n 's/.*"device": "\/dev\/\([^"]*\)", "name": "\([^"]*\)".*/\1 \2/p')sh";

// The same of those that llpd serves.
constexpr const char* kServed =
    R"sh(llpctl status --json 2>/dev/null | tr '{' '\n' | sed -n 's/^"name":"\([^"]*\)".*/\1/p')sh";

std::string bash(const CLI::App& app) {
  std::string verbs;
  std::string cases;
  for (const CLI::App* verb : app.get_subcommands({})) {
    verbs += (verbs.empty() ? "" : " ") + verb->get_name();
    cases += fmt::format("    {}) words=\"{}\" keys=\"{}\" line={} parts=\"{}\" served={} ;;\n",
                         verb->get_name(), options_of(*verb), words_of(*verb), takes_line(*verb) ? "yes" : "",
                         parts_of(*verb), served_at(*verb));
  }
  return fmt::format(R"(# bash completion of llpctl(1): source <(llpctl completion bash)
_llpctl() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} verb='' at=0 words='' keys='' line='' parts='' served=0 i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${{COMP_WORDS[i]}} in -*) ;; *) verb=${{COMP_WORDS[i]}} at=$i && break ;; esac
  done
  COMPREPLY=()
  case $verb in
    '') words="{0} {1}" ;;
{2}  esac
  case $cur in
    -*) ;;
    *)
      if [ -n "$verb" ]; then words=$keys; fi
      if [ -n "$line" ] && [ $((COMP_CWORD - at)) -eq 1 ]; then words=$({3}); fi
      if [ -n "$parts" ] && [ $((COMP_CWORD - at)) -eq 1 ]; then words=$parts; fi
      if [ "$served" -gt 0 ] && [ $((COMP_CWORD - at)) -eq "$served" ]; then words=$({4}); fi
      if [ -n "$verb" ] && [ -z "$words" ]; then mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return; fi
      ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
  case ${{COMPREPLY[0]}} in *=) compopt -o nospace 2> /dev/null ;; esac
}}
complete -F _llpctl llpctl
)",
                     verbs, options_of(app), cases, kLines, kServed);
}

std::string zsh(const CLI::App& app) {
  std::string verbs;
  std::string cases;
  for (const CLI::App* verb : app.get_subcommands({})) {
    std::string help = verb->get_description();
    std::erase_if(help, [](char c) { return c == '\'' || c == ':' || c == '`'; });
    verbs += fmt::format("    '{}:{}'\n", verb->get_name(), help);
    cases += fmt::format("    {}) compadd -- {}; [[ -n \"{}\" ]] && compadd -S '' -- {}", verb->get_name(),
                         options_of(*verb), words_of(*verb), words_of(*verb));
    if (!parts_of(*verb).empty())
      cases += fmt::format("; (( CURRENT == 3 )) && compadd -- {}", parts_of(*verb));
    if (const unsigned place = served_at(*verb); place > 0) {
      cases += fmt::format("; (( CURRENT == {} )) && compadd -- ${{=$({})}}", place + 2, kServed);
    } else {
      cases += takes_line(*verb) ? fmt::format("; (( CURRENT == 3 )) && compadd -- ${{=$({})}}", kLines)
                                 : "; _files";
    }
    cases += " ;;\n";
  }
  return fmt::format(R"(#compdef llpctl
# zsh completion of llpctl(1): put it as _llpctl where fpath looks.
_llpctl() {{
  local -a verbs
  verbs=(
{}  )
  if (( CURRENT == 2 )); then
    _describe verb verbs
    compadd -- {}
    return
  fi
  case $words[2] in
{}  esac
}}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _llpctl "$@"; else compdef _llpctl llpctl; fi
)",
                     verbs, options_of(app), cases);
}

}  // namespace

void add_completion(CLI::App& app, Context& context, Run& run) {
  auto* verb = app.add_subcommand("completion", "print a shell's completion script");
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
