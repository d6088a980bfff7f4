// SPDX-License-Identifier: BSD-3-Clause
// Every row of the client's state table, against plain sockets.
#include "illp/client.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "illp/support.hpp"

namespace llp::illp::test {
namespace {

using Stage = ClientTransaction::Stage;

class ClientTest : public testing::TestWithParam<Transport> {
 protected:
  ClientTest() : listener(raw_listen(GetParam())) { make(quick_options()); }
  ~ClientTest() override {
    loop.call([this] { client.reset(); });
  }

  void make(const Options& options) {
    loop.call([&] {
      client = std::make_unique<ClientTransaction>(loop.executor(), listener.endpoint, options, log.logger());
    });
  }
  // Connects; returns the application's end.
  UniqueFd connected() {
    auto done = loop.start(client->connect());
    UniqueFd fd = raw_accept(listener.fd.get());
    EXPECT_TRUE(done.get());
    return fd;
  }
  // As the loop, whose client it is, sees it.
  Stage stage() {
    auto seen = Stage::done;
    loop.call([&] { seen = client->stage(); });
    return seen;
  }
  ClientResult<void> write(std::string_view part) { return loop.run(client->write(bytes(part))); }
  ClientResult<void> finish() { return loop.run(client->finish()); }
  ClientResult<Bytes> reply(std::optional<Options::Duration> t_app = kPatience) {
    return loop.run(client->reply(t_app));
  }
  // Connected, request sent and read by the application.
  UniqueFd waiting(std::string_view request = "request") {
    UniqueFd fd = connected();
    EXPECT_TRUE(write(request));
    EXPECT_TRUE(finish());
    const auto seen = raw_read_all(fd.get());
    EXPECT_TRUE(seen.eof);
    EXPECT_EQ(seen.data, request);
    return fd;
  }
  void expect_ended_here(int fd) {
    const auto seen = raw_read_all(fd);
    if (GetParam() == Transport::tcp) {
      EXPECT_EQ(seen.err, ECONNRESET);
    } else {
      EXPECT_TRUE(!seen.eof || seen.urgent == "\x18");
    }
  }

  LogBook log;  // outlives the loop, where the last words are said
  Loop loop;
  RawListener listener;
  std::unique_ptr<ClientTransaction> client;
};

INSTANTIATE_TEST_SUITE_P(Transports, ClientTest, testing::Values(Transport::tcp, Transport::local),
                         [](const auto& instance) { return transport_name(instance.param); });

// shows: illp/3/send+data illp/3/send+complete illp/3/wait+data illp/3/wait+eof
TEST_P(ClientTest, RequestAndReply) {
  UniqueFd fd = waiting();
  EXPECT_EQ(stage(), Stage::waiting);
  EXPECT_TRUE(client->handed_over());
  EXPECT_EQ(client->bytes_sent(), 7u);
  raw_send(fd.get(), "re");
  raw_send(fd.get(), "ply");
  raw_finish(fd.get());
  const auto result = reply();
  ASSERT_TRUE(result);
  EXPECT_EQ(text(*result), "reply");
  EXPECT_EQ(stage(), Stage::replied);
  loop.call([this] { client->close(); });
  EXPECT_EQ(stage(), Stage::done);
}

// shows: illp/D-3
TEST_P(ClientTest, EmptyReplyIsAccepted) {
  UniqueFd fd = waiting();
  raw_finish(fd.get());
  const auto result = reply();
  ASSERT_TRUE(result);
  EXPECT_TRUE(result->empty());
}

// shows: illp/3/send+restart
TEST_P(ClientTest, RestartVoidsTheRequest) {
  UniqueFd fd = connected();
  EXPECT_TRUE(write("void"));
  EXPECT_TRUE(loop.run(client->restart()));
  EXPECT_EQ(client->bytes_sent(), 0u);
  EXPECT_TRUE(loop.run(client->restart()));
  EXPECT_TRUE(write("kept"));
  EXPECT_TRUE(finish());
  const auto seen = raw_read_all(fd.get());
  EXPECT_TRUE(seen.eof);
  EXPECT_EQ(seen.data, "kept");
}

// shows: illp/3/send+abort
TEST_P(ClientTest, CancelWhileSending) {
  UniqueFd fd = connected();
  EXPECT_TRUE(write("part"));
  auto done = loop.start(client->cancel());
  const auto seen = raw_read_all(fd.get());
  EXPECT_EQ(seen.urgent, "\x18");
  EXPECT_TRUE(seen.eof);
  fd.reset();
  done.get();
  EXPECT_EQ(stage(), Stage::done);
}

// shows: illp/3/send+abort
TEST_P(ClientTest, CancelDuringABlockedWrite) {
  UniqueFd fd = connected();
  const std::string large = pattern(32 << 20);
  auto writing = loop.start(client->write(bytes(large)));
  EXPECT_TRUE(wait_for(fd.get(), POLLIN));
  auto done = loop.start(client->cancel());
  const auto result = writing.get();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().outcome, Outcome::aborted);
  const auto seen = raw_read_all(fd.get());
  EXPECT_EQ(seen.urgent.substr(0, 1), "\x18");
  EXPECT_LT(seen.data.size(), large.size());
  fd.reset();
  done.get();
}

// shows: illp/3/wait+cancel
TEST_P(ClientTest, CancelAndAbortWhileWaiting) {
  for (const bool by_cancel : {true, false}) {
    make(quick_options());
    UniqueFd fd = waiting();
    auto result = loop.start(client->reply(std::nullopt));
    if (by_cancel) {
      loop.run(client->cancel());
    } else {
      loop.call([this] { client->abort(); });
    }
    const auto r = result.get();
    ASSERT_FALSE(r);
    EXPECT_EQ(r.error().outcome, Outcome::aborted);
    EXPECT_TRUE(wait_for(fd.get(), 0));  // ERR or HUP: poll shows what read() hides
  }
}

// shows: illp/D-4 illp/3/send+peer
TEST_P(ClientTest, PeerCancelsWhileSending) {
  UniqueFd fd = connected();
  raw_urgent(fd.get(), 0x18);
  auto result = write("seen at the latest by the next call");
  if (result) result = finish();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().outcome, Outcome::cancelled);
  expect_ended_here(fd.get());
}

// shows: illp/D-4 illp/3/send+peer
TEST_P(ClientTest, PeerCancelsDuringABlockedWrite) {
  UniqueFd fd = connected();
  const std::string large = pattern(32 << 20);
  auto writing = loop.start(client->write(bytes(large)));
  EXPECT_TRUE(wait_for(fd.get(), POLLIN));
  raw_urgent(fd.get(), 0x18);
  const auto result = writing.get();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().outcome, Outcome::cancelled);
}

// A server that refuses early and closes with the request unread resets the
// connection: the reason is still found.
// shows: illp/3/send+peer
TEST_P(ClientTest, PeerCancelsAndCloses) {
  UniqueFd fd = connected();
  EXPECT_TRUE(write("request"));
  EXPECT_TRUE(wait_for(fd.get(), POLLIN));
  raw_urgent(fd.get(), 0x18);
  fd.reset();
  const std::string large = pattern(8 << 20);
  const auto result = write(large);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().outcome, Outcome::cancelled);
}

// shows: illp/3/send+peer
TEST_P(ClientTest, PeerEndsOrResetsWhileSending) {
  for (const bool reset : {true, false}) {
    make(quick_options());
    UniqueFd fd = connected();
    const std::string large = pattern(32 << 20);
    auto writing = loop.start(client->write(bytes(large)));
    EXPECT_TRUE(wait_for(fd.get(), POLLIN));
    if (reset) {
      raw_reset(fd);
    } else {
      raw_finish(fd.get());
    }
    const auto result = writing.get();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().outcome, Outcome::reset);
    EXPECT_EQ(stage(), Stage::done);
  }
}

// shows: illp/D-4
TEST_P(ClientTest, EarlyReplyFails) {
  UniqueFd fd = connected();
  raw_send(fd.get(), "too early");
  EXPECT_TRUE(wait_for(fd.get(), POLLOUT));
  const std::string large = pattern(32 << 20);
  const auto result = write(large);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().outcome, Outcome::malformed);
  expect_ended_here(fd.get());
}

// shows: illp/3/wait+stx
TEST_P(ClientTest, StxInTheReply) {
  UniqueFd fd = waiting();
  raw_urgent(fd.get(), 0x02);
  raw_send(fd.get(), "void");
  raw_urgent(fd.get(), 0x02);
  raw_send(fd.get(), "kept");
  raw_finish(fd.get());
  const auto result = reply();
  ASSERT_TRUE(result);
  EXPECT_EQ(text(*result), "kept");
}

// shows: illp/D-1 illp/3/wait+can
TEST_P(ClientTest, CanInTheReply) {
  UniqueFd fd = waiting();
  raw_send(fd.get(), "part");
  raw_urgent(fd.get(), 0x18);
  raw_finish(fd.get());
  const auto result = reply();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().outcome, Outcome::cancelled);
}

// shows: illp/3/wait+reset
TEST_P(ClientTest, ResetInTheReply) {
  if (GetParam() == Transport::local) return;  // UNIX sockets have no reset; see HalfReplyOverUnix
  UniqueFd fd = waiting();
  raw_send(fd.get(), "part");
  raw_reset(fd);
  const auto result = reply();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().outcome, Outcome::reset);
}

// What came without its end is no reply.
// shows: illp/D-1 illp/3/wait+eof illp/3/wait+timeout
TEST_P(ClientTest, ReplyTimesOut) {
  UniqueFd fd = waiting();
  raw_send(fd.get(), "part");
  const auto result = reply(30ms);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().outcome, Outcome::timed_out);
  EXPECT_TRUE(wait_for(fd.get(), 0));
}

// shows: illp/3/wait+stx
TEST_P(ClientTest, StxRestartsTheReplyTimer) {
  UniqueFd fd = waiting();
  auto result = loop.start(client->reply(1500ms));
  for (int i = 0; i < 4; ++i) {
    std::this_thread::sleep_for(500ms);
    raw_urgent(fd.get(), 0x02);
  }
  raw_send(fd.get(), "late");
  raw_finish(fd.get());
  const auto r = result.get();
  ASSERT_TRUE(r) << r.error().error.message;
  EXPECT_EQ(text(*r), "late");
}

// shows: illp/D-5
TEST_P(ClientTest, ReplyLimit) {
  for (const std::size_t size : {std::size_t{1000}, std::size_t{1001}}) {
    Options options = quick_options();
    options.max_message = 1000;
    make(options);
    UniqueFd fd = waiting();
    raw_send(fd.get(), pattern(size));
    raw_finish(fd.get());
    const auto result = reply();
    EXPECT_EQ(result.has_value(), size == 1000);
    if (!result) EXPECT_EQ(result.error().outcome, Outcome::too_large);
  }
}

// shows: illp/4/check interop/11/illp/check
TEST_P(ClientTest, ReplyIsChecked) {
  const auto outcome = [&](Check check, std::string_view request, std::string_view answer) {
    Options options = quick_options();
    options.check = check;
    make(options);
    UniqueFd fd = waiting(request);
    raw_send(fd.get(), answer);
    raw_finish(fd.get());
    const auto result = reply();
    return result ? std::string("ok") : std::string(to_string(result.error().outcome));
  };
  EXPECT_EQ(outcome(Check::hl7, "x", "MSH|cut"), "malformed");
  EXPECT_EQ(outcome(Check::hl7, "x", "MSH|whole\r"), "ok");
  EXPECT_EQ(outcome(Check::hl7, "x", ""), "ok");
  EXPECT_EQ(outcome(Check::automatic, "MSH|\r", "MSH|cut"), "malformed");
  EXPECT_EQ(outcome(Check::automatic, "H|\\^&\r", "cut"), "ok");
  EXPECT_EQ(outcome(Check::none, "MSH|\r", "cut"), "ok");
}

// As accepted without content, unless asked otherwise; what has a byte is a reply either way.
TEST_P(ClientTest, EmptyReplyIsRefusedOnRequest) {
  const auto outcome = [&](EmptyReply empty, Check check, std::string_view answer) {
    Options options = quick_options();
    options.empty_reply = empty;
    options.check = check;
    make(options);
    UniqueFd fd = waiting("MSH|\r");
    raw_send(fd.get(), answer);
    raw_finish(fd.get());
    const auto result = reply();
    return result ? std::string("ok") : std::string(to_string(result.error().outcome));
  };
  for (const Check check : {Check::none, Check::hl7, Check::automatic}) {
    EXPECT_EQ(outcome(EmptyReply::accept, check, ""), "ok");
    EXPECT_EQ(outcome(EmptyReply::refuse, check, ""), "malformed");
    EXPECT_EQ(outcome(EmptyReply::refuse, check, "MSH|whole\r"), "ok");
  }
}

// The first bytes decide whether the reply must be HL7, however they are split.
TEST_P(ClientTest, SplitRequestIsStillHl7) {
  Options options = quick_options();
  options.check = Check::automatic;
  make(options);
  UniqueFd fd = connected();
  for (const char* part : {"M", "S", "H|", "\r"}) EXPECT_TRUE(write(part));
  EXPECT_TRUE(finish());
  raw_send(fd.get(), "MSH|cu");
  raw_finish(fd.get());
  const auto result = reply();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().outcome, Outcome::malformed);
}

TEST_P(ClientTest, BlockedWriteTimesOut) {
  Options options = quick_options();
  options.idle_timeout = 50ms;
  make(options);
  UniqueFd fd = connected();
  const std::string large = pattern(32 << 20);
  const auto result = write(large);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().outcome, Outcome::timed_out);
}

TEST_P(ClientTest, CallsAtTheWrongStage) {
  EXPECT_EQ(write("x").error().outcome, Outcome::misuse);
  EXPECT_EQ(finish().error().outcome, Outcome::misuse);
  EXPECT_EQ(reply().error().outcome, Outcome::misuse);
  UniqueFd fd = connected();
  EXPECT_EQ(loop.run(client->connect()).error().outcome, Outcome::misuse);
  EXPECT_EQ(reply().error().outcome, Outcome::misuse);
  loop.call([this] { client->abort(); });
  EXPECT_EQ(write("x").error().outcome, Outcome::aborted);
}

// shows: illp/3/connect+connected
TEST_P(ClientTest, DestroyedInMidRequestIsNoEnd) {
  UniqueFd fd = connected();
  EXPECT_TRUE(write("half a requ"));
  loop.call([this] { client.reset(); });
  expect_ended_here(fd.get());
}

// shows: illp/3/connect+refused
TEST_P(ClientTest, NobodyListens) {
  listener.fd.reset();
  const auto result = loop.run(client->connect());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().outcome, Outcome::unreachable);
  EXPECT_EQ(result.error().error.code, Errc::refused);
  EXPECT_FALSE(client->handed_over());
}

// shows: illp/3/connect+refused
TEST_P(ClientTest, GivesUpAfterItsTries) {
  listener.fd.reset();
  Options options = quick_options();
  options.connect_pause = 40ms;
  int refused = 0;
  const auto count = [&](LogLevel, std::string_view line) {
    if (line.find("cannot connect") != std::string_view::npos) ++refused;
  };
  ClientTransaction caller(loop.executor(), listener.endpoint, options, Logger(count, LogLevel::trace));
  const auto begin = std::chrono::steady_clock::now();
  const auto result = loop.run(caller.connect());
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 2 * options.connect_pause);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().outcome, Outcome::unreachable);
  EXPECT_EQ(refused, 3);
  loop.call([&] { caller.abort(); });
}

// shows: illp/3/connect+refused
TEST_P(ClientTest, TriesAgain) {
  const Endpoint endpoint = listener.endpoint;
  Options options = quick_options();
  options.connect_pause = 300ms;
  options.connect_tries = 100;
  make(options);
  if (GetParam() == Transport::local) {
    const std::string path = std::get<UnixEndpoint>(endpoint).path;
    ASSERT_EQ(::rename(path.c_str(), (path + ".away").c_str()), 0);
    auto done = loop.start(client->connect());
    std::this_thread::sleep_for(20ms);
    ASSERT_EQ(::rename((path + ".away").c_str(), path.c_str()), 0);
    EXPECT_TRUE(done.get());
  } else {
    listener.fd.reset();
    auto done = loop.start(client->connect());
    std::this_thread::sleep_for(20ms);
    EXPECT_EQ(stage(), Stage::connecting);
    loop.call([this] { client->abort(); });
    const auto result = done.get();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().outcome, Outcome::aborted);
  }
}

asio::awaitable<bool> commit(std::vector<std::string>& order, bool go_on) {
  order.emplace_back("commit");
  co_return go_on;
}
asio::awaitable<bool> broken_commit() {
  throw std::runtime_error("no commit");
  co_return true;
}

TEST_P(ClientTest, ExchangeCommitsAfterTheHalfClose) {
  std::vector<std::string> order;
  const std::string request = "request";
  auto done = loop.start(exchange(*client, bytes(request), kPatience, [&] { return commit(order, true); }));
  UniqueFd fd = raw_accept(listener.fd.get());
  EXPECT_TRUE(raw_read_all(fd.get()).eof);
  raw_send(fd.get(), "reply");
  raw_finish(fd.get());
  const auto result = done.get();
  ASSERT_TRUE(result);
  EXPECT_EQ(text(*result), "reply");
  EXPECT_EQ(order, std::vector<std::string>{"commit"});
  EXPECT_EQ(stage(), Stage::replied);
}

TEST_P(ClientTest, ExchangeWithoutCommitIsAborted) {
  std::vector<std::string> order;
  const std::string request = "request";
  auto done = loop.start(exchange(*client, bytes(request), kPatience, [&] { return commit(order, false); }));
  UniqueFd fd = raw_accept(listener.fd.get());
  const auto result = done.get();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().outcome, Outcome::aborted);
  EXPECT_TRUE(wait_for(fd.get(), 0));

  make(quick_options());
  auto thrown = loop.start(exchange(*client, bytes(request), kPatience, [] { return broken_commit(); }));
  UniqueFd other = raw_accept(listener.fd.get());
  EXPECT_THROW((void)thrown.get(), std::runtime_error);
  EXPECT_TRUE(wait_for(other.get(), 0));
}

// A server that dies in mid reply over UNIX looks finished: the check sees it.
// shows: illp/8/unix
TEST(ClientDeath, HalfReplyOverUnix) {
  Loop loop;
  RawListener listener = raw_listen(Transport::local);
  Options options = quick_options();
  options.check = Check::automatic;
  ClientTransaction client(loop.executor(), listener.endpoint, options);
  const std::string request = "MSH|request\r";
  auto done = loop.start(exchange(client, bytes(request), kPatience));
  UniqueFd fd = raw_accept(listener.fd.get());
  EXPECT_TRUE(raw_read_all(fd.get()).eof);
  int raw = fd.release();
  in_killed_child([&] { raw_send(raw, "MSH|half of the rep"); }, {&raw});
  const auto result = done.get();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().outcome, Outcome::malformed);
  loop.call([&] { client.abort(); });
}

TEST(ClientNames, UnknownOnesAreNamed) {
  Loop loop;
  const auto message = [&](TcpEndpoint endpoint) {
    ClientTransaction client(loop.executor(), endpoint, quick_options());
    const auto result = loop.run(client.connect());
    return result ? std::string() : result.error().error.message;
  };
  EXPECT_NE(message({"127.0.0.1", "no-such-service"}).find("no-such-service"), std::string::npos);
  EXPECT_NE(message({"127.0.0.1", "70000"}).find("70000"), std::string::npos);
  ClientTransaction client(loop.executor(), UnixEndpoint{std::string(200, 'x')}, quick_options());
  const auto result = loop.run(client.connect());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().error.code, Errc::invalid);
}

// All addresses of a name are tried: localhost may be ::1 first.
TEST(ClientNames, Localhost) {
  Loop loop;
  RawListener listener = raw_listen(Transport::tcp);
  TcpEndpoint endpoint = std::get<TcpEndpoint>(listener.endpoint);
  endpoint.host = "";
  ClientTransaction client(loop.executor(), endpoint, quick_options());
  EXPECT_TRUE(loop.run(client.connect()));
  loop.call([&] { client.abort(); });
}

// shows: illp/D-10 interop/11/illp/oob
TEST(ClientOob, NoneExpressesStxAndCanByReset) {
  Loop loop;
  RawListener listener = raw_listen(Transport::tcp);
  Options options = quick_options();
  options.oob = Oob::none;
  ClientTransaction client(loop.executor(), listener.endpoint, options);
  auto connected = loop.start(client.connect());
  UniqueFd first = raw_accept(listener.fd.get());
  ASSERT_TRUE(connected.get());
  const std::string part = "part";
  ASSERT_TRUE(loop.run(client.write(bytes(part))));
  auto restarted = loop.start(client.restart());
  EXPECT_EQ(raw_read_all(first.get()).err, ECONNRESET);
  UniqueFd second = raw_accept(listener.fd.get());
  ASSERT_TRUE(restarted.get());
  EXPECT_TRUE(client.handed_over());
  EXPECT_EQ(client.bytes_sent(), 0u);
  ASSERT_TRUE(loop.run(client.write(bytes(part))));
  loop.run(client.cancel());
  const auto seen = raw_read_all(second.get());
  EXPECT_EQ(seen.err, ECONNRESET);
  EXPECT_EQ(seen.urgent, "");
}

}  // namespace
}  // namespace llp::illp::test
