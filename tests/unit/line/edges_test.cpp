// SPDX-License-Identifier: BSD-3-Clause
// Start, failure, what is seen from outside, and the parts by themselves.
#include <gmock/gmock.h>

#include "line/engine_shell.hpp"
#include "line/received.hpp"
#include "line_fixture.hpp"

namespace llp::test {
namespace {

TEST(Start, AnErrorThatWaitingDoesNotMend) {
  Pair pair(kMllp);
  pair.wire->refuse_open = [](int side) {
    return side == 0 ? Error{Errc::not_found, "/dev/ttyX9: no such device", 2} : Error{};
  };
  const auto started = pair.world.await(pair.a.line->start());
  ASSERT_TRUE(started);
  ASSERT_FALSE(*started);
  EXPECT_EQ(started->error().code, Errc::not_found);
  EXPECT_THAT(started->error().message, testing::HasSubstr("/dev/ttyX9"));
}

TEST(Start, AnErrorThatComesLaterEndsTheReader) {
  Pair pair(kMllp);
  pair.start();
  pair.wire->refuse_open = [](int side) {
    return side == 0 ? Error{Errc::permission, "not ours any more", 13} : Error{};
  };
  const auto outcome = pair.ask(pair.a, request(1));
  pair.wire->break_session();
  const auto message = pair.world.await(pair.a.line->read());
  ASSERT_TRUE(message);
  ASSERT_FALSE(*message);
  EXPECT_EQ(message->error().code, Errc::permission);
  EXPECT_TRUE(pair.world.run_until([&] { return outcome->over; }));
}

TEST(Start, ReturnsAfterAWhileWithoutAPeer) {
  Pair pair(kMllp);
  pair.wire->set_online(false);
  const std::uint64_t begin = pair.world.clock->now();
  const auto started = pair.world.await(pair.a.line->start());
  ASSERT_TRUE(started && *started);
  EXPECT_EQ(pair.world.clock->now() - begin, kSecond);
}

TEST(Begin, ComesOnceForAllThatBegan) {
  Pair pair(kX328);
  pair.wire->char_time = std::chrono::milliseconds(1);
  pair.start();
  const auto outcome = pair.ask(pair.a, request(1, 400), LLP_EXPECT_NONE);
  const auto begun = pair.world.await(pair.b.line->begin());
  ASSERT_TRUE(begun && *begun);
  EXPECT_FALSE(outcome->over);
  bool arrived = false;
  const auto wait = [](line::Line& l, bool& done) -> asio::awaitable<void> {
    co_await l.received();
    done = true;
  };
  pair.world.spawn(wait(*pair.b.line, arrived));
  pair.world.poll();
  EXPECT_FALSE(arrived);
  const auto message = pair.world.await(pair.b.line->read());
  ASSERT_TRUE(message && *message);
  pair.world.poll();
  EXPECT_TRUE(arrived);
  EXPECT_FALSE(pair.b.line->idle());
  pair.b.line->verdict((*message)->id, LLP_ACCEPT);
  ASSERT_TRUE(pair.world.run_until([&] { return outcome->over; }));
  ASSERT_TRUE(pair.world.await(pair.b.line->rest()));
  EXPECT_TRUE(pair.b.line->idle());
}

TEST(AbortReceive, StopsTheMessageThatArrives) {
  Pair pair(kX328);
  pair.wire->char_time = std::chrono::milliseconds(1);
  pair.start();
  const auto outcome = pair.ask(pair.a, request(1, 2000), LLP_EXPECT_NONE);
  const auto begun = pair.world.await(pair.b.line->begin());
  ASSERT_TRUE(begun && *begun);
  pair.b.line->abort_receive();
  ASSERT_TRUE(pair.world.run_until([&] { return outcome->over; }));
  EXPECT_EQ(outcome->sent.cause, LLP_CAUSE_INTERRUPTED);
  ASSERT_TRUE(pair.world.await(pair.b.line->received()));
}

TEST(CharTime, IsTakenFromTheStream) {
  Pair pair(kX328);
  pair.wire->char_time = std::chrono::microseconds(1042);
  pair.start();
  ASSERT_TRUE(pair.world.run_until([&] { return pair.a.line->connected(); }));
  EXPECT_EQ(pair.a.line->params().char_time, 1'042'000U);
}

TEST(Reading, HoldsLittleUntilMuchComes) {
  Pair pair(kMllp2);
  pair.start();
  pair.serve();
  pair.expect_works(1);
  for (const std::size_t room : pair.wire->rooms[1]) EXPECT_EQ(room, 1024U);
  const auto large = pair.ask(pair.a, request(3, 100'000));
  ASSERT_TRUE(pair.world.run_until([&] { return large->over; }));
  EXPECT_TRUE(large->reply);
  EXPECT_EQ(pair.b.received.back(), request(3, 100'000));
  EXPECT_EQ(std::ranges::max(pair.wire->rooms[1]), 16384U);
  pair.expect_works(4);
  EXPECT_EQ(pair.wire->rooms[1].back(), 1024U) << "it gives back what it does not need";
}

TEST(Writing, AFailureEndsTheConnectionEvenIfTheReaderSeesNothing) {
  Pair pair(kMllp2);
  pair.start();
  pair.serve();
  pair.wire->fail_writes[0] = true;
  const auto outcome = pair.ask(pair.a, request(1));
  ASSERT_TRUE(pair.world.run_until([&] { return pair.wire->opens[0] == 2; }, kSecond));
  pair.wire->fail_writes[0] = false;
  // MLLP 2 sends it again on the new connection.
  ASSERT_TRUE(pair.world.run_until([&] { return outcome->over; }));
  EXPECT_TRUE(outcome->reply) << outcome->reply.error().message;
  EXPECT_EQ(pair.b.received.size(), 1U);
}

TEST(Writing, AStuckTransmitterIsGivenUp) {
  llp_params params = kMllp.params();
  params.tx_stall = 2'000'000;
  Pair pair(kMllp, params, params);
  pair.start();
  pair.wire->block_writes[0] = true;
  const auto outcome = pair.ask(pair.a, request(1));
  ASSERT_TRUE(pair.world.run_until([&] { return outcome->over; }));
  EXPECT_FALSE(outcome->reply);
  EXPECT_EQ(pair.a.line->counters()[LLP_C_TX_STALLS], 1U);
}

class Recorder : public line::Observer {
 public:
  void frame(const llp_event& event) override {
    frames.push_back(std::string(event.out != 0 ? ">" : "<") +
                     llp_frame_name(static_cast<llp_frame>(event.frame)));
  }
  void timer(const char* name) override { timers.emplace_back(name); }
  void state(const char* name) override { states.emplace_back(name); }
  void lost(std::size_t bytes) override { lost_bytes += bytes; }
  void cut(llp_cause cause) override { cuts.push_back(cause); }
  void connection(bool up, const std::string& what) override {
    connections.push_back((up ? "+" : "-") + what);
  }
  void raw(bool out, std::span<const std::uint8_t> b) override {
    bytes_seen[out ? 1 : 0].append(b.begin(), b.end());
  }
  std::vector<std::string> frames, timers, states, connections;
  std::vector<llp_cause> cuts;
  std::size_t lost_bytes = 0;
  std::array<std::string, 2> bytes_seen;
};

TEST(Observer, SeesEverything) {
  World world;
  auto wire = std::make_shared<MemoryLine>(world.io.get_executor(), world.clock);
  auto seen = std::make_shared<Recorder>();
  line::EngineLineOptions options;
  options.clock = world.clock;
  options.observer = seen;
  auto line = line::make_engine_line(world.io.get_executor(), wire->end(0), LLP_PROTO_X328, kX328.params(),
                                     options, {});
  auto peer = wire->end(1);
  ASSERT_TRUE(*world.await(line->start()));
  ASSERT_TRUE(*world.await(peer->open()));
  ASSERT_TRUE(*world.await(peer->write(bytes("abc\x05\r"))));
  ASSERT_TRUE(world.run_until([&] { return wire->sent[0].size() == 3; }));
  EXPECT_EQ(wire->sent[0],
            "\x10"
            "0\r");
  EXPECT_EQ(seen->bytes_seen[0], "abc\x05\r");
  EXPECT_EQ(seen->bytes_seen[1], wire->sent[0]);
  EXPECT_EQ(seen->lost_bytes, 3U);
  EXPECT_THAT(seen->frames, testing::Contains(std::string("<") + llp_frame_name(LLP_FR_ENQ)));
  EXPECT_THAT(seen->frames, testing::Contains(std::string(">") + llp_frame_name(LLP_FR_ACK)));
  EXPECT_EQ(seen->connections, std::vector<std::string>{"+memory line"});
  EXPECT_FALSE(seen->states.empty());
  // Timer D of the slave.
  world.run_for(40 * kSecond);
  EXPECT_FALSE(seen->timers.empty());
  peer->disconnect();
  ASSERT_TRUE(world.run_until([&] { return seen->connections.size() >= 2; }));
  EXPECT_EQ(seen->connections[1][0], '-');
}

TEST(Observer, IsToldWhatWasCut) {
  auto seen = std::make_shared<Recorder>();
  line::EngineLineOptions options;
  options.observer = seen;
  Pair pair(kX328, options);
  pair.wire->char_time = std::chrono::milliseconds(1);
  pair.start();
  const auto outcome = pair.ask(pair.a, request(1, 2000), LLP_EXPECT_NONE);
  const auto begun = pair.world.await(pair.b.line->begin());
  ASSERT_TRUE(begun && *begun);
  EXPECT_TRUE(seen->cuts.empty());
  pair.b.line->abort_receive();
  ASSERT_TRUE(pair.world.run_until([&] { return outcome->over; }));
  EXPECT_EQ(seen->cuts.size(), 1U);
  pair.serve();
  pair.expect_works(2);
  EXPECT_EQ(seen->cuts.size(), 1U) << "what came whole was not";
}

// shows: x328/6/2
TEST(LineFlags, ADamagedByteMakesItsBlockBad) {
  Pair pair(kX328);
  bool done = false;
  pair.wire->fault = [&](int side, std::uint64_t, std::uint8_t byte) {
    const bool damage = side == 0 && byte == '|' && !done;
    if (damage) done = true;
    return std::vector<MemoryLine::Byte>{{byte, damage ? std::uint8_t{LLP_FLAG_PARITY} : std::uint8_t{0}}};
  };
  pair.start();
  pair.serve();
  pair.expect_works(1);
  EXPECT_EQ(pair.b.line->counters()[LLP_C_FLAG_PARITY], 1U);
  EXPECT_EQ(pair.a.line->counters()[LLP_C_RETRANSMISSIONS], 1U);
}

// Timer A runs from the bid's last character on the wire to the next bid: 6 s, and at most 10 % and
// 50 ms more.
// shows: x328/D-21 common/2
TEST(Timers, NeitherEarlyNorLate) {
  World world;
  const auto wire = std::make_shared<MemoryLine>(world.io.get_executor(), world.clock);
  wire->char_time = std::chrono::microseconds(1042);  // 9600 baud
  line::EngineLineOptions options;
  options.clock = world.clock;
  const auto line = line::make_engine_line(world.io.get_executor(), wire->end(0), LLP_PROTO_X328,
                                           kX328.params(), options, {});
  const auto silent = wire->end(1);
  ASSERT_TRUE(world.await(line->start()));
  ASSERT_TRUE(world.await(silent->open()));
  world.run_for(kSecond);
  ASSERT_TRUE(line->send(bytes(request(1)), LLP_EXPECT_NONE));
  const auto bids = [&] { return std::ranges::count(wire->sent[0], '\x05'); };
  ASSERT_TRUE(world.run_until([&] { return bids() == 1; }, 60 * kSecond));
  for (int n = 2; n <= 4; ++n) {
    const std::uint64_t left = world.clock->now() + wire->writes[0].back() * 1'042'000;
    ASSERT_TRUE(world.run_until([&] { return bids() == n; }, 60 * kSecond));
    const std::uint64_t took = world.clock->now() - left;
    EXPECT_GE(took, 6 * kSecond);
    EXPECT_LE(took, 6 * kSecond * 11 / 10 + 50 * kMilli);
  }
  line->close();
  world.poll();
}

// ---- received.hpp ----

TEST(ReceivedTable, KeepsFatesOfTheLast) {
  line::Received received;
  for (line::MessageId id = 1; id <= 1000; ++id) {
    received.ended(id, true);
    EXPECT_FALSE(received.fate(id));
    received.judged(id, LLP_ACCEPT, LLP_ACKNOWLEDGED);
    EXPECT_TRUE(received.fate(id)->acknowledged);
  }
  EXPECT_TRUE(received.knows(1000));
  EXPECT_TRUE(received.knows(1001 - line::Received::kKept));
  EXPECT_FALSE(received.knows(1000 - line::Received::kKept));
  EXPECT_FALSE(received.fate(1)->acknowledged);
}

TEST(ReceivedTable, WhatWasCancelledUntakenIsForgotten) {
  line::Received received;
  for (const line::MessageId id : {1U, 2U}) {
    received.ended(id, true);
    Message message;
    message.id = id;
    message.text = bytes("four");
    received.queue(std::move(message));
  }
  EXPECT_EQ(received.bytes(), 8U);
  received.cancelled(1, LLP_CAUSE_SENDER_ABORT, false);
  EXPECT_EQ(received.count(), 1U);
  EXPECT_EQ(received.bytes(), 4U);
  EXPECT_EQ(received.take()->id, 2U);
  EXPECT_EQ(received.fate(1)->cause, LLP_CAUSE_SENDER_ABORT);
}

TEST(ReceivedTable, AcceptedThenCancelled) {
  line::Received received;
  received.ended(1, true);
  received.judged(1, LLP_ACCEPT, LLP_LATE);
  EXPECT_FALSE(received.fate(1));
  received.cancelled(1, LLP_CAUSE_HANGUP, true);
  ASSERT_TRUE(received.fate(1));
  EXPECT_FALSE(received.fate(1)->acknowledged);
  EXPECT_TRUE(received.fate(1)->accepted);
}

// ---- engine_shell.hpp ----

class Quiet : public line::EngineShell::Sink {
 public:
  void engine_event(const llp_event& event) noexcept override {
    if (event.type == LLP_EV_CANCEL) causes.push_back(static_cast<llp_cause>(event.cause));
  }
  void engine_message(const llp_event&, std::span<const std::uint8_t> text) noexcept override {
    texts.emplace_back(text.begin(), text.end());
  }
  std::span<const std::uint8_t> engine_text(std::uint32_t) noexcept override { return {}; }
  std::vector<std::string> texts;
  std::vector<llp_cause> causes;
};

// shows: common/7
TEST(Shell, MemoryIsBounded) {
  Quiet quiet;
  llp_params params = kMllp.params();
  params.max_message = 100'000;
  line::EngineShell shell(LLP_PROTO_MLLP, params, std::make_shared<ManualClock>(), quiet);
  shell.connected();
  shell.set_ready(LLP_READY_ALL);
  Bytes flood(1 << 20, 'x');
  flood[0] = 0x0b;
  EXPECT_EQ(shell.rx(flood, nullptr), flood.size());
  EXPECT_LE(shell.memory(), 2 * 100'000U + 4096U);
  const Bytes end = bytes(std::string("\x1c\r\x0b") + "ok\r\x1c\r");
  std::size_t done = 0;
  while (done < end.size()) done += shell.rx(std::span(end).subspan(done), nullptr);
  EXPECT_EQ(quiet.texts, std::vector<std::string>{"ok\r"});
}

TEST(Shell, ALongMessageGivesItsMemoryBack) {
  Quiet quiet;
  line::EngineShell shell(LLP_PROTO_MLLP, kMllp.params(), std::make_shared<ManualClock>(), quiet);
  shell.connected();
  shell.set_ready(LLP_READY_ALL);
  std::string text(3 << 20, 'x');
  const Bytes frame = bytes("\x0b" + text + "\x1c\r");
  std::size_t done = 0;
  while (done < frame.size()) done += shell.rx(std::span(frame).subspan(done), nullptr);
  ASSERT_EQ(quiet.texts.size(), 1U);
  EXPECT_TRUE(quiet.texts[0] == text);
  EXPECT_LT(shell.memory(), 300'000U);
}

}  // namespace
}  // namespace llp::test
