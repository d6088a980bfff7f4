// SPDX-License-Identifier: BSD-3-Clause
// llpreplay: plays one station of a capture against a real line.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/this_coro.hpp>
#include <cstdio>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/read_file.hpp"
#include "capture/capture.hpp"
#include "io/make_stream.hpp"
#include "llpsim/line_argument.hpp"
#include "replay/replay.hpp"

namespace {

using namespace llp;

constexpr int kAllWell = 0, kDifferent = 1, kUsage = 64, kNoInput = 66, kUnavailable = 69, kSoftware = 70;

constexpr const char* kExamples = R"(
Example:
  llpreplay --line unix:/run/llp/line --side left tests/captures/x328/single_block.capture
      plays the master against a driver that listens there

Exit status: 0 as in the capture; 1 something differs; 64 wrong usage; 66 a file cannot be read;
69 the line cannot be had; 70 internal error.
)";

struct Arguments {
  std::string line, side = "left", file, lock_dir = "/var/lock";
  double time_scale = 1, patience = 10;
  bool quiet = false;
};

int complain(const std::string& text, int status) {
  fmt::print(stderr, "llpreplay: {}\n", text);
  return status;
}

asio::awaitable<void> play(io::ByteStream& stream, const capture::Capture& c, replay::Options options,
                           bool quiet, std::optional<Result<void>>& result) {
  if (auto open = co_await stream.open(); !open) {
    result = std::unexpected(open.error());
    co_return;
  }
  const auto tell = [quiet](std::string_view line) {
    if (quiet) return;
    fmt::print("{}\n", line);
    (void)std::fflush(stdout);
  };
  replay::Replay replay(co_await asio::this_coro::executor, stream, c, options, tell);
  result = co_await replay.play();
}

int run(const Arguments& a) {
  const auto spec = sim::parse_line_argument(a.line);
  if (!spec) return complain("--line: " + spec.error().message, kUsage);
  const auto text = read_file(a.file);
  if (!text) return complain(text.error().message, kNoInput);
  const auto parsed = capture::parse(*text);
  if (!parsed)
    return complain(fmt::format("{}:{}: {}", a.file, parsed.error().line, parsed.error().text), kUsage);
  replay::Options options;
  options.side = a.side == "left" ? capture::Side::left : capture::Side::right;
  options.time_scale = a.time_scale;
  options.patience = std::chrono::milliseconds(static_cast<long>(a.patience * 1000));
  if (auto can = replay::playable(*parsed, options.side); !can)
    return complain(a.file + ": " + can.error().message, kUsage);

  asio::io_context io(1);
  io::StreamOptions stream_options;
  stream_options.pool = std::make_shared<WorkerPool>();
  stream_options.lock_dir = a.lock_dir;
  const Logger log(stderr_sink("llpreplay"), LogLevel::warning);
  auto stream = io::make_stream(io.get_executor(), *spec, stream_options, log);
  if (!stream) return complain(stream.error().message, kUnavailable);
  if (!(*stream)->local_name().empty()) fmt::print(stderr, "line: {}\n", (*stream)->local_name());

  std::optional<Result<void>> result;
  asio::co_spawn(io, play(**stream, *parsed, options, a.quiet, result), [](const std::exception_ptr& e) {
    if (e) std::rethrow_exception(e);
  });
  io.run();
  if (*result) return kAllWell;
  const Error& error = result->error();
  const bool differs = error.code == Errc::malformed || error.code == Errc::timeout;
  return complain(a.file + ": " + error.message, differs ? kDifferent : kUnavailable);
}

}  // namespace

int main(int argc, char** argv) {
  Arguments a;
  CLI::App app("Plays one station of a capture (docs/captures.md) against a real line.", "llpreplay");
  app.footer(kExamples);
  app.set_version_flag("--version", "llpreplay " LLP_VERSION);
  app.add_option("--line", a.line,
                 "pty:PATH, tty:DEV[,BAUD[,MODE]], tcp:HOST:PORT, tcp-listen:[ADDR:]PORT, "
                 "unix:PATH or unix-listen:PATH")
      ->required();
  app.add_option("--side", a.side, "the station that is played")->check(CLI::IsMember({"left", "right"}));
  app.add_option("--time-scale", a.time_scale, "multiplies every time of the capture")
      ->check(CLI::Range(0.0, 100.0));
  app.add_option("--patience", a.patience, "seconds to wait for what must come, beyond its time")
      ->check(CLI::Range(0.001, 3600.0));
  app.add_option("--lock-dir", a.lock_dir, "where the lock files of serial ports are");
  app.add_flag("--quiet,-q", a.quiet, "do not print the lines of the conversation");
  app.add_option("FILE", a.file, "the capture")->required();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    const int status = app.exit(e);
    return status == 0 ? 0 : kUsage;
  }
  try {
    return run(a);
  } catch (const std::exception& e) {
    return complain(e.what(), kSoftware);
  }
}
