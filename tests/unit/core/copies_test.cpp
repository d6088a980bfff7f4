// SPDX-License-Identifier: BSD-3-Clause
// Further listeners: each gets each message, and none can delay or break anything.
#include "core/copies.hpp"

#include "core/support.hpp"

namespace llp::core::test {
namespace {

class Copied : public AppBench {
 protected:
  Copied() : archive(std::make_unique<App>(loop, quick_options())) {
    config.copies = {archive->endpoint()};
    config.retry_min = config.retry_max = 20ms;
  }
  // The application's answer to the message that waits there.
  void taken(line::MessageId id, std::size_t n) {
    ASSERT_TRUE(asked(n + 1));
    app->reply(n, kAnswer);
    ASSERT_TRUE(decided(id));
    EXPECT_EQ(line->decision(id), LLP_ACCEPT_ANSWER);
  }
  std::unique_ptr<App> archive;
};

TEST_F(Copied, EachListenerGetsEachMessageAsItCame) {
  App monitor(loop, quick_options());
  config.copies.push_back(monitor.endpoint());
  monitor.answer = archive->answer = [](const std::string&) { return "whatever it says"s; };
  with_app();
  taken(line->arrive(kRequest), 0);
  taken(line->arrive(kOther), 1);
  const std::vector<std::string> all{kRequest, kOther};
  EXPECT_TRUE(until([&] { return archive->requests == all && monitor.requests == all; }));
  EXPECT_TRUE(until([&] { return n().copies_sent == 4; }));
  EXPECT_EQ(n().copies_failed + n().copies_dropped, 0U);
}

TEST_F(Copied, OneThatNeverAnswersDelaysNobody) {
  with_app();
  taken(line->arrive(kRequest), 0);
  taken(line->arrive(kOther), 1);
  EXPECT_TRUE(until([&] { return archive->requests.size() == 1; }));
  EXPECT_EQ(archive->requests, std::vector{kRequest});  // the next waits for its turn
  EXPECT_EQ(n().copies_sent, 0U);
  loop.run(service->stop());  // nor does it hold up the end
  EXPECT_EQ(n().copies_dropped, 2U);
}

TEST_F(Copied, OneThatIsAwayGetsThemWhenItIsBack) {
  const illp::Endpoint at = archive->endpoint();
  archive.reset();
  with_app();
  taken(line->arrive(kRequest), 0);
  taken(line->arrive(kOther), 1);
  EXPECT_TRUE(until([&] { return n().copies_failed >= 2; }));
  EXPECT_TRUE(logged("tried again"));
  archive = std::make_unique<App>(loop, quick_options(), at);
  archive->answer = [](const std::string&) { return std::string(); };
  EXPECT_TRUE(until([&] { return archive->requests == std::vector{kRequest, kOther}; }));
  EXPECT_TRUE(until([&] { return n().copies_sent == 2; }));
  EXPECT_TRUE(logged("taken again"));
}

TEST_F(Copied, WhatOneRefusesDoesNotComeAgain) {
  with_app();
  taken(line->arrive(kRequest), 0);
  ASSERT_TRUE(until([&] { return archive->waiting.size() == 1; }));
  archive->can(0);
  EXPECT_TRUE(until([&] { return n().copies_failed == 1; }));
  archive->answer = [](const std::string&) { return std::string(); };
  taken(line->arrive(kOther), 1);
  EXPECT_TRUE(until([&] { return n().copies_sent == 1; }));
  EXPECT_EQ(archive->requests, (std::vector{kRequest, kOther}));
}

TEST_F(Copied, WhatApplicationsDoNotGetIsNotCopied) {
  archive->answer = [](const std::string&) { return std::string(); };
  config.dist = illp::TcpEndpoint{"127.0.0.1", "0"};
  up();  // without an application
  ASSERT_TRUE(decided(line->arrive(kRequest)));
  loop.turn();
  EXPECT_TRUE(archive->requests.empty());
}

// ---- the queue's bounds

class CopyQueue : public ::testing::Test {
 protected:
  CopyQueue() : archive(loop, quick_options()) {}
  ~CopyQueue() override {
    copies->close();
    EXPECT_TRUE(loop.until([&] { return ended; }));
  }
  void begin(Copies::Bounds bounds) {
    copies = std::make_unique<Copies>(loop.executor(), std::vector{archive.endpoint()}, options, bounds, n,
                                      Logger{});
    loop.start(serve());
  }
  asio::awaitable<void> serve() {
    co_await copies->serve(0);
    ended = true;
  }
  void add(std::string_view what) { copies->add(bytes(what)); }

  Loop loop;
  App archive;
  illp::Options options = quick_options();
  LineCounters n;
  std::unique_ptr<Copies> copies;
  bool ended = false;
};

TEST_F(CopyQueue, TheOldestThatWaitsGoes) {
  begin({.messages = 3});
  add("1");
  ASSERT_TRUE(loop.until([&] { return archive.waiting.size() == 1; }));  // is being sent: stays
  for (const char* what : {"2", "3", "4", "5"}) add(what);
  EXPECT_EQ(n.copies_dropped, 2U);
  archive.answer = [](const std::string&) { return std::string(); };
  archive.reply(0, "");
  EXPECT_TRUE(loop.until([&] { return n.copies_sent == 3; }));
  EXPECT_EQ(archive.requests, (std::vector{"1"s, "4"s, "5"s}));
}

// What an application may not answer is none of the listener's affair.
TEST_F(CopyQueue, AnEmptyReplyIsAsGoodAsAnother) {
  options.empty_reply = illp::EmptyReply::refuse;
  archive.answer = [](const std::string&) { return std::string(); };
  begin({});
  add("1");
  EXPECT_TRUE(loop.until([&] { return n.copies_sent + n.copies_failed == 1; }));
  EXPECT_EQ(n.copies_failed, 0U);
}

TEST_F(CopyQueue, BytesAreBoundedToo) {
  begin({.bytes = 10});
  add("1");
  ASSERT_TRUE(loop.until([&] { return archive.waiting.size() == 1; }));
  add("12345");
  add("123456789");  // both do not fit
  EXPECT_EQ(n.copies_dropped, 1U);
  add("1234567890");  // beside what is being sent: never
  EXPECT_EQ(n.copies_dropped, 3U);
  add("67890");
  archive.answer = [](const std::string&) { return std::string(); };
  archive.reply(0, "");
  EXPECT_TRUE(loop.until([&] { return n.copies_sent == 2; }));
  EXPECT_EQ(archive.requests, (std::vector{"1"s, "67890"s}));
}

TEST_F(CopyQueue, AReplyThatNeverEndsIsGivenUp) {
  begin({.reply_time = 30ms, .retry_min = 1ms, .retry_max = 1ms});
  add("1");
  EXPECT_TRUE(loop.until([&] { return n.copies_failed == 1; }));
  archive.answer = [](const std::string&) { return std::string(); };
  add("2");
  EXPECT_TRUE(loop.until([&] { return n.copies_sent == 1; }));
  EXPECT_EQ(archive.requests, (std::vector{"1"s, "2"s}));
}

}  // namespace
}  // namespace llp::core::test
