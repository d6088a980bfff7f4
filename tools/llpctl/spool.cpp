// SPDX-License-Identifier: BSD-3-Clause
// llpctl spool: messages that wait for their application, and letters that
// llpd keeps for a person to decide. What one says is shown on demand only.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "base/base64.hpp"
#include "llpctl/context.hpp"
#include "llpctl/daemon.hpp"
#include "llpctl/json.hpp"
#include "llpctl/table.hpp"
#include "llpctl/words.hpp"

namespace llp::ctl {

namespace {

struct SpoolArguments {
  std::string line;
  std::uint64_t letter = 0;
  std::vector<std::uint64_t> letters;
  bool content = false;
  bool yes = false;
};

using Letters = std::vector<DaemonJson>;

// All letters of one place, however many.
Result<Letters> letters_in(const Context& context, const std::string& line, const char* place) {
  Letters all;
  std::uint64_t after = 0;
  for (;;) {
    const auto answer =
        context.ask_daemon({{"op", "spool-list"}, {"line", line}, {"place", place}, {"after", after}});
    if (!answer) return std::unexpected(answer.error());
    const std::uint64_t before = after;
    for (const DaemonJson& letter : part_at(*answer, "letters")) {
      after = number_at(letter, "id");
      all.push_back(letter);
    }
    if (!flag_at(*answer, "more") || after == before) return all;
  }
}

Result<Letters> letters_of(const Context& context, const std::string& line,
                           std::initializer_list<const char*> places) {
  Letters all;
  for (const char* place : places) {
    auto some = letters_in(context, line, place);
    if (!some) return some;
    std::ranges::move(*some, std::back_inserter(all));
  }
  return all;
}

std::string flat(const DaemonJson& json) {
  return json.dump(-1, ' ', true, DaemonJson::error_handler_t::replace);
}

// "2026-01-31 09:30:00" of "2026-01-31T09:30:00.125Z"
std::string short_time(std::string time) {
  std::ranges::replace(time, 'T', ' ');
  return time.substr(0, time.find('.'));
}

int list(Context& context, const SpoolArguments& a) {
  const auto letters = letters_of(context, a.line, {"queue", "dead", "late"});
  if (!letters) return context.failed(letters.error());
  if (context.json) {
    Json out = Json::array();
    for (const DaemonJson& letter : *letters) out.element(flat(letter));
    context.print(out.str() + "\n");
    return 0;
  }
  if (letters->empty()) {
    context.print("The spool is empty.\n");
    return 0;
  }
  Table table(
      {{"ID", true}, {"PLACE"}, {"STORED (UTC)"}, {"BYTES", true}, {"TRIES", true}, {"NOTE", false, true}});
  for (const DaemonJson& letter : *letters) {
    const std::string kind = text_at(letter, "kind");
    std::vector<std::string> notes;
    if (kind != "message") notes.push_back(kind);
    if (flag_at(letter, "possible_duplicate")) notes.emplace_back("possible duplicate");
    if (std::string reason = shown(text_at(letter, "reason")); !reason.empty())
      notes.push_back(std::move(reason));
    table.add({std::to_string(number_at(letter, "id")), text_at(letter, "place"),
               short_time(text_at(letter, "time")), std::to_string(number_at(letter, "bytes")),
               std::to_string(number_at(letter, "attempts")), fmt::format("{}", fmt::join(notes, "; "))});
  }
  context.print(table.str(context.columns, context.colour));
  return 0;
}

// A letter's content, part by part.
Result<std::vector<std::uint8_t>> content_of(const Context& context, const SpoolArguments& a,
                                             std::uint64_t size) {
  std::vector<std::uint8_t> all;
  while (all.size() < size || size == 0) {
    const auto answer = context.ask_daemon(
        {{"op", "spool-show"}, {"line", a.line}, {"letter", a.letter}, {"content_from", all.size()}});
    if (!answer) return std::unexpected(answer.error());
    const auto part = from_base64(text_at(*answer, "content"));
    if (!part || (part->empty() && size > 0)) {
      return fail(Errc::malformed, "llpd's answer cannot be read");
    }
    all.insert(all.end(), part->begin(), part->end());
    if (size == 0) break;
  }
  return all;
}

int show(Context& context, const SpoolArguments& a) {
  const auto answer = context.ask_daemon({{"op", "spool-show"}, {"line", a.line}, {"letter", a.letter}});
  if (!answer) return context.failed(answer.error());
  DaemonJson letter = part_at(*answer, "letter");
  std::optional<std::vector<std::uint8_t>> text;
  if (a.content) {
    auto content = content_of(context, a, number_at(letter, "bytes"));
    if (!content) return context.failed(content.error());
    text = std::move(*content);
  }
  if (context.json) {
    if (text) letter["content"] = base64(*text);
    context.print(flat(letter) + "\n");
    return 0;
  }
  if (text) {
    std::string words(text->begin(), text->end());
    // HL7's segments end with CR, which people cannot read on a terminal; what
    // else is no text must not drive it.
    if (context.terminal) {
      std::ranges::replace(words, '\r', '\n');
      std::ranges::replace_if(
          words,
          [](char c) {
            return (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7f;
          },
          '.');
    }
    context.print(words);
    return 0;
  }
  std::string out;
  for (const auto& [key, value] : letter.items()) {
    out +=
        fmt::format("  {:<19} {}\n", key, shown(value.is_string() ? value.get<std::string>() : value.dump()));
  }
  context.print(out);
  return 0;
}

// Those that were named, or all that the verb is for.
Result<std::vector<std::uint64_t>> chosen(const Context& context, const SpoolArguments& a,
                                          std::initializer_list<const char*> places) {
  if (!a.letters.empty()) return a.letters;
  const auto letters = letters_of(context, a.line, places);
  if (!letters) return std::unexpected(letters.error());
  std::vector<std::uint64_t> all;
  for (const DaemonJson& letter : *letters) all.push_back(number_at(letter, "id"));
  return all;
}

int each(Context& context, const SpoolArguments& a, const std::vector<std::uint64_t>& letters, const char* op,
         const char* done_words) {
  std::size_t done = 0;
  int status = 0;
  for (const std::uint64_t letter : letters) {
    const auto answer = context.ask_daemon({{"op", op}, {"line", a.line}, {"letter", letter}});
    if (answer) {
      ++done;
      continue;
    }
    status = context.failed(answer.error());
    // It said no to this one; without it there is nobody to ask.
    if (answer.error().code != Errc::refused) break;
  }
  if (context.json) {
    context.print(Json::object().number("done", done).number("asked", letters.size()).str() + "\n");
  } else {
    context.print(fmt::format("{} of {} {}.\n", done, letters.size(), done_words));
  }
  return status;
}

int retry(Context& context, const SpoolArguments& a) {
  const auto letters = chosen(context, a, {"dead"});
  if (!letters) return context.failed(letters.error());
  return each(context, a, *letters, "spool-retry", "wait for their application again");
}

int drop(Context& context, const SpoolArguments& a) {
  const auto letters = chosen(context, a, {"dead", "late"});
  if (!letters) return context.failed(letters.error());
  if (!a.yes && !letters->empty()) {
    const auto sure = context.confirm(
        fmt::format("{} of {} will be gone for good. Drop? [y/N] ",
                    letters->size() == 1 ? "1 letter" : fmt::format("{} letters", letters->size()), a.line));
    if (!sure) return context.misused("spool drop: nobody can be asked here, so it needs --yes");
    if (!*sure) {
      context.print("Nothing was dropped.\n");
      return 0;
    }
  }
  return each(context, a, *letters, "spool-drop", "dropped");
}

CLI::App* part(CLI::App& verb, const std::shared_ptr<SpoolArguments>& a, const char* name, const char* help) {
  auto* one = verb.add_subcommand(name, help);
  one->add_option("line", a->line, "as llpd calls it")->type_name("SERVED")->required();
  return one;
}

}  // namespace

void add_spool(CLI::App& app, Context& context, Run& run) {
  auto* verb = app.add_subcommand("spool", "messages that llpd has stored: list, show, retry, drop");
  verb->require_subcommand(1);
  verb->footer(
      "Letters are in the queue (they wait for their application), dead (given up), or late (replies that\n"
      "nobody waited for).\n\n"
      "Examples:\n"
      "  llpctl spool list chem                     what is there: sizes, times, reasons\n"
      "  llpctl spool show chem 42 --content        what one says; llpd logs who looked\n"
      "  llpctl spool retry chem                    all dead letters wait for their application again\n"
      "  llpctl spool drop chem 42 43 --yes         two letters are gone for good");
  const auto a = std::make_shared<SpoolArguments>();
  part(*verb, a, "list", "the letters of a line")->callback([&context, &run, a] {
    run = [&context, a] { return list(context, *a); };
  });
  auto* one = part(*verb, a, "show", "one letter");
  one->add_option("id", a->letter, "its number")->type_name("ID")->required();
  one->add_flag("--content", a->content, "what it says, and nothing else (with --json: in base64)");
  one->callback([&context, &run, a] { run = [&context, a] { return show(context, *a); }; });
  auto* again = part(*verb, a, "retry", "dead letters are delivered after all");
  again->add_option("id", a->letters, "their numbers; else all dead letters")->type_name("ID");
  again->callback([&context, &run, a] { run = [&context, a] { return retry(context, *a); }; });
  auto* away = part(*verb, a, "drop", "dead and late letters are removed");
  away->add_option("id", a->letters, "their numbers; else all dead and late ones")->type_name("ID");
  away->add_flag("-y,--yes", a->yes, "without asking");
  away->callback([&context, &run, a] { run = [&context, a] { return drop(context, *a); }; });
}

}  // namespace llp::ctl
