// SPDX-License-Identifier: BSD-3-Clause
// The reading algorithm, urgent marks, arming, and the end of a connection.
#include "illp/connection.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <ctime>
#include <stdexcept>

#include "illp/support.hpp"

namespace llp::illp::test {
namespace {

struct Message {
  std::string data;
  std::string ended;  // "end", "cancel", "reset", "timeout", "cancelled"
  std::uint64_t unknown = 0;
};

std::string end_name(const Error& error) {
  switch (error.code) {
    case Errc::reset: return "reset";
    case Errc::timeout: return "timeout";
    case Errc::cancelled: return "cancelled";
    default: return error.message;
  }
}

asio::awaitable<Message> collect(Connection& connection, std::size_t step) {
  Message message;
  std::vector<std::uint8_t> buffer(step);
  while (message.ended.empty()) {
    const auto event = co_await connection.read(buffer, deadline_after(kPatience));
    if (!event) {
      message.ended = end_name(event.error());
    } else if (event->kind == Input::data) {
      message.data += text(std::span(buffer).first(event->size));
    } else if (event->kind == Input::restart) {
      message.data.clear();
    } else {
      message.ended = event->kind == Input::end ? "end" : "cancel";
    }
  }
  message.unknown = connection.unknown_urgent();
  co_return message;
}

class ConnectionTest : public testing::TestWithParam<Transport> {
 protected:
  ConnectionTest() : pair(make_pair(GetParam())) {
    connection = std::make_unique<Connection>(loop.executor(), std::move(pair.ours), GetParam(), "peer");
  }
  ~ConnectionTest() override {
    loop.call([this] { connection.reset(); });
  }

  Message read_all(std::size_t step = 65536) { return loop.run(collect(*connection, step)); }

  Loop loop;
  Pair pair;
  std::unique_ptr<Connection> connection;
};

INSTANTIATE_TEST_SUITE_P(Transports, ConnectionTest, testing::Values(Transport::tcp, Transport::local),
                         [](const auto& instance) { return transport_name(instance.param); });

// shows: illp/2/message
TEST_P(ConnectionTest, PlainMessage) {
  const std::string all("\x00\x02\x18\xff|", 5);
  raw_send(pair.theirs.get(), all);
  raw_finish(pair.theirs.get());
  const auto message = read_all();
  EXPECT_EQ(message.ended, "end");
  EXPECT_EQ(message.data, all);
}

// shows: illp/D-8 illp/2/message
TEST_P(ConnectionTest, StxVoidsWhatCameBefore) {
  for (const std::string before : {"", "a", "void"}) {
    for (const std::string after : {"", "b", "message"}) {
      Pair p = make_pair(GetParam());
      Connection c(loop.executor(), std::move(p.ours), GetParam(), "peer");
      raw_send(p.theirs.get(), before);
      raw_urgent(p.theirs.get(), 0x02);
      raw_send(p.theirs.get(), after);
      raw_finish(p.theirs.get());
      const auto message = loop.run(collect(c, 65536));
      EXPECT_EQ(message.ended, "end");
      EXPECT_EQ(message.data, after) << "'" << before << "'";
      loop.call([&] { c.abort(); });
    }
  }
}

// shows: illp/D-8 illp/6/inline
TEST_P(ConnectionTest, StxRepeatedUnread) {
  raw_send(pair.theirs.get(), "one");
  raw_urgent(pair.theirs.get(), 0x02);
  raw_send(pair.theirs.get(), "two");
  raw_urgent(pair.theirs.get(), 0x02);
  raw_urgent(pair.theirs.get(), 0x02);
  raw_send(pair.theirs.get(), "three");
  raw_finish(pair.theirs.get());
  const auto message = read_all();
  EXPECT_EQ(message.ended, "end");
  EXPECT_EQ(message.data, "three");
}

// shows: illp/2/message
TEST_P(ConnectionTest, StxBetweenReads) {
  auto whole = loop.start(collect(*connection, 3));
  for (const char c : "discarded"s) raw_send(pair.theirs.get(), std::string_view(&c, 1));
  raw_urgent(pair.theirs.get(), 0x02);
  for (const char c : "kept"s) {
    raw_send(pair.theirs.get(), std::string_view(&c, 1));
    std::this_thread::sleep_for(1ms);
  }
  raw_finish(pair.theirs.get());
  const auto message = whole.get();
  EXPECT_EQ(message.ended, "end");
  EXPECT_EQ(message.data, "kept");
}

// shows: illp/D-1 illp/2/can
TEST_P(ConnectionTest, CancelAtEveryStage) {
  const auto with = [&](const std::function<void(int)>& send) {
    Pair p = make_pair(GetParam());
    Connection c(loop.executor(), std::move(p.ours), GetParam(), "peer");
    send(p.theirs.get());
    const auto message = loop.run(collect(c, 65536));
    loop.call([&] { c.abort(); });
    return message.ended;
  };
  EXPECT_EQ(with([](int fd) { raw_urgent(fd, 0x18); }), "cancel");
  EXPECT_EQ(with([](int fd) { raw_send(fd, "part"), raw_urgent(fd, 0x18); }), "cancel");
  EXPECT_EQ(with([](int fd) { raw_send(fd, "part"), raw_urgent(fd, 0x02), raw_urgent(fd, 0x18); }), "cancel");
  EXPECT_EQ(with([](int fd) { raw_send(fd, "part"), raw_urgent(fd, 0x18), raw_finish(fd); }), "cancel");
  EXPECT_EQ(with([](int fd) { raw_urgent(fd, 0x18), raw_send(fd, "ignored"), raw_finish(fd); }), "cancel");
}

// shows: illp/2/can
TEST_P(ConnectionTest, CancelBeforeResetIsStillSeen) {
  raw_send(pair.theirs.get(), "part");
  raw_urgent(pair.theirs.get(), 0x18);
  raw_reset(pair.theirs);
  EXPECT_EQ(read_all().ended, "cancel");
}

// shows: illp/D-2
TEST_P(ConnectionTest, UnknownUrgentByteIsDropped) {
  raw_send(pair.theirs.get(), "be");
  raw_urgent(pair.theirs.get(), '!');
  raw_send(pair.theirs.get(), "fore");
  raw_finish(pair.theirs.get());
  const auto message = read_all();
  EXPECT_EQ(message.ended, "end");
  EXPECT_EQ(message.data, "before");
  EXPECT_EQ(message.unknown, 1u);
}

// More than 64 KiB before the mark: the kernel does not announce it until the
// data is read, but it is found in its place.
// shows: illp/7/marks
TEST_P(ConnectionTest, MarkBehindALongBacklog) {
  const std::string before = pattern(1 << 20);
  const std::string after = pattern(300000);
  std::thread sender([&] {
    raw_send(pair.theirs.get(), before);
    raw_urgent(pair.theirs.get(), 0x02);
    raw_send(pair.theirs.get(), after);
    raw_finish(pair.theirs.get());
  });
  std::this_thread::sleep_for(50ms);  // the backlog builds up before the first read
  const auto message = read_all();
  sender.join();
  EXPECT_EQ(message.ended, "end");
  EXPECT_EQ(message.data, after);
}

// An urgent byte that nobody reads keeps the notice up: who waits for errors
// sleeps all the same. Measured in processor time, which other load leaves alone.
// shows: illp/7/marks
TEST_P(ConnectionTest, NoSpinningOnUrgentNotice) {
  raw_urgent(pair.theirs.get(), 'x');
  ASSERT_TRUE(wait_for(connection->native_handle(), POLLPRI));
  const std::clock_t before = std::clock();
  EXPECT_EQ(loop.run(connection->wait(0, deadline_after(400ms))), 0);
  EXPECT_LT(static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC, 0.2);
}

TEST_P(ConnectionTest, ReadTimesOut) {
  std::vector<std::uint8_t> buffer(16);
  const auto event = loop.run(connection->read(buffer, deadline_after(20ms)));
  ASSERT_FALSE(event);
  EXPECT_EQ(event.error().code, Errc::timeout);
}

TEST_P(ConnectionTest, AbortEndsAReadUnderWay) {
  auto whole = loop.start(collect(*connection, 16));
  raw_send(pair.theirs.get(), "part");
  std::this_thread::sleep_for(20ms);
  loop.call([&] { connection->abort(); });
  EXPECT_EQ(whole.get().ended, "cancelled");
}

// shows: illp/5/half-closed
TEST_P(ConnectionTest, UrgentAfterHalfCloseIsRefused) {
  ASSERT_TRUE(connection->half_close());
  const auto sent = loop.run(connection->send_urgent(Urgent::can, kNever));
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, Errc::closed);
}

// shows: illp/5/half-closed
TEST_P(ConnectionTest, UrgentFromAHalfClosedPeersView) {
  raw_finish(pair.theirs.get());
  EXPECT_EQ(read_all().ended, "end");
  ASSERT_TRUE(loop.run(connection->send_urgent(Urgent::stx, kNever)));
  ASSERT_TRUE(connection->try_send(bytes("reply")));
  ASSERT_TRUE(connection->half_close());
  const auto seen = raw_read_all(pair.theirs.get());
  EXPECT_TRUE(seen.eof);
  EXPECT_EQ(seen.urgent, "\x02");
  EXPECT_EQ(seen.data, "reply");
}

// What a peer must never see when a half-sent message is given up: an EOF
// without CAN!.
void expect_not_whole(Transport transport, const RawResult& seen) {
  if (transport == Transport::tcp) {
    EXPECT_FALSE(seen.eof);
    EXPECT_EQ(seen.err, ECONNRESET);
  } else {
    EXPECT_TRUE(!seen.eof || seen.urgent == "\x18") << "urgent: " << seen.urgent.size();
  }
}

// shows: illp/4/destructor
TEST_P(ConnectionTest, DestructionInMidMessageIsNoEnd) {
  ASSERT_TRUE(connection->try_send(bytes("half a mess")));
  loop.call([&] { connection.reset(); });
  expect_not_whole(GetParam(), raw_read_all(pair.theirs.get()));
}

// shows: illp/4/destructor
TEST_P(ConnectionTest, MoveAssignmentInMidMessageIsNoEnd) {
  ASSERT_TRUE(connection->try_send(bytes("half a mess")));
  Pair other = make_pair(GetParam());
  loop.call([&] { *connection = Connection(loop.executor(), std::move(other.ours), GetParam(), "other"); });
  expect_not_whole(GetParam(), raw_read_all(pair.theirs.get()));
  EXPECT_TRUE(connection->is_open());
}

asio::awaitable<void> send_and_throw(std::unique_ptr<Connection> connection) {
  (void)connection->try_send(bytes("half a mess"));
  asio::steady_timer rest(connection->executor(), 1ms);
  co_await rest.async_wait(asio::use_awaitable);
  throw std::runtime_error("a fault in the middle");
}

// shows: illp/4/destructor
TEST_P(ConnectionTest, ExceptionInMidMessageIsNoEnd) {
  EXPECT_THROW(loop.run(send_and_throw(std::move(connection))), std::runtime_error);
  expect_not_whole(GetParam(), raw_read_all(pair.theirs.get()));
}

asio::awaitable<void> send_and_sleep(std::unique_ptr<Connection> connection) {
  (void)connection->try_send(bytes("half a mess"));
  std::vector<std::uint8_t> buffer(16);
  (void)co_await connection->read(buffer, kNever);
}

// shows: illp/4/destructor
TEST_P(ConnectionTest, LoopDestroyedInMidMessageIsNoEnd) {
  Loop doomed;
  Pair p = make_pair(GetParam());
  auto c = std::make_unique<Connection>(doomed.executor(), std::move(p.ours), GetParam(), "peer");
  (void)doomed.start(send_and_sleep(std::move(c)));
  EXPECT_TRUE(wait_for(p.theirs.get(), POLLIN));
  doomed.destroy();
  expect_not_whole(GetParam(), raw_read_all(p.theirs.get()));
}

// CAN! must get out even when the peer reads nothing and the buffer is full.
// shows: illp/4/destructor
TEST_P(ConnectionTest, FullBufferIsNoEndEither) {
  const std::string block = pattern(65536);
  for (;;) {
    const auto n = connection->try_send(bytes(block));
    ASSERT_TRUE(n);
    if (*n == 0) break;
  }
  loop.call([&] { connection.reset(); });
  expect_not_whole(GetParam(), raw_read_all(pair.theirs.get()));
}

// shows: illp/3/work+complete illp/4/close
TEST_P(ConnectionTest, FinishedInTheRegularWay) {
  const std::string reply = pattern(200000);
  raw_finish(pair.theirs.get());
  EXPECT_EQ(read_all().ended, "end");
  RawResult seen;
  std::thread reader([&] { seen = raw_read_all(pair.theirs.get()); });
  std::string_view rest = reply;
  while (!rest.empty()) {
    const auto n = connection->try_send(bytes(rest));
    ASSERT_TRUE(n);
    rest.remove_prefix(*n);
    if (*n == 0) loop.run(connection->wait(POLLOUT, kNever));
  }
  ASSERT_TRUE(connection->half_close());
  ASSERT_TRUE(connection->disarm());
  loop.call([&] { connection->close(); });
  reader.join();
  EXPECT_TRUE(seen.eof);
  EXPECT_EQ(seen.data, reply);
}

// The peer reads only after the close: more is under way than its socket has room for.
// shows: illp/4/close
TEST_P(ConnectionTest, QueuedDataIsDeliveredAfterTheEnd) {
  raw_finish(pair.theirs.get());
  EXPECT_EQ(read_all().ended, "end");
  const std::string block = pattern(65536);
  std::string sent;
  for (;;) {
    const auto n = connection->try_send(bytes(block));
    ASSERT_TRUE(n);
    if (*n == 0) break;
    sent.append(block, 0, *n);
  }
  ASSERT_TRUE(connection->half_close());
  ASSERT_TRUE(connection->disarm());
  loop.call([&] { connection->close(); });
  const auto seen = raw_read_all(pair.theirs.get());
  EXPECT_TRUE(seen.eof);
  EXPECT_EQ(seen.data.size(), sent.size());
  EXPECT_TRUE(seen.data == sent);
}

// shows: illp/5/drain
TEST_P(ConnectionTest, CancelConnectionDrains) {
  raw_send(pair.theirs.get(), "unread");
  auto done = loop.start(cancel_connection(*connection, Options{}));
  const auto seen = raw_read_all(pair.theirs.get());
  EXPECT_EQ(seen.urgent, "\x18");
  EXPECT_TRUE(seen.eof);
  raw_send(pair.theirs.get(), "still sending");  // not reset yet: the drain takes it
  pair.theirs.reset();
  done.get();
  EXPECT_FALSE(connection->is_open());
}

// shows: illp/5/drain
TEST_P(ConnectionTest, DrainIsBoundedInTime) {
  Options options;
  options.drain_time = 30ms;
  loop.run(cancel_connection(*connection, options));
  EXPECT_FALSE(connection->is_open());
}

// shows: illp/5/drain
TEST_P(ConnectionTest, DrainIsBoundedForAPeerThatNeverStops) {
  Options options;
  options.drain_time = 30ms;
  const std::string block = pattern(4096);
  std::thread sender([&] {
    while (::send(pair.theirs.get(), block.data(), block.size(), MSG_NOSIGNAL) > 0) {
    }
  });
  auto done = loop.start(cancel_connection(*connection, options));
  EXPECT_EQ(done.wait_for(kPatience), std::future_status::ready);
  ::shutdown(pair.theirs.get(), SHUT_RDWR);  // a drain without bound ends too, after it has failed
  sender.join();
  done.get();
  EXPECT_FALSE(connection->is_open());
}

// shows: illp/D-10
TEST(ConnectionOob, NoneCancelsByReset) {
  Loop loop;
  Pair p = make_pair(Transport::tcp);
  Options options;
  options.oob = Oob::none;
  Connection c(loop.executor(), std::move(p.ours), Transport::tcp, "peer");
  ASSERT_TRUE(c.try_send(bytes("part")));
  loop.run(cancel_connection(c, options));
  const auto seen = raw_read_all(p.theirs.get());
  EXPECT_EQ(seen.err, ECONNRESET);
  EXPECT_EQ(seen.urgent, "");
}

// The arming table: what a receiver sees of a sender that is killed.
class DeathTest : public testing::Test {
 protected:
  Message of(Transport transport, const std::function<void(int)>& last_words) {
    pair = make_pair(transport);
    int fd = pair.theirs.release();
    in_killed_child([&] { last_words(fd); }, {&fd});
    connection = std::make_unique<Connection>(loop.executor(), std::move(pair.ours), transport, "peer");
    return loop.run(collect(*connection, 65536));
  }
  ~DeathTest() override {
    loop.call([this] { connection.reset(); });
  }

  Loop loop;
  Pair pair;
  std::unique_ptr<Connection> connection;
};

// shows: illp/4/unarmed-mid
TEST_F(DeathTest, TcpUnarmedInMidMessageLooksWhole) {
  const auto message = of(Transport::tcp, [](int fd) { raw_send(fd, "part"); });
  EXPECT_EQ(message.ended, "end");  // the hole that check=hl7 is for
  EXPECT_EQ(message.data, "part");
}

// shows: illp/D-1 illp/4/armed-mid
TEST_F(DeathTest, TcpArmedInMidMessageIsReset) {
  const auto message = of(Transport::tcp, [](int fd) { raw_arm(fd), raw_send(fd, "part"); });
  EXPECT_EQ(message.ended, "reset");
}

// shows: illp/4/unarmed-half illp/5/no-signal
TEST_F(DeathTest, TcpUnarmedAfterHalfCloseShowsAtTheSecondWrite) {
  const auto message = of(Transport::tcp, [](int fd) { raw_send(fd, "req"), raw_finish(fd); });
  EXPECT_EQ(message.ended, "end");
  EXPECT_FALSE(connection->peer_gone());
  EXPECT_TRUE(connection->try_send(bytes("reply")));
  EXPECT_NE(loop.run(connection->wait(0, deadline_after(kPatience))), 0);
  EXPECT_TRUE(connection->peer_gone());
  EXPECT_FALSE(connection->try_send(bytes("reply")));
}

// shows: illp/4/armed-half
TEST_F(DeathTest, TcpArmedAfterHalfCloseIsSeenAtOnce) {
  const auto message = of(Transport::tcp, [](int fd) { raw_arm(fd), raw_send(fd, "req"), raw_finish(fd); });
  EXPECT_EQ(message.ended, "reset");  // although read() alone would give an end
}

// shows: illp/8/unix
TEST_F(DeathTest, UnixInMidMessageIsReset) {
  EXPECT_EQ(of(Transport::local, [](int fd) { raw_send(fd, "part"); }).ended, "reset");
}

// shows: illp/8/unix
TEST_F(DeathTest, UnixAfterHalfCloseIsReset) {
  EXPECT_EQ(of(Transport::local, [](int fd) { raw_send(fd, "req"), raw_finish(fd); }).ended, "reset");
}

}  // namespace
}  // namespace llp::illp::test
