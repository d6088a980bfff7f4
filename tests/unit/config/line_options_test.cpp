// SPDX-License-Identifier: BSD-3-Clause
#include "config/line_options.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <set>
#include <string>

#include "config/addresses.hpp"
#include "config/line_draft.hpp"
#include "config/text.hpp"

namespace llp::config {
namespace {

using namespace std::chrono_literals;

core::LineConfig with(std::string_view name, std::string_view value) {
  core::LineConfig config;
  const LineOption* option = find_line_option(name);
  EXPECT_NE(option, nullptr) << name;
  const auto done = option->set(config, value);
  EXPECT_TRUE(done) << name << ": " << (done ? "" : done.error().message);
  EXPECT_EQ(option->get(config), value) << name;
  return config;
}

TEST(LineOptions, EachSetsItsField) {
  EXPECT_EQ(with("commit", "sent").commit, core::CommitPoint::sent);
  EXPECT_EQ(with("ready", "target_up").ready, core::Ready::target_up);
  EXPECT_EQ(with("check", "hl7").illp.check, illp::Check::hl7);
  EXPECT_EQ(with("check", "none").illp.check, illp::Check::none);
  EXPECT_EQ(with("check", "auto").illp.check, illp::Check::automatic);
  EXPECT_EQ(core::LineConfig{}.illp.empty_reply, illp::EmptyReply::accept);
  EXPECT_EQ(with("empty_reply", "refuse").illp.empty_reply, illp::EmptyReply::refuse);
  EXPECT_EQ(with("oob", "none").illp.oob, illp::Oob::none);
  EXPECT_EQ(with("max_connections", "7").max_connections, 7U);
  EXPECT_EQ(with("max_per_address", "auto").max_per_address, std::nullopt);
  EXPECT_EQ(with("max_per_address", "0").max_per_address, 0U);
  EXPECT_EQ(with("max_per_address", "3").max_per_address, 3U);
  EXPECT_EQ(with("max_queue", "8").max_queue, 8U);
  EXPECT_EQ(with("queue_timeout", "9s").queue_timeout, 9s);
  EXPECT_EQ(with("dup_window", "11min").dup_window, 11min);
  EXPECT_EQ(with("dup_entries", "12").dup_entries, 12U);
  EXPECT_EQ(with("dead_letters", "0").dead_letters, 0U);
  EXPECT_EQ(with("dup_bytes", "3M").dup_bytes, 3U << 20);
  EXPECT_EQ(with("dead_letter_bytes", "5k").dead_letter_bytes, 5U << 10);
  EXPECT_EQ(with("retry_max", "6s").retry_max, 6s);
  EXPECT_EQ(with("stop_grace", "1500ms").stop_grace, 1500ms);
  const auto connect = with("connect_timeout", "4s");
  EXPECT_EQ(connect.illp.connect_timeout, 4s);
  EXPECT_EQ(connect.stream.connect_timeout, 4s);
  EXPECT_EQ(with("connect_tries", "13").illp.connect_tries, 13U);
  EXPECT_EQ(with("connect_pause", "0s").illp.connect_pause, 0s);
  EXPECT_EQ(with("idle_timeout", "14s").illp.idle_timeout, 14s);
  EXPECT_EQ(with("drain_time", "15ms").illp.drain_time, 15ms);
  const auto idle = with("keepalive_idle", "16s");
  EXPECT_EQ(idle.illp.keepalive_idle, 16s);
  EXPECT_EQ(idle.stream.keepalive_idle, 16s);
  const auto interval = with("keepalive_interval", "17s");
  EXPECT_EQ(interval.illp.keepalive_interval, 17s);
  EXPECT_EQ(interval.stream.keepalive_interval, 17s);
  const auto count = with("keepalive_count", "18");
  EXPECT_EQ(count.illp.keepalive_count, 18U);
  EXPECT_EQ(count.stream.keepalive_probes, 18U);
  const auto user = with("user_timeout", "19s");
  EXPECT_EQ(user.illp.user_timeout, 19s);
  EXPECT_EQ(user.stream.user_timeout, 19s);
  EXPECT_TRUE(with("wait_for_device", "yes").stream.wait_for_device);
  EXPECT_FALSE(with("low_latency", "no").stream.low_latency);
  EXPECT_EQ(with("reopen_max", "20s").stream.reopen_max, 20s);
  EXPECT_EQ(with("backoff_max", "21s").stream.backoff_max, 21s);
  EXPECT_EQ(with("socket_mode", "0600").stream.socket_mode, 0600U);
}

TEST(LineOptions, TableIsSound) {
  std::set<std::string> names;
  for (const LineOption& option : line_options()) {
    EXPECT_TRUE(names.insert(option.name).second) << option.name;
    EXPECT_FALSE(option.help.empty() || option.help.ends_with(".")) << option.name;
    EXPECT_FALSE(option.allowed.empty()) << option.name;
    core::LineConfig config;
    EXPECT_FALSE(option.set(config, "no such thing")) << option.name;
    EXPECT_TRUE(option.set(config, option.get(core::LineConfig{}))) << option.name << ": its own default";
    EXPECT_EQ(find_line_option(long_name(option)), &option);
  }
  EXPECT_EQ(find_line_option("nothing"), nullptr);
  EXPECT_EQ(find_line_option(""), nullptr);
}

LineDraft draft() {
  LineDraft d;
  d.port = *parse_line("pty:-");
  d.to.push_back(*parse_to("5001"));
  return d;
}

TEST(Resolve, AppliesPeerThenParametersThenOptions) {
  LineDraft d = draft();
  d.name = "chem";
  d.parameters.push_back({"--set block_max", "block_max", "100"});
  d.peers.push_back({"--peer", "", "vista-x328"});
  d.options.push_back({"--max-queue", "max_queue", "5"});
  d.one_shot = true;
  const auto config = resolve(d);
  ASSERT_TRUE(config) << config.error()[0].message;
  EXPECT_EQ(config->name, "chem");
  EXPECT_EQ(config->params.block_max, 100U);
  EXPECT_EQ(config->params.bcc_high, static_cast<u32>(LLP_BCC_VISTA00));
  EXPECT_EQ(config->max_queue, 5U);
  EXPECT_TRUE(config->one_shot);
  EXPECT_FALSE(config->serve_dist_at_once);
  EXPECT_EQ(config->illp.max_message, 99999U) << "the peer's limit holds on both sides";
}

TEST(Resolve, Release2) {
  LineDraft d = draft();
  d.protocol = {LLP_PROTO_MLLP, true};
  const auto config = resolve(d);
  ASSERT_TRUE(config);
  EXPECT_EQ(config->params.release, 2U);
  EXPECT_EQ(config->params.resend_after_reconnect, 1U);
}

TEST(Resolve, ScalesWhatIsATime) {
  LineDraft d = draft();
  d.scale = {1, 50};
  d.parameters.push_back({"", "timer_a", "10s"});
  d.options.push_back({"", "idle_timeout", "100s"});
  const auto config = resolve(d);
  ASSERT_TRUE(config);
  const core::LineConfig plain;
  EXPECT_EQ(config->params.timer_a, 200000U);
  EXPECT_EQ(config->params.char_time, 0U);
  EXPECT_EQ(config->illp.idle_timeout, 2s);
  EXPECT_EQ(config->queue_timeout, plain.queue_timeout / 50);
  EXPECT_EQ(config->dup_window, plain.dup_window / 50);
  EXPECT_EQ(config->stop_grace, plain.stop_grace / 50);
  EXPECT_EQ(config->stream.backoff_min, plain.stream.backoff_min / 50);
  EXPECT_EQ(config->illp.keepalive_idle, plain.illp.keepalive_idle) << "the kernel counts whole seconds";
  EXPECT_EQ(config->illp.user_timeout, plain.illp.user_timeout);
  EXPECT_EQ(config->stream.drain, plain.stream.drain) << "a transmitter does not become faster";
  EXPECT_TRUE(config->illp.validate());
}

TEST(Resolve, ReportsEverything) {
  LineDraft d;
  d.where = "here";
  d.peers.push_back({"--peer", "", "nobody"});
  d.parameters.push_back({"--set timer_z", "timer_z", "1"});
  d.options.push_back({"--max-queue", "max_queue", "none"});
  d.options.push_back({"x", "max_que", "1"});
  const auto config = resolve(d);
  ASSERT_FALSE(config);
  std::string all;
  for (const Error& e : config.error()) all += e.message + "\n";
  EXPECT_EQ(
      all,
      "here: no line is given\n"
      "here: there is nothing to do: neither an application to call (to) nor a service to offer (dist)\n"
      "--peer: 'nobody' is not a known peer; for x328 known are vista-x328 or cmop\n"
      "--set timer_z: x328 has no parameter 'timer_z'; did you mean 'timer_a'?\n"
      "--max-queue: 'none' is not a number from 1 to 100000\n"
      "x: there is no option 'max_que'; did you mean 'max_queue'?\n");
}

TEST(Resolve, RulesBetweenOptions) {
  LineDraft d = draft();
  d.parameters.push_back({"", "timer_b", "7s"});
  auto config = resolve(d);
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error()[0].message, "timer_a must be longer than timer_b");
  d = draft();
  d.where = "llpd.toml:3: line.a";
  d.options.push_back({"", "user_timeout", "1s"});
  config = resolve(d);
  ASSERT_FALSE(config);
  EXPECT_TRUE(config.error()[0].message.starts_with("llpd.toml:3: line.a: user_timeout must be at least "))
      << config.error()[0].message;
}

TEST(Absolute, EveryPath) {
  core::LineConfig c;
  const auto port = [&c](const char* text) {
    c.port = *parse_line(text);
    make_absolute(c, "/base/dir");
    return io::describe(c.port);
  };
  EXPECT_EQ(port("tty:ttyS0,keep"), "/base/dir/ttyS0 (settings kept)");
  EXPECT_EQ(port("tty:/dev/x,keep"), "/dev/x (settings kept)");
  EXPECT_EQ(port("pty:../x"), "pseudo terminal /base/x");
  EXPECT_EQ(port("pty:-"), "pseudo terminal");
  EXPECT_EQ(port("unix:s"), "unix listen /base/dir/s");
  EXPECT_EQ(port("unix:%s"), "unix /base/dir/s");
  EXPECT_EQ(port("tcp:5%h"), "tcp h:5");
  c.to = {*parse_to("unix:a"), *parse_to("5")};
  c.dist = *parse_dist("unix:b");
  c.stream.lock_dir = "";
  make_absolute(c, "/base/dir");
  EXPECT_EQ(illp::to_string(c.to[0]), "unix:/base/dir/a");
  EXPECT_EQ(illp::to_string(*c.dist), "unix:/base/dir/b");
  EXPECT_EQ(c.stream.lock_dir, "");
}

}  // namespace
}  // namespace llp::config
