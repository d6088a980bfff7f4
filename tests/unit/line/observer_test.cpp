// SPDX-License-Identifier: BSD-3-Clause
// What lines show to who looks on: bytes with what the line says of them, and,
// of the kernel's lines, whole messages with their times.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "fake_device.hpp"
#include "line/kernel_line.hpp"
#include "line_fixture.hpp"

namespace llp::test {
namespace {

class OnLooker : public line::Observer {
 public:
  void frame(const llp_event&) override {}
  void timer(const char*) override {}
  void state(const char*) override {}
  void lost(std::size_t) override {}
  void connection(bool, const std::string&) override {}
  void raw(bool, std::span<const std::uint8_t>) override { ADD_FAILURE() << "octets() has it"; }
  void octets(bool out, std::span<const std::uint8_t> b, std::span<const std::uint8_t> f) override {
    if (out) {
      sent.append(b.begin(), b.end());
      EXPECT_TRUE(f.empty());
      return;
    }
    received.append(b.begin(), b.end());
    if (f.empty()) {
      flags.append(b.size(), '\0');
      return;
    }
    EXPECT_EQ(f.size(), b.size());
    flags.append(f.begin(), f.end());
  }
  void message(bool out, std::span<const std::uint8_t> text, std::uint64_t at) override {
    messages.push_back((out ? ">" : "<") + std::string(text.begin(), text.end()));
    times.push_back(at);
  }
  std::string received, sent, flags;
  std::vector<std::string> messages;
  std::vector<std::uint64_t> times;
};

TEST(OnLookers, SeeWhatTheLineSaysOfAByte) {
  World world;
  auto wire = std::make_shared<MemoryLine>(world.io.get_executor(), world.clock);
  auto seen = std::make_shared<OnLooker>();
  line::EngineLineOptions options;
  options.clock = world.clock;
  options.observer = seen;
  wire->fault = [](int side, std::uint64_t, std::uint8_t byte) {
    const bool damage = side == 1 && byte == 'b';
    return std::vector<MemoryLine::Byte>{{byte, damage ? std::uint8_t{LLP_FLAG_PARITY} : std::uint8_t{0}}};
  };
  auto line = line::make_engine_line(world.io.get_executor(), wire->end(0), LLP_PROTO_X328, kX328.params(),
                                     options, {});
  auto peer = wire->end(1);
  ASSERT_TRUE(*world.await(line->start()));
  ASSERT_TRUE(*world.await(peer->open()));
  ASSERT_TRUE(*world.await(peer->write(bytes("abc\x05\r"))));
  ASSERT_TRUE(world.run_until([&] { return wire->sent[0].size() == 3; }));
  EXPECT_EQ(seen->received, "abc\x05\r");
  EXPECT_EQ(seen->flags, std::string({0, LLP_FLAG_PARITY, 0, 0, 0}));
  EXPECT_EQ(seen->sent, wire->sent[0]);
  line->close();
  world.poll();
}

TEST(OnLookers, SeeTheMessagesOfTheKernelsLine) {
  World world;
  auto kernel = std::make_shared<FakeKernel>(world.io.get_executor());
  kernel->info.abi = LLP_ABI_VERSION;
  kernel->info.flags = LLP_INFO_IDLE;
  auto seen = std::make_shared<OnLooker>();
  line::KernelLineOptions options;
  options.clock = world.clock;
  options.observer = seen;
  auto line = line::make_kernel_line(world.io.get_executor(), std::make_unique<FakeDevice>(kernel),
                                     LLP_PROTO_X328, kX328.params(), options, {});
  ASSERT_TRUE(*world.await(line->start()));
  kernel->message(kernel->receiver(), {7, "from the instrument", LLP_MSG_PENDING, 0});
  world.poll();
  ASSERT_EQ(seen->messages, std::vector<std::string>{"<from the instrument"});
  ASSERT_TRUE(line->send(bytes("to it"), LLP_EXPECT_REPLY));
  world.poll();
  ASSERT_EQ(seen->messages, (std::vector<std::string>{"<from the instrument", ">to it"}));
  for (const std::uint64_t at : seen->times) EXPECT_GT(at, 0U);
  line->close();
  world.poll();
}

}  // namespace
}  // namespace llp::test
