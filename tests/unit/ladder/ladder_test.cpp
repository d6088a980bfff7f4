// SPDX-License-Identifier: BSD-3-Clause
// Ladders: frames as two listening engines tell them, drawn as text and SVG.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "capture/capture.hpp"
#include "ladder/decode.hpp"
#include "ladder/draw.hpp"

namespace llp::ladder {
namespace {

using capture::Packet;
using capture::PacketKind;

constexpr std::uint64_t kMs = 1'000'000;

llp_params defaults(llp_protocol protocol) {
  llp_params params{};
  llp_params_default(&params, protocol);
  return params;
}

struct Listener {
  explicit Listener(llp_protocol protocol) : Listener(protocol, defaults(protocol)) {}
  Listener(llp_protocol protocol, const llp_params& params)
      : decoder(protocol, params, [this](const Sight& sight) { seen.push_back(sight); }) {}
  void say(bool out, std::string octets, std::vector<capture::Mark> marks = {}) {
    decoder.packet({at, PacketKind::bytes, out, false, std::move(octets), std::move(marks), 0});
    at += kMs;
  }
  // "> ENQ" each, what is marked with its trouble.
  [[nodiscard]] std::vector<std::string> lines() const {
    std::vector<std::string> out;
    for (const Sight& s : seen) {
      std::string line = (s.out ? "> " : "< ") + words(s);
      if (is_marked(s)) line += " ! " + trouble(s);
      out.push_back(line);
    }
    return out;
  }
  std::vector<Sight> seen;
  Decoder decoder;
  std::uint64_t at = 1000 * kMs;
};

using Lines = std::vector<std::string>;

TEST(Decode, AnExchangeOfX328) {
  Listener l(LLP_PROTO_X328);
  l.say(true, "\x05\r");
  l.say(false,
        "\x10"
        "0\r");
  l.say(true,
        "\x02"
        "100017MSH|^~\\&|A\rPID|1\x03"
        "2C\r");
  l.say(false, "\x15\r");
  l.say(true, "\x04\r");
  ASSERT_GE(l.seen.size(), 4U);
  EXPECT_EQ(words(l.seen[0]), "ENQ");
  EXPECT_EQ(l.seen[0].octets, "\x05\r");
  EXPECT_EQ(l.seen[0].begin, 1000 * kMs);
  EXPECT_EQ(words(l.seen[1]), "ACK0");
  EXPECT_FALSE(l.seen[1].out);
  EXPECT_EQ(words(l.seen[3]), "NAK");
  EXPECT_TRUE(is_marked(l.seen[3]));
  EXPECT_EQ(words(l.seen.back()), "EOT");
}

TEST(Decode, RepeatsOfWhatWasDamagedAreRepeats) {
  Listener l(LLP_PROTO_X328);
  l.say(true, "\x05\r");
  l.say(false,
        "\x10"
        "0\r");
  const std::string block =
      "\x02"
      "200006PID|1\r\x03"
      "1A\r";
  std::string first = block;
  first[1] = '1';
  first.replace(first.size() - 3, 2, "19");
  std::string damaged = first;
  damaged[8] = 'x';
  l.say(true, damaged);
  l.say(false, "\x15\r");
  l.say(true, first);
  l.say(false,
        "\x10"
        "1\r");
  l.say(true, "\x04\r");
  // Another transmission begins at 1 anew: that is no repeat.
  l.say(true, "\x05\r");
  l.say(false,
        "\x10"
        "0\r");
  l.say(true, first);
  EXPECT_EQ(l.lines(), (Lines{"> ENQ", "< ACK0", "> block 1, 6 bytes, last ! bad check", "< NAK ! ",
                              "> block 1, 6 bytes, last, again ! ", "< ACK1", "> EOT", "> ENQ", "< ACK0",
                              "> block 1, 6 bytes, last"}));
}

TEST(Decode, WhatTheLineSaysOfAByte) {
  Listener l(LLP_PROTO_X328);
  l.say(true, "\x05\r");
  l.say(true,
        "\x02"
        "100006PID|1\r\x03"
        "1B\r",
        {{3, capture::Flag::parity}, {9, capture::Flag::parity}});
  ASSERT_EQ(l.seen.size(), 2U);
  EXPECT_EQ(trouble(l.seen[1]), "2 parity errors");
  EXPECT_EQ(l.seen[1].marks.size(), 2U);
  EXPECT_EQ(content_lines(l.seen[1], "x328", 200).at(0).find("!parity") != std::string::npos, true);
}

TEST(Decode, SilenceEndsAFrame) {
  Listener l(LLP_PROTO_MLLP);
  l.say(false, "\x0bMSH|");
  EXPECT_TRUE(l.seen.empty());
  l.at += std::uint64_t{600'000} * kMs;
  l.say(true,
        "\x0b"
        "A\x1c\r");
  EXPECT_EQ(l.lines(), (Lines{"< data block, 4 bytes ! incomplete", "> data block, 1 byte"}));
  EXPECT_LT(l.seen[0].end, l.seen[1].begin);
}

TEST(Decode, TimePassesWithoutAPacket) {
  Listener l(LLP_PROTO_MLLP);
  l.say(false, "\x0bMSH|");
  l.decoder.time(l.at + std::uint64_t{600'000} * kMs);
  EXPECT_EQ(l.lines(), (Lines{"< data block, 4 bytes ! incomplete"}));
}

TEST(Decode, GarbageIsOneThing) {
  Listener l(LLP_PROTO_MLLP);
  l.say(false,
        "login: \x0b"
        "A\x1c\rxyz");
  l.say(false, "more");
  l.decoder.finish();
  EXPECT_EQ(l.lines(), (Lines{"< garbage, 7 bytes ! ", "< data block, 1 byte", "< garbage, 3 bytes ! ",
                              "< garbage, 4 bytes ! "}));
  EXPECT_EQ(l.seen[0].octets, "login: ");
  EXPECT_EQ(l.seen[1].octets,
            "\x0b"
            "A\x1c\r");
}

TEST(Decode, CommitRepliesOfMllp2) {
  llp_params params = defaults(LLP_PROTO_MLLP);
  ASSERT_EQ(llp_params_set(&params, LLP_PROTO_MLLP, "release", "2"), 0);
  Listener l(LLP_PROTO_MLLP, params);
  l.say(false, "\x0bMSH|\x1c\r");
  l.say(true, "\x0b\x15\x1c\r");
  l.say(false, "\x0bMSH|\x1c\r");
  l.say(true, "\x0b\x06\x1c\r");
  EXPECT_EQ(l.lines(), (Lines{"< data block, 4 bytes", "> commit NAK ! ", "< data block, 4 bytes, again ! ",
                              "> commit ACK"}));
}

TEST(Decode, MessagesLinesAndLosses) {
  Listener l(LLP_PROTO_MLLP);
  const auto packet = [&l](PacketKind kind, bool partial, const std::string& octets, std::uint64_t lost) {
    l.decoder.packet({l.at, kind, true, partial, octets, {}, lost});
  };
  packet(PacketKind::up, false, "/dev/llp0", 0);
  packet(PacketKind::message, true, "abc", 0);
  packet(PacketKind::message, false, "de", 0);
  packet(PacketKind::bytes, false,
         "\x0b"
         "begun",
         0);
  packet(PacketKind::bytes, false,
         "\x0b"
         "A\x1c\r",
         3);
  packet(PacketKind::down, false, "unplugged", 0);
  EXPECT_EQ(l.lines(), (Lines{"> the line is up: /dev/llp0", "> message, 5 bytes",
                              "> data block, 5 bytes ! incomplete", "< 3 packets are missing here ! ",
                              "> data block, 1 byte", "> the line is down: unplugged ! "}));
  EXPECT_EQ(l.seen[1].octets, "abcde");
}

TEST(Decode, ParametersOfALine) {
  llp_protocol protocol{};
  ASSERT_TRUE(protocol_of("hllp", protocol));
  EXPECT_EQ(protocol, LLP_PROTO_HLLP);
  EXPECT_FALSE(protocol_of("astm", protocol));
  EXPECT_FALSE(protocol_of("", protocol));
  capture::Listened line;
  line.params = {{"timer_a", "8s"}, {"colour", "red"}, {"retries_l", "many"}};
  const llp_params params = params_of(line, LLP_PROTO_X328);
  EXPECT_EQ(params.timer_a, 8'000'000U);
  EXPECT_EQ(params.retries_l, defaults(LLP_PROTO_X328).retries_l);
  line.params = {{"peer", "vista-x328"}};
  llp_params vista = defaults(LLP_PROTO_X328);
  ASSERT_EQ(llp_preset_apply(&vista, LLP_PROTO_X328, "vista-x328"), 0);
  EXPECT_EQ(params_of(line, LLP_PROTO_X328).bcc_high, vista.bcc_high);
}

// ---- all kept conversations ----

std::vector<capture::Capture> kept() {
  std::vector<std::filesystem::path> files;
  for (const auto& file : std::filesystem::recursive_directory_iterator(LLP_CAPTURES)) {
    if (file.path().extension() == ".capture") files.push_back(file.path());
  }
  std::ranges::sort(files);
  std::vector<capture::Capture> all;
  for (const auto& file : files) {
    std::ifstream in(file);
    auto parsed = capture::parse(std::string(std::istreambuf_iterator<char>(in), {}));
    EXPECT_TRUE(parsed) << file;
    if (parsed) all.push_back(std::move(*parsed));
  }
  return all;
}

std::vector<Sight> sights_of(const capture::Capture& c) {
  const auto recording = capture::recording_of(c, capture::Side::left, 0);
  llp_protocol protocol{};
  EXPECT_TRUE(protocol_of(c.protocol, protocol));
  std::vector<Sight> out;
  Decoder decoder(protocol, params_of(recording.line, protocol),
                  [&out](const Sight& s) { out.push_back(s); });
  feed(decoder, c);
  return out;
}

// Every octet is in one row, in its order; but the CR of a sequence may be in none.
TEST(Kept, EveryOctetIsSomewhere) {
  const auto all = kept();
  ASSERT_GT(all.size(), 80U);
  for (const auto& c : all) {
    for (const bool out : {false, true}) {
      std::string sent;
      std::string shown;
      for (const auto& entry : c.entries) {
        const auto* t = std::get_if<capture::Traffic>(&entry.what);
        if (t != nullptr && (t->from == capture::Side::left) == out) sent += capture::values(t->bytes);
      }
      for (const Sight& s : sights_of(c)) {
        if (s.out == out) shown += s.octets;
      }
      if (c.protocol == "x328") {
        std::erase(sent, '\r');
        std::erase(shown, '\r');
      }
      EXPECT_EQ(shown, sent) << c.title;
    }
  }
}

// However the octets come in packets, the frames are the same.
TEST(Kept, OctetByOctetIsTheSame) {
  for (const auto& c : kept()) {
    const auto recording = capture::recording_of(c, capture::Side::left, 0);
    llp_protocol protocol{};
    ASSERT_TRUE(protocol_of(c.protocol, protocol));
    const llp_params params = params_of(recording.line, protocol);
    Listener whole(protocol, params);
    Listener split(protocol, params);
    for (const Packet& packet : recording.packets) {
      whole.decoder.packet(packet);
      for (std::size_t i = 0; i < packet.octets.size(); i++) {
        Packet one = packet;
        one.octets = packet.octets.substr(i, 1);
        one.marks.clear();
        for (const auto& mark : packet.marks) {
          if (mark.offset == i) one.marks.push_back({0, mark.flag});
        }
        split.decoder.packet(one);
      }
    }
    whole.decoder.finish();
    split.decoder.finish();
    const auto no_garbage = [](const Listener& l) {
      Lines lines = l.lines();
      std::erase_if(lines, [](const std::string& line) { return line.find("garbage") != std::string::npos; });
      return lines;
    };
    EXPECT_EQ(no_garbage(split), no_garbage(whole)) << c.title;
  }
}

Style style_of(const capture::Capture& c) {
  Style style;
  style.title = c.title;
  style.left = c.stations[0].name;
  style.right = c.stations[1].name;
  style.protocol = c.protocol;
  return style;
}

std::string text_of(const capture::Capture& c, const Style& style) {
  TextLadder ladder(style);
  std::string out = ladder.head();
  for (const Sight& s : sights_of(c)) out += ladder.row(s);
  return out;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

TEST(Text, FitsItsColumns) {
  for (const auto& c : kept()) {
    for (const unsigned columns : {60U, 80U, 132U}) {
      Style style = style_of(c);
      style.title.clear();
      style.columns = columns;
      style.content = columns == 80;
      for (const std::string& line : lines_of(text_of(c, style))) {
        EXPECT_LE(line.size(), columns) << c.title << "\n" << line;
        EXPECT_TRUE(std::ranges::all_of(line, [](unsigned char ch) { return ch >= 0x20 && ch < 0x7f; }))
            << line;
      }
    }
  }
}

TEST(Text, ShowsContentOnlyIfAsked) {
  for (const auto& c : kept()) {
    Style style = style_of(c);
    style.title.clear();
    style.left = style.right = "x";
    for (const char* secret : {"MSH", "PID", "^~"})
      EXPECT_EQ(text_of(c, style).find(secret), std::string::npos);
    EXPECT_EQ(svg_ladder(style, sights_of(c), "").find("PID"), std::string::npos);
  }
}

TEST(Text, NothingEscapes) {
  Style style;
  style.title = "\x1b]0;title\x07";
  style.left = "\x1b[2J";
  style.right = "a\nb";
  TextLadder ladder(style);
  Sight sight;
  sight.kind = SightKind::down;
  sight.text = "gone\x1b[31m\xc2\x9b";
  EXPECT_EQ((ladder.head() + ladder.row(sight)).find('\x1b'), std::string::npos);
  EXPECT_EQ(svg_ladder(style, {sight}, "").find('\x1b'), std::string::npos);
  style.colour = true;
  EXPECT_NE(TextLadder(style).row(sight).find("\x1b[33m"), std::string::npos);
}

// What is kept in golden/ is what people see. LLP_UPDATE_GOLDEN=1 writes it.
void expect_golden(const std::string& name, const std::string& text) {
  const std::string path = std::string(LLP_GOLDEN) + "/" + name;
  if (std::getenv("LLP_UPDATE_GOLDEN") != nullptr) {  // NOLINT(concurrency-mt-unsafe)
    std::ofstream(path) << text;
    return;
  }
  std::ifstream in(path);
  EXPECT_EQ(text, std::string(std::istreambuf_iterator<char>(in), {})) << path;
}

TEST(Golden, Ladders) {
  for (const char* name : {"x328/nak_and_retransmission", "x328/contention", "hllp/checksum_error",
                           "mllp/release2_nak", "x328/parity_error"}) {
    std::ifstream in(std::string(LLP_CAPTURES) + "/" + name + ".capture");
    const auto c = capture::parse(std::string(std::istreambuf_iterator<char>(in), {}));
    ASSERT_TRUE(c) << name;
    Style style = style_of(*c);
    std::string file = std::filesystem::path(name).filename().string();
    expect_golden(file + ".txt", text_of(*c, style));
    style.content = true;
    expect_golden(file + ".content.txt", text_of(*c, style));
    if (file == "nak_and_retransmission")
      expect_golden(file + ".svg.txt", svg_ladder(style, sights_of(*c), "a date"));
  }
}

// Whatever comes, it ends, and no octet is shown twice.
TEST(Decode, AnythingAtAll) {
  std::mt19937 random(7);  // NOLINT(cert-msc51-cpp): the same every time
  const std::string likely(
      "\x05\r\x10"
      "01\x02\x03\x04\x15\x06\x0b\x1c\x17MSH|100005A");
  for (int run = 0; run < 300; run++) {
    const auto protocol = static_cast<llp_protocol>(random() % LLP_PROTO__N);
    Listener l(protocol);
    std::size_t sent = 0;
    for (int i = 0; i < 60; i++) {
      Packet packet;
      packet.time = l.at += random() % 4 == 0 ? random() % 100'000 * kMs : random() % kMs;
      if (random() % 20 == 0) packet.time /= 2;
      packet.kind = static_cast<PacketKind>(random() % 20 == 0 ? random() % 4 : 0);
      packet.out = random() % 2 == 0;
      packet.partial = random() % 8 == 0;
      packet.lost = random() % 30 == 0 ? random() : 0;
      for (auto n = random() % 40; n > 0; n--) {
        packet.octets += random() % 8 == 0 ? static_cast<char>(random()) : likely[random() % likely.size()];
        if (random() % 40 == 0) {
          packet.marks.push_back({static_cast<std::uint32_t>(packet.octets.size() - 1),
                                  static_cast<capture::Flag>(1 + random() % 4)});
        }
      }
      sent += packet.octets.size();
      l.decoder.packet(packet, static_cast<Fate>(random() % 12 == 0 ? random() % 3 : 0));
    }
    l.decoder.finish();
    std::size_t shown = 0;
    Style style;
    style.content = true;
    style.protocol = llp_protocol_name(protocol);
    TextLadder ladder(style);
    for (const Sight& s : l.seen) {
      shown += s.octets.size();
      for (const std::string& line : lines_of(ladder.row(s))) ASSERT_LE(line.size(), 80U) << line;
    }
    ASSERT_LE(shown, sent);
    ASSERT_FALSE(svg_ladder(style, l.seen, "").empty());
  }
}

}  // namespace
}  // namespace llp::ladder
