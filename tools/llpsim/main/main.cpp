// SPDX-License-Identifier: BSD-3-Clause
// llpsim: a station for the other end of a line.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <fstream>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "base/read_file.hpp"
#include "base/signals.hpp"
#include "config/parameters.hpp"
#include "config/values.hpp"
#include "io/make_stream.hpp"
#include "line/engine_line.hpp"
#include "llpsim/faults.hpp"
#include "llpsim/line_argument.hpp"
#include "llpsim/pacing.hpp"
#include "llpsim/station.hpp"

namespace {

using namespace llp;

constexpr int kAllWell = 0, kSomeFailed = 1, kUsage = 64, kNoInput = 66, kUnavailable = 69, kSoftware = 70,
              kCannotCreate = 73, kInUse = 75, kPermission = 77;

constexpr const char* kExamples = R"(
Examples:
  llpsim --protocol x328 --line tty:/dev/ttyUSB0,9600 send result.hl7
      sends one message over a serial port and waits for its reply
  llpsim --protocol x328 --line pty:/tmp/analyser ack
      answers every message on a pseudo terminal with an HL7 acknowledgement
  llpsim --protocol mllp2 --line tcp:localhost:4001 --repeat 1000 --unique-ids --lose-ack 0.02 send a.hl7
      sends 1000 messages; 2 % of the acknowledgements that llpsim gives are lost

Exit status: 0 all delivered (and replied to); 1 some failed; 64 wrong usage; 66 a file or device is
missing; 69 host or service unknown; 70 internal error; 73 cannot write; 75 address or line in use;
77 no permission.
)";

struct CloseFile {
  void operator()(std::FILE* file) const noexcept { (void)std::fclose(file); }
};
using FilePtr = std::unique_ptr<std::FILE, CloseFile>;

struct Options {
  std::string protocol, line, peer, role, match, expect, time_scale = "1", answer_text, also, json,
                                                         ladder_file, lock_dir = "/var/lock";
  std::vector<std::string> settings, files;
  unsigned pace = 0;
  bool ladder = false, quiet = false, list_params = false, stay = false;
  std::vector<std::string> silence, delay_ack;
  double connect_wait = 60;  // seconds
  std::string fault_dir = "both";
  std::optional<std::uint64_t> seed;
  sim::FaultPlan faults;
  sim::StationOptions station;
};

int exit_of(const Error& error) {
  switch (error.code) {
    case Errc::invalid: return kUsage;
    case Errc::not_found: return kNoInput;
    case Errc::permission: return kPermission;
    case Errc::in_use: return kInUse;
    case Errc::refused:
    case Errc::timeout:
    case Errc::reset:
    case Errc::closed: return kUnavailable;
    default: return kSoftware;
  }
}

int complain(const std::string& what, int status) {
  fmt::print(stderr, "llpsim: {}\n", what);
  return status;
}

// "P" or "P,MS"
Result<void> parse_timed(const std::string& name, const std::string& text, double& p,
                         std::chrono::milliseconds& time) {
  const std::size_t comma = text.find(',');
  std::size_t used = 0;
  try {
    p = std::stod(text.substr(0, comma), &used);
  } catch (const std::exception&) {
    used = 0;
  }
  if (used == 0 || used != std::min(comma, text.size()) || p < 0 || p > 1)
    return fail(Errc::invalid,
                fmt::format("{}: '{}' is no probability from 0 to 1", name, text.substr(0, comma)));
  if (comma == std::string::npos) return {};
  auto ms = config::parse_unsigned(std::string_view(text).substr(comma + 1), 1, 3'600'000);
  if (!ms) return fail(Errc::invalid, fmt::format("{}: milliseconds: {}", name, ms.error().message));
  time = std::chrono::milliseconds(*ms);
  return {};
}

Result<llp_params> make_params(const Options& o, config::Protocol protocol) {
  llp_params params{};
  llp_params_default(&params, protocol.protocol);
  const auto set = [&](std::string_view name, std::string_view value) -> Result<void> {
    return config::set_parameter(params, protocol.protocol, name, value);
  };
  if (protocol.release2)
    if (auto r = set("release", "2"); !r) return std::unexpected(r.error());
  if (!o.peer.empty())
    if (auto r = config::apply_peer(params, protocol.protocol, o.peer); !r) return std::unexpected(r.error());
  for (const auto& [name, value] :
       {std::pair{"role", &o.role}, std::pair{"match", &o.match}, std::pair{"expect", &o.expect}})
    if (!value->empty())
      if (auto r = set(name, *value); !r)
        return fail(Errc::invalid, fmt::format("--{}: {}", name, r.error().message));
  for (const auto& setting : o.settings) {
    const std::size_t eq = setting.find('=');
    if (eq == std::string::npos)
      return fail(Errc::invalid, fmt::format("--set {}: NAME=VALUE is wanted", setting));
    if (auto r = set(std::string_view(setting).substr(0, eq), std::string_view(setting).substr(eq + 1)); !r)
      return fail(Errc::invalid, fmt::format("--set {}: {}", setting, r.error().message));
  }
  auto scale = config::parse_scale(o.time_scale);
  if (!scale) return fail(Errc::invalid, "--time-scale: " + scale.error().message);
  llp_params_scale(&params, protocol.protocol, scale->num, scale->den);
  if (const char* wrong = llp_params_check(&params, protocol.protocol))
    return fail(Errc::invalid, fmt::format("parameters: {}", wrong));
  return params;
}

Result<std::vector<sim::OutMessage>> read_files(const std::vector<std::string>& names) {
  std::vector<sim::OutMessage> out;
  for (const auto& name : names) {
    const auto text = read_file(name);
    if (!text) return std::unexpected(text.error());
    sim::OutMessage message{name, sim::Bytes(text->begin(), text->end())};
    if (message.text.empty()) return fail(Errc::not_found, fmt::format("{} is empty: nothing to send", name));
    out.push_back(std::move(message));
  }
  return out;
}

Result<sim::Answer> answer_of(const std::string& word, Options& o) {
  if (word == "ack") return sim::Answer::ack;
  if (word == "echo") return sim::Answer::echo;
  if (word == "none") return sim::Answer::none;
  auto file = read_files({word});
  if (!file) return std::unexpected(file.error());
  o.station.fixed_answer = std::move(file->front().text);
  return sim::Answer::fixed;
}

// Runs one station until it is done or told to stop.
class Run {
 public:
  // `stay`: what was sent is no end.
  Run(asio::io_context& io, line::Line& line, sim::Station& station, bool stay)
      : line_(line), station_(station), io_(io), stay_(stay) {}

  void start(std::optional<std::vector<sim::OutMessage>> messages, bool announce) {
    asio::co_spawn(io_, main(std::move(messages), announce), [this](const std::exception_ptr& e) {
      if (e) std::rethrow_exception(e);
      io_.stop();
    });
  }
  void stop() { asio::co_spawn(io_, end(), asio::detached); }
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  asio::awaitable<void> end() { co_await line_.stop(); }

  asio::awaitable<void> serve_beside() {
    const Result<void> served = co_await station_.serve();
    if (!served && !error_) error_ = served.error();
  }

  asio::awaitable<void> send_all(std::vector<sim::OutMessage> messages, bool announce) {
    const Result<void> sent = co_await station_.send(std::move(messages));
    if (!sent && !error_) error_ = sent.error();
    if (announce) fmt::print(stderr, "all sent\n");
  }

  asio::awaitable<void> main(std::optional<std::vector<sim::OutMessage>> messages, bool announce) {
    const Result<void> started = co_await line_.start();
    if (!started) {
      // Ended before it was up: by ourselves, which is no error.
      if (started.error().code != Errc::cancelled) error_ = started.error();
      co_return;
    }
    if (announce) fmt::print(stderr, "ready: {}\n", line_.describe());
    if (messages && stay_) {
      asio::co_spawn(io_, send_all(std::move(*messages), announce), asio::detached);
      co_await serve_beside();
    } else if (messages) {
      asio::co_spawn(io_, serve_beside(), asio::detached);
      const Result<void> sent = co_await station_.send(std::move(*messages));
      if (!sent) error_ = sent.error();
    } else {
      co_await serve_beside();
    }
    // What was said last still has to leave.
    co_await line_.stop();
  }

  line::Line& line_;
  sim::Station& station_;
  asio::io_context& io_;
  const bool stay_;
  std::optional<Error> error_;
};

int run(Options& o, const std::string& command) {
  auto protocol = config::parse_protocol(o.protocol);
  if (!protocol) return complain("--protocol: " + protocol.error().message, kUsage);
  auto params = make_params(o, *protocol);
  if (!params) return complain(params.error().message, kUsage);
  auto spec = sim::parse_line_argument(o.line);
  if (!spec) return complain("--line: " + spec.error().message, kUsage);
  if (!o.silence.empty())
    if (auto r = parse_timed("--silence", o.silence.back(), o.faults.silence, o.faults.silence_time); !r)
      return complain(r.error().message, kUsage);
  if (!o.delay_ack.empty())
    if (auto r = parse_timed("--delay-ack", o.delay_ack.back(), o.faults.delay_ack, o.faults.ack_delay); !r)
      return complain(r.error().message, kUsage);
  o.faults.in = o.fault_dir != "out";
  o.faults.out = o.fault_dir != "in";
  o.faults.seed = o.seed ? *o.seed : std::random_device{}();

  const bool sending = command == "send";
  const std::string word = sending ? o.also : command == "ack" ? "ack" : o.answer_text;
  if (!word.empty()) {
    auto answer = answer_of(word, o);
    if (!answer) return complain(answer.error().message, exit_of(answer.error()));
    o.station.answer = *answer;
  }
  std::optional<std::vector<sim::OutMessage>> messages;
  if (sending) {
    auto files = read_files(o.files);
    if (!files) return complain(files.error().message, exit_of(files.error()));
    messages = std::move(*files);
  }
  const std::size_t total = o.files.size() * o.station.repeat;
  o.station.progress = !o.quiet && total > 20 && ::isatty(STDERR_FILENO) != 0;
  o.station.verbose = !o.quiet && total <= 20;
  o.station.connect_wait =
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(o.connect_wait));

  // NOLINTNEXTLINE(clang-analyzer-unix.Stream): FilePtr closes it, which the analyzer does not follow here
  const FilePtr ladder_file(o.ladder_file.empty() ? nullptr : std::fopen(o.ladder_file.c_str(), "we"));
  if (!o.ladder_file.empty() && !ladder_file)
    return complain(fail_errno("cannot write " + o.ladder_file).error().message, kCannotCreate);
  std::FILE* const ladder = ladder_file ? ladder_file.get() : o.ladder ? stdout : nullptr;
  if (!o.station.out.empty() && !std::filesystem::is_directory(o.station.out))
    return complain(fmt::format("--out: {} is no directory", o.station.out.string()), kNoInput);
  if (o.faults.any()) fmt::print(stderr, "seed: {}\n", o.faults.seed);

  sim::Report report;
  report.protocol = o.protocol;
  report.seed = o.faults.seed;
  const Logger log(stderr_sink("llpsim"), LogLevel::warning);
  asio::io_context io(1);
  // Before the line's name is told: whoever reads it may end us.
  asio::signal_set signals(io, SIGTERM, SIGINT);
  for (const int number : {SIGTERM, SIGINT}) restart_calls(number);
  io::StreamOptions stream_options;
  stream_options.pool = std::make_shared<WorkerPool>();
  stream_options.lock_dir = o.lock_dir;
  auto stream = io::make_stream(io.get_executor(), *spec, stream_options, log);
  if (!stream) return complain(stream.error().message, exit_of(stream.error()));
  if (!(*stream)->local_name().empty()) fmt::print(stderr, "line: {}\n", (*stream)->local_name());
  std::unique_ptr<io::ByteStream> bytes = std::move(*stream);
  if (o.pace > 0) bytes = sim::make_paced(io.get_executor(), std::move(bytes), o.pace);
  if (o.faults.any())
    bytes = sim::make_faulty(io.get_executor(), std::move(bytes), o.faults, protocol->protocol, *params,
                             report.faults);
  line::EngineLineOptions line_options;
  line_options.observer = std::make_shared<sim::LadderObserver>(report.frames, ladder);
  const std::unique_ptr<line::Line> line = line::make_engine_line(
      io.get_executor(), std::move(bytes), protocol->protocol, *params, line_options, log);
  sim::Station station(*line, o.station, report);
  Run running(io, *line, station, o.stay);
  bool stopped = false;
  signals.async_wait([&](const asio::error_code& ec, int) {
    if (ec) return;
    stopped = true;
    running.stop();
  });
  running.start(std::move(messages), !o.quiet);
  io.run();

  report.counters = line->counters();
  if (running.error()) return complain(running.error()->message, exit_of(*running.error()));
  if (!o.quiet) fmt::print(stderr, "{}", report.summary());
  if (o.json == "-") {
    fmt::print("{}", report.json());
  } else if (!o.json.empty()) {
    std::ofstream file(o.json);
    file << report.json();
    file.close();
    if (!file) return complain(fail_errno("cannot write " + o.json).error().message, kCannotCreate);
  }
  bool good = !sending || report.sent.size() == total;
  for (const auto& record : report.sent) good = good && record.good();
  return good ? kAllWell : kSomeFailed;
}

}  // namespace

int main(int argc, char** argv) {
  (void)std::signal(SIGPIPE, SIG_IGN);
  Options o;
  CLI::App app("A station for the other end of a line: sends and answers messages, with faults on request.",
               "llpsim");
  app.footer(kExamples);
  app.set_version_flag("--version", "llpsim " LLP_VERSION);
  app.add_option("--protocol", o.protocol, "x328, hllp, mllp or mllp2")->required();
  auto* line = app.add_option("--line", o.line,
                              "pty:PATH|-, tty:DEV[,BAUD[,MODE]], tcp:HOST:PORT, tcp-listen:[ADDR:]PORT, "
                              "unix:PATH, unix-listen:PATH");
  app.add_option("--peer", o.peer, "options for a known peer (--list-params shows them)");
  app.add_option("--set", o.settings, "a protocol parameter, NAME=VALUE")
      ->expected(1)
      ->allow_extra_args(false)
      ->take_all();
  app.add_option("--role", o.role, "X3.28: primary or secondary");
  app.add_option("--match", o.match, "which message is a reply: auto, lockstep, msa, msa_id");
  app.add_option("--expect", o.expect, "whether messages get a reply: reply, none, optional");
  app.add_option("--time-scale", o.time_scale, "factor on all times of the protocol");
  app.add_option("--pace", o.pace, "slow the line down to this baud rate")
      ->check(CLI::Range(50U, 20'000'000U));
  app.add_option("--out", o.station.out, "directory for what is received: NNNNNN.msg, .reply, .repeat");
  app.add_option("--json", o.json, "write statistics there at the end; - for standard output");
  app.add_flag("--ladder", o.ladder, "each frame as it happens, on standard output");
  app.add_option("--ladder-file", o.ladder_file, "the same into a file");
  app.add_option("--lock-dir", o.lock_dir, "where UUCP lock files are");
  app.add_flag("-q,--quiet", o.quiet, "errors only on standard error");
  app.add_flag("--list-params", o.list_params, "show the parameters of --protocol and exit");
  const auto p = CLI::Range(0.0, 1.0);
  const std::string faults = "Faults (probabilities from 0 to 1)";
  app.add_option("--seed", o.seed, "of the faults; random if not given")->group(faults);
  app.add_option("--flip", o.faults.flip, "a bit of a byte is flipped")->check(p)->group(faults);
  app.add_option("--lose", o.faults.lose, "a byte is lost")->check(p)->group(faults);
  app.add_option("--double", o.faults.twice, "a byte comes twice")->check(p)->group(faults);
  app.add_option("--insert", o.faults.insert, "a byte comes that nobody sent")->check(p)->group(faults);
  app.add_option("--flip-block", o.faults.flip_block, "one byte of a data block is damaged")
      ->check(p)
      ->group(faults);
  app.add_option("--lose-ack", o.faults.lose_ack, "an acknowledgement that we send is lost")
      ->check(p)
      ->group(faults);
  app.add_option("--delay-ack", o.delay_ack, "P[,MS]: it comes MS milliseconds late (500)")->group(faults);
  app.add_option("--silence", o.silence, "P[,MS]: nothing that we send arrives for MS milliseconds (1000)")
      ->group(faults);
  app.add_option("--fault-dir", o.fault_dir, "damage what comes in, what goes out, or both")
      ->check(CLI::IsMember({"in", "out", "both"}))
      ->group(faults);
  app.require_subcommand(0, 1);
  app.fallthrough();

  auto* send = app.add_subcommand("send", "send messages, one from each file");
  send->add_option("files", o.files, "files")->required();
  send->add_option("--repeat", o.station.repeat, "send the list so often")
      ->check(CLI::Range(1U, 100'000'000U));
  send->add_flag("--unique-ids", o.station.unique_ids, "a new MSH-10 for each message");
  send->add_option("--retry-failed", o.station.retry_failed,
                   "send again what is known to have failed, so often");
  send->add_option("--connect-wait", o.connect_wait,
                   "seconds to wait for the other end to be there before the first message")
      ->check(CLI::Range(0.0, 86400.0))
      ->capture_default_str();
  send->add_flag("--retry-unknown", o.station.retry_unknown, "and what may or may not have arrived");
  send->add_option("--also-serve", o.also, "answer messages meanwhile: ack, echo, none or a file");
  send->add_flag("--stay", o.stay, "go on with that when all is sent, until told to end");
  auto* serve = app.add_subcommand("serve", "take messages and answer them");
  serve->add_option("--reply", o.answer_text, "ack, echo, none or a file")->default_val("none");
  auto* ack = app.add_subcommand("ack", "take messages and answer with HL7 acknowledgements");
  for (auto* sub : {serve, ack}) sub->add_option("--count", o.station.count, "end after so many messages");
  for (auto* sub : {serve, ack, send})
    sub->add_option("--ack-code", o.station.ack_code, "MSA-1 of acknowledgements")
        ->check(CLI::IsMember({"AA", "AE", "AR", "CA", "CE", "CR"}));

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);
    return complain(fmt::format("{} (see llpsim --help)", e.what()), kUsage);
  }
  try {
    if (o.list_params) {
      auto protocol = config::parse_protocol(o.protocol);
      if (!protocol) return complain("--protocol: " + protocol.error().message, kUsage);
      fmt::print("{}\n{}", config::list_parameters(protocol->protocol), config::list_peers());
      return kAllWell;
    }
    if (line->count() == 0) return complain("--line is missing (see llpsim --help)", kUsage);
    if (app.get_subcommands().empty())
      return complain("send, serve or ack is wanted (see llpsim --help)", kUsage);
    return run(o, app.get_subcommands().front()->get_name());
  } catch (const std::exception& e) {
    return complain(fmt::format("internal error: {}", e.what()), kSoftware);
  }
}
