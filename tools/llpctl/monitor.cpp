// SPDX-License-Identifier: BSD-3-Clause
// llpctl monitor: what happens on the lines, as it happens. Sizes and causes,
// never a byte of a message.
#include <fmt/format.h>

#include <asio/co_spawn.hpp>
#include <exception>
#include <memory>
#include <optional>

#include "llpctl/context.hpp"
#include "llpctl/json.hpp"
#include "llpctl/words.hpp"

namespace llp::ctl {

namespace {

using namespace netlink;

constexpr std::size_t kNameWidth = 12;

struct MonitorArguments {
  std::string line;    // empty: all
  unsigned count = 0;  // 0: until it is ended
  bool trouble = false;
};

const char* change_word(llp_line_change change) {
  switch (change) {
    case LLP_LINE_CHANGE_APPEARED: return "appeared";
    case LLP_LINE_CHANGE_UP: return "up";
    case LLP_LINE_CHANGE_DOWN: return "down";
    case LLP_LINE_CHANGE_CHANGED: return "changed";
    case LLP_LINE_CHANGE_GONE: return "gone";
  }
  return "?";
}

const char* event_word(llp_message_event event) {
  switch (event) {
    case LLP_MESSAGE_EVENT_IN: return "received";
    case LLP_MESSAGE_EVENT_OUT: return "sent";
    case LLP_MESSAGE_EVENT_FAILED: return "failed";
    case LLP_MESSAGE_EVENT_CANCELLED: return "cancelled";
  }
  return "?";
}

const char* exception_word(llp_exception exception) {
  switch (exception) {
    case LLP_EXCEPTION_FRAME: return "frame";
    case LLP_EXCEPTION_AGAIN: return "again";
    case LLP_EXCEPTION_TIMER: return "timer";
    case LLP_EXCEPTION_LOST: return "lost";
    case LLP_EXCEPTION_DISCONNECT: return "disconnect";
  }
  return "?";
}

struct InWords {
  std::string operator()(const LineEvent& e) const { return change_word(e.change); }
  std::string operator()(const MessageEvent& e) const {
    std::string text = fmt::format("message {} {}", e.id, event_word(e.event));
    if (e.length) text += fmt::format(", {}", size_words(*e.length));
    if ((e.flags & LLP_MSG_PENDING) != 0) text += ", waits to be acknowledged";
    if (e.reply_to) text += fmt::format(", answers {}", *e.reply_to);
    if ((e.flags & LLP_MSG_LATE) != 0) text += ", late";
    if ((e.flags & LLP_MSG_REPEAT) != 0) text += ", came before";
    if (e.outcome && e.event == LLP_MESSAGE_EVENT_FAILED) text += ", " + outcome_word(*e.outcome);
    if (e.error != 0) text += fmt::format(": {}", errno_text(static_cast<int>(e.error)));
    return text;
  }
  std::string operator()(const ExceptionEvent& e) const {
    switch (e.exception) {
      case LLP_EXCEPTION_TIMER: return fmt::format("timer {} ran out", e.timer);
      case LLP_EXCEPTION_AGAIN: return fmt::format("{} sent again", e.frame);
      case LLP_EXCEPTION_LOST:
        return fmt::format("{} that belong to no message", size_words(e.length.value_or(0)));
      case LLP_EXCEPTION_DISCONNECT: return "the protocol begins anew";
      default:
        return fmt::format("{} received: {} ({})", e.frame, e.verdict, size_words(e.length.value_or(0)));
    }
  }
  std::string operator()(const EventsMissed&) const {
    return "events are missing here: more came than could be read";
  }
};

struct InJson {
  Json& out;
  void operator()(const LineEvent& e) const {
    out.text("type", "line").text("event", change_word(e.change)).flag("up", e.up);
  }
  void operator()(const MessageEvent& e) const {
    out.text("type", "message").text("event", event_word(e.event)).number("message", e.id);
    if (e.length) out.number("length", *e.length);
    if (e.reply_to) out.number("reply_to", *e.reply_to);
    if (e.outcome) out.text("outcome", outcome_word(*e.outcome));
    out.number("error", e.error);
  }
  void operator()(const ExceptionEvent& e) const {
    out.text("type", "exception").text("event", exception_word(e.exception));
    if (!e.frame.empty()) out.text("frame", e.frame).text("verdict", e.verdict);
    if (!e.timer.empty()) out.text("timer", e.timer);
    if (e.length) out.number("length", *e.length);
  }
  void operator()(const EventsMissed&) const { out.text("type", "missed"); }
};

bool means_trouble(const Event& event) {
  if (const auto* m = std::get_if<MessageEvent>(&event.what)) return m->error != 0;
  if (const auto* l = std::get_if<LineEvent>(&event.what)) {
    return l->change == LLP_LINE_CHANGE_GONE || l->change == LLP_LINE_CHANGE_DOWN;
  }
  return true;
}

std::string in_line(const Context& context, const Event& event) {
  const bool missed = std::holds_alternative<EventsMissed>(event.what);
  if (context.json) {
    Json out = Json::object();
    if (!missed) {
      out.number("time_ns", event.time)
          .number("line", event.line)
          .text("name", event.name)
          .text("tty", event.tty);
    }
    std::visit(InJson{out}, event.what);
    return out.str() + "\n";
  }
  const std::string words = std::visit(InWords(), event.what);
  if (missed) return words + "\n";
  const bool mark = context.colour && means_trouble(event);
  std::string name = event.name.empty() ? fmt::format("llp{}", event.line) : event.name;
  if (name.size() > kNameWidth) {
    name.resize(kNameWidth - 1);
    name += '~';
  }
  return fmt::format("{}  {:<{}}  {}{}{}\n", context.time_of_day(event.time), name, kNameWidth,
                     mark ? "\x1b[33m" : "", words, mark ? "\x1b[0m" : "");
}

asio::awaitable<int> follow(Context& context, EventStream& stream, const MonitorArguments& a,
                            std::optional<std::uint32_t> line) {
  for (unsigned seen = 0; a.count == 0 || seen < a.count;) {
    const auto event = co_await stream.next();
    if (!event) co_return event.error().code == Errc::cancelled ? 0 : context.failed(event.error());
    const bool missed = std::holds_alternative<EventsMissed>(event->what);
    if (line && !missed && event->line != *line) continue;
    if (a.trouble && !means_trouble(*event)) continue;
    context.print(in_line(context, *event));
    ++seen;
    const auto* change = std::get_if<LineEvent>(&event->what);
    // Its number may be another port's next.
    if (line && change != nullptr && change->change == LLP_LINE_CHANGE_GONE) break;
  }
  co_return 0;
}

int monitor(Context& context, const MonitorArguments& a) {
  auto kernel = context.open_kernel();
  if (!kernel) return context.failed(kernel.error());
  // Listening first, so that nothing is between.
  auto stream = (*kernel)->events(context.io.get_executor());
  if (!stream) return context.failed(stream.error());
  std::optional<std::uint32_t> number;
  if (!a.line.empty()) {
    const auto line = find_line(**kernel, a.line);
    if (!line) return context.failed(line.error());
    number = line->line;
  }
  int status = 0;
  asio::co_spawn(context.io, follow(context, **stream, a, number),
                 [&](const std::exception_ptr& error, int ended) {
                   if (error) std::rethrow_exception(error);
                   status = ended;
                   context.io.stop();
                 });
  context.io.run();
  return status;
}

}  // namespace

void add_monitor(CLI::App& app, Context& context, Run& run) {
  auto* verb = app.add_subcommand("monitor", "what happens on the lines, as it happens");
  const auto a = std::make_shared<MonitorArguments>();
  verb->add_option("line", a->line, "one line only")->type_name("LINE");
  verb->add_option("-c,--count", a->count, "end after so many events");
  verb->add_flag("-t,--trouble", a->trouble, "only what went wrong");
  verb->callback([&context, &run, a] { run = [&context, a] { return monitor(context, *a); }; });
}

}  // namespace llp::ctl
