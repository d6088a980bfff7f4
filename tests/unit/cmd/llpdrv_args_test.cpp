// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <string>
#include <vector>

#include "cmd/args.hpp"
#include "cmd/invocation.hpp"
#include "config/line_options.hpp"

namespace llp::cmd {
namespace {

using namespace std::chrono_literals;
using Args = std::vector<std::string>;

Invocation parsed(const Args& args) {
  auto invocation = parse_llpdrv(args);
  EXPECT_TRUE(invocation) << (invocation ? "" : invocation.error().message);
  return invocation ? std::move(*invocation) : Invocation{};
}

std::string error(const Args& args) {
  const auto invocation = parse_llpdrv(args);
  if (invocation) return "";
  EXPECT_EQ(invocation.error().code, Errc::invalid);
  return invocation.error().message;
}

TEST(Llpdrv, ClassicExample) {
  const auto i = parsed({"-dyI1", "-a", "-t", "/dev/ttyS0,19200,7e1", "-i", "5001%lab", "-i", "5002%*"});
  EXPECT_EQ(i.action, Action::run);
  EXPECT_EQ(i.stay, Stay::foreground);
  EXPECT_EQ(i.debug, 1U);
  EXPECT_EQ(i.line.protocol, LLP_PROTO_X328);
  EXPECT_EQ(io::describe(i.line.port), "/dev/ttyS0 19200 7E1");
  ASSERT_EQ(i.line.to.size(), 1U);
  EXPECT_EQ(illp::to_string(i.line.to[0]), "lab:5001");
  ASSERT_TRUE(i.line.dist);
  EXPECT_EQ(illp::to_string(*i.line.dist), "*:5002");
  EXPECT_TRUE(i.line.serve_dist_at_once);
  EXPECT_TRUE(i.line.one_shot);
  EXPECT_EQ(i.line.name, "");
  EXPECT_FALSE(i.pid_file);
}

TEST(Llpdrv, Protocols) {
  EXPECT_EQ(parsed({"-p", "-", "-i", "1"}).line.protocol, LLP_PROTO_X328);
  EXPECT_EQ(parsed({"-a", "-p", "-", "-i", "1"}).line.protocol, LLP_PROTO_X328);
  EXPECT_EQ(parsed({"-h", "-p", "-", "-i", "1"}).line.protocol, LLP_PROTO_HLLP);
  EXPECT_EQ(parsed({"-m", "-p", "-", "-i", "1"}).line.protocol, LLP_PROTO_MLLP);
  EXPECT_EQ(parsed({"-m", "-p", "-", "-i", "1"}).line.params.release, 1U);
  EXPECT_EQ(parsed({"--mllp2", "-p", "-", "-i", "1"}).line.params.release, 2U);
  EXPECT_EQ(parsed({"--protocol", "mllp2", "-p", "-", "-i", "1"}).line.params.release, 2U);
  EXPECT_EQ(parsed({"--hllp", "-h", "-p", "-", "-i", "1"}).line.protocol, LLP_PROTO_HLLP);
}

TEST(Llpdrv, EveryKindOfLine) {
  const auto line = [](const Args& option) {
    Args args = option;
    args.insert(args.end(), {"-i", "5001"});
    return io::describe(parsed(args).line.port);
  };
  EXPECT_EQ(line({"-t", "/dev/ttyS0"}), "/dev/ttyS0 9600 8N1");
  EXPECT_EQ(line({"-t/dev/ttyS0,keep"}), "/dev/ttyS0 (settings kept)");
  EXPECT_EQ(line({"--tty=/dev/ttyS0,300"}), "/dev/ttyS0 300 8N1");
  EXPECT_EQ(line({"-p", "-"}), "pseudo terminal");
  EXPECT_EQ(line({"-p", "/run/x"}), "pseudo terminal /run/x");
  EXPECT_EQ(line({"-u", "/run/x"}), "unix listen /run/x");
  EXPECT_EQ(line({"-u", "%/run/x"}), "unix /run/x");
  EXPECT_EQ(line({"-i", "4001%ts1"}), "tcp ts1:4001");
  EXPECT_EQ(line({"-i", "4001"}), "tcp listen localhost:4001");
  EXPECT_EQ(line({"-i", "4001%@*"}), "tcp listen *:4001");
  EXPECT_EQ(line({"--tcp", "4001"}), "tcp listen localhost:4001");
  EXPECT_EQ(line({"--line", "unix:%/x"}), "unix /x");
}

// The first -i without a line is the line; then to, then dist.
TEST(Llpdrv, PositionsOfI) {
  auto i = parsed({"-i", "4001%ts1", "-i", "5001", "-i", "5002"});
  EXPECT_EQ(io::describe(i.line.port), "tcp ts1:4001");
  EXPECT_EQ(illp::to_string(i.line.to.at(0)), "localhost:5001");
  EXPECT_EQ(illp::to_string(*i.line.dist), "localhost:5002");
  i = parsed({"-p", "-", "-i", "-", "-i", "5002"});
  EXPECT_TRUE(i.line.to.empty());
  EXPECT_EQ(illp::to_string(*i.line.dist), "localhost:5002");
  i = parsed({"-p", "-", "-i", "5001", "-i", "-"});
  EXPECT_EQ(i.line.to.size(), 1U);
  EXPECT_FALSE(i.line.dist);
  i = parsed({"-p", "-", "-i", "unix:/a", "-i", "unix:/b"});
  EXPECT_EQ(illp::to_string(i.line.to.at(0)), "unix:/a");
  EXPECT_EQ(illp::to_string(*i.line.dist), "unix:/b");
  i = parsed({"--dist", "5002", "--line", "pty:-", "--to", "5001", "--to", "5003%b"});
  EXPECT_EQ(i.line.to.size(), 2U);
  EXPECT_EQ(illp::to_string(*i.line.dist), "localhost:5002");
}

TEST(Llpdrv, Running) {
  EXPECT_EQ(parsed({"-p", "-", "-i", "1"}).stay, Stay::background);
  EXPECT_EQ(parsed({"-Y", "-p", "-", "-i", "1"}).stay, Stay::supervised);
  EXPECT_EQ(parsed({"-yy", "-p", "-", "-i", "1"}).stay, Stay::foreground);
  EXPECT_EQ(parsed({"-dd", "-p", "-", "-i", "1"}).debug, 2U);
  EXPECT_EQ(parsed({"-d", "-p", "-", "-i", "1", "--debug"}).debug, 2U);
  const auto i = parsed({"-p", "-", "-i", "1", "--name", "chem", "--runtime-dir", "run", "--pid-file",
                         "x.pid", "--lock-dir=/l"});
  EXPECT_EQ(i.line.name, "chem");
  EXPECT_EQ(i.runtime_dir, "run");
  EXPECT_EQ(i.pid_file, "x.pid");
  EXPECT_EQ(i.line.stream.lock_dir, "/l");
  const auto none = parsed({"-p", "-", "-i", "1", "--pid-file", "-", "--lock-dir", "-"});
  EXPECT_EQ(none.pid_file, "");
  EXPECT_EQ(none.line.stream.lock_dir, "");
}

TEST(Llpdrv, Parameters) {
  const auto i = parsed({"-p", "-", "-i", "1", "--peer", "vista-x328", "--set", "timer_a=8s", "--set",
                         "illegal=replace:=", "--match", "msa", "--expect", "none", "--max-message", "5000",
                         "--reply-timeout", "90"});
  EXPECT_EQ(i.line.params.bcc_high, static_cast<u32>(LLP_BCC_VISTA00));
  EXPECT_EQ(i.line.params.timer_a, 8000000U);
  EXPECT_EQ(i.line.params.replace, static_cast<u32>('='));
  EXPECT_EQ(i.line.params.match, static_cast<u32>(LLP_MATCH_MSA));
  EXPECT_EQ(i.line.params.expect_in, static_cast<u32>(LLP_EXPECT_NONE));
  EXPECT_EQ(i.line.params.max_message, 5000U);
  EXPECT_EQ(i.line.illp.max_message, 5000U);
  EXPECT_EQ(i.line.params.reply_timeout, 90000000U);
  EXPECT_EQ(parsed({"-p", "-", "-i", "1", "--time-scale", "0.02"}).line.params.timer_a, 120000U);
}

// What each option changes in what is parsed, as text.
std::string shown(const Args& args) {
  Args all = args;
  all.insert(all.end(), {"--to", "5001"});
  const Invocation i = parsed(all);
  std::string text = fmt::format("{} {} {} {} {} {} {}", static_cast<int>(i.line.protocol),
                                 i.line.params.release, io::describe(i.line.port), i.line.serve_dist_at_once,
                                 i.line.one_shot, static_cast<int>(i.stay), i.debug);
  for (const illp::Endpoint& to : i.line.to) text += " to " + illp::to_string(to);
  if (i.line.dist) text += " dist " + illp::to_string(*i.line.dist);
  return text;
}

TEST(Llpdrv, ShortAndLongNames) {
  const std::string plain = shown({"-h", "-p", "-"});
  const struct {
    Args letters, names;
  } cases[] = {
      {{"-a", "-p", "-"}, {"--x328", "-p", "-"}},
      {{"-h", "-u", "/x"}, {"--hllp", "-u", "/x"}},
      {{"-m", "-p", "-"}, {"--mllp", "-p", "-"}},
      {{"-h", "-p", "/x"}, {"-h", "--pty", "/x"}},
      {{"-h", "-p", "/x"}, {"-h", "--pty=/x"}},
      {{"-h", "-u", "%/x"}, {"-h", "--unix", "%/x"}},
      {{"-h", "-t", "/dev/ttyS0,300"}, {"-h", "--tty", "/dev/ttyS0,300"}},
      {{"-h", "-i", "4001%ts"}, {"-h", "--tcp", "4001%ts"}},
      {{"-I", "-h", "-p", "-"}, {"--serve-at-once", "-h", "-p", "-"}},
      {{"-1", "-h", "-p", "-"}, {"--one-shot", "-h", "-p", "-"}},
      {{"-d", "-h", "-p", "-"}, {"--debug", "-h", "-p", "-"}},
      {{"-y", "-h", "-p", "-"}, {"--foreground", "-h", "-p", "-"}},
      {{"-Y", "-h", "-p", "-"}, {"--supervised", "-h", "-p", "-"}},
  };
  for (const auto& [letters, names] : cases) {
    EXPECT_EQ(shown(letters), shown(names)) << names[0] << ' ' << names[1];
    EXPECT_NE(shown(letters), plain) << letters[0] << ": it changes nothing that is shown";
  }
}

// The protocol may stand after the parameters that are its.
TEST(Llpdrv, OrderOfProtocolAndParameters) {
  EXPECT_EQ(parsed({"--set", "xor_scope=auto", "-p", "-", "-i", "1", "-h"}).line.params.xor_scope,
            static_cast<u32>(LLP_SCOPE_AUTO));
}

TEST(Llpdrv, EveryOptionOfTheTable) {
  for (const config::LineOption& option : config::line_options()) {
    const std::string value = option.get(core::LineConfig{});
    EXPECT_EQ(error({"-p", "-", "-i", "1", "--" + config::long_name(option) + "=" + value}), "");
  }
  EXPECT_EQ(parsed({"-p", "-", "-i", "1", "--stop-grace", "9s"}).line.stop_grace, 9s);
  EXPECT_TRUE(parsed({"-p", "-", "-i", "1", "--wait-for-device"}).line.stream.wait_for_device);
  EXPECT_FALSE(parsed({"-p", "-", "-i", "1", "--low-latency=no"}).line.stream.low_latency);
}

TEST(Llpdrv, InsteadOfRunning) {
  EXPECT_EQ(parsed({"--help"}).action, Action::help);
  EXPECT_EQ(parsed({"-y", "--version"}).action, Action::version);
  EXPECT_EQ(parsed({"--list-peers"}).action, Action::list_peers);
  EXPECT_EQ(parsed({"--list-params"}).action, Action::list_params);
  EXPECT_FALSE(parsed({"--list-params"}).listed);
  EXPECT_EQ(parsed({"--list-params=hllp"}).listed->protocol, LLP_PROTO_HLLP);
  EXPECT_EQ(parsed({"--help", "--version"}).action, Action::help);
}

TEST(Llpdrv, Errors) {
  const std::pair<Args, const char*> cases[] = {
      {{}, "no line is given: -t DEVICE, -p PATH, -u PATH or -i SERVICE"},
      {{"-a"}, "no line is given: -t DEVICE, -p PATH, -u PATH or -i SERVICE"},
      {{"-p", "-"},
       "there is nothing to do: neither an application to call (to) nor a service to offer (dist)"},
      {{"-p", "-", "-i", "-", "-i", "-"},
       "there is nothing to do: neither an application to call (to) nor a service to offer (dist)"},
      {{"-x"}, "there is no option '-x'"},
      {{"-yx"}, "there is no option '-x'"},
      {{"--pear", "x"}, "there is no option '--pear'; did you mean '--peer'?"},
      {{"--"}, "no line is given: -t DEVICE, -p PATH, -u PATH or -i SERVICE"},
      {{"--", "x"}, "'x' is not an option"},
      {{"/dev/ttyS0"}, "'/dev/ttyS0' is not an option"},
      {{"-"}, "'-' is not an option"},
      {{""}, "'' is not an option"},
      {{"-t"}, "-t: its value is missing"},
      {{"--peer"}, "--peer: its value is missing"},
      {{"--foreground=yes"}, "--foreground takes no value"},
      {{"-a", "-h"}, "-a and -h are different protocols"},
      {{"-m", "--protocol", "mllp2"}, "-m and --protocol are different protocols"},
      {{"--protocol", "astm"}, "--protocol: 'astm' is not a protocol, write x328, hllp, mllp or mllp2"},
      {{"-y", "-Y"}, "-y and -Y exclude each other"},
      {{"-p", "-", "-t", "/dev/ttyS0"},
       "-t '/dev/ttyS0': the line was given before by -p '-'; it comes first and once"},
      {{"-i", "5001%app", "-p", "-"},
       "-p '-': the line was given before by -i '5001%app'; it comes first and once"},
      {{"-i", "-"}, "-i -: the line cannot be left out"},
      {{"-p", "-", "-i", "1", "-i", "2", "-i", "3"}, "-i '3': one too many; they are the line, to and dist"},
      {{"-p", "-", "--dist", "1", "--dist", "2"}, "--dist '2': dist was given before"},
      {{"-t", "x,fast"}, "-t: baud rate 'fast' is not a number from 1 to 20000000"},
      {{"-p", "-", "-i", "app:5001"},
       "-i (to): 'app:5001' is not a service; an address is written SERVICE%HOST, such as 5000%lab1"},
      {{"-p", "-", "-i", "1", "-i", "70000"},
       "-i (dist): '70000' is not a port number, allowed are 0 to 65535"},
      {{"--set", "timer_a"}, "--set 'timer_a': write NAME=VALUE, such as timer_a=6s"},
      {{"--set", "=6s"}, "--set '=6s': write NAME=VALUE, such as timer_a=6s"},
      {{"-p", "-", "-i", "1", "--set", "timer_x=1s"},
       "--set timer_x: x328 has no parameter 'timer_x'; did you mean 'timer_a'?"},
      {{"-p", "-", "-i", "1", "--set", "retries_l=101"},
       "--set retries_l: '101' is out of bounds, allowed are 0 to 100 tries"},
      {{"-p", "-", "-i", "1", "--set", "timer_b=7s"}, "timer_a must be longer than timer_b"},
      {{"-p", "-", "-i", "1", "--peer", "vista-hllp"},
       "--peer: 'vista-hllp' is a peer for hllp, not for x328"},
      {{"-p", "-", "-i", "1", "--match", "all"},
       "--match: 'all' is not allowed, write auto, lockstep, msa or msa_id"},
      {{"-p", "-", "-i", "1", "--max-queue", "0"},
       "--max-queue: '0' is out of bounds, allowed are 1 to 100000"},
      {{"--time-scale", "0"}, "--time-scale: '0' is out of bounds, allowed are 0.001 to 1000"},
      {{"--name", "a b"},
       "--name: 'a b' is not a name for a line; 1 to 64 letters, digits, '.', '_' and '-' are allowed"},
      {{"--runtime-dir="}, "--runtime-dir: its value is missing"},
      {{"--list-params=all"}, "--list-params: 'all' is not a protocol, write x328, hllp, mllp or mllp2"},
  };
  for (const auto& [args, wanted] : cases) EXPECT_EQ(error(args), wanted);
}

TEST(Llpdrv, HelpNamesEveryOption) {
  const std::string help = llpdrv_help();
  for (const char* word : {"-a",
                           "-h",
                           "-m",
                           "-i",
                           "-u",
                           "-p",
                           "-t",
                           "-d",
                           "-y",
                           "-Y",
                           "-I",
                           "-1",
                           "--peer",
                           "--set",
                           "--match",
                           "--expect",
                           "--time-scale",
                           "--version",
                           "--list-params",
                           "--runtime-dir",
                           "--to",
                           "--dist",
                           "--line",
                           "--protocol",
                           "--pid-file",
                           "--lock-dir",
                           "--name",
                           "--mllp2"}) {
    EXPECT_NE(help.find(word), std::string::npos) << word;
  }
  for (const config::LineOption& option : config::line_options()) {
    EXPECT_NE(help.find("--" + config::long_name(option)), std::string::npos) << option.name;
  }
}

TEST(Llpdrv, NothingDoesHarm) {
  std::mt19937 random(99);
  const Args words{"-a",
                   "-h",
                   "-i",
                   "-p",
                   "-",
                   "-t",
                   "-u",
                   "--",
                   "--set",
                   "timer_a=6s",
                   "5001",
                   "5001%h",
                   "-dyI1",
                   "--peer",
                   "x",
                   "",
                   "--=",
                   "--set=",
                   "%",
                   "unix:/a",
                   "--list-params",
                   "-\xff",
                   "--\n",
                   "--to",
                   "-ix",
                   "--time-scale",
                   "0.5",
                   "--low-latency=no",
                   "--max-queue=3"};
  for (int i = 0; i < 20000; i++) {
    Args args;
    for (auto n = random() % 8; n > 0; n--) args.push_back(words[random() % words.size()]);
    const auto got = parse_llpdrv(args);
    if (!got) {
      EXPECT_FALSE(got.error().message.empty());
      EXPECT_EQ(got.error().message.find_first_of("\n\xff"), std::string::npos) << got.error().message;
    }
  }
}

TEST(Llpd, Arguments) {
  const Args args{"-d",         "--config", "a.toml",          "-c", "dir", "--runtime-dir", "/r",
                  "--pid-file", "-",        "--time-scale=0.5"};
  const auto i = parse_llpd(args);
  ASSERT_TRUE(i);
  EXPECT_EQ(i->action, Action::run);
  EXPECT_EQ(i->debug, 1U);
  ASSERT_EQ(i->config.size(), 2U);
  EXPECT_EQ(i->config[1], "dir");
  EXPECT_EQ(i->runtime_dir, "/r");
  EXPECT_EQ(i->pid_file, "");
  EXPECT_EQ(i->scale, (config::Scale{1, 2}));
  EXPECT_EQ(parse_llpd(Args{"--check", "-c", "x"})->action, Action::check);
  EXPECT_EQ(parse_llpd(Args{"--check", "--help"})->action, Action::help);
  EXPECT_EQ(parse_llpd(Args{"--version"})->action, Action::version);
  EXPECT_TRUE(parse_llpd(Args{})->config.empty()) << "those of /etc/llp";
  EXPECT_EQ(parse_llpd(Args{"--config="}).error().message, "--config: its value is missing");
  EXPECT_EQ(parse_llpd(Args{"--time-scale", "x"}).error().message,
            "--time-scale: 'x' is not a factor; write a decimal number such as 0.02");
  EXPECT_EQ(parse_llpd(Args{"--chek"}).error().message,
            "there is no option '--chek'; did you mean '--check'?");
}

TEST(Arguments, WithoutTheProgramsName) {
  const char* const argv[] = {"p", "a", "b"};
  EXPECT_EQ(arguments(3, argv), (Args{"a", "b"}));
  EXPECT_TRUE(arguments(1, argv).empty());
  EXPECT_TRUE(arguments(0, nullptr).empty());
}

}  // namespace
}  // namespace llp::cmd
