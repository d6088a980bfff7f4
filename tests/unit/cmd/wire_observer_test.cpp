// SPDX-License-Identifier: BSD-3-Clause
// What a line shows its observer goes on to the inner one and to who listens.
#include "cmd/wire_observer.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace llp::cmd {
namespace {

using control::WirePiece;
using Bytes = std::vector<std::uint8_t>;

class Inner : public line::Observer {
 public:
  void frame(const llp_event&) override { log += "frame "; }
  void timer(const char* name) override { log += name + std::string(" "); }
  void state(const char* name) override { log += name + std::string(" "); }
  void lost(std::size_t) override { log += "lost "; }
  void lost_bytes(std::span<const std::uint8_t>) override { log += "lost_bytes "; }
  void connection(bool up, const std::string&) override { log += up ? "up " : "down "; }
  void raw(bool out, std::span<const std::uint8_t> bytes) override {
    log += (out ? ">" : "<") + std::to_string(bytes.size()) + " ";
  }
  void message(bool out, std::span<const std::uint8_t> text, std::uint64_t) override {
    log += (out ? "message>" : "message<") + std::to_string(text.size()) + " ";
  }
  std::string log;
};

struct Heard {
  std::string line;
  WirePiece::Kind kind;
  bool out;
  Bytes octets, flags;
  std::uint64_t at;
};

TEST(WireObserver, TellsEverybodyEverything) {
  const auto inner = std::make_shared<Inner>();
  std::vector<Heard> heard;
  int changed = 0;
  WireObserver observer(
      "chem", [&changed] { ++changed; },
      [&heard](const WirePiece& p) {
        heard.push_back({std::string(p.line), p.kind, p.out, Bytes(p.octets.begin(), p.octets.end()),
                         Bytes(p.flags.begin(), p.flags.end()), p.at});
      },
      inner);
  const Bytes bytes{5, 13};
  const Bytes flags{0, 3};
  observer.connection(true, "ttyS1");
  observer.octets(false, bytes, flags);
  observer.octets(true, bytes, {});
  observer.message(true, bytes, 42);
  observer.connection(false, "unplugged");
  observer.frame({});
  observer.timer("A");
  observer.state("idle");
  observer.lost(2);
  observer.lost_bytes(bytes);
  EXPECT_EQ(inner->log, "up <2 >2 message>2 down frame A idle lost lost_bytes ");
  EXPECT_EQ(changed, 2);
  ASSERT_EQ(heard.size(), 5U);
  for (const Heard& h : heard) EXPECT_EQ(h.line, "chem");
  EXPECT_EQ(heard[0].kind, WirePiece::Kind::up);
  EXPECT_EQ(std::string(heard[0].octets.begin(), heard[0].octets.end()), "ttyS1");
  EXPECT_EQ(heard[1].flags, flags);
  EXPECT_FALSE(heard[1].out);
  EXPECT_GT(heard[1].at, 0U);
  EXPECT_TRUE(heard[2].out && heard[2].flags.empty());
  EXPECT_EQ(heard[3].kind, WirePiece::Kind::message);
  EXPECT_EQ(heard[3].at, 42U);
  EXPECT_EQ(heard[4].kind, WirePiece::Kind::down);
}

TEST(WireObserver, NeedsNobody) {
  int changed = 0;
  WireObserver observer("chem", [&changed] { ++changed; }, {}, {});
  observer.connection(true, "");
  observer.octets(true, {}, {});
  observer.raw(true, {});
  observer.message(true, {}, 1);
  EXPECT_EQ(changed, 1);
}

}  // namespace
}  // namespace llp::cmd
