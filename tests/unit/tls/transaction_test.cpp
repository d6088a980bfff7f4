// SPDX-License-Identifier: BSD-3-Clause
// ILLP transactions under TLS, in both roles: who is trusted, how a direction
// ends, and that nothing cut short is ever whole.
#include <gtest/gtest.h>
#include <poll.h>

#include "illp/support.hpp"
#include "tls/certificates.hpp"
#include "tls/context.hpp"
#include "tls/peer.hpp"

namespace llp::tls::test {
namespace {

using namespace std::chrono_literals;
using namespace illp;        // NOLINT(google-build-using-namespace)
using namespace illp::test;  // NOLINT(google-build-using-namespace)

const Identity& stranger() {
  static const Identity made({.common_name = "stranger", .authority = true}, nullptr);
  return made;
}
const Identity& server_identity() {
  static const Identity made({}, &authority());
  return made;
}
const Identity& client_identity() {
  static const Identity made({.common_name = "client\nof\tmany", .names = {"DNS:client.example"}},
                             &authority());
  return made;
}

std::shared_ptr<Context> load(const Identity& own, const Identity& trusted, Settings more = {}) {
  more.certificate = own.certificate_file();
  more.key = own.key_file();
  more.authorities = trusted.certificate_file();
  auto loaded = Context::load(more);
  if (!loaded) throw std::runtime_error(loaded.error().error.message);
  return *loaded;
}

ServerOptions secured(std::shared_ptr<Context> context) {
  ServerOptions options;
  options.illp = quick_options();
  options.illp.idle_timeout = kPatience;
  options.illp.connect_timeout = kPatience;
  options.illp.drain_time = 50ms;
  options.illp.security = std::move(context);
  return options;
}

// ---- we are called ----

class DistTest : public testing::Test {
 protected:
  void start(Settings more = {}, Handler handler = echo("re:")) {
    server = std::make_unique<TestServer>(Transport::tcp, secured(load(server_identity(), authority(), more)),
                                          std::move(handler));
  }
  Peer call(const PeerOptions& options) { return {server->connect(), false, options}; }
  // Refused for who it is: nothing is asked, and it is told why.
  void expect_refused(const PeerOptions& options, std::string_view said, std::string_view logged) {
    const std::uint64_t before = server->counters().requests;
    Peer peer = call(options);
    std::string words;
    if (peer.open()) {
      // In TLS 1.3 the client is done before the server has seen its certificate.
      (void)peer.send("MSH|request\r");
      peer.finish();
      const auto read = peer.read_all();
      EXPECT_FALSE(read.ended);
      EXPECT_EQ(read.data, "");
      words = read.words;
    } else {
      words = openssl_words();
    }
    EXPECT_NE(words.find(said), std::string::npos) << words;
    server->until([](const Server& s) { return s.counters().untrusted == 1 && s.active() == 0; });
    EXPECT_EQ(server->counters().requests, before);
    EXPECT_TRUE(server->log.contains(logged)) << logged;
  }
  std::unique_ptr<TestServer> server;
};

TEST_F(DistTest, RequestAndReply) {
  std::string seen;
  // NOLINTNEXTLINE(cppcoreguidelines-avoid-capturing-lambda-coroutines): the server keeps it
  start({}, [&seen](std::shared_ptr<ServerTransaction> client) -> asio::awaitable<void> {
    seen = client->peer();
    const Bytes request = client->take_request();
    (void)co_await client->reply(request);
  });
  Peer peer = call({.own = &client_identity()});
  ASSERT_TRUE(peer.open());
  ASSERT_TRUE(peer.send("request"));
  peer.finish();
  const auto read = peer.read_all();
  EXPECT_TRUE(read.ended) << read.words;
  EXPECT_EQ(read.data, "request");
  server->until([](const Server& s) { return s.active() == 0; });
  // Whose certificate it was, in one line whatever it holds.
  EXPECT_NE(seen.find("(CN=client\\0Aof\\09many)"), std::string::npos) << seen;
}

TEST_F(DistTest, LargeBothWays) {
  start();
  Peer peer = call({.own = &client_identity()});
  ASSERT_TRUE(peer.open());
  const std::string request = pattern(5 << 20);
  ASSERT_TRUE(peer.send(request));
  peer.finish();
  const auto read = peer.read_all();
  EXPECT_TRUE(read.ended) << read.words;
  EXPECT_EQ(read.data, "re:" + request);
}

// Whole as far as its content goes, and without close_notify: the attack that
// cuts a message where it pleases.
TEST_F(DistTest, ACutRequestIsNone) {
  start();
  for (const bool by_reset : {false, true}) {
    Peer peer = call({.own = &client_identity()});
    ASSERT_TRUE(peer.open());
    ASSERT_TRUE(peer.send("MSH|whole\r"));
    if (by_reset) {
      peer.reset();
    } else {
      ASSERT_EQ(::shutdown(peer.fd(), SHUT_WR), 0);
    }
    const std::uint64_t resets = by_reset ? 2 : 1;
    server->until([resets](const Server& s) { return s.counters().reset == resets && s.active() == 0; });
  }
  EXPECT_EQ(server->counters().requests, 0u);
}

TEST_F(DistTest, AnUrgentByteIsNoByteOfTls) {
  start();
  Peer peer = call({.own = &client_identity()});
  ASSERT_TRUE(peer.open());
  ASSERT_TRUE(peer.send("MSH|void\r"));
  raw_urgent(peer.fd(), 0x18);
  peer.finish();
  const auto read = peer.read_all();
  EXPECT_FALSE(read.ended);
  server->until([](const Server& s) { return s.counters().reset == 1; });
  EXPECT_EQ(server->counters().requests, 0u);
}

TEST_F(DistTest, ARefusalIsAReset) {
  start({}, [](std::shared_ptr<ServerTransaction> client) -> asio::awaitable<void> {
    co_await client->cancel("no");
  });
  Peer peer = call({.own = &client_identity()});
  ASSERT_TRUE(peer.open());
  ASSERT_TRUE(peer.send("request"));
  peer.finish();
  const auto read = peer.read_all();
  EXPECT_FALSE(read.ended);
  EXPECT_EQ(read.data, "");
}

TEST_F(DistTest, AReplyThatIsCutIsNoReply) {
  start({}, [](std::shared_ptr<ServerTransaction> client) -> asio::awaitable<void> {
    (void)co_await client->write(bytes("half"));
    client->abort();
  });
  Peer peer = call({.own = &client_identity()});
  ASSERT_TRUE(peer.open());
  ASSERT_TRUE(peer.send("request"));
  peer.finish();
  EXPECT_FALSE(peer.read_all().ended);
}

TEST_F(DistTest, NoCertificate) {
  start();
  expect_refused({}, "certificate required", "peer did not return a certificate");
}

TEST_F(DistTest, ACertificateOfAnotherAuthority) {
  start();
  const Identity other({}, &stranger());
  expect_refused({.own = &other}, "unknown ca", "certificate verify failed: unable to get local issuer");
}

TEST_F(DistTest, ACertificateThatHasEnded) {
  start();
  const Identity old({.from = -7200, .until = -3600}, &authority());
  expect_refused({.own = &old}, "certificate expired", "certificate has expired");
}

TEST_F(DistTest, ACertificateThatHasNotBegun) {
  start();
  const Identity early({.from = 3600, .until = 7200}, &authority());
  expect_refused({.own = &early}, "certificate", "certificate is not yet valid");
}

TEST_F(DistTest, ACertificateForServersOnly) {
  start();
  const Identity wrong({.usage = "serverAuth"}, &authority());
  expect_refused({.own = &wrong}, "certificate", "unsuitable certificate purpose");
}

TEST_F(DistTest, ACertificateThatWasRevoked) {
  const Identity bad({}, &authority());
  Settings settings;
  settings.revoked = authority().revoked_file({&bad});
  start(settings);
  expect_refused({.own = &bad}, "certificate revoked", "certificate revoked");
  Peer peer = call({.own = &client_identity()});
  ASSERT_TRUE(peer.open());
  ASSERT_TRUE(peer.send("request"));
  peer.finish();
  EXPECT_EQ(peer.read_all().data, "re:request");
}

TEST_F(DistTest, NamesOfClients) {
  Settings settings;
  settings.names = {"other.example", "client.example"};
  start(settings);
  Peer peer = call({.own = &client_identity()});
  ASSERT_TRUE(peer.open());
  ASSERT_TRUE(peer.send("request"));
  peer.finish();
  EXPECT_EQ(peer.read_all().data, "re:request");
  const Identity unnamed({.common_name = "client.example", .names = {"DNS:lis.example"}}, &authority());
  expect_refused({.own = &unnamed}, "certificate", "hostname mismatch");
}

TEST_F(DistTest, AnybodyWhereThatIsSaid) {
  Settings settings;
  settings.clients_prove = false;
  start(settings);
  Peer peer = call({});
  ASSERT_TRUE(peer.open());
  ASSERT_TRUE(peer.send("request"));
  peer.finish();
  EXPECT_EQ(peer.read_all().data, "re:request");
}

TEST_F(DistTest, AnOlderVersion) {
  start();
  expect_refused({.own = &client_identity(), .max_version = TLS1_2_VERSION}, "protocol version",
                 "unsupported protocol");
}

TEST_F(DistTest, NoTlsAtAll) {
  start();
  const UniqueFd fd = server->connect();
  raw_send(fd.get(), "MSH|plain\r");
  raw_finish(fd.get());
  const auto read = raw_read_all(fd.get());
  EXPECT_FALSE(read.eof) << "looks like an empty reply, which means accepted";
  EXPECT_EQ(read.data.find("MSH"), std::string::npos);
  server->until([](const Server& s) { return s.counters().untrusted == 1 && s.active() == 0; });
  EXPECT_EQ(server->counters().requests, 0u);
}

TEST_F(DistTest, WhoNeverBegins) {
  ServerOptions options = secured(load(server_identity(), authority()));
  options.illp.connect_timeout = 50ms;
  server = std::make_unique<TestServer>(Transport::tcp, options, echo());
  const UniqueFd fd = server->connect();
  EXPECT_FALSE(raw_read_all(fd.get()).eof);
  EXPECT_EQ(server->counters().untrusted, 1u);
  EXPECT_TRUE(server->log.contains("not set up in time"));
}

TEST_F(DistTest, NewFilesCountForNewConnections) {
  auto context = load(server_identity(), authority());
  server = std::make_unique<TestServer>(Transport::tcp, secured(context), echo("re:"));
  Peer stands = call({.own = &client_identity()});
  ASSERT_TRUE(stands.open());
  server->until([](const Server& s) { return s.active() == 1; });
  const Identity new_client({}, &stranger());
  const auto other = load(server_identity(), stranger());
  server->loop.call([&] { context->renew(*other); });
  Peer peer = call({.own = &new_client});
  ASSERT_TRUE(peer.open());
  ASSERT_TRUE(peer.send("new"));
  peer.finish();
  EXPECT_EQ(peer.read_all().data, "re:new");
  ASSERT_TRUE(stands.send("old"));
  stands.finish();
  EXPECT_EQ(stands.read_all().data, "re:old");
  expect_refused({.own = &client_identity()}, "unknown ca", "certificate verify failed");
}

// ---- we call ----

class ToTest : public testing::Test {
 protected:
  ToTest() : listener(raw_listen(Transport::tcp)) {}
  ~ToTest() override {
    loop.call([this] { client.reset(); });
  }
  void make(Settings more = {}, const std::string& host = "127.0.0.1") {
    Options options = quick_options();
    options.connect_tries = 1;
    options.idle_timeout = kPatience;
    options.connect_timeout = kPatience;
    options.drain_time = 50ms;
    options.security = load(client_identity(), authority(), std::move(more));
    auto endpoint = std::get<TcpEndpoint>(listener.endpoint);
    endpoint.host = host;
    loop.call([&] {
      client = std::make_unique<ClientTransaction>(loop.executor(), endpoint, options, log.logger());
    });
  }
  Peer accept(const PeerOptions& options) const { return {raw_accept(listener.fd.get()), true, options}; }
  // The connection is not made, and the application never hears a byte of the message.
  void expect_unreachable(const PeerOptions& options, std::string_view words) {
    auto done = loop.start(exchange(*client, bytes("MSH|secret\r"), kPatience));
    Peer peer = accept(options);
    if (peer.open()) {
      EXPECT_EQ(peer.read_all().data, "");
    }
    peer.drop();
    const auto result = done.get();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().outcome, Outcome::unreachable);
    EXPECT_NE(result.error().error.message.find(words), std::string::npos) << result.error().error.message;
    bool handed = true;
    loop.call([&] { handed = client->handed_over(); });
    EXPECT_FALSE(handed);
  }
  LogBook log;
  Loop loop;
  RawListener listener;
  std::unique_ptr<ClientTransaction> client;
};

TEST_F(ToTest, RequestAndReply) {
  make();
  const std::string request = pattern(3 << 20);
  auto done = loop.start(exchange(*client, bytes(request), kPatience));
  Peer peer = accept({.own = &server_identity(), .ask_client = true, .authority = &authority()});
  ASSERT_TRUE(peer.open());
  const auto read = peer.read_all();
  EXPECT_TRUE(read.ended) << read.words;
  EXPECT_EQ(read.data, request);
  ASSERT_TRUE(peer.send(request + "!"));
  peer.finish();
  const auto reply = done.get();
  ASSERT_TRUE(reply) << reply.error().error.message;
  EXPECT_EQ(text(*reply), request + "!");
}

TEST_F(ToTest, ACutReplyIsNone) {
  make();
  auto done = loop.start(exchange(*client, bytes("MSH|request\r"), kPatience));
  Peer peer = accept({.own = &server_identity()});
  ASSERT_TRUE(peer.open());
  ASSERT_TRUE(peer.read_all().ended);
  ASSERT_TRUE(peer.send("MSH|whole to look at\r"));
  peer.drop();
  const auto reply = done.get();
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().outcome, Outcome::reset);
}

TEST_F(ToTest, AReplyBeforeTheEndOfTheRequest) {
  make();
  auto connected = loop.start(client->connect());
  Peer peer = accept({.own = &server_identity()});
  ASSERT_TRUE(peer.open());
  ASSERT_TRUE(connected.get());
  ASSERT_TRUE(peer.send("too early"));
  ClientResult<void> step;
  for (int i = 0; i < 10000 && step; ++i) step = loop.run(client->write(bytes(pattern(1024))));
  ASSERT_FALSE(step);
  EXPECT_EQ(step.error().outcome, Outcome::malformed);
}

TEST_F(ToTest, ARequestGivenUpNeverLooksWhole) {
  for (const bool cancelled : {false, true}) {
    make();
    auto connected = loop.start(client->connect());
    Peer peer = accept({.own = &server_identity()});
    ASSERT_TRUE(peer.open());
    ASSERT_TRUE(connected.get());
    ASSERT_TRUE(loop.run(client->write(bytes("MSH|half\r"))));
    if (cancelled) {
      loop.run(client->cancel());
    } else {
      loop.call([&] { client->abort(); });
    }
    EXPECT_FALSE(peer.read_all().ended);
  }
}

TEST_F(ToTest, ARestartIsANewConnection) {
  make();
  auto connected = loop.start(client->connect());
  Peer first = accept({.own = &server_identity()});
  ASSERT_TRUE(first.open());
  ASSERT_TRUE(connected.get());
  ASSERT_TRUE(loop.run(client->write(bytes("void"))));
  auto again = loop.start(client->restart());
  Peer second = accept({.own = &server_identity()});
  ASSERT_TRUE(second.open());
  ASSERT_TRUE(again.get());
  EXPECT_FALSE(first.read_all().ended);
  ASSERT_TRUE(loop.run(client->write(bytes("request"))));
  ASSERT_TRUE(loop.run(client->finish()));
  EXPECT_EQ(second.read_all().data, "request");
}

TEST_F(ToTest, AServerOfAnotherAuthority) {
  make();
  const Identity other({}, &stranger());
  expect_unreachable({.own = &other}, "certificate verify failed");
}

TEST_F(ToTest, AServerWhoseCertificateHasEnded) {
  make();
  const Identity old({.from = -7200, .until = -3600}, &authority());
  expect_unreachable({.own = &old}, "certificate has expired");
}

TEST_F(ToTest, AServerOfAnotherName) {
  make();
  const Identity other({.names = {"DNS:other.example", "IP:127.0.0.2"}}, &authority());
  expect_unreachable({.own = &other}, "IP address mismatch");
}

TEST_F(ToTest, AServerOfAnotherHostName) {
  make({}, "localhost");
  const Identity other({.common_name = "localhost", .names = {"DNS:other.example"}}, &authority());
  expect_unreachable({.own = &other}, "hostname mismatch");
}

TEST_F(ToTest, AServerKnownUnderAnotherName) {
  Settings settings;
  settings.server_name = "lis.example";
  make(settings);
  auto done = loop.start(exchange(*client, bytes("request"), kPatience));
  const Identity named({.names = {"DNS:lis.example"}}, &authority());
  Peer peer = accept({.own = &named});
  ASSERT_TRUE(peer.open());
  EXPECT_EQ(peer.read_all().data, "request");
  peer.finish();
  EXPECT_TRUE(done.get());
}

TEST_F(ToTest, AnOlderVersion) {
  make();
  expect_unreachable({.own = &server_identity(), .max_version = TLS1_2_VERSION}, "protocol version");
}

TEST_F(ToTest, NoTlsAtAll) {
  make();
  auto done = loop.start(exchange(*client, bytes("MSH|secret\r"), kPatience));
  UniqueFd fd = raw_accept(listener.fd.get());
  raw_send(fd.get(), "MSH|plain\r");
  raw_finish(fd.get());
  const auto read = raw_read_all(fd.get());
  EXPECT_FALSE(read.eof) << "looks like a whole request";
  EXPECT_EQ(read.data.find("secret"), std::string::npos);
  const auto result = done.get();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().outcome, Outcome::unreachable);
}

TEST_F(ToTest, AServerThatDoesNotTrustUs) {
  make();
  auto done = loop.start(exchange(*client, bytes("request"), kPatience));
  Peer peer = accept({.own = &server_identity(), .ask_client = true, .authority = &stranger()});
  EXPECT_FALSE(peer.open());
  (void)::shutdown(peer.fd(), SHUT_WR);
  const auto result = done.get();
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().outcome, Outcome::timed_out);
  EXPECT_NE(result.error().error.message.find("unknown ca"), std::string::npos)
      << result.error().error.message;
}

// Both ends ours.
TEST_F(ToTest, OurOwnServer) {
  TestServer server(Transport::tcp, secured(load(server_identity(), authority())), echo("re:"));
  listener.endpoint = server.endpoint();
  for (const std::string& request : {"request"s, pattern(5 << 20)}) {
    make();
    const auto reply = loop.run(exchange(*client, bytes(request), kPatience));
    ASSERT_TRUE(reply) << reply.error().error.message;
    EXPECT_EQ(text(*reply), "re:" + request);
    loop.call([this] { client->close(); });
  }
  server.until([](const Server& s) { return s.active() == 0; });
  EXPECT_EQ(server.counters().requests, 2u);
}

}  // namespace
}  // namespace llp::tls::test
