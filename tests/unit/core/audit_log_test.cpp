// SPDX-License-Identifier: BSD-3-Clause
// The audit log: its lines, and a file that moves away, is full, or is nothing
// that can be written.
#include "core/audit_log.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <asio/io_context.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

namespace llp::core {
namespace {

namespace fs = std::filesystem;

std::vector<std::uint8_t> bytes(std::string_view text) { return {text.begin(), text.end()}; }

AuditRecord record(std::string_view outcome = "delivered") {
  AuditRecord r;
  r.line = "chem";
  r.key = store::key_of(bytes("message"));
  r.outcome = outcome;
  return r;
}

class AuditTest : public testing::Test {
 protected:
  AuditTest() {
    std::string name = testing::TempDir() + "llp-audit-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no directory");
    dir = name;
  }
  ~AuditTest() override { fs::remove_all(dir); }

  std::unique_ptr<AuditLog> open(const fs::path& path, bool with_ids = false) {
    const Logger log([this](LogLevel, std::string_view text) { said.emplace_back(text); }, LogLevel::notice);
    auto opened = AuditLog::open(context.get_executor(), path, with_ids, log);
    if (!opened) throw std::runtime_error(opened.error().message);
    return std::move(*opened);
  }
  static std::vector<nlohmann::json> lines(const fs::path& path) {
    std::ifstream in(path);
    std::vector<nlohmann::json> all;
    for (std::string line; std::getline(in, line);)
      all.push_back(nlohmann::json::parse(line, nullptr, false));
    return all;
  }
  void listen() {
    context.restart();
    context.poll();
  }

  fs::path dir;
  asio::io_context context{1};
  std::vector<std::string> said;
};

TEST(AuditLine, AllOfIt) {
  AuditRecord r = record();
  r.to_instrument = true;
  r.id = "17\"\\\n\xe4";
  r.reply_size = 100;
  r.peer = "127.0.0.1:5001";
  const auto time = std::chrono::system_clock::time_point(std::chrono::microseconds(1700000000000042));
  const std::string line = audit_line(r, time);
  EXPECT_EQ(
      line,
      "{\"time\":\"2023-11-14T22:13:20.000042Z\",\"line\":\"chem\",\"direction\":\"distal\",\"size\":7,"
      "\"sha256\":\"ab530a13e45914982b79f9b7e3fba994cfd1f3fb22f71cea1afbf02b460c6d1d\",\"id\":\"17\\\"\\\\"
      "\\u000a\\u00e4\",\"outcome\":\"delivered\",\"reply_size\":100,\"peer\":\"127.0.0.1:5001\"}\n");
  EXPECT_EQ(nlohmann::json::parse(line)["id"], "17\"\\\n\u00e4");
}

TEST(AuditLine, TimesBefore1970AreNoTrap) {
  const std::string line =
      audit_line(record(), std::chrono::system_clock::time_point(std::chrono::microseconds(-1)));
  EXPECT_NE(line.find("1969-12-31T23:59:59.999999Z"), std::string::npos) << line;
}

TEST(MessageId, OfHl7Only) {
  EXPECT_EQ(message_id(bytes("MSH|^~\\&|A|B|C|D|2026||ORU^R01|4711|P|2.5\rPID|1|x")), "4711");
  EXPECT_EQ(message_id(bytes("MSH#^~\\&#A#B#C#D#2026##ORU^R01#4711")), "4711");
  EXPECT_EQ(message_id(bytes("MSH|^~\\&|A|B\rPID|1|2|3|4|5|6|7|8|9|10")), "");
  EXPECT_EQ(message_id(bytes("MSH|^~\\&|||||||||P")), "");
  EXPECT_EQ(message_id(bytes("FHS|^~\\&|A|B|C|D|2026||ORU^R01|4711|P")), "");
  EXPECT_EQ(message_id(bytes("MSH")), "");
  EXPECT_EQ(message_id(bytes("")), "");
  EXPECT_EQ(message_id(bytes("MSH|||||||||" + std::string(300, 'x'))).size(), 199u);
}

TEST_F(AuditTest, InOrderAndForItsGroupOnly) {
  const ::mode_t before = ::umask(0);
  auto log = open(dir / "audit");
  ::umask(before);
  for (int i = 0; i < 1000; ++i) log->record(record(i % 2 != 0 ? "failed" : "delivered"));
  log.reset();
  const auto all = lines(dir / "audit");
  ASSERT_EQ(all.size(), 1000u);
  for (std::size_t i = 0; i < all.size(); ++i)
    EXPECT_EQ(all[i]["outcome"], i % 2 != 0 ? "failed" : "delivered");
  struct stat status{};
  ASSERT_EQ(::stat((dir / "audit").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0640U);
  EXPECT_TRUE(said.empty());
}

TEST_F(AuditTest, AppendsToWhatIsThere) {
  open(dir / "audit")->record(record());
  open(dir / "audit")->record(record());
  EXPECT_EQ(lines(dir / "audit").size(), 2u);
}

TEST_F(AuditTest, AFileThatWasMovedAway) {
  auto log = open(dir / "audit");
  log->record(record("delivered"));
  // Until it is told, it writes to the file that it has.
  while (fs::file_size(dir / "audit") == 0) std::this_thread::yield();
  fs::rename(dir / "audit", dir / "audit.1");
  log->reopen();
  log->record(record("failed"));
  log.reset();
  ASSERT_EQ(lines(dir / "audit.1").size(), 1u);
  ASSERT_EQ(lines(dir / "audit").size(), 1u);
  EXPECT_EQ(lines(dir / "audit")[0]["outcome"], "failed");
}

TEST_F(AuditTest, ADiskThatTakesNothing) {
  auto log = open(dir / "audit");
  fs::remove_all(dir);  // a new file cannot be made
  log->reopen();
  for (int i = 0; i < 5; ++i) log->record(record());
  while (log->lost() < 5) std::this_thread::yield();
  listen();
  ASSERT_EQ(said.size(), 1u);
  EXPECT_NE(said[0].find("the audit log cannot be written, records are lost: "), std::string::npos);
  fs::create_directory(dir);
  log->record(record("failed"));
  log.reset();
  listen();
  EXPECT_EQ(lines(dir / "audit").size(), 1u);
}

// A full disk cuts a line in the middle: only that one is broken.
TEST_F(AuditTest, ALineThatWasCut) {
  const auto old_action = std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  auto log = open(dir / "audit");
  const std::size_t size = audit_line(record(), {}).size();
  rlimit small = before;
  small.rlim_cur = size + size / 2;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  log->record(record());
  log->record(record());
  while (log->lost() < 1) std::this_thread::yield();
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  log->record(record("failed"));
  log->record(record("failed"));
  log->close();
  listen();
  (void)std::signal(SIGXFSZ, old_action);
  const auto all = lines(dir / "audit");
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(all[0]["outcome"], "delivered");
  EXPECT_TRUE(all[1].is_discarded());
  EXPECT_EQ(all[2]["outcome"], "failed");
  EXPECT_EQ(all[3]["outcome"], "failed");
  EXPECT_EQ(log->lost(), 1u);
  ASSERT_EQ(said.size(), 2u);
  EXPECT_NE(said[1].find("is written again; 1 records are lost"), std::string::npos);
}

TEST_F(AuditTest, WhatIsNoFile) {
  fs::create_symlink(dir / "elsewhere", dir / "link");
  for (const fs::path& path : {dir, dir / "no" / "audit", dir / "link", fs::path("/dev/null")}) {
    const auto opened = AuditLog::open(context.get_executor(), path, false, {});
    EXPECT_FALSE(opened) << path;
  }
}

TEST_F(AuditTest, NothingAfterItsEnd) {
  auto log = open(dir / "audit");
  log->close();
  log->record(record());
  log->reopen();
  log->close();
  EXPECT_EQ(log->lost(), 1u);
  EXPECT_TRUE(lines(dir / "audit").empty());
}

}  // namespace
}  // namespace llp::core
