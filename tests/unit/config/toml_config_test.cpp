// SPDX-License-Identifier: BSD-3-Clause
#include "config/toml_config.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <string>

#include "config/line_options.hpp"
#include "config/parameters.hpp"

namespace llp::config {
namespace {

using namespace std::chrono_literals;

std::expected<DaemonConfig, std::vector<Error>> parse(const std::string& text) {
  const ConfigSource source{"llpd.toml", text};
  return parse_config(std::span(&source, 1));
}

std::string errors(const std::string& text) {
  const auto config = parse(text);
  std::string all;
  if (!config) {
    for (const Error& e : config.error()) {
      EXPECT_EQ(e.code, Errc::invalid);
      all += e.message + "\n";
    }
  }
  return all;
}

TEST(Toml, AllKeysOfALine) {
  const auto config = parse(R"(
runtime_dir = "/run/lab"
lock_dir = ""
pid_file = "/run/lab/llpd.pid"
on_failure = "exit"
retry_interval = 5
[line.chem]
port = "tty:/dev/ttyUSB0,19200,7e1"
protocol = "x328"
peer = ["vista-x328"]
to = ["5001%app1", "unix:/run/app2"]
dist = "5002%*"
serve_at_once = true
one_shot = false
match = "msa"
expect = "optional"
max_message = 5000
reply_timeout = "90s"
max_queue = 3
commit = "sent"
params = { timer_a = 7, retries_l = 4, nak_term = false, timer_d = 20.5 }
)");
  ASSERT_TRUE(config) << config.error()[0].message;
  EXPECT_EQ(config->runtime_dir, "/run/lab");
  EXPECT_EQ(config->pid_file, "/run/lab/llpd.pid");
  EXPECT_EQ(config->on_failure, OnFailure::exit);
  EXPECT_EQ(config->retry_interval, 5s);
  ASSERT_EQ(config->lines.size(), 1U);
  const core::LineConfig& line = config->lines[0];
  EXPECT_EQ(line.name, "chem");
  EXPECT_EQ(io::describe(line.port), "/dev/ttyUSB0 19200 7E1");
  EXPECT_EQ(line.protocol, LLP_PROTO_X328);
  ASSERT_EQ(line.to.size(), 2U);
  EXPECT_EQ(illp::to_string(line.to[0]), "app1:5001");
  EXPECT_EQ(illp::to_string(line.to[1]), "unix:/run/app2");
  ASSERT_TRUE(line.dist);
  EXPECT_EQ(illp::to_string(*line.dist), "*:5002");
  EXPECT_TRUE(line.serve_dist_at_once);
  EXPECT_FALSE(line.one_shot);
  EXPECT_EQ(line.params.match, static_cast<u32>(LLP_MATCH_MSA));
  EXPECT_EQ(line.params.expect_in, static_cast<u32>(LLP_EXPECT_OPTIONAL));
  EXPECT_EQ(line.params.max_message, 5000U);
  EXPECT_EQ(line.illp.max_message, 5000U);
  EXPECT_EQ(line.params.reply_timeout, 90000000U);
  EXPECT_EQ(line.params.timer_a, 7000000U);
  EXPECT_EQ(line.params.timer_d, 20500000U);
  EXPECT_EQ(line.params.retries_l, 4U);
  EXPECT_EQ(line.params.nak_term, 0U);
  EXPECT_EQ(line.params.bcc_high, static_cast<u32>(LLP_BCC_VISTA00));
  EXPECT_EQ(line.max_queue, 3U);
  EXPECT_EQ(line.commit, core::CommitPoint::sent);
  EXPECT_EQ(line.stream.lock_dir, "");
  EXPECT_TRUE(line.stream.wait_for_device) << "a daemon waits for its ports unless told otherwise";
}

TEST(Toml, EveryOptionIsAKey) {
  for (const LineOption& option : line_options()) {
    const std::string value = option.get(core::LineConfig{});
    EXPECT_EQ(errors("[line.a]\nport = \"pty:-\"\nto = 5001\n" + option.name + " = \"" + value + "\"\n"), "");
  }
}

TEST(Toml, DefaultsAndManyLines) {
  const auto config = parse(R"(
time_scale = 0.5
[[line]]
name = "a"
port = "pty:-"
max_queue = 9
[[line]]
name = "b"
port = "tcp:4000"
protocol = "mllp2"
to = "6000"
wait_for_device = false
[defaults]
to = 5001
max_queue = 7
reply_timeout = 20
)");
  ASSERT_TRUE(config) << config.error()[0].message;
  ASSERT_EQ(config->lines.size(), 2U);
  EXPECT_EQ(illp::to_string(config->lines[0].to.at(0)), "localhost:5001");
  EXPECT_EQ(config->lines[0].max_queue, 9U);
  EXPECT_EQ(config->lines[0].params.reply_timeout, 10000000U);
  EXPECT_EQ(config->lines[1].to.size(), 1U);
  EXPECT_EQ(illp::to_string(config->lines[1].to[0]), "localhost:6000");
  EXPECT_EQ(config->lines[1].max_queue, 7U);
  EXPECT_EQ(config->lines[1].protocol, LLP_PROTO_MLLP);
  EXPECT_EQ(config->lines[1].params.release, 2U);
  EXPECT_FALSE(config->lines[1].stream.wait_for_device);
}

TEST(Toml, ScaleOfTheCommandLineWins) {
  const ConfigSource source{"f", "time_scale = 0.5\n[line.a]\nport = \"pty:-\"\nto = 1\n"};
  const auto config = parse_config(std::span(&source, 1), Scale{1, 10});
  ASSERT_TRUE(config);
  EXPECT_EQ(config->lines[0].params.timer_a, 600000U);
}

TEST(Toml, EveryErrorAtOnceInTheOrderOfLines) {
  EXPECT_EQ(
      errors(R"(runtime_dir = "relative"
on_failure = "ignore"
colour = 1
[line.chem]
port = "ttyS0"
protokoll = "x328"
to = "localhost:5001"
dist = 70000
max_queue = 0
queue_timeout = "never"
one_shot = "perhaps"
[line.chem.params]
timer_a = "2us"
role = ["primary"]
timr_b = 1
[line."b ad"]
port = "pty:-"
[line.c]
port = "pty:-"
name = "d"
to = []
)"),
      "llpd.toml:1: runtime_dir: 'relative' must begin with /\n"
      "llpd.toml:2: on_failure: 'ignore' is not allowed, write retry or exit\n"
      "llpd.toml:3: colour: there is no such key\n"
      "llpd.toml:5: line.chem.port: 'ttyS0' is not a line; write tty:DEV,BAUD,MODE, llp:NAME, pty:PATH, "
      "unix:PATH, "
      "unix:%PATH, tcp:SERVICE or tcp:SERVICE%HOST\n"
      "llpd.toml:6: line.chem.protokoll: there is no such key; did you mean 'protocol'?\n"
      "llpd.toml:7: line.chem.to: 'localhost:5001' is not a service; an address is written SERVICE%HOST, "
      "such "
      "as 5000%lab1\n"
      "llpd.toml:8: line.chem.dist: '70000' is not a port number, allowed are 0 to 65535\n"
      "llpd.toml:9: line.chem.max_queue: '0' is out of bounds, allowed are 1 to 100000\n"
      "llpd.toml:10: line.chem.queue_timeout: 'never' is not a time; write a number with us, ms, s, min or "
      "h, "
      "such as 500ms or 1.5s\n"
      "llpd.toml:11: line.chem.one_shot: 'perhaps' is neither yes nor no\n"
      "llpd.toml:13: line.chem.params.timer_a: '2us' is out of bounds, allowed are 1ms to 3600s\n"
      "llpd.toml:14: line.chem.params.role: must be a string, a number, true or false\n"
      "llpd.toml:15: line.chem.params.timr_b: x328 has no parameter 'timr_b'; did you mean 'timer_b'?\n"
      "llpd.toml:16: line.'b ad': 'b ad' is not a name for a line; 1 to 64 letters, digits, '.', '_' and '-' "
      "are allowed\n"
      "llpd.toml:16: line.'b ad': there is nothing to do: neither an application to call (to) nor a service "
      "to "
      "offer (dist)\n"
      "llpd.toml:20: line.c.name: the table's own name says it already\n"
      "llpd.toml:21: line.c.to: is empty\n");
}

TEST(Toml, Shapes) {
  EXPECT_EQ(errors(""), "no line is configured: a [line.NAME] table is missing\n");
  EXPECT_EQ(errors("line = 1\n"),
            "llpd.toml:1: line: must be tables: [line.NAME], or [[line]] with a name in each\n");
  EXPECT_EQ(errors("line = [1]\n"), "llpd.toml:1: line: must be a table: [line.NAME]\n");
  EXPECT_EQ(errors("[line]\na = 1\n"), "llpd.toml:2: line: must be a table: [line.NAME]\n");
  EXPECT_EQ(errors("[[line]]\nport = \"pty:-\"\nto = 1\n"), "llpd.toml:1: line: has no name\n");
  EXPECT_EQ(errors("[line.a]\nto = 1\n"), "llpd.toml:1: line.a: no line is given\n");
  EXPECT_EQ(errors("defaults = 1\n"), "llpd.toml:1: defaults: must be a table\n");
  EXPECT_EQ(errors("[defaults]\nport = \"pty:-\"\n"),
            "llpd.toml:2: defaults.port: belongs to one line, not to the defaults\n");
  EXPECT_EQ(errors("[line.a]\nport = \"pty:-\"\nto = 1\nparams = 1\n"),
            "llpd.toml:4: line.a.params: must be a table of the protocol's parameters\n");
  const std::string syntax = errors("a = 1\nb = \n");
  EXPECT_TRUE(syntax.starts_with("llpd.toml:2: ")) << syntax;
}

TEST(Toml, TakenTwice) {
  const char* line = "[[line]]\nname = \"a\"\nport = \"tcp:4000\"\nto = 1\n";
  EXPECT_EQ(errors(std::string(line) + line),
            "llpd.toml:5: line.a: a line of this name was described before, at llpd.toml:1: line.a\n");
  EXPECT_EQ(
      errors("[line.a]\nport = \"tcp:4000\"\ndist = 5002\n[line.b]\nport = \"tcp:4000\"\ndist = 5002\n"),
      "llpd.toml:4: line.b: port tcp listen localhost:4000 is that of line a already\n"
      "llpd.toml:4: line.b: dist localhost:5002 is that of line a already\n");
  EXPECT_EQ(errors("[line.a]\nport = \"pty:-\"\ndist = 0\n[line.b]\nport = \"pty:-\"\ndist = 0\n"), "");
  // The same device at another rate, the same address by another name.
  EXPECT_EQ(errors("[line.a]\nport = \"tty:/dev/ttyS0,9600\"\ndist = \"5002\"\n"
                   "[line.b]\nport = \"tty:/dev/ttyS0,1200\"\ndist = \"5002%127.0.0.1\"\n"
                   "[line.c]\nport = \"tcp:5002%@*\"\nto = \"5002\"\n"),
            "llpd.toml:4: line.b: port /dev/ttyS0 1200 8N1 is that of line a already\n"
            "llpd.toml:4: line.b: dist 127.0.0.1:5002 is that of line a already\n"
            "llpd.toml:7: line.c: port tcp listen *:5002 is that of line a already\n");
  EXPECT_EQ(errors("metrics = \"5002\"\n[line.a]\nport = \"pty:-\"\ndist = \"5002\"\n"),
            "llpd.toml:1: metrics: localhost:5002 is that of line a already\n");
  // What is wrong elsewhere does not hide it.
  EXPECT_EQ(errors("[line.a]\nport = \"pty:/x\"\nto = 1\n[line.b]\nport = \"pty:/x\"\nto = 1\ncolour = 1\n"),
            "llpd.toml:4: line.b: port pseudo terminal /x is that of line a already\n"
            "llpd.toml:7: line.b.colour: there is no such key\n");
}

TEST(Toml, SeveralFiles) {
  const std::vector<ConfigSource> sources{
      {"1.toml", "runtime_dir = \"/a\"\n[line.a]\nport = \"pty:-\"\nto = 1\n"},
      {"2.toml", "runtime_dir = \"/b\"\n[line.a]\nport = \"pty:-\"\nto = 1\n"}};
  const auto config = parse_config(sources);
  ASSERT_FALSE(config);
  ASSERT_EQ(config.error().size(), 2U);
  EXPECT_EQ(config.error()[0].message, "2.toml:1: runtime_dir: was given before, at 1.toml:1: runtime_dir");
  EXPECT_EQ(config.error()[1].message,
            "2.toml:2: line.a: a line of this name was described before, at 1.toml:2: line.a");
}

class ConfigFiles : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "llp-config-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    dir_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  void write(const std::string& name, const std::string& text) { std::ofstream(dir_ / name) << text; }
  std::filesystem::path dir_;
};

TEST_F(ConfigFiles, FileOrDirectory) {
  write("b.toml", "two");
  write("a.toml", "one");
  write("c.toml~", "three");
  write(".d.toml", "four");
  const auto one = read_config(dir_ / "b.toml");
  ASSERT_TRUE(one);
  ASSERT_EQ(one->size(), 1U);
  EXPECT_EQ(one->at(0).text, "two");
  const auto all = read_config(dir_);
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 2U);
  EXPECT_EQ(all->at(0).text, "one");
  EXPECT_EQ(all->at(1).file, (dir_ / "b.toml").native());
}

TEST_F(ConfigFiles, Errors) {
  const auto missing = read_config(dir_ / "x");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::not_found);
  EXPECT_EQ(missing.error().message, (dir_ / "x").native() + ": No such file or directory");
  EXPECT_EQ(read_config(dir_).error().message, dir_.native() + ": has no file *.toml");
  write("big.toml", std::string((1U << 20) + 1, '#'));
  EXPECT_EQ(read_config(dir_ / "big.toml").error().code, Errc::too_large);
}

TEST_F(ConfigFiles, TheDefaultIsOneFileAndADirectoryOfLines) {
  EXPECT_EQ(read_default_config(dir_).error().message,
            (dir_ / "llpd.toml").native() + ": No such file or directory");
  write("llpd.toml", "main");
  ASSERT_TRUE(read_default_config(dir_));
  EXPECT_EQ(read_default_config(dir_)->size(), 1U);
  std::filesystem::create_directory(dir_ / "lines.d");
  EXPECT_EQ(read_default_config(dir_)->size(), 1U) << "it may be empty";
  write("lines.d/b.toml", "b");
  write("lines.d/a.toml", "a");
  const auto all = read_default_config(dir_);
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 3U);
  EXPECT_EQ(all->at(0).text, "main");
  EXPECT_EQ(all->at(1).text, "a");
  EXPECT_EQ(all->at(2).file, (dir_ / "lines.d" / "b.toml").native());
  std::filesystem::remove(dir_ / "llpd.toml");
  const auto lines = read_default_config(dir_);
  ASSERT_TRUE(lines) << "lines that were bound need no other file: " << lines.error().message;
  ASSERT_EQ(lines->size(), 2U);
  EXPECT_EQ(lines->at(0).text, "a");
}

TEST_F(ConfigFiles, DirectoriesMayLoseTheirLastFile) {
  ASSERT_TRUE(read_config(dir_, NoLines::accepted));
  EXPECT_TRUE(read_config(dir_, NoLines::accepted)->empty());
  ASSERT_TRUE(read_default_config(dir_, NoLines::accepted));
  EXPECT_TRUE(read_default_config(dir_, NoLines::accepted)->empty());
  EXPECT_EQ(read_config(dir_ / "x", NoLines::accepted).error().code, Errc::not_found) << "a file is named";
}

TEST(Toml, NoLineWhereThatIsAccepted) {
  const auto none = parse_config({}, {}, NoLines::accepted);
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->lines.empty());
  ASSERT_EQ(none->notices.size(), 1U);
  EXPECT_EQ(none->notices[0], "no line is configured: waiting for one (llpctl bind, llpctl reload)");
  const std::vector<ConfigSource> settings{{"llpd.toml", "on_failure = \"retry\"\n"}};
  EXPECT_TRUE(parse_config(settings, {}, NoLines::accepted));
  const std::vector<ConfigSource> comments{{"llpd.toml", "# lines are in lines.d\n"}};
  EXPECT_TRUE(parse_config(comments, {}, NoLines::accepted));
  // What a full disk leaves of a file is no wish that all lines end.
  const std::vector<ConfigSource> cut{{"llpd.toml", " \n"}};
  const auto refused = parse_config(cut, {}, NoLines::accepted);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error()[0].message, "llpd.toml: is empty; remove it, if no line is wanted");
  const std::vector<ConfigSource> wrong{{"llpd.toml", "colour = 1\n"}};
  EXPECT_EQ(parse_config(wrong, {}, NoLines::accepted).error().size(), 1U);
}

core::LineConfig only_line(const std::string& keys) {
  const auto config = parse("[line.a]\nport = \"tty:/dev/ttyS0\"\nto = \"5001\"\n" + keys);
  EXPECT_TRUE(config) << keys << ": " << (config ? "" : config.error()[0].message);
  return config ? config->lines.at(0) : core::LineConfig{};
}

TEST(Fingerprint, EveryKeyShows) {
  const std::string plain = fingerprint(only_line(""));
  EXPECT_EQ(fingerprint(only_line("")), plain);
  EXPECT_EQ(fingerprint(only_line("max_queue = 64\n")), plain) << "the default, written down";
  for (const char* keys :
       {"dist = 5002\n", "serve_at_once = true\n", "one_shot = true\n", "protocol = \"hllp\"\n",
        "max_message = \"2M\"\n", "match = \"msa\"\n", "ready = \"target_up\"\n", "params.timer_a = \"7s\"\n",
        "engine = \"user\"\n", "socket_mode = \"0600\"\n"}) {
    EXPECT_NE(fingerprint(only_line(keys)), plain) << keys;
  }
  // Every parameter of the protocol is in it, with its value.
  for (const std::string& name : parameter_names(LLP_PROTO_X328)) {
    if (name != "expect") {
      EXPECT_NE(plain.find("\n" + name + "="), std::string::npos) << name;
    }
  }
  core::LineConfig line = only_line("");
  line.port = io::Tty{"/dev/ttyS0", 9600, {7, 'e', 1}, io::TtyFlow::none, false};
  EXPECT_NE(fingerprint(line), plain);
  line = only_line("");
  line.to.emplace_back(illp::TcpEndpoint{"", "5003"});
  EXPECT_NE(fingerprint(line), plain);
  line = only_line("");
  line.runtime_dir = "/x";
  EXPECT_NE(fingerprint(line), plain);
}

// The examples of the manual are right.
TEST(Examples, AreAccepted) {
  int seen = 0;
  for (const auto& entry : std::filesystem::directory_iterator(LLP_DOCS "/examples")) {
    if (entry.path().extension() != ".toml") continue;
    const auto sources = read_config(entry.path());
    ASSERT_TRUE(sources);
    const auto config = parse_config(*sources);
    EXPECT_TRUE(config) << entry.path() << ": " << (config ? "" : config.error()[0].message);
    seen++;
  }
  EXPECT_GE(seen, 2);
}

TEST(Toml, NothingDoesHarm) {
  std::mt19937 random(4711);
  const std::vector<std::string> pieces{
      "[line.a]\n",      "[[line]]\n", "port", " = ",          "\"pty:-\"", "to",   "5001", "\n",  "params",
      "{ timer_a = 1 }", "[",          "]",    "[defaults]\n", "name",      "true", "-1",   "1.5", "\"\"",
      "1979-05-27",      "max_queue",  "peer", "'\\'",         "\xff",      "# x\n"};
  for (int i = 0; i < 5000; i++) {
    std::string text;
    for (auto n = random() % 16; n > 0; n--) text += pieces[random() % pieces.size()];
    const auto config = parse(text);
    if (!config) {
      EXPECT_FALSE(config.error().empty()) << text;
    }
  }
}

}  // namespace
}  // namespace llp::config
