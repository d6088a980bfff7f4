// SPDX-License-Identifier: BSD-3-Clause
// Who listens to a line over the control socket hears what passes there, in
// full or with a count of what was lost.
#include "control/wire_feed.hpp"

#include <gtest/gtest.h>

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "control/client.hpp"
#include "control/control_server.hpp"

namespace llp::control {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::ordered_json;
using Bytes = std::vector<std::uint8_t>;

class TwoLines : public LineHost {
 public:
  TwoLines() {
    chem.name = "chem";
    chem.port = io::Tty{"/dev/ttyS1", 19200, {}, io::TtyFlow::none, false};
    llp_params_default(&chem.params, LLP_PROTO_X328);
    EXPECT_EQ(llp_params_set(&chem.params, LLP_PROTO_X328, "timer_a", "8s"), 0);
    haem = chem;
    haem.name = "haem";
    haem.port = io::TcpListen{"", "4001"};
    haem.protocol = LLP_PROTO_MLLP;
    llp_params_default(&haem.params, LLP_PROTO_MLLP);
  }
  std::vector<LineInfo> lines() const override {
    return {{&chem, LineState::running, {}, "", nullptr}, {&haem, LineState::running, {}, "", nullptr}};
  }
  Result<void> stop_line(std::string_view) override { return {}; }
  Result<void> start_line(std::string_view) override { return {}; }
  void reload(std::function<void(const std::vector<Error>&)> done) override { done({}); }
  core::LineConfig chem, haem;
};

TEST(WireEvent, TellsAllOfIt) {
  const Bytes octets{0x05, 0x0d, 0xff};
  const Bytes flags{0, 3, 4};
  const auto at = static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
  const Json event = Json::parse(wire_event({"a\"b", WirePiece::Kind::bytes, true, octets, flags, at}, 7));
  EXPECT_EQ(event["event"], "wire");
  EXPECT_EQ(event["name"], "a\"b");
  EXPECT_EQ(event["kind"], "bytes");
  EXPECT_EQ(event["out"], true);
  EXPECT_EQ(event["octets"], "050dff");
  EXPECT_EQ(event["marks"], Json::parse("[[1,3],[2,4]]"));
  EXPECT_EQ(event["lost"], 7);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  EXPECT_NEAR(event["time_ns"].get<double>() / 1e9,
              static_cast<double>(std::chrono::nanoseconds(now).count()) / 1e9, 60);
  const Json bare = Json::parse(wire_event({"a", WirePiece::Kind::up, false, {}, {}, at}, 0));
  EXPECT_EQ(bare["kind"], "up");
  EXPECT_FALSE(bare.contains("marks") || bare.contains("lost"));
}

TEST(WireReport, OfALine) {
  const TwoLines host;
  const Json chem = wire_report(host.lines()[0]);
  EXPECT_EQ(chem["protocol"], "x328");
  EXPECT_EQ(chem["port"], "/dev/ttyS1 19200 8N1");
  EXPECT_EQ(chem["baud"], 19200);
  EXPECT_EQ(chem["params"], Json({{"timer_a", "8s"}}));
  EXPECT_EQ(chem["connected"], false);
  const Json haem = wire_report(host.lines()[1]);
  EXPECT_EQ(haem["baud"], 0);
  EXPECT_TRUE(haem["params"].empty());
}

class Feed : public testing::Test {
 protected:
  Feed() {
    std::string name = testing::TempDir() + "llp-feed-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no directory");
    dir = name;
    EXPECT_TRUE(server.listen(dir / kSocketName));
    thread = std::thread([this] { context.run(); });
  }
  ~Feed() override {
    asio::post(context, [this] { server.stop(); });
    thread.join();
    std::filesystem::remove_all(dir);
  }
  Client listener(const std::string& line) {
    auto client = Client::connect(dir / kSocketName);
    EXPECT_TRUE(client) << client.error().message;
    const auto answer = client->call({{"op", "capture"}, {"line", line}});
    EXPECT_TRUE(answer) << answer.error().message;
    return std::move(*client);
  }
  // In the loop's thread, as a line does; returns when it has.
  void pass(std::string_view line, const Bytes& octets, std::size_t times = 1) {
    std::promise<void> done;
    asio::post(context, [&] {
      for (std::size_t i = 0; i < times; i++) {
        server.passed({line, WirePiece::Kind::bytes, false, octets, {}, 1});
      }
      done.set_value();
    });
    done.get_future().wait();
  }
  std::filesystem::path dir;
  TwoLines host;
  asio::io_context context{1};
  ControlServer server{context.get_executor(), host, "1.2.3", Logger()};
  std::thread thread;
};

TEST_F(Feed, WhoListensHearsOneLine) {
  Client chem = listener("chem");
  Client haem = listener("haem");
  pass("chem", {1});
  pass("haem", {2});
  pass("chem", {3});
  EXPECT_EQ(chem.next_event(20s).value()["octets"], "01");
  EXPECT_EQ(chem.next_event(20s).value()["octets"], "03");
  EXPECT_EQ(haem.next_event(20s).value()["octets"], "02");
  EXPECT_EQ(haem.next_event(1ms).error().code, Errc::timeout);
}

TEST_F(Feed, ASubscriberDoesNotSeeContents) {
  auto client = Client::connect(dir / kSocketName);
  ASSERT_TRUE(client && client->call({{"op", "subscribe"}}));
  pass("chem", {1});
  EXPECT_EQ(client->next_event(20ms).error().code, Errc::timeout);
}

TEST_F(Feed, ThereMustBeSuchALine) {
  auto client = Client::connect(dir / kSocketName);
  ASSERT_TRUE(client);
  EXPECT_EQ(client->call({{"op", "capture"}, {"line", "x"}}).error().code, Errc::refused);
  EXPECT_EQ(client->call({{"op", "capture"}}).error().message, "line is missing");
  pass("x", {1});
  EXPECT_EQ(client->next_event(20ms).error().code, Errc::timeout);
}

// What nobody reads is bounded, the line goes on, and the gap has a number.
TEST_F(Feed, WhoIsTooSlowLosesWithACount) {
  Client slow = listener("chem");
  const Bytes block(100'000, 0x41);
  constexpr std::uint64_t kPieces = 400;
  pass("chem", block, kPieces);
  std::uint64_t heard = 0;
  std::uint64_t lost = 0;
  // Everything that was kept, and then something that is heard again.
  for (auto event = slow.next_event(5s); event; event = slow.next_event(200ms)) {
    EXPECT_EQ((*event)["octets"].get<std::string>().size(), 2 * block.size());
    ++heard;
  }
  EXPECT_GT(heard, 5U);
  EXPECT_LT(heard, kPieces);
  pass("chem", {7});
  const auto last = slow.next_event(20s);
  ASSERT_TRUE(last) << last.error().message;
  EXPECT_EQ((*last)["octets"], "07");
  lost = (*last)["lost"].get<std::uint64_t>();
  EXPECT_EQ(heard + lost, kPieces);
  EXPECT_EQ(slow.call({{"op", "health"}}).value()["ok"], true);
}

}  // namespace
}  // namespace llp::control
