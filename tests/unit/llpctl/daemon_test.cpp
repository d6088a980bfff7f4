// SPDX-License-Identifier: BSD-3-Clause
// status, reload, start, stop, spool: what llpd is asked, and how its answers
// are shown; and what is said of words that are mistyped.
#include "llpctl/daemon.hpp"

#include <deque>
#include <sstream>

#include "base/base64.hpp"
#include "support.hpp"

namespace llp::ctl::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Daemon : public Llpctl {
 protected:
  Result<Json> daemon(const Json& request) override {
    asked.push_back(request.dump());
    if (answers.empty()) return fail(Errc::refused, "there is no llpd");
    auto next = std::move(answers.front());
    answers.pop_front();
    return next;
  }
  void answer_with(const char* text) { answers.emplace_back(Json::parse(text)); }
  void expect_narrow() const {
    std::istringstream lines(out);
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80U) << line;
  }

  std::deque<Result<Json>> answers;
  std::vector<std::string> asked;
};

constexpr const char* kLines = R"({"ok":true,"lines":[
 {"name":"chemistry","state":"running","for_s":93784,"health":"good","protocol":"x328",
  "port":"tty /dev/serial/by-id/usb-FTDI_FT232R_A5069RR4-if00-port0 9600 8n1","dist":"5002",
  "connected":true,"idle":true,"takes_messages":true,"messages_in_hand":1,"requests_waiting":0,"clients":2,
  "dead_letters":0,"spool":{"waiting":3,"dead":1,"late":2,"bytes":4711},
  "targets":[{"address":"5001%labsys","present":true,"failures":2,"failure":"connection refused","rests_ms":100}],
  "counters":{"proximal_ok":120345,"proximal_failed":2,"distal_ok":17,"distal_failed":1,"stored":0},
  "protocol_counters":{"rx_bytes":9,"nak_sent":0},"times":{}},
 {"name":"gas","state":"failed","for_s":30,"health":"bad","reason":"/dev/ttyS9: no such device",
  "failure":"/dev/ttyS9: no such device","protocol":"hllp","port":"tty /dev/ttyS9 9600 8n1"},
 {"name":"urine","state":"stopped","for_s":200,"health":"waiting","reason":"stopped on request",
  "protocol":"mllp2","port":"tcp listen localhost:4001"}]})";

TEST_F(Daemon, StatusOfAll) {
  answer_with(kLines);
  EXPECT_EQ(run({"status"}), 1) << err;  // one is bad
  expect_golden("status.txt");
  expect_narrow();
  EXPECT_THAT(asked, ElementsAre(R"({"op":"status"})"));
  answer_with(kLines);
  colour = true;
  EXPECT_EQ(run({"status"}), 1);
  EXPECT_THAT(out, HasSubstr("\x1b[31mgas: /dev/ttyS9: no such device\x1b[0m\n"));
}

TEST_F(Daemon, StatusForPrograms) {
  answer_with(kLines);
  EXPECT_EQ(run({"status", "--json"}), 1);
  EXPECT_EQ(Json::parse(out), Json::parse(kLines)["lines"]);
  answer_with(R"({"ok":true,"lines":[{"name":"a","health":"good","extra":7}]})");
  EXPECT_EQ(run({"status", "a", "--json"}), 0);
  EXPECT_EQ(Json::parse(out)["extra"], 7);
}

TEST_F(Daemon, StatusOfOne) {
  Json one = Json::parse(kLines);
  one["lines"].erase(2);
  one["lines"].erase(1);
  answers.emplace_back(one);
  EXPECT_EQ(run({"status", "chemistry"}), 0);
  expect_golden("status-one.txt");
  expect_narrow();
  EXPECT_THAT(asked.back(), HasSubstr(R"("line":"chemistry")"));
}

TEST_F(Daemon, StatusOfWhatMakesNoSense) {
  // Another version may say things otherwise: nothing of it ends the program,
  // and nothing of it drives the terminal.
  answer_with(R"({"lines":[{"name":"\u001b[2J","counters":[1],"spool":3,"targets":{"a":1},"for_s":-1}, 7]})");
  EXPECT_EQ(run({"status"}), 0);
  EXPECT_THAT(out, HasSubstr("\\x1b[2J"));
  answer_with(R"({"lines":7})");
  EXPECT_EQ(run({"status"}), 0);
  EXPECT_EQ(out, "llpd runs, and serves no line.\n");
}

TEST_F(Daemon, WithoutLlpd) {
  for (const auto& words : std::vector<std::vector<std::string>>{{"status"},
                                                                 {"reload"},
                                                                 {"start", "a"},
                                                                 {"stop", "a"},
                                                                 {"spool", "list", "a"},
                                                                 {"spool", "retry", "a"},
                                                                 {"spool", "show", "a", "1"},
                                                                 {"spool", "drop", "a", "--yes"}}) {
    EXPECT_EQ(run(words), 69) << words[0];
    EXPECT_EQ(err, "there is no llpd\n");
    EXPECT_EQ(out, "");
  }
}

TEST_F(Daemon, Orders) {
  answer_with(R"({"ok":true})");
  EXPECT_EQ(run({"stop", "chem"}), 0);
  EXPECT_EQ(out, "chem ends, and stays so until `llpctl start chem`.\n");
  answer_with(R"({"ok":true})");
  EXPECT_EQ(run({"start", "chem"}), 0);
  EXPECT_EQ(out, "chem starts.\n");
  answer_with(R"({"ok":true})");
  EXPECT_EQ(run({"reload", "--json"}), 0);
  EXPECT_EQ(out, "{\"ok\": true}\n");
  EXPECT_THAT(asked, ElementsAre(R"({"op":"stop","line":"chem"})", R"({"op":"start","line":"chem"})",
                                 R"({"op":"reload"})"));
  EXPECT_EQ(run({"start"}), 64);
}

TEST_F(Daemon, AConfigurationThatLlpdRefuses) {
  answers.emplace_back(fail(Errc::refused, "the configuration was not changed\nllpd.toml:3: no such key"));
  EXPECT_EQ(run({"reload"}), 78);
  EXPECT_THAT(err, HasSubstr("llpd.toml:3: no such key"));
}

constexpr const char* kQueue = R"({"ok":true,"more":false,"letters":[
 {"id":41,"place":"queue","kind":"message","time":"2026-01-31T09:30:00.125Z","bytes":384,
  "possible_duplicate":true,"attempts":0},
 {"id":42,"place":"queue","kind":"message","time":"2026-01-31T09:31:00.125Z","bytes":1384,
  "possible_duplicate":false,"attempts":2}]})";
constexpr const char* kDead = R"({"ok":true,"more":false,"letters":[
 {"id":7,"place":"dead","kind":"message","time":"2026-01-30T09:30:00.125Z","bytes":90,"possible_duplicate":true,
  "attempts":100,"reason":"100 attempts failed, the last one: connection to labsys port 5001 was refused"}]})";
constexpr const char* kLate = R"({"ok":true,"more":false,"letters":[
 {"id":9,"place":"late","kind":"late reply","time":"2026-01-30T10:30:00.125Z","bytes":90,
  "possible_duplicate":false,"attempts":0}]})";
constexpr const char* kNone = R"({"ok":true,"more":false,"letters":[]})";

TEST_F(Daemon, TheSpool) {
  for (const char* place : {kQueue, kDead, kLate}) answer_with(place);
  EXPECT_EQ(run({"spool", "list", "chem"}), 0);
  expect_golden("spool.txt");
  expect_narrow();
  for (const char* place : {kQueue, kNone, kNone}) answer_with(place);
  EXPECT_EQ(run({"spool", "list", "chem", "--json"}), 0);
  EXPECT_EQ(Json::parse(out), Json::parse(kQueue)["letters"]);
  for (int i = 0; i < 3; ++i) answer_with(kNone);
  EXPECT_EQ(run({"spool", "list", "chem"}), 0);
  EXPECT_EQ(out, "The spool is empty.\n");
}

TEST_F(Daemon, ALongSpoolIsAskedForPartByPart) {
  answer_with(R"({"ok":true,"more":true,"letters":[{"id":3}]})");
  answer_with(R"({"ok":true,"more":false,"letters":[{"id":5}]})");
  answer_with(kNone);
  answer_with(R"({"ok":true,"more":true,"letters":[]})");  // no end: but nothing more either
  EXPECT_EQ(run({"spool", "list", "chem", "--json"}), 0);
  EXPECT_EQ(Json::parse(out).size(), 2U);
  EXPECT_THAT(asked[1], HasSubstr(R"("after":3)"));
  EXPECT_EQ(asked.size(), 4U);
}

TEST_F(Daemon, ALetter) {
  const char* letter = R"({"ok":true,"letter":{"id":42,"place":"queue","bytes":6,"sha256":"ab"}})";
  answer_with(letter);
  EXPECT_EQ(run({"spool", "show", "chem", "42"}), 0);
  EXPECT_THAT(out, HasSubstr("bytes               6\n"));
  const auto part = [&](const std::string& text) {
    answers.emplace_back(
        Json{{"ok", true}, {"content", base64(std::vector<std::uint8_t>(text.begin(), text.end()))}});
  };
  answer_with(letter);
  part("a\rb");
  part(
      "\x1b"
      "c\r");
  EXPECT_EQ(run({"spool", "show", "chem", "42", "--content"}), 0);
  EXPECT_EQ(out,
            "a\rb\x1b"
            "c\r");
  EXPECT_THAT(asked.back(), HasSubstr(R"("content_from":3)"));
  terminal = true;
  answer_with(letter);
  part(
      "a\rb\x1b"
      "c\r");
  EXPECT_EQ(run({"spool", "show", "chem", "42", "--content"}), 0);
  EXPECT_EQ(out, "a\nb.c\n");
  answer_with(letter);
  part(
      "a\rb\x1b"
      "c\r");
  EXPECT_EQ(run({"spool", "show", "chem", "42", "--content", "--json"}), 0);
  EXPECT_EQ(Json::parse(out)["content"], "YQ1iG2MN");
  answer_with(letter);
  part("");  // it must end
  EXPECT_EQ(run({"spool", "show", "chem", "42", "--content"}), 71);
}

TEST_F(Daemon, LettersAreTriedAgain) {
  answer_with(kDead);
  answer_with(R"({"ok":true})");
  EXPECT_EQ(run({"spool", "retry", "chem"}), 0);
  EXPECT_EQ(out, "1 of 1 wait for their application again.\n");
  EXPECT_EQ(asked.back(), R"({"op":"spool-retry","line":"chem","letter":7})");
  answers.emplace_back(fail(Errc::refused, "there is no letter 1 in the spool"));
  answer_with(R"({"ok":true})");
  EXPECT_EQ(run({"spool", "retry", "chem", "1", "2"}), 69);
  EXPECT_EQ(err, "there is no letter 1 in the spool\n");
  EXPECT_EQ(out, "1 of 2 wait for their application again.\n");
}

TEST_F(Daemon, NothingIsDroppedUnasked) {
  EXPECT_EQ(run({"spool", "drop", "chem", "7"}), 64);
  EXPECT_THAT(err, HasSubstr("--yes"));
  EXPECT_THAT(asked, ElementsAre());
  says = false;
  EXPECT_EQ(run({"spool", "drop", "chem", "7"}), 0);
  EXPECT_EQ(out, "Nothing was dropped.\n");
  EXPECT_THAT(asked, ElementsAre());
  says = true;
  answer_with(R"({"ok":true})");
  EXPECT_EQ(run({"spool", "drop", "chem", "7"}), 0);
  EXPECT_EQ(questions.back(), "1 letter of chem will be gone for good. Drop? [y/N] ");
  EXPECT_THAT(asked, ElementsAre(R"({"op":"spool-drop","line":"chem","letter":7})"));
}

TEST_F(Daemon, AllThatIsKeptIsDropped) {
  answer_with(kDead);
  answer_with(kLate);
  answer_with(R"({"ok":true})");
  answers.emplace_back(fail(Errc::closed, "llpd has closed the connection"));
  EXPECT_EQ(run({"spool", "drop", "chem", "--yes", "--json"}), 69);
  EXPECT_EQ(out, "{\"done\": 1, \"asked\": 2}\n");
  EXPECT_THAT(questions, ElementsAre());
  EXPECT_THAT(asked[2], HasSubstr(R"("letter":7)"));
  EXPECT_THAT(asked[3], HasSubstr(R"("letter":9)"));
}

TEST_F(Daemon, WhatWasPerhapsMeant) {
  for (const auto& [words, said] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"sow", "chem"}, "there is no verb 'sow'; did you mean 'show'?"},
           {{"statsu"}, "there is no verb 'statsu'; did you mean 'stats'?"},
           {{"frobnicate"}, "there is no verb 'frobnicate'"},
           {{"spool", "lst", "chem"}, "there is no verb 'lst'; did you mean 'list'?"},
           {{"monitor", "--truoble"}, "there is no option '--truoble'; did you mean '--trouble'?"},
           {{"list", "--jsn"}, "there is no option '--jsn'; did you mean '--json'?"}}) {
    EXPECT_EQ(run(words), 64) << words[0];
    EXPECT_EQ(err, said);
  }
}

TEST(DaemonText, NothingDrivesTheTerminal) { EXPECT_EQ(shown("a\x1b[1m\n\x7f"), "a\\x1b[1m\\x0a\\x7f"); }

}  // namespace
}  // namespace llp::ctl::test
