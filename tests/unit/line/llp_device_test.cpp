// SPDX-License-Identifier: BSD-3-Clause
// A message device that is waited for.
#include "line/llp_device.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/worker_pool.hpp"

namespace llp::test {
namespace {

using namespace std::chrono_literals;

class DeviceNode : public testing::Test {
 protected:
  DeviceNode() { std::filesystem::create_directory(directory); }
  ~DeviceNode() override {
    std::error_code error;
    std::filesystem::remove_all(directory, error);
  }

  bool until(const std::function<bool()>& done, std::chrono::seconds limit = 20s) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (!done() && std::chrono::steady_clock::now() < deadline) {
      context.restart();
      context.run_one_for(5ms);
    }
    return done();
  }

  asio::io_context context;
  std::filesystem::path directory =
      std::filesystem::temp_directory_path() / ("llp-device-" + std::to_string(::getpid()));
  std::vector<std::string> log;
  Logger logger{[this](LogLevel, std::string_view text) { log.emplace_back(text); }, LogLevel::debug};
};

// Who waits for a device that never comes finds in the log what is wrong now, not what was at first.
TEST_F(DeviceNode, SaysWhyItWaitsWhenThatChanges) {
  const std::string path = directory / "llp0";
  io::StreamOptions options;
  options.pool = std::make_shared<WorkerPool>(1);
  options.wait_for_device = true;
  options.reopen_min = options.reopen_max = 1ms;
  auto device = line::make_device_node(context.get_executor(), path, options, logger);
  bool over = false;
  asio::co_spawn(context, device->open(), [&](const std::exception_ptr&, const auto& opened) {
    EXPECT_FALSE(opened);
    over = true;
  });
  const std::string missing = "waiting for " + path + ": cannot open " + path + ": No such file or directory";
  const std::string wrong = "waiting for " + path + ": cannot open " + path + ": Is a directory";
  ASSERT_TRUE(until([&] { return !log.empty(); }));
  int turns = 0;
  ASSERT_TRUE(until([&] { return ++turns > 20; }));
  EXPECT_EQ(log, std::vector<std::string>{missing});
  std::filesystem::create_directory(path);
  ASSERT_TRUE(until([&] { return log.size() > 1; }));
  turns = 0;
  ASSERT_TRUE(until([&] { return ++turns > 20; }));
  EXPECT_EQ(log, (std::vector<std::string>{missing, wrong}));
  device->close();
  EXPECT_TRUE(until([&] { return over; }));
}

}  // namespace
}  // namespace llp::test
