// SPDX-License-Identifier: BSD-3-Clause
// What a line keeps on disk, as it is configured.
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "config/state_dir.hpp"
#include "config/toml_config.hpp"

namespace llp::config {
namespace {

using namespace std::chrono_literals;

std::expected<DaemonConfig, std::vector<Error>> with_keys(const std::string& keys) {
  const ConfigSource source{"llpd.toml", "[line.chem]\nport = \"pty:-\"\nto = \"5001\"\n" + keys};
  return parse_config({&source, 1});
}

core::LineConfig line(const std::string& keys) {
  const auto config = with_keys(keys);
  EXPECT_TRUE(config) << config.error().at(0).message;
  return config ? config->lines.at(0) : core::LineConfig{};
}

std::string error(const std::string& keys) {
  const auto config = with_keys(keys);
  return config ? "" : config.error().at(0).message;
}

TEST(StoreKeys, ASpoolIsATable) {
  const auto spool = line(
                         "spool = { dir = \"/s\", max_bytes = \"4G\", max_messages = 7, max_age = \"72h\", "
                         "max_attempts = 0, "
                         "retry_min = \"1s\", retry_max = \"2s\", reply_timeout = 9 }")
                         .spool;
  EXPECT_EQ(spool.dir, "/s");
  EXPECT_EQ(spool.max_bytes, std::uint64_t{4} << 30);
  EXPECT_EQ(spool.max_messages, 7U);
  EXPECT_EQ(spool.max_age, 72h);
  EXPECT_EQ(spool.max_attempts, 0U);
  EXPECT_EQ(spool.retry_min, 1s);
  EXPECT_EQ(spool.retry_max, 2s);
  EXPECT_EQ(spool.reply_timeout, 9s);
  EXPECT_EQ(line("spool_dir = \"/t\"").spool.dir, "/t");
  EXPECT_EQ(line("spool_retry_max = \"10ms\"").spool.retry_min, 10ms);  // not above it
  EXPECT_TRUE(line("").spool.dir.empty());
}

TEST(StoreKeys, ErrorsNameWhatIsAllowed) {
  EXPECT_EQ(
      error("spool = { dir = \"/s\", max_mesages = 3 }").find("llpd.toml:4: line.chem.spool.max_mesages"),
      0U);
  EXPECT_NE(error("spool = { max_mesages = 3 }").find("did you mean 'max_messages'"), std::string::npos);
  EXPECT_NE(error("spool = 3").find("must be a table"), std::string::npos);
  EXPECT_NE(error("spool = { dir = \"s\" }").find("must begin with /"), std::string::npos);
  EXPECT_NE(error("spool = { max_bytes = 1 }").find("1k to 16384G"), std::string::npos);
  EXPECT_NE(error("commit = \"spooled\"").find("spool_dir"), std::string::npos);
  EXPECT_NE(error("commit = \"stored\"").find("auto, received, spooled or sent"), std::string::npos);
  EXPECT_NE(error("on_duplicate = \"deliver it\"").find("deliver or drop"), std::string::npos);
  EXPECT_NE(error("journal = \"maybe\"").find("auto, on, off"), std::string::npos);
}

TEST(StoreKeys, FurtherListeners) {
  EXPECT_TRUE(line("").copies.empty());
  const auto two = line(R"(copies = ["5002%archive", "unix:/run/monitor"])");
  ASSERT_EQ(two.copies.size(), 2U);
  EXPECT_EQ(illp::to_string(two.copies[0]), "archive:5002");
  EXPECT_EQ(illp::to_string(two.copies[1]), "unix:/run/monitor");
  EXPECT_EQ(line("copies = \"5002\"").copies.size(), 1U);
  EXPECT_NE(error("copies = [\"5002\", \"a b\"]").find("copies"), std::string::npos);
}

TEST(StoreKeys, PossibleDuplicatesAndTheJournal) {
  EXPECT_EQ(line("").on_duplicate, core::OnDuplicate::deliver);
  EXPECT_EQ(line("on_duplicate = \"drop\"").on_duplicate, core::OnDuplicate::drop);
  const auto diverted = line("on_duplicate = \"5002%review\"");
  EXPECT_EQ(diverted.on_duplicate, core::OnDuplicate::divert);
  EXPECT_EQ(illp::to_string(*diverted.duplicates_to), "review:5002");
  EXPECT_EQ(line("").commit, core::CommitPoint::automatic);
  EXPECT_EQ(line("commit = \"sent\"").commit, core::CommitPoint::sent);
  EXPECT_EQ(line("").journal.mode, core::JournalMode::automatic);
  EXPECT_EQ(line("journal = \"on\"").journal.mode, core::JournalMode::on);
  EXPECT_EQ(line("journal = \"off\"").journal.mode, core::JournalMode::off);
  EXPECT_EQ(line("journal = \"/j\"").journal.path, "/j");
}

TEST(StoreKeys, WhereTheStateIs) {
  EXPECT_EQ(default_state_dir({0, "/a:/b", "", ""}), "/a");
  EXPECT_EQ(default_state_dir({0, "", "/x", "/root"}), "/var/lib/llp");
  EXPECT_EQ(default_state_dir({1000, "", "/x", "/home/a"}), "/x/llp");
  EXPECT_EQ(default_state_dir({1000, "", "", "/home/a"}), "/home/a/.local/state/llp");
  EXPECT_EQ(default_state_dir({1000, "", "", ""}), "");
}

}  // namespace
}  // namespace llp::config
