// SPDX-License-Identifier: BSD-3-Clause
#include <gtest/gtest.h>

#include <array>
#include <future>
#include <llp/illp_stream.hpp>
#include <llp/server.hpp>
#include <string>

#include "libllp/peer.hpp"

namespace llp {
namespace {

using test::Conversation;
using test::kShort;
using test::patient;
using test::Peer;
using Event = IllpStream::Event;

std::unique_ptr<IllpStream> stream_to(const std::string& address, const ClientOptions& options = patient()) {
  auto stream = IllpStream::connect(address, options);
  if (!stream) throw std::runtime_error(stream.error().message);
  return std::move(*stream);
}

// What comes up to the end, or up to what ends the reading.
std::string rest_of(std::istream& in) {
  std::string out;
  std::array<char, 1000> room{};
  while (in) {
    in.read(room.data(), room.size());
    out.append(room.data(), static_cast<std::size_t>(in.gcount()));
  }
  return out;
}

TEST(IllpStream, AsksAndReadsTheReply) {
  std::string request;
  Peer peer([&](Conversation& c) {
    request = c.read_to_end();
    c.send("line 1\nline 2\n");
    c.half_close();
    c.read_to_end();
  });
  auto s = stream_to(peer.address());
  *s << "question " << 42 << "\n";
  ASSERT_TRUE(s->finish());
  std::string line;
  ASSERT_TRUE(std::getline(*s, line));
  EXPECT_EQ(line, "line 1");
  ASSERT_TRUE(std::getline(*s, line));
  EXPECT_EQ(line, "line 2");
  EXPECT_FALSE(std::getline(*s, line));
  EXPECT_TRUE(s->eof());
  EXPECT_EQ(s->event(), Event::none);
  peer.wait();
  EXPECT_EQ(request, "question 42\n");
  EXPECT_EQ(s->finish().error().code, Errc::invalid);
}

TEST(IllpStream, ReadsReportARestart) {
  Peer peer([](Conversation& c) {
    c.read_to_end();
    c.send("void ");
    c.urgent('\x02');
    c.send("good");
    c.half_close();
    c.read_to_end();
  });
  auto s = stream_to(peer.address());
  *s << "x";
  ASSERT_TRUE(s->finish());
  std::string text = rest_of(*s);
  int restarts = 0;
  while (s->event() == Event::restarted) {
    EXPECT_TRUE(s->bad());
    s->clear();
    ++restarts;
    text = rest_of(*s);
  }
  EXPECT_EQ(restarts, 1);
  EXPECT_EQ(text, "good");
}

TEST(IllpStream, OrThrowsIt) {
  Peer peer([](Conversation& c) {
    c.read_to_end();
    c.urgent('\x02');
    c.urgent('\x18');
    c.read_to_end();
  });
  auto s = stream_to(peer.address());
  *s << "x";
  ASSERT_TRUE(s->finish());
  s->exceptions(std::ios::badbit);
  std::string word;
  // The second mark may have overtaken the first.
  try {
    *s >> word;
    FAIL() << "nothing was thrown";
  } catch (const Restarted&) {
    s->clear();
    EXPECT_THROW(*s >> word, Cancelled);
  } catch (const Cancelled& only) {
    EXPECT_STRNE(only.what(), "");
  }
  EXPECT_EQ(s->event(), Event::cancelled);
}

TEST(IllpStream, AResetAndATimeOutAreBroken) {
  Peer peer(
      [round = 0](Conversation& c) mutable {
        c.read_to_end();
        if (round++ == 0) {
          c.reset();
        } else {
          c.wait_gone();
        }
      },
      2);
  auto s = stream_to(peer.address());
  *s << "x";
  ASSERT_TRUE(s->finish());
  EXPECT_EQ(s->get(), std::char_traits<char>::eof());
  EXPECT_EQ(s->event(), Event::broken);
  EXPECT_EQ(s->error().code, Errc::reset);
  ClientOptions hasty;
  hasty.timeout = kShort;
  s = stream_to(peer.address(), hasty);
  *s << "x";
  ASSERT_TRUE(s->finish());
  s->exceptions(std::ios::badbit);
  EXPECT_THROW(s->get(), Broken);
  EXPECT_EQ(s->error().code, Errc::timeout);
}

TEST(IllpStream, TheCalledSide) {
  Peer peer([](Conversation& c) {
    auto s = IllpStream::accepted(c.release(), patient());
    if (!s) return;
    EXPECT_EQ((*s)->finish().error().code, Errc::invalid);  // not read yet
    std::string request;
    while (true) {
      request = rest_of(**s);
      const bool again = (*s)->event() == Event::restarted;
      (*s)->clear();
      if (!again) break;
    }
    **s << "re: " << request;
    EXPECT_TRUE((*s)->finish());
  });
  auto s = stream_to(peer.address());
  *s << "wrong" << std::flush;
  ASSERT_TRUE(s->restart());
  *s << "right";
  ASSERT_TRUE(s->finish());
  EXPECT_EQ(s->restart().error().code, Errc::invalid);
  EXPECT_EQ(rest_of(*s), "re: right");
  EXPECT_TRUE(s->event() == Event::none) << s->error().message;
}

TEST(IllpStream, DestroyedHalfWayItCancels) {
  auto server = Server::listen("127.0.0.1:0");
  ASSERT_TRUE(server);
  auto client = std::async(std::launch::async, [port = server->ports().at(0)] {
    auto s = stream_to("127.0.0.1:" + std::to_string(port));
    *s << "half a mess" << std::flush;
  });
  EXPECT_EQ(server->accept(std::chrono::seconds(1)).error().code, Errc::timeout);
  client.get();
}

TEST(IllpStream, LargeMessagesBothWays) {
  const std::string large(300000, 'x');
  Peer peer([&](Conversation& c) {
    c.send(c.read_to_end());
    c.half_close();
    c.read_to_end();
  });
  auto s = stream_to(peer.address());
  *s << large;
  ASSERT_TRUE(s->finish());
  EXPECT_EQ(rest_of(*s), large);
}

TEST(IllpStream, WhatIsNoSocket) {
  EXPECT_FALSE(IllpStream::accepted(-1));
  EXPECT_EQ(IllpStream::connect("/dev/ttyS0").error().code, Errc::invalid);
}

}  // namespace
}  // namespace llp
