// SPDX-License-Identifier: BSD-3-Clause
// list, show, stats, monitor: what is printed, whole.
#include <asio/post.hpp>
#include <chrono>
#include <sstream>

#include "llpctl/words.hpp"
#include "support.hpp"

namespace llp::ctl::test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

class Look : public Llpctl {
 protected:
  // A line that has seen something, one that nobody has set up, one in use.
  void laboratory() {
    ASSERT_EQ(kernel.attach("ttyS1"), 0U);
    ASSERT_EQ(kernel.attach("ttyUSB0", 19200, 520'833), 1U);
    ASSERT_EQ(kernel.attach("pts3", 0, 0), 2U);
    const auto control = kernel.control();
    ASSERT_TRUE(control->set(netlink::LineNumber{0}, {.name = "chem",
                                                      .params = {{"timer_a", "8s"}, {"retries_l", "5"}},
                                                      .policy = LLP_POLICY_COMMIT,
                                                      .up = true}));
    ASSERT_TRUE(control->set(netlink::LineNumber{2}, {.name = "blood-gas-analyser-3rd-floor",
                                                      .protocol = LLP_PROTOCOL_MLLP,
                                                      .params = {{"release", "2"}},
                                                      .up = true}));
    kernel.line(0).flags |= LLP_INFO_READY | LLP_INFO_RECEIVER;
    kernel.line(0).messages = 1;
    kernel.line(0).bytes = 1536;
    kernel.line(2).flags = LLP_INFO_UP | LLP_INFO_READY;
    kernel.line(2).state = "waits for the commit reply";
    for (int i = 0; i < 12; ++i) kernel.received(0, 384);
    for (int i = 0; i < 3; ++i) kernel.sent(0, 100);
    kernel.sent(0, 100, ETIMEDOUT, LLP_OUTCOME_UNKNOWN);
    kernel.count(0, "rx_bytes", 123'456);
    kernel.count(0, "parity_errors", 17);
    kernel.count(0, "timeouts", 2);
    for (int i = 0; i < 98; ++i) kernel.answered(0, 40us);
    kernel.answered(0, 900us);
    kernel.answered(0, 2500us);
  }
};

TEST_F(Look, AList) {
  laboratory();
  EXPECT_EQ(run({"list"}), 0);
  expect_golden("list.txt");
  std::istringstream lines(out);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80U) << line;
  EXPECT_EQ(run({"list", "--json"}), 0);
  expect_golden("list.json");
  colour = true;
  EXPECT_EQ(run({"list"}), 0);
  EXPECT_THAT(out, HasSubstr("\x1b[1mLINE"));
}

TEST_F(Look, AnEmptyList) {
  EXPECT_EQ(run({"list"}), 0);
  EXPECT_EQ(out, "There is no line. `llpctl attach PORT` makes one.\n");
  EXPECT_EQ(run({"--json", "list"}), 0);
  EXPECT_EQ(out, "[]\n");
}

TEST_F(Look, ALineWithItsTroubles) {
  laboratory();
  EXPECT_EQ(run({"show", "chem"}), 0);
  expect_golden("show.txt");
  std::istringstream lines(out);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80U) << line;
  EXPECT_EQ(run({"show", "/dev/llp0", "--json"}), 0);
  expect_golden("show.json");
}

TEST_F(Look, ALineThatNobodyHasSetUp) {
  laboratory();
  EXPECT_EQ(run({"show", "ttyUSB0"}), 0);
  expect_golden("show-new.txt");
}

TEST_F(Look, AKnownPeerIsNamed) {
  laboratory();
  EXPECT_EQ(run({"set", "1", "peer=vista-x328"}), 0) << err;
  EXPECT_EQ(run({"show", "1"}), 0);
  EXPECT_THAT(out, HasSubstr("peer        vista-x328"));
  EXPECT_EQ(run({"set", "1", "retries_l=7"}), 0) << err;
  EXPECT_EQ(run({"show", "1"}), 0);
  EXPECT_THAT(out, Not(HasSubstr("vista-x328")));
}

TEST_F(Look, Statistics) {
  laboratory();
  EXPECT_EQ(run({"stats", "chem"}), 0);
  expect_golden("stats.txt");
  EXPECT_EQ(run({"stats", "chem", "--json"}), 0);
  expect_golden("stats.json");
  EXPECT_EQ(run({"stats", "chem", "--all"}), 0);
  EXPECT_THAT(out, HasSubstr("hangups"));
  EXPECT_EQ(run({"stats", "llp1"}), 0);
  EXPECT_EQ(out, "Nothing has happened on it yet.\n");
}

TEST_F(Look, StatisticsAgainAndAgain) {
  laboratory();
  asio::post(io, [&] { kernel.count(0, "rx_bytes", 44); });
  EXPECT_EQ(run({"stats", "chem", "--watch", "--interval", "0.001", "--count", "2"}), 0);
  EXPECT_THAT(out, HasSubstr("ADDED"));
  EXPECT_THAT(out, HasSubstr("123500    +44\n"));
  asio::post(io, [&] { kernel.detach(0); });
  EXPECT_EQ(run({"stats", "chem", "-w", "-i", "0.001"}), 69);
  EXPECT_THAT(err, HasSubstr("there is no line llp0"));
}

TEST_F(Look, WhatHappens) {
  laboratory();
  asio::post(io, [&] {
    kernel.advance(1s);
    kernel.received(0, 384, LLP_MSG_PENDING);
    kernel.received(2, 100, LLP_MSG_REPLY | LLP_MSG_LATE | LLP_MSG_REPEAT, 7);
    kernel.sent(0, 2048);
    kernel.sent(0, 1, EREMOTEIO, LLP_OUTCOME_REFUSED);
    kernel.cancelled(0, EIO);
    kernel.exception(0, {LLP_EXCEPTION_FRAME, "block", "bad check", "", 120});
    kernel.exception(0, {LLP_EXCEPTION_AGAIN, "block", "good", "", 120});
    kernel.exception(0, {LLP_EXCEPTION_TIMER, "", "", "A", {}});
    kernel.exception(0, {LLP_EXCEPTION_LOST, "", "", "", 3});
    kernel.exception(0, {LLP_EXCEPTION_DISCONNECT, "", "", "", 0});
    kernel.overflow();
    kernel.attach("ttyS9");
    kernel.detach(0);
  });
  EXPECT_EQ(run({"monitor", "--count", "13"}), 0);
  expect_golden("monitor.txt");
}

TEST_F(Look, WhatHappensForPrograms) {
  laboratory();
  asio::post(io, [&] {
    kernel.received(2, 100, LLP_MSG_REPLY, 7);
    kernel.sent(0, 1, EREMOTEIO, LLP_OUTCOME_REFUSED);
    kernel.exception(0, {LLP_EXCEPTION_TIMER, "", "", "A", {}});
    kernel.overflow();
    kernel.detach(0);
  });
  EXPECT_EQ(run({"monitor", "--json", "-c", "5"}), 0);
  expect_golden("monitor.json");
}

TEST_F(Look, OneLineUntilItGoes) {
  laboratory();
  asio::post(io, [&] {
    kernel.received(2, 100);
    kernel.received(0, 384);
    kernel.sent(0, 1, EREMOTEIO, LLP_OUTCOME_REFUSED);
    kernel.detach(0);
    kernel.received(2, 100);
  });
  EXPECT_EQ(run({"monitor", "chem", "--trouble"}), 0);
  EXPECT_THAT(out, HasSubstr("failed, 1 byte, refused: Remote I/O error"));
  EXPECT_THAT(out, HasSubstr("chem          gone"));
  EXPECT_THAT(out, Not(HasSubstr("received")));
}

TEST_F(Look, WhatIsMissingIsSaid) {
  for (const auto& words : std::vector<std::vector<std::string>>{{"show", "chem"},
                                                                 {"stats", "chem"},
                                                                 {"monitor", "chem"},
                                                                 {"set", "chem", "name=x"},
                                                                 {"up", "chem"}}) {
    EXPECT_EQ(run(words), 69) << words[0];
    EXPECT_THAT(err, HasSubstr("there is no line chem")) << words[0];
  }
  no_kernel = Error{Errc::not_found, "the module n_llp is not loaded", 0};
  for (const auto& words : std::vector<std::vector<std::string>>{
           {"list"}, {"show", "0"}, {"stats", "0"}, {"monitor"}, {"down", "0"}}) {
    EXPECT_EQ(run(words), 69) << words[0];
    EXPECT_EQ(err, "the module n_llp is not loaded\n");
  }
  EXPECT_EQ(run({}), 64);
  EXPECT_EQ(run({"sow"}), 64);
}

TEST(Words, TimesAndSizes) {
  EXPECT_EQ(time_words(0), "0 us");
  EXPECT_EQ(time_words(1500), "1.5 us");
  EXPECT_EQ(time_words(64'000), "64 us");
  EXPECT_EQ(time_words(1'041'666), "1.0 ms");
  EXPECT_EQ(time_words(2'000'000'000), "2 s");
  EXPECT_EQ(size_words(1), "1 byte");
  EXPECT_EQ(size_words(1023), "1023 bytes");
  EXPECT_EQ(size_words(1536), "1.5 KiB");
  EXPECT_EQ(size_words(1 << 20), "1 MiB");
}

}  // namespace
}  // namespace llp::ctl::test
