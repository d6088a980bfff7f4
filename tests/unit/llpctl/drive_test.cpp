// SPDX-License-Identifier: BSD-3-Clause
// set, up, down, attach, detach: what they do to lines and ports.
#include "llpattach/attach.hpp"
#include "support.hpp"

namespace llp::ctl::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Drive : public Llpctl {
 protected:
  std::string value(std::uint32_t line, std::string_view name) {
    for (const auto& p : kernel.line(line).params)
      if (p.name == name) return p.value;
    return "none";
  }
};

TEST_F(Drive, OptionsAndParameters) {
  kernel.attach("ttyS1");
  EXPECT_EQ(run({"set", "ttyS1", "name=chem", "policy=commit", "max_messages=3", "max_bytes=64k",
                 "max_writes=2", "timer_a=8s"}),
            0)
      << err;
  const auto& line = kernel.line(0);
  EXPECT_EQ(line.name, "chem");
  EXPECT_EQ(line.policy, static_cast<std::uint32_t>(LLP_POLICY_COMMIT));
  EXPECT_EQ(line.max_messages, 3U);
  EXPECT_EQ(line.max_bytes, 65536U);
  EXPECT_EQ(line.max_writes, 2U);
  EXPECT_EQ(value(0, "timer_a"), "8s");
  EXPECT_FALSE(line.up);
  EXPECT_EQ(out, "");

  EXPECT_EQ(run({"set", "chem", "retries_l=5"}), 0);
  EXPECT_EQ(value(0, "timer_a"), "8s");  // stays
  EXPECT_EQ(run({"set", "chem", "protocol=mllp2", "dedup=no"}), 0) << err;
  EXPECT_EQ(kernel.line(0).protocol, static_cast<std::uint32_t>(LLP_PROTOCOL_MLLP));
  EXPECT_EQ(value(0, "release"), "2");
  EXPECT_EQ(run({"set", "chem", "protocol=x328"}), 0);
  EXPECT_EQ(value(0, "timer_a"), "6s");
}

TEST_F(Drive, ALineThatIsUpIsNotDisturbedUnasked) {
  kernel.attach("ttyS1");
  EXPECT_EQ(run({"up", "0"}), 0);
  EXPECT_TRUE(kernel.line(0).up);
  EXPECT_EQ(run({"set", "0", "timer_a=8s"}), 75);
  EXPECT_THAT(err, HasSubstr("--restart"));
  EXPECT_EQ(value(0, "timer_a"), "6s");
  EXPECT_EQ(run({"set", "0", "timer_a=8s", "--restart"}), 0) << err;
  EXPECT_EQ(value(0, "timer_a"), "8s");
  EXPECT_TRUE(kernel.line(0).up);
  EXPECT_EQ(run({"set", "0", "timer_a=8s", "name=chem"}), 0) << "it has that value already";
  EXPECT_EQ(run({"down", "chem"}), 0);
  EXPECT_FALSE(kernel.line(0).up);
}

TEST_F(Drive, ErrorsSayWhatIsAllowed) {
  kernel.attach("ttyS1");
  struct Case {
    const char* setting;
    const char* says;
  };
  for (const Case& c :
       {Case{"timer_a", "KEY=VALUE is wanted"}, Case{"timer_x=8s", "did you mean 'timer_"},
        Case{"timer_a=99h", "'timer_a': "}, Case{"policy=never", "arrival, read or commit"},
        Case{"protocol=x329", "did you mean 'x328'"}, Case{"max_messages=0", "'max_messages': "},
        Case{"peer=nobody", "is not a known peer"}, Case{"vv=21", "hllp has"}}) {
    EXPECT_EQ(run({"set", "0", c.setting}), 64) << c.setting;
    EXPECT_THAT(err, HasSubstr(c.says)) << c.setting;
  }
  EXPECT_EQ(run({"set", "0", "name=-x"}), 71);
  EXPECT_THAT(err, HasSubstr("begins with a letter or digit"));
  kernel.privileged(false);
  EXPECT_EQ(run({"up", "0"}), 77);
  EXPECT_THAT(err, HasSubstr("CAP_NET_ADMIN"));
}

TEST_F(Drive, APortBecomesALine) {
  EXPECT_EQ(run({"attach", "--baud", "19200", "-m", "7E1", "-p", "x328", "-n", "chem", "--set", "timer_a=8s",
                 "/dev/ttyS1"}),
            0);
  EXPECT_THAT(ports.log, ElementsAre("open /dev/ttyS1 19200 7E1 lock /var/lock fast", "attach 29",
                                     "READY=1\nSTATUS=/dev/ttyS1 is /dev/llp0, chem", "waits, up as chem",
                                     "STOPPING=1", "close ttyS1"));
  EXPECT_THAT(err, HasSubstr("no low latency: it is a model\n/dev/ttyS1 is /dev/llp0, chem\n"));
}

TEST_F(Drive, AttachOnlyLeavesTheLineDown) {
  EXPECT_EQ(run({"attach", "-q", "--no-low-latency", "--lock-dir", "/run/x", "/dev/ttyS1"}), 0);
  EXPECT_THAT(ports.log, ElementsAre("open /dev/ttyS1 9600 8N1 lock /run/x", "attach 29",
                                     "READY=1\nSTATUS=/dev/ttyS1 is /dev/llp0", "waits, down as ",
                                     "STOPPING=1", "close ttyS1"));
  EXPECT_EQ(err, "");
  ports.log.clear();
  EXPECT_EQ(run({"attach", "-q", "--down", "-p", "hllp", "/dev/ttyS1"}), 0);
  EXPECT_EQ(ports.log[3], "waits, down as ");
}

TEST_F(Drive, TheModulesOwnNumber) {
  ports.table = "n_tty 0\nn_llp 27\nother 29\n";
  EXPECT_EQ(run({"attach", "/dev/ttyS1"}), 0);
  EXPECT_EQ(ports.log[1], "attach 27");
  ports.table = "n_tty 0\n";  // the kernel loads it
  ports.log.clear();
  EXPECT_EQ(run({"attach", "/dev/ttyS1"}), 0);
  EXPECT_EQ(ports.log[1], "attach 29");
  ports.table = "n_tty 0\nother 29\n";
  ports.log.clear();
  EXPECT_EQ(run({"attach", "/dev/ttyS1"}), 75);
  EXPECT_THAT(err, HasSubstr("the line discipline other has the number 29"));
  EXPECT_TRUE(ports.log.empty());
}

TEST_F(Drive, WhyAttachingEnded) {
  ports.end = attach::End::gone;
  EXPECT_EQ(run({"attach", "-q", "/dev/ttyS1"}), 74);
  EXPECT_EQ(err, "/dev/ttyS1 is gone: unplugged, or hung up\n");
  ports.end = attach::End::detached;
  EXPECT_EQ(run({"attach", "/dev/ttyS1"}), 0);
  EXPECT_THAT(err, HasSubstr("was detached"));
}

TEST_F(Drive, NothingStaysAttachedAfterAnError) {
  EXPECT_EQ(run({"attach", "-n", "_x", "/dev/ttyS1"}), 71);
  EXPECT_THAT(err, HasSubstr("A name has letters"));
  EXPECT_EQ(ports.log.back(), "close ttyS1");
  kernel.privileged(false);
  EXPECT_EQ(run({"attach", "-p", "x328", "/dev/ttyS1"}), 77);
  EXPECT_EQ(ports.log.back(), "close ttyS1");
  ports.attach_fails = Error{Errc::not_found, "the module n_llp is not loaded", 0};
  EXPECT_EQ(run({"attach", "/dev/ttyS1"}), 69);
  ports.open_fails = Error{Errc::not_found, "/dev/ttyS1: No such file or directory", ENOENT};
  EXPECT_EQ(run({"attach", "/dev/ttyS1"}), 66);
  ports.open_fails = Error{Errc::in_use, "/dev/ttyS1 is locked by process 7 (minicom)", 0};
  EXPECT_EQ(run({"attach", "/dev/ttyS1"}), 75);
  EXPECT_EQ(run({"list", "--json"}), 0);
  EXPECT_EQ(out, "[]\n");
}

TEST_F(Drive, WhatIsWrongWithAnAttachIsSaidBeforeThePortIsTouched) {
  for (const auto& words : std::vector<std::vector<std::string>>{{"-m", "9n1"},
                                                                 {"-m", "8x1"},
                                                                 {"-m", "8n3"},
                                                                 {"-m", "8n"},
                                                                 {"--flow", "some"},
                                                                 {"-b", "0"},
                                                                 {"-p", "x329"},
                                                                 {"--set", "timer_a=8s"},
                                                                 {"-p", "x328", "--set", "timer_a"},
                                                                 {"-p", "x328", "--set", "timer_a=99h"},
                                                                 {"-p", "x328", "--peer", "nobody"},
                                                                 {"--policy", "never"}}) {
    std::vector<std::string> all{"attach", "/dev/ttyS1"};
    all.insert(all.end(), words.begin(), words.end());
    EXPECT_EQ(run(all), 64) << words[1];
    EXPECT_FALSE(err.empty()) << words[1];
  }
  EXPECT_TRUE(ports.log.empty());
}

TEST_F(Drive, OnlyWhatDiffersFromTheDefaultsIsSaid) {
  attach::SettingWords words;
  words.protocol = "hllp";
  words.settings = {"t_in=2s"};
  const auto change = attach::line_change(words);
  ASSERT_TRUE(change) << change.error().message;
  EXPECT_EQ(change->protocol, static_cast<std::uint32_t>(LLP_PROTOCOL_HLLP));
  EXPECT_THAT(change->params, ElementsAre(netlink::Parameter{"t_in", "2s"}));
  EXPECT_EQ(change->up, true);
}

TEST_F(Drive, DetachEndsWhoHoldsThePort) {
  kernel.attach("ttyS1");
  ports.holders = {{11, "minicom"}, {12, "llpattach"}};
  EXPECT_EQ(run({"detach", "/dev/ttyS1"}), 0) << err;
  EXPECT_THAT(ports.log, ElementsAre("end 12"));
  EXPECT_THAT(err, HasSubstr("llpattach (process 12) was asked to end"));
}

TEST_F(Drive, DetachWithoutAHolderTakesTheLineOff) {
  kernel.attach("ttyS1");
  EXPECT_EQ(run({"detach", "/dev/ttyS1"}), 0);
  EXPECT_THAT(ports.log, ElementsAre("take off /dev/ttyS1"));
  // One that does not end either.
  ports.log.clear();
  ports.holders = {{13, "ldattach"}};
  ports.pauses_until_gone = 1000;
  EXPECT_EQ(run({"detach", "/dev/ttyS1"}), 0);
  EXPECT_THAT(ports.log, ElementsAre("end 13", "take off /dev/ttyS1"));
}

TEST_F(Drive, DetachOfWhatIsNotAttached) {
  EXPECT_EQ(run({"detach", "/dev/ttyS1"}), 69);
  EXPECT_THAT(err, HasSubstr("it is not attached"));
  EXPECT_EQ(run({"detach", "/dev/ttyS7"}), 66);
  kernel.attach("ttyS1");
  ports.holders = {{12, "llpattach"}};
  ports.end_fails = Error{Errc::permission, "cannot end process 12", EPERM};
  EXPECT_EQ(run({"detach", "/dev/ttyS1"}), 77);
}

}  // namespace
}  // namespace llp::ctl::test
