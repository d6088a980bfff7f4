// SPDX-License-Identifier: BSD-3-Clause
// bind, unbind, completion.
#include "config/toml_config.hpp"
#include "llpctl/bind_files.hpp"
#include "support.hpp"

namespace llp::ctl::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kFtdi =
    "DEVNAME=/dev/ttyUSB0\nSUBSYSTEM=tty\nID_BUS=usb\nID_VENDOR_ID=0403\nID_MODEL_ID=6001\n"
    "ID_SERIAL_SHORT=A10K7\nID_USB_INTERFACE_NUM=00\nID_PATH=pci-0000:00:14.0-usb-0:2:1.0\n";
constexpr const char* kOnboard = "DEVNAME=/dev/ttyS1\nSUBSYSTEM=tty\n";

class Bind : public Llpctl {
 protected:
  Bind() {
    programs["udevadm info --query=property --name=/dev/ttyUSB0"] = kFtdi;
    programs["udevadm info --query=property --name=/dev/ttyS1"] = kOnboard;
    programs["udevadm info --query=property --name=/dev/sda"] = "DEVNAME=/dev/sda\nSUBSYSTEM=block\n";
  }
};

TEST_F(Bind, AnAdapterForTheKernelAlone) {
  EXPECT_EQ(run({"bind", "/dev/ttyUSB0", "chem-1", "protocol=x328", "timer_a=8s", "baud=19200", "mode=7e1"}),
            0)
      << err;
  EXPECT_EQ(text_of("rules.d/65-llp-chem-1.rules"),
            "# Made by `llpctl bind`; `llpctl unbind chem-1` takes it away.\n"
            "# The port is the line chem-1: 90-llp-attach.rules does the rest.\n"
            "SUBSYSTEM==\"tty\", ENV{ID_MODEL_ID}==\"6001\", ENV{ID_SERIAL_SHORT}==\"A10K7\", "
            "ENV{ID_USB_INTERFACE_NUM}==\"00\", ENV{ID_VENDOR_ID}==\"0403\", ENV{LLP_LINE}=\"chem-1\", "
            "ENV{ID_MM_PORT_IGNORE}=\"1\"\n");
  EXPECT_EQ(text_of("lines.d/chem-1.conf"),
            "# Made by `llpctl bind` for llp-attach@chem-1.service: options of llpattach(8).\n"
            "LLP_ATTACH=\"--baud 19200 --mode 7e1 --flow none --protocol x328 --set timer_a=8s\"\n");
  EXPECT_FALSE(std::filesystem::exists(dir_ / "lines.d/chem-1.toml"));
  EXPECT_EQ(out, (dir_ / "rules.d/65-llp-chem-1.rules").string() + "\n" +
                     (dir_ / "lines.d/chem-1.conf").string() + "\n");
  EXPECT_THAT(executed,
              ElementsAre("udevadm info --query=property --name=/dev/ttyUSB0", "udevadm control --reload",
                          "udevadm trigger --action=change --subsystem-match=tty"));
}

TEST_F(Bind, AnAdapterForLlpd) {
  EXPECT_EQ(run({"bind", "/dev/ttyUSB0", "chem", "protocol=mllp2", "dedup=yes", "to=5001%labsys",
                 "to=unix:/run/app", "dist=5002"}),
            0)
      << err;
  EXPECT_EQ(text_of("lines.d/chem.conf"),
            "# Made by `llpctl bind` for llp-attach@chem.service: options of llpattach(8).\n"
            "LLP_ATTACH=\"--baud 9600 --mode 8n1 --flow none\"\n");
  EXPECT_EQ(text_of("lines.d/chem.toml"),
            "# Made by `llpctl bind` for llpd; see llpd.toml(5).\n[line.\"chem\"]\nport = \"llp:chem\"\n"
            "protocol = \"mllp2\"\nto = [\"5001%labsys\", \"unix:/run/app\"]\ndist = \"5002\"\n\n"
            "[line.\"chem\".params]\ndedup = \"yes\"\n");
  EXPECT_EQ(executed.back(), "systemctl try-reload-or-restart llpd.service");
}

TEST_F(Bind, LlpdReadsTheLineThatBindWrote) {
  EXPECT_EQ(run({"bind", "/dev/ttyS1", "a.b_c-d", "protocol=x328", "to=5001", "replace=replace:?"}), 64);
  EXPECT_EQ(run({"bind", "/dev/ttyS1", "a.b_c-d", "protocol=x328", "to=5001", "timer_a=8s"}), 0) << err;
  const std::vector<config::ConfigSource> sources{{"x.toml", text_of("lines.d/a.b_c-d.toml")}};
  const auto read = config::parse_config(sources);
  ASSERT_TRUE(read) << read.error().front().message;
  ASSERT_EQ(read->lines.size(), 1U);
  EXPECT_EQ(read->lines[0].name, "a.b_c-d");
  EXPECT_EQ(read->lines[0].params.timer_a, 8'000'000U);
}

TEST_F(Bind, APortIsToldFromOthersByTheBestThatItHas) {
  const std::string no_serial =
      "DEVNAME=/dev/ttyUSB0\nSUBSYSTEM=tty\nID_BUS=usb\nID_PATH=pci-0-usb-0:2:1.0\n";
  EXPECT_THAT(*identify(no_serial, ""), ElementsAre(std::pair("ID_PATH", "pci-0-usb-0:2:1.0")));
  EXPECT_THAT(*identify(kOnboard, ""), ElementsAre(std::pair("DEVNAME", "/dev/ttyS1")));
  EXPECT_THAT(*identify(kFtdi, "path"), ElementsAre(std::pair("ID_PATH", "pci-0000:00:14.0-usb-0:2:1.0")));
  EXPECT_THAT(*identify(kFtdi, "name"), ElementsAre(std::pair("DEVNAME", "/dev/ttyUSB0")));
  EXPECT_FALSE(identify(kOnboard, "serial"));
  EXPECT_FALSE(identify(kOnboard, "path"));
  EXPECT_FALSE(identify("SUBSYSTEM=block\n", ""));
  // One that is not there yet.
  EXPECT_EQ(run({"bind", "serial=B22", "chem"}), 0) << err;
  EXPECT_THAT(text_of("rules.d/65-llp-chem.rules"), HasSubstr("ENV{ID_SERIAL_SHORT}==\"B22\", "));
}

TEST_F(Bind, NothingIsWrittenInADryRun) {
  EXPECT_EQ(run({"bind", "/dev/ttyS1", "chem", "--dry-run", "protocol=hllp"}), 0);
  EXPECT_THAT(out, HasSubstr("65-llp-chem.rules <==\n# Made by"));
  EXPECT_THAT(out, HasSubstr("--protocol hllp"));
  EXPECT_FALSE(std::filesystem::exists(dir_ / "rules.d"));
  EXPECT_EQ(executed.size(), 1U);
  EXPECT_EQ(run({"bind", "/dev/ttyS1", "chem", "-n", "--json"}), 0);
  EXPECT_THAT(out, HasSubstr("[{\"path\": \""));
}

TEST_F(Bind, WhatIsWrongIsSaidAndNothingIsWritten) {
  struct Case {
    std::vector<std::string> words;
    int status;
    const char* says;
  };
  for (const Case& c :
       {Case{{"/dev/sda", "chem"}, 71, "/dev/sda: it is not a serial port"},
        Case{{"/dev/ttyS1", "../x"}, 64, "is no name"}, Case{{"/dev/ttyS1", ""}, 64, "is no name"},
        Case{{"/dev/ttyS1", "a:b"}, 64, "is no name"},
        Case{{"/dev/ttyS1", "0123456789012345678901234567890123"}, 64, "is no name"},
        Case{{"/dev/ttyS1", "chem", "baud=fast"}, 64, "baud: "},
        Case{{"/dev/ttyS1", "chem", "mode=8q1"}, 64, "8q1"},
        Case{{"/dev/ttyS1", "chem", "timer_a=8s"}, 64, "need a protocol"},
        Case{{"/dev/ttyS1", "chem", "protocol=x328", "timer_q=8s"}, 64, "timer_q"},
        Case{{"serial=a\"b", "chem"}, 64, "cannot stand in a rule"},
        Case{{"serial=a*", "chem"}, 64, "cannot stand in a rule"},
        Case{{"/dev/ttyS1", "chem", "--by", "serial"}, 69, "udev knows no serial of it"}}) {
    std::vector<std::string> all{"bind"};
    all.insert(all.end(), c.words.begin(), c.words.end());
    EXPECT_EQ(run(all), c.status) << c.says << err;
    EXPECT_THAT(err, HasSubstr(c.says));
  }
  EXPECT_FALSE(std::filesystem::exists(dir_ / "rules.d"));
  EXPECT_FALSE(std::filesystem::exists(dir_ / "lines.d"));
}

TEST_F(Bind, WhatIsThereIsReplacedOnlyByForce) {
  EXPECT_EQ(run({"bind", "/dev/ttyS1", "chem"}), 0);
  EXPECT_EQ(run({"bind", "/dev/ttyUSB0", "chem"}), 75);
  EXPECT_THAT(err, HasSubstr("--force"));
  EXPECT_THAT(text_of("rules.d/65-llp-chem.rules"), HasSubstr("SUBSYSTEM==\"tty\", KERNEL==\"ttyS1\", "));
  EXPECT_EQ(run({"bind", "/dev/ttyUSB0", "chem", "--force", "--no-trigger"}), 0);
  EXPECT_THAT(text_of("rules.d/65-llp-chem.rules"), HasSubstr("A10K7"));
}

TEST_F(Bind, Unbind) {
  EXPECT_EQ(run({"unbind", "chem-1"}), 69);
  EXPECT_EQ(run({"bind", "/dev/ttyS1", "chem-1", "to=5001"}), 0) << err;
  EXPECT_EQ(run({"unbind", "chem-1", "--dry-run"}), 0);
  EXPECT_TRUE(std::filesystem::exists(dir_ / "lines.d/chem-1.toml"));
  std::ofstream(dir_ / "lines.d/chem-1.conf") << "# an administrator's own\n";
  executed.clear();
  EXPECT_EQ(run({"unbind", "chem-1"}), 0);
  EXPECT_FALSE(std::filesystem::exists(dir_ / "rules.d/65-llp-chem-1.rules"));
  EXPECT_FALSE(std::filesystem::exists(dir_ / "lines.d/chem-1.toml"));
  EXPECT_TRUE(std::filesystem::exists(dir_ / "lines.d/chem-1.conf"));
  EXPECT_THAT(err, HasSubstr("was not made by bind and stays"));
  EXPECT_THAT(executed, ElementsAre("udevadm control --reload", "systemctl stop llp-attach@chem-1.service",
                                    "udevadm trigger --action=change --subsystem-match=tty",
                                    "systemctl try-reload-or-restart llpd.service"));
}

TEST_F(Bind, Completion) {
  EXPECT_EQ(run({"completion", "bash"}), 0);
  for (const char* word : {"list show set up down attach detach stats monitor send capture ladder replay",
                           "bind unbind status reload start stop spool doctor top",
                           "complete -F _llpctl llpctl", "--restart", "timer_a=", "to="}) {
    EXPECT_THAT(out, HasSubstr(word));
  }
  EXPECT_EQ(run({"completion", "zsh"}), 0);
  EXPECT_THAT(out, HasSubstr("#compdef llpctl"));
  EXPECT_EQ(run({"completion", "fish"}), 64);
}

}  // namespace
}  // namespace llp::ctl::test
