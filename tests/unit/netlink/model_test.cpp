// SPDX-License-Identifier: BSD-3-Clause
// What stands above KernelControl, and the model that stands beneath it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <vector>

#include "netlink/model/model_kernel.hpp"

namespace llp::netlink {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

class Model : public ::testing::Test {
 protected:
  Model() : kernel(io.get_executor()), control(kernel.control()) {
    chem = kernel.attach("ttyS1");
    blood = kernel.attach("ttyUSB0", 19200);
    EXPECT_TRUE(control->set(LineNumber{chem}, {.name = "chem"}));
  }
  static std::string value(const LineStatus& line, std::string_view name) {
    for (const Parameter& p : line.params)
      if (p.name == name) return p.value;
    return "none";
  }
  static asio::awaitable<void> collect(EventStream& stream, std::vector<Event>& got, bool& ended) {
    auto event = co_await stream.next();
    while (event) {
      got.push_back(*event);
      event = co_await stream.next();
    }
    EXPECT_EQ(event.error().code, Errc::cancelled);
    ended = true;
  }
  asio::io_context io;
  ModelKernel kernel;
  std::unique_ptr<KernelControl> control;
  std::uint32_t chem = 0, blood = 0;
};

TEST_F(Model, LinesAreFoundByEveryNameTheyHave) {
  for (const char* text : {"chem", "0", "llp0", "/dev/llp0", "/dev/llp/chem", "ttyS1", "/dev/ttyS1"}) {
    const auto found = find_line(*control, text);
    ASSERT_TRUE(found) << text << ": " << found.error().message;
    EXPECT_EQ(found->line, chem) << text;
  }
  EXPECT_EQ(find_line(*control, "/dev/ttyUSB0")->line, blood);
  const std::uint32_t pseudo = kernel.attach("pts3", 0, 0);
  EXPECT_EQ(find_line(*control, "/dev/pts/3")->line, pseudo);
  kernel.detach(pseudo);
  for (const char* text :
       {"", "chemi", "/dev/llp/0", "/dev/0", "/dev/chem", "/dev/llp7", "-1", "4294967296"}) {
    const auto found = find_line(*control, text);
    ASSERT_FALSE(found) << text;
    EXPECT_EQ(found.error().code, Errc::not_found);
    EXPECT_THAT(found.error().message, HasSubstr("there are chem (llp0 on ttyS1), llp1 on ttyUSB0"));
  }
}

TEST_F(Model, ANameGoesBeforeANumberAndANumberBeforeATty) {
  ASSERT_TRUE(control->set(LineNumber{blood}, {.name = "0"}));
  EXPECT_EQ(find_line(*control, "0")->line, blood);
  EXPECT_EQ(find_line(*control, "llp0")->line, chem);
  ASSERT_TRUE(control->set(LineNumber{blood}, {.name = "ttyS1"}));
  EXPECT_EQ(find_line(*control, "ttyS1")->line, blood);
  EXPECT_EQ(find_line(*control, "/dev/ttyS1")->line, chem);
}

TEST_F(Model, NoLinesAtAll) {
  kernel.detach(chem);
  kernel.detach(blood);
  EXPECT_THAT(find_line(*control, "chem").error().message, HasSubstr("there is none"));
}

TEST_F(Model, SettingIsAllOrNothing) {
  const auto before = *control->line(LineNumber{chem});
  const auto set = control->set(
      LineNumber{chem}, {.name = "new", .params = {{"timer_a", "8s"}, {"timer_b", "99h"}}, .up = true});
  ASSERT_FALSE(set);
  EXPECT_EQ(set.error().code, Errc::invalid);
  EXPECT_EQ(*control->line(LineNumber{chem}), before);
}

TEST_F(Model, WhatTheModuleRefusesTheModelRefuses) {
  ASSERT_TRUE(control->set(LineName{"chem"}, {.up = true}));
  struct Case {
    LineChange change;
    Errc code;
    const char* says;
  };
  const std::vector<Case> cases{
      {{.params = {{"timer_a", "8s"}}}, Errc::in_use, "must be down"},
      {{.protocol = 7, .up = false}, Errc::invalid, "out of range"},
      {{.params = {{"vv", "21"}}, .up = false}, Errc::invalid, "no such parameter"},
      {{.params = {{"timer_a", "soon"}}, .up = false}, Errc::invalid, "Not a value"},
      {{.max_messages = 0}, Errc::invalid, "1 to 1024"},
      {{.name = "-x"}, Errc::invalid, "A name has letters"},
  };
  for (const Case& c : cases) {
    const auto set = control->set(LineName{"chem"}, c.change);
    ASSERT_FALSE(set) << c.says;
    EXPECT_EQ(set.error().code, c.code) << c.says;
    EXPECT_THAT(set.error().message, HasSubstr(c.says));
    EXPECT_THAT(set.error().message, HasSubstr("cannot set the line chem: "));
  }
  kernel.privileged(false);
  EXPECT_EQ(control->set(LineName{"chem"}, {.up = false}).error().code, Errc::permission);
  EXPECT_EQ(control->set(LineTty{"ttyS9"}, {.up = false}).error().code, Errc::permission);
  kernel.privileged(true);
  EXPECT_EQ(control->set(LineTty{"ttyS9"}, {.up = false}).error().code, Errc::not_found);
}

TEST_F(Model, AProtocolBringsItsDefaults) {
  ASSERT_TRUE(control->set(LineNumber{chem}, {.params = {{"timer_a", "8s"}}}));
  EXPECT_EQ(value(*control->line(LineNumber{chem}), "timer_a"), "8s");
  ASSERT_TRUE(control->set(LineNumber{chem}, {.protocol = LLP_PROTOCOL_X328}));
  EXPECT_EQ(value(*control->line(LineNumber{chem}), "timer_a"), "6s");
  ASSERT_TRUE(control->set(LineNumber{chem}, {.protocol = LLP_PROTOCOL_MLLP, .params = {{"release", "2"}}}));
  EXPECT_EQ(value(*control->line(LineNumber{chem}), "release"), "2");
  EXPECT_EQ(value(*control->line(LineNumber{chem}), "timer_a"), "none");
}

TEST_F(Model, EventsComeInOrderToWhoListens) {
  auto stream = control->events(io.get_executor());
  ASSERT_TRUE(stream);
  std::vector<Event> got;
  bool ended = false;
  asio::co_spawn(io, collect(**stream, got, ended), asio::detached);
  io.poll();
  kernel.advance(5ms);
  ASSERT_TRUE(control->set(LineNumber{chem}, {.up = true}));
  kernel.received(chem, 384, LLP_MSG_PENDING);
  kernel.exception(chem, {LLP_EXCEPTION_TIMER, "", "", "A", {}});
  kernel.overflow();
  kernel.detach(chem);
  io.poll();
  const std::uint64_t t = kernel.now();
  EXPECT_EQ(t, 1'005'000'000U);
  ASSERT_EQ(got.size(), 5U);
  EXPECT_EQ(got[0], (Event{chem, "chem", "ttyS1", t, LineEvent{LLP_LINE_CHANGE_UP, 0, true}}));
  EXPECT_EQ(std::get<MessageEvent>(got[1].what).length, 384U);
  EXPECT_EQ(std::get<ExceptionEvent>(got[2].what).timer, "A");
  EXPECT_TRUE(std::holds_alternative<EventsMissed>(got[3].what));
  EXPECT_EQ(std::get<LineEvent>(got[4].what).change, LLP_LINE_CHANGE_GONE);
  (*stream)->close();
  io.restart();
  io.poll();
  EXPECT_TRUE(ended);
}

TEST_F(Model, CountersAndTurnaround) {
  kernel.count(chem, "naks_sent", 3);
  kernel.answered(chem, 900ns);
  kernel.answered(chem, 1500ns);
  kernel.answered(chem, 1h);
  const auto stats = *control->stats(LineName{"chem"});
  EXPECT_EQ(stats.counter("naks_sent"), 3U);
  EXPECT_EQ(stats.turnaround.count, 3U);
  EXPECT_EQ(stats.turnaround.bucket[0], 1U);
  EXPECT_EQ(stats.turnaround.bucket[1], 1U);
  EXPECT_EQ(stats.turnaround.bucket.back(), 1U);
}

// A machine without the module: what tests run on. In the virtual machine the
// real thing answers (tests/vm/lists).
TEST(KernelControl, WithoutTheModuleItSaysWhatToDo) {
  auto kernel = open_kernel_control();
  if (kernel) GTEST_SKIP() << "this kernel has the family llp";
  EXPECT_FALSE(kernel.error().message.empty());
  if (kernel.error().code == Errc::not_found)
    EXPECT_THAT(kernel.error().message, HasSubstr("modprobe n_llp"));
}

}  // namespace
}  // namespace llp::netlink
