// SPDX-License-Identifier: BSD-3-Clause
// llpctl ladder: a conversation as a sequence diagram, live or from a file.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "ladder/decode.hpp"
#include "ladder/draw.hpp"
#include "llpctl/context.hpp"
#include "llpctl/json.hpp"
#include "llpctl/listen.hpp"
#include "llpctl/recorded.hpp"
#include "llpctl/system.hpp"

namespace llp::ctl {

namespace {

constexpr const char* kLadderExamples = R"(
Examples:
  llpctl ladder chem                          the line as it works, until Ctrl-C
  llpctl ladder night.pcapng                  what was recorded (llpctl capture)
  llpctl ladder lost_ack.capture --content    with every byte: patient data
  llpctl ladder night.pcapng --svg -o night.svg

Rows marked with ! are refusals, repeats and what was damaged, each with its reason. Times are seconds
since the first row, and since the row before. An arrow that ends in x did not arrive.
)";

struct LadderArguments {
  std::string what, file;
  std::uint64_t count = 0;
  double seconds = 0;
  bool svg = false, content = false;
};

std::string date_of(std::uint64_t ns) {
  if (ns < kSecond) return {};
  return fmt::format("{:%Y-%m-%d %H:%M:%S}", fmt::localtime(static_cast<std::time_t>(ns / kSecond)));
}

// Where rows go: to the terminal as they come, or into one picture.
class Rows {
 public:
  Rows(Context& context, const LadderArguments& a, ladder::Style style)
      : context_(context), a_(a), style_(std::move(style)), text_(style_) {}

  void take(const ladder::Sight& sight) {
    ++seen_;
    if (a_.svg) return all_.push_back(sight);
    if (context_.json) return context_.print(in_json(sight) + "\n");
    if (!std::exchange(begun_, true)) put(text_.head());
    put(text_.row(sight));
  }

  [[nodiscard]] std::uint64_t seen() const { return seen_; }

  int finish() {
    if (a_.svg) put(ladder::svg_ladder(style_, all_, all_.empty() ? "" : date_of(all_.front().begin)));
    if (a_.file.empty()) return 0;
    std::ofstream out(a_.file, std::ios::binary);
    out << kept_ << std::flush;
    if (!out) return context_.failed(sys_error(a_.file, errno != 0 ? errno : EIO));
    return 0;
  }

 private:
  void put(const std::string& text) {
    if (a_.file.empty()) return context_.print(text);
    kept_ += text;
  }

  [[nodiscard]] std::string in_json(const ladder::Sight& sight) const {
    Json out = Json::object();
    const bool frame = sight.kind == ladder::SightKind::frame;
    out.number("time_ns", sight.begin).number("end_ns", sight.end).flag("out", sight.out);
    out.text("what", ladder::words(sight)).text("trouble", ladder::trouble(sight));
    out.flag("marked", ladder::is_marked(sight));
    if (frame) {
      out.text("frame", llp_frame_name(static_cast<llp_frame>(sight.frame.frame)));
      out.number("number", sight.frame.num).number("length", sight.frame.len);
      out.flag("again", (sight.frame.flags & LLP_FRAME_AGAIN) != 0);
    }
    if (a_.content) out.text("octets", sight.octets);
    return out.str();
  }

  Context& context_;
  const LadderArguments& a_;
  ladder::Style style_;
  ladder::TextLadder text_;
  std::vector<ladder::Sight> all_;
  std::string kept_;
  std::uint64_t seen_ = 0;
  bool begun_ = false;
};

ladder::Style style_of(const Context& context, const LadderArguments& a, const capture::Listened& line) {
  ladder::Style style;
  style.title = line.name;
  for (const std::string& more : {line.protocol, line.port}) {
    if (!more.empty()) style.title += (style.title.empty() ? "" : ", ") + more;
  }
  style.left = "this end";
  style.right = "the other end";
  style.protocol = line.protocol;
  style.content = a.content;
  style.colour = context.colour && a.file.empty();
  style.columns = a.file.empty() ? std::clamp(context.columns, 60U, 160U) : 80;
  return style;
}

Error unknown_protocol(const std::string& name) {
  return {Errc::malformed,
          fmt::format("it says nothing of a protocol that is known ('{}')", ladder::printable(name)), 0};
}

int of_file(Context& context, const LadderArguments& a) {
  const auto recorded = read_recorded(a.what);
  if (!recorded) return context.failed(recorded.error());
  if (!recorded->warning.empty()) context.complain(recorded->warning);
  const capture::Listened& line = recorded->recording.line;
  llp_protocol protocol{};
  if (!ladder::protocol_of(line.protocol, protocol)) return context.failed(unknown_protocol(line.protocol));
  ladder::Style style = style_of(context, a, line);
  if (const auto& text = recorded->conversation) {
    style.title = text->title;
    for (const auto side : {capture::Side::left, capture::Side::right}) {
      std::string& name = side == capture::Side::left ? style.left : style.right;
      name =
          text->station(side).name.empty() ? std::string(capture::side_name(side)) : text->station(side).name;
    }
  } else if (const auto& packets = recorded->recording.packets; !packets.empty()) {
    style.title += ", " + date_of(packets.front().time);
  }
  Rows rows(context, a, style);
  ladder::Decoder decoder(protocol, ladder::params_of(line, protocol), [&](const ladder::Sight& sight) {
    if (a.count == 0 || rows.seen() < a.count) rows.take(sight);
  });
  if (recorded->conversation) {
    ladder::feed(decoder, *recorded->conversation);
  } else {
    for (const capture::Packet& packet : recorded->recording.packets) decoder.packet(packet);
    decoder.finish();
  }
  return rows.finish();
}

int live(Context& context, const LadderArguments& a) {
  auto listening = Listening::begin(context, a.what);
  if (!listening) return context.failed(listening.error());
  llp_protocol protocol{};
  const capture::Listened& line = listening->line();
  if (!ladder::protocol_of(line.protocol, protocol)) return context.failed(unknown_protocol(line.protocol));
  Rows rows(context, a, style_of(context, a, line));
  ladder::Decoder decoder(protocol, ladder::params_of(line, protocol), [&](const ladder::Sight& sight) {
    if (a.count == 0 || rows.seen() < a.count) rows.take(sight);
  });
  const auto done = [&] { return a.count != 0 && rows.seen() >= a.count; };
  const auto take = [&](const capture::Packet& packet) -> Result<void> {
    decoder.packet(packet);
    if (done()) return fail(Errc::cancelled, "");
    return {};
  };
  // What ends by silence is told then, not when something comes.
  const auto tick = [&decoder] {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    decoder.time(static_cast<std::uint64_t>(std::chrono::nanoseconds(now).count()));
  };
  const auto ended =
      listening->run(context.io, {0, std::chrono::milliseconds(std::lround(a.seconds * 1000))}, take, tick);
  decoder.finish();
  const int status = rows.finish();
  if (ended || ended.error().code == Errc::cancelled) return status;
  return context.failed(ended.error());
}

}  // namespace

void add_ladder(CLI::App& app, Context& context, Run& run) {
  auto* verb = app.add_subcommand("ladder", "a conversation as a sequence diagram, live or from a recording");
  verb->footer(kLadderExamples);
  const auto a = std::make_shared<LadderArguments>();
  verb->add_option("line", a->what, "a line that llpd serves, or a file")->type_name("SERVED")->required();
  verb->add_flag("--svg", a->svg, "a picture instead of text");
  verb->add_option("-o,--out", a->file, "into this file")->type_name("FILE");
  verb->add_flag("--content", a->content, "show the bytes, too: patient data");
  verb->add_option("-c,--count", a->count, "so many rows");
  verb->add_option("--for", a->seconds, "end after so many seconds")->check(CLI::Range(0.001, 31536000.0));
  verb->callback([&context, &run, a] {
    run = [&context, a] { return names_file(a->what) ? of_file(context, *a) : live(context, *a); };
  });
}

}  // namespace llp::ctl
