// SPDX-License-Identifier: BSD-3-Clause
#include "llpctl/happened.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <asio/posix/stream_descriptor.hpp>
#include <utility>

#include "base/as_tuple.hpp"
#include "control/client.hpp"
#include "llpctl/words.hpp"

namespace llp::ctl {

namespace {

using namespace netlink;

constexpr std::size_t kNameWidth = 12;

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

// "message 7 received"; of llpd's messages the numbers are its own matter, too.
struct InWords {
  const Happened& h;
  std::string operator()(const LineEvent& e) const { return change_word(e.change); }
  std::string operator()(const MessageEvent& e) const {
    std::string text = fmt::format("message {} {}", e.id, event_word(e.event));
    if (e.length) text += fmt::format(", {}", size_words(*e.length));
    if ((e.flags & LLP_MSG_PENDING) != 0) text += ", waits to be acknowledged";
    if (e.reply_to) text += fmt::format(", answers {}", *e.reply_to);
    if ((e.flags & LLP_MSG_LATE) != 0) text += ", late";
    if ((e.flags & LLP_MSG_REPEAT) != 0) text += ", came before";
    if (e.outcome && e.event == LLP_MESSAGE_EVENT_FAILED) text += ", " + outcome_word(*e.outcome);
    if (e.error != 0) text += ": " + (h.cause.empty() ? errno_text(static_cast<int>(e.error)) : h.cause);
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
  std::string operator()(const ApplicationEvent& e) const {
    std::string text = fmt::format("application: {}, {}", e.outcome, size_words(e.length));
    if (!e.peer.empty()) text += ", " + e.peer;
    if (!e.cause.empty()) text += ": " + e.cause;
    return text;
  }
  std::string operator()(const WireGone& e) const { return "the wire has gone: " + e.why; }
  std::string operator()(const ServedEvent& e) const {
    std::string text = e.state;
    if (e.state == "running") text += e.connected ? ", connected" : ", not connected";
    if (!e.reason.empty()) text += ": " + e.reason;
    return text;
  }
};

struct InJson {
  const Happened& h;
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
    if (!h.cause.empty()) out.text("cause", h.cause);
  }
  void operator()(const ExceptionEvent& e) const {
    out.text("type", "exception").text("event", exception_word(e.exception));
    if (!e.frame.empty()) out.text("frame", e.frame);
    if (!e.frame.empty() && !e.verdict.empty()) out.text("verdict", e.verdict);
    if (!e.timer.empty()) out.text("timer", e.timer);
    if (e.length) out.number("length", *e.length);
  }
  void operator()(const EventsMissed&) const { out.text("type", "missed"); }
  void operator()(const ApplicationEvent& e) const {
    out.text("type", "application").text("event", e.outcome).number("length", e.length);
    if (!e.peer.empty()) out.text("peer", e.peer);
    if (!e.cause.empty()) out.text("cause", e.cause);
  }
  void operator()(const WireGone& e) const {
    out.text("type", "wire").text("event", "gone").text("cause", e.why);
  }
  void operator()(const ServedEvent& e) const {
    out.text("type", "served").text("event", e.state).flag("connected", e.connected).text("health", e.health);
    if (!e.reason.empty()) out.text("reason", e.reason);
  }
};

struct IsTrouble {
  bool operator()(const LineEvent& e) const {
    return e.change == LLP_LINE_CHANGE_GONE || e.change == LLP_LINE_CHANGE_DOWN;
  }
  bool operator()(const MessageEvent& e) const { return e.error != 0; }
  bool operator()(const ExceptionEvent&) const { return true; }
  bool operator()(const EventsMissed&) const { return true; }
  bool operator()(const ApplicationEvent& e) const {
    constexpr std::array<std::string_view, 6> kWell{"delivered", "delivered-late", "answered-again",
                                                    "stored",    "sent",           "answered"};
    return std::ranges::find(kWell, e.outcome) == kWell.end();
  }
  bool operator()(const WireGone&) const { return true; }
  bool operator()(const ServedEvent& e) const { return e.health != "good"; }
};

// An event of llpd, or one of a line's last errors.
std::optional<decltype(Happened::what)> what_of(const DaemonJson& event) {
  const std::string kind = text_at(event, "kind");
  const std::string text = shown(text_at(event, "words"));
  const auto number = [&](const char* key) { return static_cast<std::uint32_t>(number_at(event, key)); };
  const auto message = [&](llp_message_event what) {
    MessageEvent e;
    e.event = what;
    e.id = number("message");
    if (event.contains("length")) e.length = number("length");
    e.error = number("error");
    if (event.contains("outcome")) e.outcome = number("outcome");
    if (event.contains("reply_to")) e.reply_to = number("reply_to");
    e.flags = number("flags");
    return e;
  };
  const auto exception = [&](llp_exception what) {
    ExceptionEvent e;
    e.exception = what;
    if (what == LLP_EXCEPTION_TIMER) e.timer = text;
    if (what == LLP_EXCEPTION_FRAME || what == LLP_EXCEPTION_AGAIN) e.frame = text;
    e.verdict = shown(text_at(event, "verdict"));
    if (event.contains("length")) e.length = number("length");
    return e;
  };
  if (kind == "received") return message(LLP_MESSAGE_EVENT_IN);
  if (kind == "sent") return message(LLP_MESSAGE_EVENT_OUT);
  if (kind == "failed") return message(LLP_MESSAGE_EVENT_FAILED);
  if (kind == "cancelled") return message(LLP_MESSAGE_EVENT_CANCELLED);
  if (kind == "frame") return exception(LLP_EXCEPTION_FRAME);
  if (kind == "again") return exception(LLP_EXCEPTION_AGAIN);
  if (kind == "timer") return exception(LLP_EXCEPTION_TIMER);
  if (kind == "lost") return exception(LLP_EXCEPTION_LOST);
  if (kind == "disconnect") return exception(LLP_EXCEPTION_DISCONNECT);
  if (kind == "wire") return WireGone{text};
  if (kind == "application") {
    return ApplicationEvent{text, shown(text_at(event, "cause")), shown(text_at(event, "peer")),
                            number_at(event, "length")};
  }
  return std::nullopt;
}

class SocketEvents final : public DaemonEvents {
 public:
  SocketEvents(const asio::any_io_executor& executor, control::Client client, int fd)
      : client_(std::move(client)), socket_(executor, fd) {}

  asio::awaitable<Result<DaemonJson>> next() override {
    while (!closed_) {
      auto event = client_.next_event(control::Client::Duration(0));
      if (event || event.error().code != Errc::timeout) co_return event;
      static_cast<void>(co_await socket_.async_wait(asio::posix::stream_descriptor::wait_read, kTuple));
    }
    co_return fail(Errc::cancelled, "closed");
  }
  void close() noexcept override {
    closed_ = true;
    asio::error_code ignored;
    socket_.cancel(ignored);
  }

 private:
  control::Client client_;
  asio::posix::stream_descriptor socket_;
  bool closed_ = false;
};

}  // namespace

Happened happened(const netlink::Event& event) {
  Happened h{.number = event.line,
             .name = event.name,
             .port = event.tty,
             .time = event.time,
             .cause = {},
             .what = EventsMissed()};
  std::visit([&h](const auto& what) { h.what = what; }, event.what);
  return h;
}

std::vector<Happened> happened(const DaemonJson& event) {
  Happened h{.number = std::nullopt,
             .name = shown(text_at(event, "name")),
             .port = {},
             .time = number_at(event, "monotonic_ns"),
             .cause = shown(text_at(event, "cause")),
             .what = EventsMissed()};
  std::vector<Happened> all;
  if (number_at(event, "lost") > 0) all.push_back(h);
  if (text_at(event, "event") == "line") {
    h.what = ServedEvent{shown(text_at(event, "state")), flag_at(event, "connected"),
                         text_at(event, "health"), shown(text_at(event, "reason"))};
  } else if (auto what = what_of(event)) {
    h.what = std::move(*what);
  } else {
    return all;
  }
  all.push_back(std::move(h));
  return all;
}

std::string words(const Happened& h) { return std::visit(InWords{h}, h.what); }

bool means_trouble(const Happened& h) { return std::visit(IsTrouble(), h.what); }

std::string as_json(const Happened& h) {
  Json out = Json::object();
  if (!std::holds_alternative<EventsMissed>(h.what)) {
    out.number("time_ns", h.time);
    if (h.number) {
      out.number("line", *h.number);
    } else {
      out.raw("line", "null");
    }
    out.text("name", h.name);
    if (h.number) out.text("tty", h.port);
  }
  std::visit(InJson{h, out}, h.what);
  return out.str();
}

std::string as_row(const Context& context, const Happened& h) {
  const std::string said = words(h);
  if (std::holds_alternative<EventsMissed>(h.what)) return said + "\n";
  const bool mark = context.colour && means_trouble(h);
  std::string name = h.name.empty() && h.number ? fmt::format("llp{}", *h.number) : h.name;
  if (name.size() > kNameWidth) {
    name.resize(kNameWidth - 1);
    name += '~';
  }
  return fmt::format("{}  {:<{}}  {}{}{}\n", context.time_of_day(h.time), name, kNameWidth,
                     mark ? "\x1b[33m" : "", said, mark ? "\x1b[0m" : "");
}

Result<std::unique_ptr<DaemonEvents>> open_daemon_events(const std::filesystem::path& socket,
                                                         const asio::any_io_executor& executor) {
  auto client = connect_daemon(socket);
  if (!client) return std::unexpected(std::move(client.error()));
  if (auto told = client->call({{"op", "subscribe"}, {"all", true}}); !told) {
    return std::unexpected(std::move(told.error()));
  }
  const int fd = ::fcntl(client->fd(), F_DUPFD_CLOEXEC, 0);
  if (fd < 0) return fail_errno("the control socket");
  return std::make_unique<SocketEvents>(executor, std::move(*client), fd);
}

}  // namespace llp::ctl
