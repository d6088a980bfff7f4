// SPDX-License-Identifier: BSD-3-Clause
// Two lines over the two ends of a line in memory.
#pragma once

#include <gtest/gtest.h>

#include <charconv>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "line/engine_line.hpp"
#include "support/manual_clock.hpp"
#include "support/memory_stream.hpp"

namespace llp::test {

using line::Bytes;
using line::Kind;
using line::Message;
using line::Outgoing;
using line::SendResult;

inline constexpr std::uint64_t kMilli = 1'000'000;
inline constexpr std::uint64_t kSecond = 1000 * kMilli;

inline Bytes bytes(std::string_view text) { return {text.begin(), text.end()}; }
inline std::string str(const Bytes& b) { return {b.begin(), b.end()}; }

inline std::string request(int n, std::size_t size = 0) {
  std::string text = "MSH|^~\\&|LAB|A|HIS|B|20260101||ORU^R01|id" + std::to_string(n) + "|P|2.3\rPID|1\r";
  while (text.size() < size) text += "OBX|1|NM|GLU||" + std::to_string(text.size()) + "|mg/dl\r";
  return text;
}
inline std::string reply(int n) {
  return "MSH|^~\\&|HIS|B|LAB|A|20260101||ACK|r" + std::to_string(n) + "|P|2.3\rMSA|AA|id" +
         std::to_string(n) + "\r";
}
// Number of a request or a reply made by the above.
inline int number_of(const std::string& text) {
  const auto at = text.find("|id");
  int number = -1;
  if (at != std::string::npos) (void)std::from_chars(text.data() + at + 3, text.data() + text.size(), number);
  return number;
}

struct Protocol {
  const char* name;
  llp_protocol protocol;
  unsigned release;  // MLLP

  [[nodiscard]] llp_params params() const {
    llp_params p{};
    llp_params_default(&p, protocol);
    if (protocol == LLP_PROTO_MLLP) {
      EXPECT_EQ(llp_params_set(&p, protocol, "release", release == 2 ? "2" : "1"), 0);
    }
    return p;
  }
  // Acknowledges each message by itself.
  [[nodiscard]] bool acknowledges() const { return protocol == LLP_PROTO_X328 || release == 2; }
};

inline constexpr Protocol kX328{"x328", LLP_PROTO_X328, 0};
inline constexpr Protocol kHllp{"hllp", LLP_PROTO_HLLP, 0};
inline constexpr Protocol kMllp{"mllp", LLP_PROTO_MLLP, 1};
inline constexpr Protocol kMllp2{"mllp2", LLP_PROTO_MLLP, 2};

inline std::string protocol_name(const testing::TestParamInfo<Protocol>& info) { return info.param.name; }

// One station: a line, and what happened there.
struct Station {
  std::unique_ptr<line::Line> line;
  std::vector<std::string> received;  // requests, in order
  std::vector<bool> repeats;
  std::deque<line::Fate> fates;
  bool read_ended = false;

  // Answers every message with reply() of its number.
  static asio::awaitable<void> serve(Station& s) {
    while (true) {
      auto message = co_await s.line->read();
      if (!message) break;
      s.received.push_back(str(message->text));
      s.repeats.push_back(message->repeat);
      const int n = number_of(s.received.back());
      if (message->acknowledgement || message->late) {
        s.line->verdict(message->id, LLP_ACCEPT);
        continue;
      }
      if (s.line->verdict(message->id, LLP_ACCEPT_ANSWER) == LLP_GONE) continue;
      auto sent = s.line->answer(message->id, bytes(reply(n)));
      EXPECT_TRUE(sent || sent.error().code == Errc::cancelled);
    }
    s.read_ended = true;
  }
};

// What became of one request.
struct Outcome {
  bool over = false;
  SendResult sent;
  Result<Message> reply = fail(Errc::busy, "not yet");
};

class Pair {
 public:
  explicit Pair(const Protocol& protocol, llp_params pa, llp_params pb, line::EngineLineOptions options = {})
      : wire(std::make_shared<MemoryLine>(world.io.get_executor(), world.clock)) {
    options.clock = world.clock;
    pa.role = LLP_PRIMARY;
    a.line =
        line::make_engine_line(world.io.get_executor(), wire->end(0), protocol.protocol, pa, options, {});
    b.line =
        line::make_engine_line(world.io.get_executor(), wire->end(1), protocol.protocol, pb, options, {});
  }
  explicit Pair(const Protocol& protocol, line::EngineLineOptions options = {})
      : Pair(protocol, protocol.params(), protocol.params(), std::move(options)) {}
  ~Pair() {
    a.line->close();
    b.line->close();
    if (poll_at_end) world.poll();
  }

  void start() {
    for (Station* s : {&a, &b}) {
      const auto started = world.await(s->line->start());
      ASSERT_TRUE(started && *started);
    }
  }
  void serve() {
    world.spawn(Station::serve(a));
    world.spawn(Station::serve(b));
  }

  // Sends a request; its outcome comes by itself.
  std::shared_ptr<Outcome> ask(Station& s, std::string text, llp_expect expect = LLP_EXPECT_REPLY) {
    auto outcome = std::make_shared<Outcome>();
    auto item = s.line->send(bytes(text), expect);
    if (!item) {
      outcome->over = true;
      outcome->reply = std::unexpected(item.error());
      return outcome;
    }
    world.spawn(follow(*s.line, *item, outcome));
    return outcome;
  }

  // One exchange each way works.
  void expect_works(int n) {
    const auto there = ask(a, request(n));
    ASSERT_TRUE(world.run_until([&] { return there->over; }, 600 * kSecond));
    ASSERT_TRUE(there->reply) << there->reply.error().message;
    EXPECT_EQ(str(there->reply->text), reply(n));
    const auto back = ask(b, request(n + 1));
    ASSERT_TRUE(world.run_until([&] { return back->over; }, 600 * kSecond));
    ASSERT_TRUE(back->reply) << back->reply.error().message;
    EXPECT_EQ(str(back->reply->text), reply(n + 1));
  }

  World world;
  std::shared_ptr<MemoryLine> wire;
  Station a, b;
  bool poll_at_end = true;

 private:
  static asio::awaitable<void> follow(line::Line& l, std::shared_ptr<Outgoing> item,
                                      std::shared_ptr<Outcome> outcome) {
    outcome->sent = co_await item->sent();
    while (true) {
      outcome->reply = co_await item->reply();
      // A reply whose transmission is over comes again.
      if (!outcome->reply || l.verdict(outcome->reply->id, LLP_ACCEPT) != LLP_GONE) break;
    }
    outcome->over = true;
  }
};

}  // namespace llp::test
