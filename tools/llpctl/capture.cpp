// SPDX-License-Identifier: BSD-3-Clause
// llpctl capture: what passes on a line as a file for Wireshark, ladders and
// replays.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <memory>
#include <string_view>

#include "base/fd.hpp"
#include "capture/pcapng.hpp"
#include "llpctl/context.hpp"
#include "llpctl/json.hpp"
#include "llpctl/listen.hpp"
#include "llpctl/recorded.hpp"

namespace llp::ctl {

namespace {

constexpr const char* kCaptureExamples = R"(
Examples:
  llpctl capture chem -w chem.pcapng          until Ctrl-C; then open it in Wireshark
  llpctl capture chem -w - | wireshark -k -i -
                                              the same as it happens
  llpctl capture chem --for 3600 -w /var/tmp/night.pcapng
  llpctl capture chem.pcapng -w chem.capture  a recording as text that can be edited and played
  llpctl capture lost_ack.capture -w lost_ack.pcapng

A file is what has a slash, or ends in .pcapng or .capture; everything else is the name of a line that
llpd serves. Recordings hold what the instrument sends: patient data. They are made for their owner only.
)";

struct CaptureArguments {
  std::string what, file, end = "left";
  std::uint64_t count = 0;
  double seconds = 0;
};

// Where the packets go, as they come.
class Output {
 public:
  [[nodiscard]] static Result<Output> open(const std::string& file) {
    Output out;
    out.name_ = file;
    if (file == "-") {
      out.name_ = "standard output";
      out.fd_ = UniqueFd(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0));
    } else {
      out.fd_ = UniqueFd(::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    }
    if (!out.fd_) return fail_errno(out.name_);
    return out;
  }
  Result<void> write(std::string_view text) {
    while (!text.empty()) {
      const ssize_t n = ::write(fd_.get(), text.data(), text.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return fail_errno(name_);
      text.remove_prefix(static_cast<std::size_t>(n));
    }
    return {};
  }

 private:
  UniqueFd fd_;
  std::string name_;
};

std::string program() { return "llpctl " LLP_VERSION; }

Result<void> write_all(const CaptureArguments& a, const capture::Recording& recording) {
  const bool text = a.file.ends_with(".capture");
  if (text && recording.line.protocol.empty()) {
    return fail(Errc::malformed, "the text form names a protocol, and this recording does not");
  }
  auto out = Output::open(a.file);
  if (!out) return std::unexpected(std::move(out.error()));
  return out->write(text ? capture::write(capture::capture_of(recording))
                         : capture::write_pcapng(recording, program()));
}

// What was written, for programs.
void tell(Context& context, const CaptureArguments& a, std::uint64_t packets, std::uint64_t octets,
          std::uint64_t lost) {
  if (!context.json) return;
  context.print(Json::object()
                    .text("from", a.what)
                    .text("file", a.file)
                    .number("packets", packets)
                    .number("octets", octets)
                    .number("lost", lost)
                    .str() +
                "\n");
}

int convert(Context& context, const CaptureArguments& a) {
  const auto recorded = read_recorded(a.what, a.end == "left" ? capture::Side::left : capture::Side::right);
  if (!recorded) return context.failed(recorded.error());
  if (!recorded->warning.empty()) context.complain(recorded->warning);
  if (const auto done = write_all(a, recorded->recording); !done) return context.failed(done.error());
  std::uint64_t octets = 0;
  std::uint64_t lost = 0;
  for (const capture::Packet& packet : recorded->recording.packets) {
    octets += packet.octets.size();
    lost += packet.lost;
  }
  tell(context, a, recorded->recording.packets.size(), octets, lost);
  return 0;
}

int listen(Context& context, const CaptureArguments& a) {
  auto listening = Listening::begin(context, a.what);
  if (!listening) return context.failed(listening.error());
  auto out = Output::open(a.file);
  if (!out) return context.failed(out.error());
  const bool text = a.file.ends_with(".capture");
  capture::Recording kept{listening->line(), {}};  // text: written at the end
  if (!text) {
    if (auto put = out->write(capture::pcapng_head(listening->line(), program())); !put) {
      return context.failed(put.error());
    }
  }
  context.complain(
      fmt::format("listening to {}, {} on {}", a.what, listening->line().protocol, listening->line().port));
  std::uint64_t packets = 0;
  std::uint64_t octets = 0;
  std::uint64_t lost = 0;
  bool whole = false;
  const auto take = [&](const capture::Packet& packet) -> Result<void> {
    ++packets;
    octets += packet.octets.size();
    lost += packet.lost;
    if (packet.kind == capture::PacketKind::message && !std::exchange(whole, true)) {
      context.complain(
          "the kernel runs this line's protocol: its messages are recorded, not the bytes around them");
    }
    if (!text) return out->write(capture::pcapng_packet(listening->line(), packet));
    if (octets > capture::kRecordingMax)
      return fail(Errc::too_large, "too much to be kept as text: record as pcapng");
    kept.packets.push_back(packet);
    return {};
  };
  const auto ended =
      listening->run(context.io, {a.count, std::chrono::milliseconds(std::lround(a.seconds * 1000))}, take);
  if (text) {
    if (auto put = out->write(capture::write(capture::capture_of(kept))); !put)
      return context.failed(put.error());
  }
  context.complain(
      counted(packets, "packet") + ", " + counted(octets, "byte") +
      (lost > 0 ? fmt::format("; {} lost: the recording was slower than the line", counted(lost, "packet"))
                : ""));
  tell(context, a, packets, octets, lost);
  return ended ? 0 : context.failed(ended.error());
}

int record(Context& context, const CaptureArguments& a) {
  if (context.json && a.file == "-") {
    return context.misused(
        "standard output cannot be the recording and its report: not both -w - and --json");
  }
  return names_file(a.what) ? convert(context, a) : listen(context, a);
}

}  // namespace

void add_capture(CLI::App& app, Context& context, Run& run) {
  auto* verb = app.add_subcommand("capture", "record what passes on a line, for Wireshark and for ladders");
  verb->footer(kCaptureExamples);
  const auto a = std::make_shared<CaptureArguments>();
  verb->add_option("line", a->what, "a line that llpd serves, or a file to convert")
      ->type_name("SERVED")
      ->required();
  verb->add_option("-w,--write", a->file, "to this file, pcapng; .capture: text; - is standard output")
      ->type_name("FILE")
      ->required();
  verb->add_option("-c,--count", a->count, "end after so many packets");
  verb->add_option("--for", a->seconds, "end after so many seconds")->check(CLI::Range(0.001, 31536000.0));
  verb->add_option("--end", a->end, "of a .capture file: which station saw it")
      ->check(CLI::IsMember({"left", "right"}));
  verb->callback([&context, &run, a] { run = [&context, a] { return record(context, *a); }; });
}

}  // namespace llp::ctl
