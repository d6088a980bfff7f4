// SPDX-License-Identifier: BSD-3-Clause
// top without a terminal: rates, order, filter, bars, the lines of a screen;
// and the table that is printed once.
#include <algorithm>

#include "llpctl/top_model.hpp"
#include "support.hpp"

namespace llp::ctl::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using top::keys_in;
using top::Model;
using top::Sample;
using top::sparkline;

Sample sample(const std::string& name, std::map<std::string, std::uint64_t> counters, bool trouble = false) {
  Sample s;
  s.name = name;
  s.state = trouble ? "failed" : "ready";
  s.trouble = trouble;
  s.about = "x328, /dev/ttyS0 9600 8N1";
  s.char_time_s = 10.0 / 9600;
  s.counters = std::move(counters);
  return s;
}

// Of a line: characters, not bytes, and without what only colours.
std::size_t columns(const std::string& line) {
  std::size_t n = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\x1b') {
      while (line[i] != 'm') ++i;
    } else if ((static_cast<unsigned char>(line[i]) & 0xc0U) != 0x80) {
      ++n;
    }
  }
  return n;
}

std::vector<std::string> names(const Model& model) {
  std::vector<std::string> all;
  for (const auto* row : model.rows()) all.push_back(row->now.name);
  return all;
}

class TopModel : public ::testing::Test {
 protected:
  void SetUp() override {
    model.update(Model::Time(100), {sample("a", {{"rx_bytes", 100}}), sample("b", {{"rx_bytes", 0}}, true)},
                 "09:00:00");
    model.update(Model::Time(102),
                 {sample("a", {{"rx_bytes", 580},
                               {"tx_bytes", 480},
                               {"rx_messages", 4},
                               {"tx_messages", 2},
                               {"naks_sent", 1},
                               {"naks_received", 2},
                               {"retransmissions", 5}}),
                  sample("b", {{"rx_bytes", 20}}, true)},
                 "09:00:02");
  }
  Model model;
};

TEST_F(TopModel, RatesAreOfTheTimeBetween) {
  const auto& r = model.row("a")->rates;
  EXPECT_DOUBLE_EQ(r.messages_in, 2);
  EXPECT_DOUBLE_EQ(r.messages_out, 1);
  EXPECT_DOUBLE_EQ(r.bytes, 480);
  EXPECT_DOUBLE_EQ(r.use, 0.5);  // 960 characters a second are all
  EXPECT_DOUBLE_EQ(r.naks, 1.5);
  EXPECT_DOUBLE_EQ(r.retries, 2.5);
  EXPECT_THAT(model.row("a")->history, ElementsAre(480));
}

TEST_F(TopModel, ALineThatBeganAnewCountsFromZero) {
  model.update(Model::Time(103), {sample("a", {{"rx_bytes", 96}})}, "09:00:03");
  EXPECT_DOUBLE_EQ(model.row("a")->rates.bytes, 96);
  EXPECT_EQ(model.row("b"), nullptr);
  model.update(Model::Time(104), {sample("a", {{"rx_bytes", 96}}), sample("b", {{"rx_bytes", 99}})},
               "09:00:04");
  EXPECT_DOUBLE_EQ(model.row("b")->rates.bytes, 0) << "nothing is known of before";
}

TEST_F(TopModel, UseIsNoMoreThanAll) {
  model.update(Model::Time(103), {sample("a", {{"rx_bytes", 100'000}})}, "");
  EXPECT_DOUBLE_EQ(model.row("a")->rates.use, 1);
}

TEST_F(TopModel, OrderAndFilter) {
  EXPECT_THAT(names(model), ElementsAre("a", "b"));
  model.press("s");  // what is not well first
  EXPECT_THAT(names(model), ElementsAre("b", "a"));
  model.press("s");  // messages
  EXPECT_THAT(names(model), ElementsAre("a", "b"));
  model.press("r");
  EXPECT_THAT(names(model), ElementsAre("b", "a"));
  for (const char* key : {"/", "F", "A", "x", "backspace"}) model.press(key);
  EXPECT_THAT(names(model), ElementsAre("b")) << "by its state, in any case";
  EXPECT_THAT(model.screen(80, 24, false).front(), HasSubstr("only \"FA_\""));
  EXPECT_TRUE(model.press("q")) << "it is a letter of the filter";
  model.press("enter");
  EXPECT_THAT(names(model), ElementsAre());
  model.press("escape");
  EXPECT_EQ(names(model).size(), 2U);
  for (int i = 0; i < 6; ++i) model.press("s");
  model.press("r");
  EXPECT_THAT(names(model), ElementsAre("a", "b")) << "by name again";
  EXPECT_FALSE(model.press("q"));
}

TEST_F(TopModel, TheScreenFits) {
  for (std::size_t width : {1U, 20U, 69U, 70U, 80U, 132U}) {
    for (std::size_t height : {0U, 1U, 2U, 3U, 4U, 5U, 24U}) {
      for (const bool drilled : {false, true}) {
        model.press(drilled ? "enter" : "escape");
        const auto lines = model.screen(width, height, true);
        EXPECT_LE(lines.size(), height);
        for (const std::string& line : lines) EXPECT_LE(columns(line), width) << line;
      }
      model.press("escape");
    }
  }
}

TEST_F(TopModel, AllLines) {
  const auto lines = model.screen(80, 24, false);
  ASSERT_EQ(lines.size(), 24U);
  EXPECT_EQ(lines[0].substr(0, 43), "llpctl top: 2 lines, 1 not well; by name   ");
  EXPECT_EQ(lines[1], "LINE       STATE         IN/s OUT/s BYTES/s  USE NAK/s RETRY/s QUEUE TRAFFIC");
  EXPECT_EQ(lines[2], "a          ready         2.00  1.00     480  50%  1.50    2.50     0           █");
  EXPECT_EQ(lines[3].substr(0, 49), "b          failed           0     0    10.0   1% ");
  EXPECT_THAT(lines[23], HasSubstr("q: quit"));
  EXPECT_THAT(model.screen(80, 24, true)[3], HasSubstr("\x1b[31m"));
  model.set_unicode(false);
  EXPECT_THAT(model.table(80)[1], ::testing::EndsWith("    0           #"));
}

TEST_F(TopModel, OneLine) {
  model.press("down");
  EXPECT_THAT(model.screen(80, 24, true)[2], HasSubstr("\x1b[7ma "));
  model.press("enter");
  std::string text;
  for (const auto& line : model.screen(80, 24, false)) text += line + "\n";
  EXPECT_THAT(text, HasSubstr("a: ready\nx328, /dev/ttyS0 9600 8N1\n"));
  EXPECT_THAT(text, HasSubstr("rx_bytes                  580   240/s"));
  EXPECT_THAT(text, HasSubstr("09:00:02 naks_received +2"));
  EXPECT_THAT(text, HasSubstr("09:00:02 retransmissions +5"));
  EXPECT_THAT(text, Not(HasSubstr("09:00:02 rx_bytes")));
  model.press("down");
  EXPECT_THAT(model.screen(80, 24, false)[1], HasSubstr("b: failed"));
  model.update(Model::Time(103), {}, "");
  EXPECT_THAT(model.screen(80, 24, false)[1], HasSubstr("LINE")) << "it has gone";
  EXPECT_TRUE(model.press("escape"));
  EXPECT_FALSE(model.press("interrupt"));
}

TEST(Top, TheChosenLineIsOnTheScreen) {
  Model model;
  std::vector<Sample> many;
  for (int i = 10; i < 60; ++i) many.push_back(sample("line" + std::to_string(i), {}));
  model.update(Model::Time(1), many, "");
  for (int i = 0; i < 40; ++i) {
    model.press("down");
    const auto lines = model.screen(80, 10, true);
    EXPECT_EQ(std::ranges::count_if(lines, [](const auto& l) { return l.starts_with("\x1b[7m"); }), 1) << i;
    EXPECT_EQ(lines.size(), 10U);
  }
  for (int i = 0; i < 100; ++i) model.press("up");
  EXPECT_THAT(model.screen(80, 10, true)[2], HasSubstr("\x1b[7mline10"));
}

TEST(Top, Sparklines) {
  EXPECT_EQ(sparkline({}, 3, true), "   ");
  EXPECT_EQ(sparkline({0, 1, 4, 8}, 6, true), "   ▁▄█");
  EXPECT_EQ(sparkline({9, 0, 1, 4, 8}, 3, true), "▁▄█") << "the newest";
  EXPECT_EQ(sparkline({0, 1, 4, 8}, 4, false), " .=#");
  EXPECT_EQ(sparkline({1, 1000000}, 2, true), "▁█") << "a little is seen";
  EXPECT_EQ(sparkline({0, 0}, 2, true), "  ");
}

TEST(Top, Keys) {
  const auto keys = [](std::string bytes, bool more = true) { return keys_in(bytes, more); };
  EXPECT_THAT(keys("sq"), ElementsAre("s", "q"));
  EXPECT_THAT(keys("\x1b[A\x1bOB\r\x7f\x03"), ElementsAre("up", "down", "enter", "backspace", "interrupt"));
  EXPECT_THAT(keys("\x1b[5~x"), ElementsAre("x")) << "a key that means nothing";
  EXPECT_THAT(keys("\x1bq"), ElementsAre("escape", "q"));
  std::string half = "a\x1b[";
  EXPECT_THAT(keys_in(half, true), ElementsAre("a"));
  EXPECT_EQ(half, "\x1b[");
  half += "B";
  EXPECT_THAT(keys_in(half, true), ElementsAre("down"));
  half = "\x1b";
  EXPECT_THAT(keys_in(half, true), ElementsAre());
  EXPECT_THAT(keys_in(half, false), ElementsAre("escape"));
  EXPECT_EQ(half, "");
}

TEST(Top, CharactersOfAWire) {
  EXPECT_DOUBLE_EQ(top::char_time_of("/dev/ttyS0 9600 8N1"), 10.0 / 9600);
  EXPECT_DOUBLE_EQ(top::char_time_of("/dev/ttyS0 1200 7E2 rtscts"), 11.0 / 1200);
  for (const char* other : {"tcp listen localhost:4001", "/dev/ttyS0", "/dev/ttyS0 0 8N1", "/dev/ttyS0 9600",
                            "/dev/ttyS0 9600 ", "/dev/ttyS0 9600 8", "pseudo terminal /x 1", ""}) {
    EXPECT_EQ(top::char_time_of(other), 0) << other;
  }
}

class TopOnce : public Llpctl {
 protected:
  Result<Json> daemon(const Json&) override { return served; }
  Result<Json> served = Json::parse(R"({"lines":[
    {"name":"chem","health":"good","state":"running","connected":true,"idle":true,"messages_in_hand":2},
    {"name":"gas","health":"waiting","state":"running","connected":false,"protocol":"hllp",
     "port":"/dev/ttyS9 9600 8N1","reason":"the port is not there","spool":{"waiting":3},"requests_waiting":1}]})");
};

TEST_F(TopOnce, OneTable) {
  ASSERT_EQ(kernel.attach("ttyS1"), 0U);
  ASSERT_TRUE(kernel.control()->set(netlink::LineNumber{0}, {.name = "chem", .up = true}));
  kernel.line(0).flags |= LLP_INFO_READY;
  EXPECT_EQ(run({"top", "--interval", "0.001", "--sort", "queue"}), 0) << err;
  std::istringstream in(out);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  ASSERT_EQ(lines.size(), 3U) << out;
  EXPECT_THAT(lines[1], HasSubstr("gas        no wire          0     0       0   0%     0       0     4"));
  EXPECT_THAT(lines[2], HasSubstr("chem       ready"));
  EXPECT_EQ(run({"top", "--interval", "0.001", "--filter", "hllp", "--json"}), 0);
  const Json found = Json::parse(out);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0]["name"], "gas");
  EXPECT_EQ(found[0]["trouble"], true);
  EXPECT_EQ(found[0]["use"], 0.0);
}

TEST_F(TopOnce, OneOfTheTwoIsEnough) {
  no_kernel = Error{Errc::not_found, "the module n_llp is not loaded", 0};
  EXPECT_EQ(run({"top", "--once", "-i", "0.001"}), 0);
  EXPECT_THAT(out, HasSubstr("chem"));
  served = fail(Errc::refused, "no llpd answers");
  EXPECT_EQ(run({"top", "--once", "-i", "0.001"}), 69);
  EXPECT_EQ(err, "no llpd answers\n");
  no_kernel.reset();
  EXPECT_EQ(run({"top", "--once", "-i", "0.001"}), 0);
  EXPECT_EQ(out, "There is no line.\n");
  EXPECT_EQ(run({"top", "--sort", "size"}), 64);
}

}  // namespace
}  // namespace llp::ctl::test
