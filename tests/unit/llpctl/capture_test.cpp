// SPDX-License-Identifier: BSD-3-Clause
// capture, ladder and replay of files; and what llpd says passed on a line.
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "capture/pcapng.hpp"
#include "llpctl/listen.hpp"
#include "llpctl/recorded.hpp"
#include "llpctl/support.hpp"

namespace llp::ctl::test {
namespace {

using testing::HasSubstr;
using Event = nlohmann::ordered_json;

constexpr const char* kText =
    "llp-capture 1\n"
    "title A bid\n"
    "protocol x328\n"
    "left master\n"
    "right slave\n"
    "\n"
    "+0.000 > ENQ CR\n"
    "+0.250 < NAK CR\n"
    "+1.000 >| ENQ CR\n";

class Files : public Llpctl {
 protected:
  std::string write(const std::string& name, const std::string& text) {
    std::ofstream(dir_ / name, std::ios::binary) << text;
    return (dir_ / name).string();
  }
  std::string at(const std::string& name) { return (dir_ / name).string(); }
};

TEST_F(Files, ATextCaptureBecomesARecordingAndText) {
  const std::string text = write("a.capture", kText);
  ASSERT_EQ(run({"capture", text, "-w", at("a.pcapng")}), 0) << err;
  struct stat st{};
  ASSERT_EQ(::stat(at("a.pcapng").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777U, 0600U);
  auto recorded = read_recorded(at("a.pcapng"));
  ASSERT_TRUE(recorded) << recorded.error().message;
  ASSERT_EQ(recorded->recording.packets.size(), 3U);
  EXPECT_EQ(recorded->recording.line.name, "master");
  EXPECT_TRUE(recorded->recording.packets[0].out);
  ASSERT_EQ(run({"capture", text, "--end", "right", "-w", at("b.pcapng")}), 0) << err;
  recorded = read_recorded(at("b.pcapng"));
  ASSERT_EQ(recorded->recording.packets.size(), 2U);
  EXPECT_FALSE(recorded->recording.packets[0].out);
  ASSERT_EQ(run({"capture", at("a.pcapng"), "-w", at("c.capture")}), 0) << err;
  const auto again = capture::parse(text_of("c.capture"));
  ASSERT_TRUE(again) << again.error().text;
  EXPECT_EQ(again->entries.size(), 3U);
  EXPECT_EQ(again->entries[1].at, 250'000'000U);
}

TEST_F(Files, ALadderOfEach) {
  const std::string text = write("a.capture", kText);
  ASSERT_EQ(run({"ladder", text}), 0) << err;
  EXPECT_THAT(out, HasSubstr("A bid\n"));
  EXPECT_THAT(out, HasSubstr("master"));
  EXPECT_THAT(out, HasSubstr("|--- ENQ --"));
  EXPECT_THAT(out, HasSubstr("NAK ---|!"));
  EXPECT_THAT(out, HasSubstr("+0.250"));
  EXPECT_THAT(out, HasSubstr("again: did not arrive"));
  ASSERT_EQ(run({"capture", text, "-w", at("a.pcapng")}), 0);
  ASSERT_EQ(run({"ladder", at("a.pcapng"), "-c", "2"}), 0) << err;
  EXPECT_THAT(out, HasSubstr("this end"));
  EXPECT_EQ(std::ranges::count(out, '\n'), 4);
  ASSERT_EQ(run({"ladder", at("a.pcapng"), "--content"}), 0);
  EXPECT_THAT(out, HasSubstr("ENQ CR"));
}

TEST_F(Files, ALadderForPrograms) {
  ASSERT_EQ(run({"--json", "ladder", write("a.capture", kText)}), 0) << err;
  const auto first = Event::parse(out.substr(0, out.find('\n')));
  EXPECT_EQ(first["frame"], "ENQ");
  EXPECT_EQ(first["out"], true);
  EXPECT_EQ(first["again"], false);
  EXPECT_FALSE(first.contains("octets"));
}

TEST_F(Files, APicture) {
  ASSERT_EQ(run({"ladder", write("a.capture", kText), "--svg", "-o", at("a.svg")}), 0) << err;
  EXPECT_EQ(out, "");
  EXPECT_THAT(text_of("a.svg"), HasSubstr("<title>A bid</title>"));
  ASSERT_EQ(run({"ladder", at("a.capture"), "--svg"}), 0);
  EXPECT_EQ(out, text_of("a.svg"));
  EXPECT_NE(run({"ladder", at("a.capture"), "--svg", "-o", at("none/a.svg")}), 0);
}

TEST_F(Files, AFileThatWasCutIsReadAsFarAsItGoes) {
  ASSERT_EQ(run({"capture", write("a.capture", kText), "-w", at("a.pcapng")}), 0);
  std::string file = text_of("a.pcapng");
  file.resize(file.size() - 5);
  ASSERT_EQ(run({"ladder", write("cut.pcapng", file)}), 0);
  EXPECT_THAT(err, HasSubstr("cut.pcapng: it was cut after 2 packets"));
  EXPECT_THAT(out, HasSubstr("NAK"));
}

TEST_F(Files, WhatIsWrongWithAFileIsSaid) {
  EXPECT_EQ(run({"ladder", at("none.pcapng")}), 66);
  EXPECT_THAT(err, HasSubstr("none.pcapng: No such file"));
  EXPECT_NE(run({"ladder", write("bad.capture", "llp-capture 1\nprotocol x329\n+0 > ENQ\n")}), 0);
  EXPECT_THAT(err, HasSubstr("x329"));
  ASSERT_EQ(run({"capture", write("a.capture", kText), "-w", at("a.pcapng")}), 0);
  std::string file = text_of("a.pcapng");
  file[static_cast<std::uint8_t>(file[4]) + 8U] = 1;
  EXPECT_NE(run({"ladder", write("ether.pcapng", file)}), 0);
  EXPECT_THAT(err, HasSubstr("link type 1"));
  EXPECT_NE(run({"ladder", dir_.string() + "/"}), 0);
  EXPECT_NE(run({"capture", at("a.capture"), "-w", at("none/x.pcapng")}), 0);
  capture::Recording unknown;
  unknown.packets.push_back({1, capture::PacketKind::bytes, true, false, "x", {}, 0});
  const std::string of_none = write("unknown.pcapng", capture::write_pcapng(unknown, ""));
  EXPECT_NE(run({"ladder", of_none}), 0);
  EXPECT_THAT(err, HasSubstr("protocol"));
  EXPECT_NE(run({"capture", of_none, "-w", at("x.capture")}), 0);
}

TEST_F(Files, AReplayNeedsALineAndAnotherStation) {
  EXPECT_NE(run({"replay", write("a.capture", kText), "--to", "nonsense:x"}), 0);
  EXPECT_NE(
      run({"replay", write("one.capture", "llp-capture 1\nprotocol x328\n+0 > ENQ CR\n"), "--to", "unix:/x"}),
      0);
  EXPECT_THAT(err, HasSubstr("sends nothing"));
}

TEST(Files_, NamesOfFilesAndLines) {
  for (const char* file : {"./chem", "/x", "a.pcapng", "b.capture"}) EXPECT_TRUE(names_file(file)) << file;
  for (const char* line : {"chem", "llp0", "lab.chem"}) EXPECT_FALSE(names_file(line)) << line;
}

Event event() {
  return Event::parse(R"({"event": "wire", "name": "chem", "time_ns": 5, "kind": "bytes", "out": true,
                          "octets": "050dff", "marks": [[1, 3], [2, 4]], "lost": 2})");
}

TEST(Listened, AnEventIsAPacket) {
  const auto packet = packet_of(event());
  ASSERT_TRUE(packet);
  EXPECT_EQ(*packet, (capture::Packet{5,
                                      capture::PacketKind::bytes,
                                      true,
                                      false,
                                      "\x05\r\xff",
                                      {{1, capture::Flag::parity}, {2, capture::Flag::overrun}},
                                      2}));
}

TEST(Listened, WhatIsNoPacketIsNone) {
  const auto without = [](const char* key, Event value) {
    Event e = event();
    e[key] = std::move(value);
    return packet_of(e);
  };
  EXPECT_FALSE(without("event", "line"));
  EXPECT_FALSE(without("kind", "other"));
  EXPECT_FALSE(without("octets", "050"));
  EXPECT_FALSE(without("octets", "0G"));
  for (const char* marks :
       {"[[3,1]]", "[[1,0]]", "[[1,5]]", "[[1]]", "[1]", "[[2,1],[1,1]]", "[[-1,1]]", "[[1,\"x\"]]"}) {
    EXPECT_FALSE(without("marks", Event::parse(marks))) << marks;
  }
}

}  // namespace
}  // namespace llp::ctl::test
