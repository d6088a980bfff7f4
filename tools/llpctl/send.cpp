// SPDX-License-Identifier: BSD-3-Clause
// llpctl send: one message to the instrument, and its reply: over the kernel's
// device, under the transaction lock; to a line that llpd runs itself as an
// application sends it, over the line's dist.
#include <fmt/format.h>
#include <poll.h>
#include <uapi/llp.h>

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <exception>
#include <fstream>
#include <memory>
#include <optional>
#include <utility>

#include "base/read_file.hpp"
#include "illp/client.hpp"
#include "io/transaction_lock.hpp"
#include "llpctl/context.hpp"
#include "llpctl/json.hpp"
#include "llpctl/line_view.hpp"
#include "llpctl/words.hpp"

namespace llp::ctl {

namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr int kNotDelivered = 1;
constexpr std::size_t kFirstRoom = std::size_t{64} << 10;
constexpr std::size_t kMostRoom = std::size_t{1} << 30;

struct SendArguments {
  std::string line, file, out;
  bool no_reply = false, maybe = false;
  double timeout = 0;     // seconds in all, 0: as the protocol has it
  double lock_wait = 60;  // seconds
};

std::chrono::nanoseconds seconds(double value) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(value));
}

// What write(2) on a line means by an errno; llp(4).
std::string why(int error) {
  switch (error) {
    case EBUSY: return "the other station refused to be sent to, or won each contention";
    case ETIMEDOUT: return "the other station did not answer in time";
    case EREMOTEIO: return "the other station rejected it at every try";
    case ECANCELED: return "the other station ended the transfer";
    case ECOMM: return "the outcome is unknown: it was sent, its acknowledgement never came";
    case EINTR: return "it was taken back";
    case EILSEQ: return "it holds a character that the protocol cannot carry";
    case EMSGSIZE: return "it is longer than max_message, or than the protocol can say";
    case ENETDOWN: return "the line is down (llpctl up)";
    case ENODEV: return "the line is gone, or went down";
    case EAGAIN: return "too many messages wait to be sent";
    default: return errno_text(error);
  }
}

Result<Bytes> text_of(const std::string& name) {
  const auto text = read_file(name);
  if (!text) return std::unexpected(text.error());
  if (text->empty()) return fail(Errc::invalid, name + " is empty: there is nothing to send");
  return Bytes(text->begin(), text->end());
}

template <class T>
Result<void> control(line::MessageFile& file, unsigned long request, T& argument, const char* what) {
  const int err = file.control(request, &argument);
  if (err == EBUSY) return fail(Errc::in_use, "another program waits for a reply on this line");
  if (err != 0) return fail_errno(what, err);
  return {};
}

struct Sent {
  std::uint32_t id = 0;
  std::uint32_t outcome = 0;
  std::optional<Bytes> reply;
};

// One message; nothing is known to be sent where it returns an error.
class Transaction {
 public:
  Transaction(Context& context, line::MessageFile& file, const SendArguments& a)
      : file_(file), arguments_(a), timer_(context.io) {}

  // The first: what was found out, also when it failed.
  asio::awaitable<std::pair<Sent, Result<void>>> run(const Bytes& text) {
    Sent sent;
    Result<void> done = begin(text, sent);
    if (done) done = co_await result(sent);
    if (done && !arguments_.no_reply) done = co_await reply(sent);
    timer_.cancel();
    co_return std::pair(std::move(sent), std::move(done));
  }

 private:
  Result<void> begin(const Bytes& text, Sent& sent) {
    if (!arguments_.no_reply) {
      std::uint32_t expect = arguments_.maybe ? LLP_EXPECT_MAYBE : LLP_EXPECT_REQUIRED;
      if (auto done = control(file_, LLP_IOC_EXPECT, expect, "cannot expect a reply"); !done) return done;
    }
    if (auto written = file_.write(text); !written) {
      return std::unexpected(Error{Errc::refused, "not sent: " + why(written.error()), written.error()});
    }
    llp_ioc_file state{};
    if (auto done = control(file_, LLP_IOC_FILE, state, "cannot ask for the message"); !done) return done;
    sent.id = state.last_write;
    if (arguments_.timeout > 0) {
      timer_.expires_after(seconds(arguments_.timeout));
      timer_.async_wait([this](const asio::error_code& error) {
        if (error) return;
        std::uint32_t all = 0;  // what was written here ends, and tells how
        late_ = true;
        static_cast<void>(file_.control(LLP_IOC_ABORT, &all));
      });
    }
    return {};
  }

  asio::awaitable<Result<void>> result(Sent& sent) {
    for (;;) {
      const short ready = co_await file_.wait(POLLPRI);
      llp_ioc_result r{};
      const int err = file_.control(LLP_IOC_RESULT, &r);
      if (err == EAGAIN && (ready & (POLLHUP | POLLERR | POLLNVAL)) == 0) continue;
      if (err != 0) {
        sent.outcome = LLP_OUTCOME_UNKNOWN;
        co_return fail(Errc::reset, "the line is gone: whether the message arrived is not known");
      }
      if (r.type != LLP_RESULT_SENT || r.id != sent.id) continue;
      sent.outcome = r.outcome;
      if (r.error == 0) co_return Result<void>();
      const std::string text = late_ ? "the time was up" : why(static_cast<int>(r.error));
      co_return std::unexpected(Error{Errc::refused, fmt::format("{}: {}", outcome_word(r.outcome), text),
                                      static_cast<int>(r.error)});
    }
  }

  asio::awaitable<Result<void>> reply(Sent& sent) {
    Bytes room(kFirstRoom);
    for (;;) {
      static_cast<void>(co_await file_.wait(POLLIN));
      const auto n = file_.read(room);
      if (n && *n > 0) {
        room.resize(*n);
        sent.reply = std::move(room);
        co_return Result<void>();
      }
      if (n) {
        if (arguments_.maybe) co_return Result<void>();
        co_return fail(Errc::reset, "the line is gone: no reply came");
      }
      if (n.error() == EAGAIN) continue;
      if (n.error() == EMSGSIZE && room.size() < kMostRoom) {
        room.resize(room.size() * 2);
        continue;
      }
      co_return std::unexpected(
          Error{Errc::timeout,
                late_ || n.error() == ETIMEDOUT ? "delivered, but no reply came in time" : why(n.error()),
                n.error()});
    }
  }

  line::MessageFile& file_;
  const SendArguments& arguments_;
  asio::steady_timer timer_;
  bool late_ = false;
};

Result<void> put_reply(const Context& context, const SendArguments& a, const Bytes& reply) {
  if (!a.out.empty()) {
    std::ofstream file(a.out, std::ios::binary);
    file.write(reinterpret_cast<const char*>(reply.data()),
               static_cast<std::streamsize>(reply.size()));  // NOLINT
    file.close();
    if (!file) return fail_errno("cannot write " + a.out);
    return {};
  }
  std::string text(reply.begin(), reply.end());
  // HL7's segments end with CR, which people cannot read on a terminal.
  if (context.terminal) std::ranges::replace(text, '\r', '\n');
  context.print(text);
  return {};
}

asio::awaitable<int> transact(Context& context, const SendArguments& a, const Bytes& text,
                              std::uint32_t number) {
  const std::string node = (context.dev_dir / fmt::format("llp{}", number)).string();
  io::TransactionLock lock(context.io.get_executor(), node);
  const auto guard = co_await lock.acquire(seconds(a.lock_wait));
  if (!guard) {
    if (guard.error().code == Errc::timeout) {
      co_return context.failed(
          {Errc::in_use, fmt::format("another program has a transaction on {} (flock)", node), 0});
    }
    co_return context.failed(guard.error());
  }
  const auto device = context.device(node);
  auto file = co_await device->open();
  if (!file) co_return context.failed(file.error());
  Transaction transaction(context, **file, a);
  const auto [sent, done] = co_await transaction.run(text);
  (*file)->close();
  if (context.json) {
    Json out = Json::object();
    out.number("line", number).number("message", sent.id).number("length", text.size());
    out.flag("delivered", done.has_value()).text("outcome", outcome_word(sent.outcome));
    if (sent.reply) out.text("reply", std::string(sent.reply->begin(), sent.reply->end()));
    if (!done) out.text("error", done.error().message);
    context.print(out.str() + "\n");
  } else if (sent.reply) {
    if (const auto put = put_reply(context, a, *sent.reply); !put) co_return context.failed(put.error());
  }
  if (done) co_return 0;
  context.complain(done.error().message);
  co_return kNotDelivered;
}

// Where an application of this machine reaches the instrument.
Result<illp::Endpoint> dist_of(const LineView& line) {
  const DaemonJson& report = *line.served;
  const std::string dist = text_at(report, "dist");
  const auto refused = [&](std::string_view why) {
    return fail(Errc::refused, fmt::format("{} is sent to over its dist, and {}", line.name, why));
  };
  if (dist.empty()) return refused("it has none: give it one (dist = PORT, llpd.toml(5))");
  if (flag_at(report, "dist_tls")) return refused("that takes TLS only: use llpcat --tls");
  if (dist.starts_with("unix:")) return illp::UnixEndpoint{dist.substr(5)};
  const std::uint64_t port = number_at(report, "dist_port");
  if (port == 0) {
    return refused(text_at(report, "state") == "running"
                       ? "nobody listens there before the line's first message (serve_at_once)"
                       : "the line does not run");
  }
  std::string host = dist.substr(0, dist.rfind(':'));
  if (host == "*") host = "localhost";
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return illp::TcpEndpoint{host, std::to_string(port)};
}

asio::awaitable<int> transact_over_dist(Context& context, const SendArguments& a, const Bytes& text,
                                        const LineView& line) {
  const auto dist = dist_of(line);
  if (!dist) co_return context.failed(dist.error());
  illp::ClientTransaction transaction(context.io.get_executor(), *dist, illp::Options());
  asio::steady_timer timer(context.io);
  bool late = false;
  if (a.timeout > 0) {
    timer.expires_after(seconds(a.timeout));
    timer.async_wait([&transaction, &late](const asio::error_code& error) {
      if (error) return;
      late = true;
      transaction.abort();
    });
  }
  auto reply = co_await illp::exchange(transaction, text, std::nullopt);
  timer.cancel();
  if (reply) transaction.close();
  std::string wrong;
  if (!reply && late) {
    wrong = "the time was up";
  } else if (!reply && reply.error().outcome == illp::Outcome::cancelled) {
    wrong = fmt::format("llpd gave it up; `llpctl show {}` tells of the last errors", line.name);
  } else if (!reply) {
    wrong = reply.error().error.message;
  }
  if (context.json) {
    Json out = Json::object();
    out.raw("line", "null").text("name", line.name).number("length", text.size());
    out.flag("delivered", reply.has_value());
    if (reply && !reply->empty()) out.text("reply", std::string(reply->begin(), reply->end()));
    if (!reply) out.text("error", wrong);
    context.print(out.str() + "\n");
  } else if (reply && !reply->empty()) {
    if (const auto put = put_reply(context, a, *reply); !put) co_return context.failed(put.error());
  }
  if (reply) co_return 0;
  context.complain(wrong);
  co_return kNotDelivered;
}

int send(Context& context, const SendArguments& a) {
  const auto line = Lines(context).find(a.line);
  if (!line) return context.failed(line.error());
  if (!line->kernel && a.no_reply) {
    return context.misused("--no-reply: whether llpd waits for a reply says the line's parameter expect_out");
  }
  const auto text = text_of(a.file);
  if (!text) return context.failed(text.error());
  int status = 0;
  asio::co_spawn(context.io,
                 line->kernel ? transact(context, a, *text, line->kernel->line)
                              : transact_over_dist(context, a, *text, *line),
                 [&](const std::exception_ptr& error, int s) {
                   if (error) std::rethrow_exception(error);
                   status = s;
                   context.io.stop();
                 });
  context.io.run();
  return status;
}

}  // namespace

void add_send(CLI::App& app, Context& context, Run& run) {
  auto* verb = app.add_subcommand("send", "one message to the instrument; its reply on standard output");
  const auto a = std::make_shared<SendArguments>();
  verb->add_option("line", a->line, "its name, number or tty")->type_name("LINE")->required();
  verb->footer(
      "Examples:\n"
      "  llpctl send chem order.hl7          its reply on standard output\n"
      "  llpctl send chem order.hl7 --json | jq .delivered\n"
      "  llpctl send chem - --no-reply < order.hl7");
  verb->add_option("file", a->file, "the message; - is standard input")->type_name("FILE")->required();
  verb->add_option("-o,--out", a->out, "the reply goes there")->type_name("FILE");
  auto* none = verb->add_flag("--no-reply", a->no_reply, "nothing answers it");
  verb->add_flag("--maybe", a->maybe, "a reply may come: its absence is no failure")->excludes(none);
  verb->add_option("--timeout", a->timeout, "seconds in all; else as long as the protocol waits")
      ->check(CLI::Range(0.001, 86400.0));
  verb->add_option("--lock-wait", a->lock_wait, "seconds to wait while another program has a transaction")
      ->check(CLI::Range(0.0, 86400.0))
      ->capture_default_str();
  verb->callback([&context, &run, a] { run = [&context, a] { return send(context, *a); }; });
}

}  // namespace llp::ctl
