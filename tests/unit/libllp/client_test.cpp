// SPDX-License-Identifier: BSD-3-Clause
#include <gtest/gtest.h>

#include <llp/client.hpp>
#include <llp/server.hpp>
#include <string>

#include "libllp/peer.hpp"

namespace llp {
namespace {

using test::Conversation;
using test::frame;
using test::kLong;
using test::kShort;
using test::Peer;

ClientOptions speaking(Protocol protocol, std::chrono::milliseconds timeout = kLong) {
  ClientOptions o;
  o.protocol = protocol;
  o.timeout = timeout;
  return o;
}

Client connected(const std::string& address, ClientOptions o) {
  auto client = Client::connect(address, std::move(o));
  if (!client) throw std::runtime_error(client.error().message);
  return std::move(*client);
}

std::string text_of(const Bytes& bytes) { return {bytes.begin(), bytes.end()}; }

TEST(MllpClient, SendsAFrameAndReceivesOne) {
  std::string seen;
  Peer peer([&](Conversation& c) {
    seen = c.read(7);
    c.send(frame("ANSWER\r"));
    c.read_to_end();
  });
  Client client = connected(peer.address(), speaking(Protocol::mllp));
  EXPECT_TRUE(client.connected());
  EXPECT_EQ(client.send("ASK\r").value(), 7U);
  const auto reply = client.recv();
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->text(), "ANSWER\r");
  EXPECT_TRUE(reply->lost.empty());
  client.close();
  peer.wait();
  EXPECT_EQ(seen, frame("ASK\r"));
  EXPECT_FALSE(client.connected());
  EXPECT_EQ(client.send("x\r").error().code, Errc::invalid);
}

TEST(MllpClient, KeepsWhatFollowsAndTellsWhatWasLost) {
  Peer peer([](Conversation& c) {
    c.send("GAR" + frame("ONE\r") + "bage" + frame("TWO\r") + frame("THREE\r") + "!");
  });
  Client client = connected(peer.address(), speaking(Protocol::mllp));
  auto one = client.recv();
  ASSERT_TRUE(one) << one.error().message;
  EXPECT_EQ(one->text(), "ONE\r");
  EXPECT_EQ(text_of(one->lost), "GAR");
  auto two = client.recv();
  ASSERT_TRUE(two) << two.error().message;
  EXPECT_EQ(two->text(), "TWO\r");
  EXPECT_EQ(text_of(two->lost), "bage");
  auto three = client.recv();
  ASSERT_TRUE(three) << three.error().message;
  EXPECT_EQ(three->text(), "THREE\r");
  EXPECT_TRUE(three->lost.empty());
  EXPECT_EQ(client.recv().error().code, Errc::closed);
  EXPECT_EQ(text_of(client.take_lost()), "!");
  EXPECT_EQ(client.send("x\r").error().code, Errc::closed);
}

TEST(MllpClient, OneBytePerPacketIsTheSame) {
  Peer peer([](Conversation& c) {
    for (const char byte : "x" + frame("SLOW\r")) c.send({&byte, 1});
    c.read_to_end();
  });
  Client client = connected(peer.address(), speaking(Protocol::mllp));
  const auto got = client.recv();
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->text(), "SLOW\r");
  EXPECT_EQ(text_of(got->lost), "x");
}

TEST(MllpClient, ATimeOutLeavesTheConnection) {
  Peer peer([](Conversation& c) {
    c.read(6);
    c.send(frame("LATE\r"));
    c.read_to_end();
  });
  auto o = speaking(Protocol::mllp, kShort);
  Client client = connected(peer.address(), o);
  EXPECT_EQ(client.recv().error().code, Errc::timeout);
  ASSERT_TRUE(client.send("GO\r"));
  auto got = client.recv();
  for (int i = 0; !got && got.error().code == Errc::timeout && i < 1000; ++i) got = client.recv();
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->text(), "LATE\r");
}

TEST(MllpClient, AResetIsNoEnd) {
  Peer peer([](Conversation& c) {
    c.read(6);  // a reset before that could be the connection's end
    c.send("\x0bHALF");
    c.reset();
  });
  Client client = connected(peer.address(), speaking(Protocol::mllp));
  ASSERT_TRUE(client.send("GO\r"));
  EXPECT_EQ(client.recv().error().code, Errc::reset);
}

TEST(MllpClient, WhatTheProtocolCannotCarryIsRefusedHere) {
  Peer peer([](Conversation& c) { c.read_to_end(); });
  auto o = speaking(Protocol::mllp);
  o.max_message = 100;
  Client client = connected(peer.address(), o);
  EXPECT_EQ(client.send("a\x1c\x62").error().code, Errc::malformed);
  EXPECT_EQ(client.send(std::string(101, 'x')).error().code, Errc::too_large);
  EXPECT_EQ(client.send("").error().code, Errc::invalid);
}

TEST(MllpClient, SettingsAndTheirErrors) {
  Peer peer([](Conversation& c) { c.send("\x02ONE\x03\r"); });
  auto o = speaking(Protocol::mllp);
  o.settings = {"sb=0x02", "eb_char=0x03"};
  Client client = connected(peer.address(), o);
  EXPECT_EQ(client.recv().value().text(), "ONE");
  for (const char* bad : {"sb", "sb=300", "no_such=1", "timer_a=1s"}) {
    o.settings = {bad};
    EXPECT_EQ(Client::connect(peer.address(), o).error().code, Errc::invalid) << bad;
  }
  o = speaking(Protocol::mllp, std::chrono::milliseconds(0));
  EXPECT_EQ(Client::connect(peer.address(), o).error().code, Errc::invalid);
  o = speaking(Protocol::mllp);
  o.max_message = 0;
  EXPECT_EQ(Client::connect(peer.address(), o).error().code, Errc::invalid);
}

TEST(Mllp2Client, WaitsForTheCommitAndCommits) {
  std::string commit;
  Peer peer([&](Conversation& c) {
    c.read(6);
    c.send("\x0b\x06\x1c\r" + frame("REPLY\r"));
    commit = c.read(4);
    c.read_to_end();
  });
  Client client = connected(peer.address(), speaking(Protocol::mllp2));
  ASSERT_TRUE(client.send("ASK"));
  const auto reply = client.recv();
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->text(), "REPLY\r");
  client.close();
  peer.wait();
  EXPECT_EQ(commit, "\x0b\x06\x1c\r");
}

TEST(Mllp2Client, ARefusalAtEveryTry) {
  Peer peer([](Conversation& c) {
    for (int i = 0; i < 2; ++i) {
      c.read(6);
      c.send("\x0b\x15\x1c\r");
    }
    c.read_to_end();
  });
  auto o = speaking(Protocol::mllp2);
  o.settings = {"resends=1"};
  Client client = connected(peer.address(), o);
  EXPECT_EQ(client.send("ASK").error().code, Errc::refused);
}

TEST(HllpClient, BlocksWithChecks) {
  // The worked example of a request and its response, version 23.
  const std::string request =
      "\x0b"
      "D23\rMSH|^~\\&|A\rPID|1\r00022030\x1c\r";
  const std::string response =
      "\x0b"
      "D23\rMSH|^~\\&|B\rMSA|AA|1\r00025099\x1c\r";
  std::string seen;
  Peer peer([&](Conversation& c) {
    seen = c.read(request.size());
    c.send(response);
    c.read_to_end();
  });
  Client client = connected(peer.address(), speaking(Protocol::hllp));
  EXPECT_EQ(client.send("MSH|^~\\&|A\rPID|1\r").value(), request.size());
  EXPECT_EQ(client.recv().value().text(), "MSH|^~\\&|B\rMSA|AA|1\r");
  client.close();
  peer.wait();
  EXPECT_EQ(seen, request);
}

TEST(HllpClient, ARefusalForGoodComesFromRecv) {
  Peer peer([](Conversation& c) {
    c.read(10 + 13);
    c.send("\x0bN23\rB00006011\x1c\r");
    c.read_to_end();
  });
  Client client = connected(peer.address(), speaking(Protocol::hllp));
  ASSERT_TRUE(client.send("TOO LONG!\r"));
  EXPECT_EQ(client.recv().error().code, Errc::refused);
}

TEST(IllpClient, ATransactionAfterTheOther) {
  std::string requests;
  Peer peer(
      [&](Conversation& c) {
        requests += c.read_to_end() + ";";
        c.send("yes");
        c.half_close();
        c.read_to_end();
      },
      2);
  Client client = connected(peer.address(), speaking(Protocol::illp));
  EXPECT_EQ(client.recv().error().code, Errc::invalid);
  for (const char* request : {"one", "two"}) {
    EXPECT_EQ(client.send(request).value(), 3U);
    EXPECT_EQ(client.send("again").error().code, Errc::busy);
    EXPECT_EQ(client.recv().value().text(), "yes");
    EXPECT_EQ(client.recv().error().code, Errc::closed);
  }
  peer.wait();
  EXPECT_EQ(requests, "one;two;");
}

TEST(IllpClient, RestartedRepliesBeginAnewAndCancelledOnesFail) {
  Peer peer(
      [round = 0](Conversation& c) mutable {
        c.read_to_end();
        c.send("void");
        c.urgent(round++ == 0 ? '\x02' : '\x18');
        c.send("good");
        c.half_close();
        c.read_to_end();
      },
      2);
  Client client = connected(peer.address(), speaking(Protocol::illp));
  ASSERT_TRUE(client.send("x"));
  EXPECT_EQ(client.recv().value().text(), "good");
  ASSERT_TRUE(client.send("x"));
  EXPECT_EQ(client.recv().error().code, Errc::cancelled);
}

TEST(IllpClient, TimeOutAndReset) {
  Peer peer(
      [round = 0](Conversation& c) mutable {
        c.read_to_end();
        if (round++ == 1) {
          c.reset();
        } else {
          c.wait_gone();
        }
      },
      2);
  Client client = connected(peer.address(), speaking(Protocol::illp, kShort));
  ASSERT_TRUE(client.send("x"));
  EXPECT_EQ(client.recv().error().code, Errc::timeout);
  Client patient = connected(peer.address(), speaking(Protocol::illp));
  ASSERT_TRUE(patient.send("x"));
  EXPECT_EQ(patient.recv().error().code, Errc::reset);
}

TEST(IllpClient, AnUnfinishedRequestNeverLooksWhole) {
  auto server = Server::listen("127.0.0.1:0");
  ASSERT_TRUE(server) << server.error().message;
  {
    const Client client =
        connected("127.0.0.1:" + std::to_string(server->ports().at(0)), speaking(Protocol::illp));
  }
  EXPECT_EQ(server->accept(kShort).error().code, Errc::timeout);
}

TEST(AnyClient, NobodyThere) {
  std::string address;
  {
    const Peer peer([](Conversation&) {});
    address = peer.address();
  }
  for (const Protocol p : {Protocol::illp, Protocol::mllp, Protocol::hllp}) {
    const auto client = Client::connect(address, speaking(p));
    ASSERT_FALSE(client);
    EXPECT_EQ(client.error().code, Errc::refused) << client.error().message;
  }
  EXPECT_EQ(Client::connect("/dev/llp/none-such", speaking(Protocol::x328)).error().code, Errc::not_found);
  EXPECT_EQ(Client::connect("/dev/none-such", speaking(Protocol::x328)).error().code, Errc::not_found);
  EXPECT_EQ(Client::connect("unix:/none/such", speaking(Protocol::mllp)).error().code, Errc::not_found);
  EXPECT_EQ(Client::connect("/dev/ttyS0", speaking(Protocol::illp)).error().code, Errc::invalid);
}

TEST(AnyClient, MovesAndCloses) {
  Peer peer([](Conversation& c) { c.read_to_end(); }, 2);
  Client first = connected(peer.address(), speaking(Protocol::mllp));
  Client second = connected(peer.address(), speaking(Protocol::mllp));
  first = std::move(second);
  EXPECT_TRUE(first.connected());
  first.close();
  first.close();
  EXPECT_EQ(first.recv().error().code, Errc::invalid);
  EXPECT_EQ(first.describe(), "not connected");
}

}  // namespace
}  // namespace llp
