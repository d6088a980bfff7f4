// SPDX-License-Identifier: BSD-3-Clause
// llpctl replay: the other end of a recorded line, once more, against a line.
#include "replay/replay.hpp"

#include <fmt/format.h>

#include <asio/co_spawn.hpp>
#include <asio/this_coro.hpp>
#include <chrono>
#include <exception>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/log.hpp"
#include "base/worker_pool.hpp"
#include "control/client.hpp"
#include "io/make_stream.hpp"
#include "llpctl/context.hpp"
#include "llpctl/daemon.hpp"
#include "llpctl/json.hpp"
#include "llpctl/recorded.hpp"
#include "llpsim/line_argument.hpp"

namespace llp::ctl {

namespace {

constexpr const char* kReplayExamples = R"(
Examples:
  llpctl replay night.pcapng --to chem        the instrument's side against llpd's line chem
  llpctl replay night.pcapng --to unix:/run/llp/test --speed 10
  llpctl replay night.pcapng --to chem --any-answer
      where the application's answers are others than then (their times, their numbers)
  llpctl replay lost_ack.capture --to tcp:localhost:4001 --side left

It sends what that station sent, at its times, and what comes must be what the recording has. LINE is the
name of a line of llpd that others connect to (TCP, UNIX socket, pseudo terminal), or pty:PATH,
tty:DEV[,BAUD[,MODE]], tcp:HOST:PORT, tcp-listen:[ADDR:]PORT, unix:PATH, unix-listen:PATH.
)";

constexpr int kDifferent = 1;

struct ReplayArguments {
  std::string file, to, side, lock_dir = "/var/lock";
  double speed = 1, patience = 10;
  bool any_answer = false, quiet = false;
};

// The end of a line of llpd's that others connect to.
Result<std::string> way_to(const nlohmann::ordered_json& line, const std::string& name) {
  if (const std::string terminal = text_at(line, "terminal"); !terminal.empty())
    return "tty:" + terminal + ",keep";
  const std::string port = text_at(line, "port");
  constexpr std::string_view kUnix = "unix listen ";
  constexpr std::string_view kTcp = "tcp listen ";
  if (port.starts_with(kUnix)) return "unix:" + port.substr(kUnix.size());
  if (port.starts_with(kTcp)) {
    std::string where = port.substr(kTcp.size());
    if (where.starts_with("*:")) where.replace(0, 1, "localhost");
    return "tcp:" + where;
  }
  return fail(Errc::invalid,
              fmt::format("{} is {}: its other end is where the instrument is; name a port that is "
                          "wired to it (tty:DEV)",
                          name, port));
}

Result<io::LineSpec> target_of(const Context& context, const std::string& to) {
  if (to.find(':') != std::string::npos) return sim::parse_line_argument(to);
  const auto socket = context.control_socket.empty() ? default_control_socket() : context.control_socket;
  auto client = control::Client::connect(socket);
  if (!client) return std::unexpected(std::move(client.error()));
  const auto status = client->call({{"op", "status"}, {"line", to}});
  if (!status) return std::unexpected(status.error());
  const auto& lines = part_at(*status, "lines");
  if (!lines.is_array() || lines.empty()) return fail(Errc::not_found, "llpd tells nothing of " + to);
  const auto way = way_to(lines.front(), to);
  if (!way) return std::unexpected(way.error());
  return sim::parse_line_argument(*way);
}

asio::awaitable<void> play(io::ByteStream& stream, const capture::Capture& conversation,
                           replay::Options options, std::function<void(std::string_view)> tell,
                           std::optional<Result<void>>& result) {
  if (auto open = co_await stream.open(); !open) {
    result = std::unexpected(open.error());
    co_return;
  }
  replay::Replay replay(co_await asio::this_coro::executor, stream, conversation, options, std::move(tell));
  result = co_await replay.play();
}

int replay_it(Context& context, const ReplayArguments& a) {
  const auto recorded = read_recorded(a.file);
  if (!recorded) return context.failed(recorded.error());
  if (!recorded->warning.empty()) context.complain(recorded->warning);
  const capture::Capture conversation =
      recorded->conversation ? *recorded->conversation : capture::capture_of(recorded->recording);
  // Of a recording this end was listened at: the other one is played.
  const std::string side = !a.side.empty() ? a.side : (recorded->conversation ? "left" : "right");
  replay::Options options;
  options.side = side == "left" ? capture::Side::left : capture::Side::right;
  options.time_scale = 1 / a.speed;
  options.patience = std::chrono::milliseconds(static_cast<std::int64_t>(a.patience * 1000));
  options.compare = !a.any_answer;
  if (const auto can = replay::playable(conversation, options.side); !can) {
    return context.failed({can.error().code, a.file + ": " + can.error().message, 0});
  }
  const auto spec = target_of(context, a.to);
  if (!spec) return context.failed(spec.error());

  io::StreamOptions stream_options;
  stream_options.pool = std::make_shared<WorkerPool>(1);
  stream_options.lock_dir = a.lock_dir;
  const Logger log(stderr_sink("llpctl"), LogLevel::warning);
  auto stream = io::make_stream(context.io.get_executor(), *spec, stream_options, log);
  if (!stream) return context.failed(stream.error());
  if (const std::string name = (*stream)->local_name(); !name.empty()) context.complain("line: " + name);
  const auto tell = [&context, &a](std::string_view line) {
    if (!a.quiet && !context.json) context.print(fmt::format("{}\n", line));
  };
  std::optional<Result<void>> result;
  asio::co_spawn(context.io, play(**stream, conversation, options, tell, result),
                 [](const std::exception_ptr& e) {
                   if (e) std::rethrow_exception(e);
                 });
  context.io.run();
  if (!result) return context.failed({Errc::cancelled, "interrupted", 0});
  const bool different =
      !*result && (result->error().code == Errc::malformed || result->error().code == Errc::timeout);
  if (context.json && (*result || different)) {
    Json out = Json::object();
    out.text("file", a.file).text("to", a.to).text("side", side).flag("as_recorded", !different);
    if (different) out.text("error", result->error().message);
    context.print(out.str() + "\n");
  }
  if (*result) return 0;
  const Error& error = result->error();
  if (!different) return context.failed(error);
  context.complain(a.file + ": " + error.message);
  return kDifferent;
}

}  // namespace

void add_replay(CLI::App& app, Context& context, Run& run) {
  auto* verb = app.add_subcommand("replay", "play one side of a recorded conversation against a line");
  verb->footer(kReplayExamples);
  const auto a = std::make_shared<ReplayArguments>();
  verb->add_option("file", a->file, "a recording, or a .capture")->type_name("FILE")->required();
  verb->add_option("--to", a->to, "the line")->type_name("LINE")->required();
  verb->add_option("--speed", a->speed, "so many times as fast")->check(CLI::Range(0.01, 1000.0));
  verb->add_option("--side", a->side, "the station that is played: right of a recording, left of a .capture")
      ->check(CLI::IsMember({"left", "right"}));
  verb->add_flag("--any-answer", a->any_answer, "do not compare what comes, only wait for it");
  verb->add_option("--patience", a->patience, "seconds to wait for what must come, beyond its time")
      ->check(CLI::Range(0.001, 3600.0));
  verb->add_option("--lock-dir", a->lock_dir, "where the lock files of serial ports are")->type_name("DIR");
  verb->add_flag("-q,--quiet", a->quiet, "do not print the lines of the conversation");
  verb->callback([&context, &run, a] { run = [&context, a] { return replay_it(context, *a); }; });
}

}  // namespace llp::ctl
