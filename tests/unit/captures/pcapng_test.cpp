// SPDX-License-Identifier: BSD-3-Clause
// Recordings as pcapng: what is written is read again, other writers' order of
// bytes is understood, and a file that was cut or damaged at any place does no
// harm.
#include "capture/pcapng.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "capture/capture.hpp"

namespace llp::capture {
namespace {

constexpr std::uint64_t kStart = 1'767'225'600'000'000'000;  // 2026-01-01

Recording conversation() {
  Recording r;
  r.line = {"chem", "x328", {{"bcc_high", "full"}, {"timer_a", "8s"}}, "/dev/ttyS1 9600 8N1", 9600};
  r.packets.push_back({kStart, PacketKind::up, false, false, "/dev/ttyS1", {}, 0});
  r.packets.push_back({kStart + 1, PacketKind::bytes, true, false, "\x05\r", {}, 0});
  r.packets.push_back({kStart + 123'456'789,
                       PacketKind::bytes,
                       false,
                       false,
                       "\x10"
                       "0\r",
                       {{1, Flag::parity}},
                       7});
  r.packets.push_back(
      {kStart + 2'000'000'000, PacketKind::message, false, true, std::string("a\0b", 3), {}, 0});
  r.packets.push_back({kStart + 2'000'000'001, PacketKind::down, false, false, "", {}, 0});
  return r;
}

TEST(Pcapng, WhatIsWrittenIsRead) {
  const Recording r = conversation();
  const std::string file = write_pcapng(r, "test 1");
  EXPECT_TRUE(is_pcapng(file));
  const ReadFile got = read_pcapng(file);
  ASSERT_TRUE(got.complete) << got.error.text;
  EXPECT_EQ(got.recording, r);
}

TEST(Pcapng, EveryProtocolHasANumber) {
  for (const char* protocol : {"", "x328", "hllp", "mllp"}) {
    Recording r;
    r.line.protocol = protocol;
    r.packets.push_back({1, PacketKind::bytes, true, false, "x", {}, 0});
    EXPECT_EQ(read_pcapng(write_pcapng(r, "")).recording, r);
  }
  Recording r;
  r.line.protocol = "mllp";
  r.line.params = {{"release", "2"}};
  r.packets.push_back({1, PacketKind::bytes, true, false, "x", {}, 0});
  EXPECT_EQ(read_pcapng(write_pcapng(r, "")).recording, r);
}

// The fields that other programs read, by the offsets of the format's own text.
TEST(Pcapng, IsWhatTheFormatSays) {
  Recording r = conversation();
  r.packets.resize(3);
  const std::string file = write_pcapng(r, "test 1");
  const auto u32 = [&file](std::size_t at) {
    std::uint32_t v = 0;
    for (std::size_t i = 4; i-- > 0;) v = v << 8 | static_cast<std::uint8_t>(file[at + i]);
    return v;
  };
  EXPECT_EQ(u32(0), 0x0a0d0d0aU);
  EXPECT_EQ(u32(8), 0x1a2b3c4dU);
  const std::size_t interface = u32(4);
  EXPECT_EQ(u32(interface), 1U);
  EXPECT_EQ(u32(interface + 8), 147U);
  std::size_t packet = interface + u32(interface + 4);
  packet += u32(packet + 4);  // not the first: the second was sent
  EXPECT_EQ(u32(packet), 6U);
  EXPECT_EQ(std::uint64_t{u32(packet + 12)} << 32 | u32(packet + 16), kStart + 1);
  EXPECT_EQ(u32(packet + 20), 10U);
  EXPECT_EQ(file.substr(packet + 28, 10), std::string("\x01\x00\x01\x01\x00\x08\x00\x00\x05\r", 10));
  EXPECT_EQ(u32(packet + 40), 2U | 4U << 16);  // epb_flags
  EXPECT_EQ(u32(packet + 44), 2U);             // outbound
  packet += u32(packet + 4);
  EXPECT_EQ(file.substr(packet + 28, 15), std::string("\x01\x00\x00\x01\x00\x0c\x00\x01\x00\x01\x03\x00\x10"
                                                      "0\r",
                                                      15));
  EXPECT_EQ(u32(packet + 48), 1U | 1U << 31);  // inbound, symbol error
}

TEST(Pcapng, LongPacketsAreCut) {
  Recording r;
  r.line.protocol = "mllp";
  r.packets.push_back({1, PacketKind::message, false, false, std::string(2 * kPacketMax + 5, 'x'), {}, 3});
  r.packets.push_back({2, PacketKind::bytes, false, false, std::string(kPacketMax + 1, 'y'), {}, 0});
  r.packets[1].marks = {{5, Flag::frame}, {kPacketMax, Flag::brk}};
  const ReadFile got = read_pcapng(write_pcapng(r, ""));
  ASSERT_TRUE(got.complete) << got.error.text;
  const auto& all = got.recording.packets;
  ASSERT_EQ(all.size(), 5U);
  EXPECT_TRUE(all[0].partial && all[1].partial);
  EXPECT_FALSE(all[2].partial || all[3].partial);
  EXPECT_EQ(all[0].octets + all[1].octets + all[2].octets, r.packets[0].octets);
  EXPECT_EQ(all[0].lost, 3U);
  EXPECT_EQ(all[1].lost, 0U);
  EXPECT_EQ(all[3].marks, (std::vector<Mark>{{5, Flag::frame}}));
  EXPECT_EQ(all[4].marks, (std::vector<Mark>{{0, Flag::brk}}));
}

// The same file as a machine of the other kind writes it.
std::string other_order(const std::string& file) {
  std::string out = file;
  const auto turn = [&out](std::size_t at, std::size_t size) {
    std::reverse(out.begin() + static_cast<std::ptrdiff_t>(at),
                 out.begin() + static_cast<std::ptrdiff_t>(at + size));
  };
  const auto u = [&file](std::size_t at, std::size_t size) {
    std::size_t v = 0;
    for (std::size_t i = size; i-- > 0;) v = v << 8 | static_cast<std::uint8_t>(file[at + i]);
    return v;
  };
  for (std::size_t at = 0; at < file.size(); at += u(at + 4, 4)) {
    const std::size_t type = u(at, 4);
    const std::size_t size = u(at + 4, 4);
    turn(at, 4);
    turn(at + 4, 4);
    turn(at + size - 4, 4);
    std::size_t options = at + 8;
    if (type == 0x0a0d0d0a) {
      turn(options, 4), turn(options + 4, 2), turn(options + 6, 2), turn(options + 8, 8);
      options += 16;
    } else if (type == 1) {
      turn(options, 2), turn(options + 4, 4);
      options += 8;
    } else {
      for (std::size_t i = 0; i < 5; i++) turn(options + 4 * i, 4);
      options += 20 + (u(options + 12, 4) + 3) / 4 * 4;
    }
    while (u(options, 2) != 0) {
      const std::size_t length = u(options + 2, 2);
      const bool number = (type == 1 && u(options, 2) == 8) || type == 6;
      turn(options, 2), turn(options + 2, 2);
      if (number) turn(options + 4, length);
      options += 4 + (length + 3) / 4 * 4;
    }
  }
  return out;
}

TEST(Pcapng, TheOtherOrderOfBytes) {
  const Recording r = conversation();
  const std::string file = other_order(write_pcapng(r, "test 1"));
  const ReadFile got = read_pcapng(file);
  ASSERT_TRUE(got.complete) << got.error.text;
  EXPECT_EQ(got.recording, r);
}

// A file whose writer was killed keeps what was whole.
TEST(Pcapng, CutAtEveryPlace) {
  const Recording r = conversation();
  const std::string file = write_pcapng(r, "test 1");
  std::size_t whole = 0;
  for (std::size_t size = 0; size <= file.size(); size++) {
    const ReadFile got = read_pcapng(std::string_view(file).substr(0, size));
    ASSERT_TRUE(got.complete || got.error.cut) << size << ": " << got.error.text;
    ASSERT_GE(got.recording.packets.size(), whole);
    whole = got.recording.packets.size();
    for (std::size_t i = 0; i < whole; i++) ASSERT_EQ(got.recording.packets[i], r.packets[i]);
  }
  EXPECT_EQ(whole, r.packets.size());
}

// Nothing is read that is not there (the sanitizers see), and nothing hangs.
TEST(Pcapng, DamagedInEveryWay) {
  const std::string file = write_pcapng(conversation(), "test 1");
  std::mt19937 random(1);  // NOLINT(cert-msc51-cpp): the same every time
  std::size_t refused = 0;
  const auto look = [&refused](const std::string& damaged) {
    const ReadFile got = read_pcapng(damaged);
    for (const Packet& packet : got.recording.packets) {
      for (const Mark& mark : packet.marks) ASSERT_LT(mark.offset, packet.octets.size());
    }
    if (!got.complete) {
      ASSERT_FALSE(got.error.text.empty());
      ++refused;
    }
  };
  for (std::size_t at = 0; at < file.size(); at++) {
    for (const unsigned char value : {0x00, 0x01, 0x7f, 0x80, 0xff}) {
      std::string damaged = file;
      damaged[at] = static_cast<char>(value);
      look(damaged);
    }
  }
  for (int i = 0; i < 20'000; i++) {
    std::string damaged = file;
    const auto changes = 1 + random() % 8;
    for (unsigned k = 0; k < changes; k++) damaged[random() % damaged.size()] = static_cast<char>(random());
    if (random() % 3 == 0) damaged.erase(random() % damaged.size(), random() % 64);
    look(damaged);
  }
  EXPECT_GT(refused, 10'000U);
}

TEST(Pcapng, SaysWhatIsWrong) {
  EXPECT_TRUE(read_pcapng("").complete);
  EXPECT_EQ(read_pcapng("llp-capture 1\nprotocol x328\n").error.text, "this is not a pcapng file");
  std::string file = write_pcapng(conversation(), "test 1");
  const std::size_t interface = static_cast<std::uint8_t>(file[4]);
  file[interface + 8] = 1;  // Ethernet
  const ReadFile got = read_pcapng(file);
  EXPECT_EQ(got.error.text, "it was captured on something else than a line (link type 1)");
  EXPECT_EQ(got.error.offset, interface);
  EXPECT_FALSE(got.error.cut);
}

TEST(Pcapng, TwoLinesAreNotOne) {
  Recording other = conversation();
  other.line.name = "haem";
  const std::string both = write_pcapng(conversation(), "") + write_pcapng(other, "");
  EXPECT_EQ(read_pcapng(both).error.text, "there is more than one line in it");
  // The same line again, as two captures joined: one after the other.
  const std::string twice = write_pcapng(conversation(), "") + write_pcapng(conversation(), "");
  EXPECT_EQ(read_pcapng(twice).recording.packets.size(), 10U);
}

Capture text(const std::string& lines) {
  auto parsed =
      parse("llp-capture 1\nprotocol x328\nleft master\nright slave\nleft.set timer_a=8s\n" + lines);
  EXPECT_TRUE(parsed) << parsed.error().text;
  return parsed ? *parsed : Capture();
}

TEST(Recordings, OfATextCaptureWhatOneEndSaw) {
  const Capture c = text(
      "+0.000 > ENQ CR\n"
      "+0.500 <| ACK0 CR !parity\n"
      "+0.000 >| \"lost\"\n"
      "+0.000 |> 0xFC\n"
      "+0.000 |< \"not seen here\"\n"
      "+0.000 left = acknowledged\n");
  const Recording left = recording_of(c, Side::left, kStart);
  EXPECT_EQ(left.line.name, "master");
  EXPECT_EQ(left.line.params, (std::vector<std::pair<std::string, std::string>>{{"timer_a", "8s"}}));
  ASSERT_EQ(left.packets.size(), 3U);
  EXPECT_EQ(left.packets[0], (Packet{kStart, PacketKind::bytes, true, false, "\x05\r", {}, 0}));
  EXPECT_EQ(left.packets[1], (Packet{kStart + 500'000'000,
                                     PacketKind::bytes,
                                     false,
                                     false,
                                     "\x10"
                                     "0\r",
                                     {{2, Flag::parity}},
                                     0}));
  EXPECT_EQ(left.packets[2].octets, "lost");
  const Recording right = recording_of(c, Side::right, kStart);
  ASSERT_EQ(right.packets.size(), 3U);
  EXPECT_EQ(right.packets[0].out, false);
  EXPECT_EQ(right.packets[1].octets, "\xfc");
  EXPECT_EQ(right.packets[2].octets, "not seen here");
}

TEST(Recordings, AsATextCapture) {
  Recording r = conversation();
  r.packets.push_back({kStart, PacketKind::bytes, true, false, "x", {}, 0});  // the clock was set back
  const Capture c = capture_of(r);
  const std::string written = write(c);
  const auto again = parse(written);
  ASSERT_TRUE(again) << again.error().text << written;
  ASSERT_EQ(again->entries.size(), 3U);
  EXPECT_EQ(again->entries[1].at, 123'456'789U);
  EXPECT_EQ(std::get<Traffic>(again->entries[1].what).bytes[1].flag, Flag::parity);
  EXPECT_EQ(again->entries[2].at, 123'456'789U);
  EXPECT_EQ(again->stations[0].options, r.line.params);
}

// Every conversation of the project's, as a file and back.
TEST(Recordings, OfAllKeptCaptures) {
  std::size_t seen = 0;
  for (const auto& file : std::filesystem::recursive_directory_iterator(LLP_CAPTURES)) {
    if (file.path().extension() != ".capture") continue;
    std::ifstream in(file.path());
    const auto parsed = parse(std::string(std::istreambuf_iterator<char>(in), {}));
    ASSERT_TRUE(parsed) << file.path();
    for (const Side side : {Side::left, Side::right}) {
      const Recording r = recording_of(*parsed, side, kStart);
      const ReadFile got = read_pcapng(write_pcapng(r, "test"));
      ASSERT_TRUE(got.complete) << file.path() << got.error.text;
      EXPECT_EQ(got.recording, r) << file.path();
      ++seen;
    }
  }
  EXPECT_GT(seen, 100U);
}

}  // namespace
}  // namespace llp::capture
