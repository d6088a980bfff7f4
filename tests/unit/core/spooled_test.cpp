// SPDX-License-Identifier: BSD-3-Clause
// Commit point `spooled`: on the disk, then acknowledged, then delivered.
#include <filesystem>
#include <fstream>

#include "core/spool_access.hpp"
#include "core/support.hpp"

namespace llp::core::test {
namespace {

using line::Kind;
using store::Place;

class Spooled : public Bench {
 protected:
  Spooled() {
    config.spool.dir = (config.runtime_dir / "spool").string();
    config.spool.retry_min = 10ms;
    config.spool.retry_max = 20ms;
    config.illp.connect_tries = 1;
    app = std::make_unique<App>(loop, quick_options());
    config.to = {app->endpoint()};
  }
  // The application is not there, until app_comes().
  void app_goes() { app.reset(); }
  void app_comes(bool answers = true) {
    app = std::make_unique<App>(loop, quick_options(), config.to.at(0));
    if (answers) app->answer = [](const std::string&) { return kAnswer; };
  }
  void again() {
    loop.run(service->stop());
    service.reset();
    log.clear();
    up();
  }
  [[nodiscard]] bool asked(std::size_t n = 1) {
    return until([&] { return app->requests.size() >= n; });
  }
  [[nodiscard]] std::size_t answers() const { return line->sent(Kind::answer).size(); }
  [[nodiscard]] std::size_t files(const char* place) const {
    const auto directory = std::filesystem::directory_iterator(config.spool.dir + "/lab/" + place);
    return static_cast<std::size_t>(std::distance(begin(directory), end(directory)));
  }
  static std::string numbered(int i) { return kRequest + "NTE|" + std::to_string(i) + "\r"; }
  std::unique_ptr<App> app;
};

TEST_F(Spooled, IsStoredBeforeItIsAcknowledgedAndAnsweredLater) {
  up();
  EXPECT_TRUE(line->ready);
  const auto id = line->arrive(kRequest);
  ASSERT_TRUE(decided(id));  // nobody has answered
  EXPECT_EQ(line->decision(id), LLP_ACCEPT_ANSWER);
  EXPECT_EQ(files("queue"), 1U);
  ASSERT_TRUE(asked());
  EXPECT_EQ(app->requests[0], kRequest);
  app->reply(0, kAnswer);
  ASSERT_TRUE(until([&] { return answers() == 1; }));
  EXPECT_EQ(line->sent(Kind::answer)[0]->text, kAnswer);
  EXPECT_EQ(files("queue"), 0U);
  line->sent(Kind::answer)[0]->transferred();
  EXPECT_TRUE(until([&] { return n().proximal_ok == 1; }));
  EXPECT_EQ(n().stored, 1U);
  EXPECT_EQ(n().stored_delivered, 1U);
}

TEST_F(Spooled, AReplyThatTheInstrumentDoesNotWaitForIsADeadLetter) {
  up();
  line->arrive(kRequest);
  ASSERT_TRUE(asked());
  app->reply(0, kAnswer);
  ASSERT_TRUE(until([&] { return answers() == 1; }));
  line->sent(Kind::answer)[0]->transferred(LLP_CAUSE_HANGUP, LLP_OUT_NOT_SENT);
  ASSERT_TRUE(until([&] { return n().dead_letters == 1; }));
  EXPECT_EQ(n().too_late, 1U);
  EXPECT_EQ(n().proximal_failed, 0U);
  EXPECT_TRUE(logged("kept as a dead letter"));
}

TEST_F(Spooled, IsTheDefaultWhereTheProtocolAcknowledges) {
  protocol(LLP_PROTO_HLLP);
  up();
  const auto id = line->arrive(kRequest);
  ASSERT_TRUE(asked());
  loop.turn();
  EXPECT_FALSE(line->decision(id));  // the reply is the acknowledgement
  EXPECT_EQ(n().stored, 0U);
  app->reply(0, kAnswer);
  EXPECT_TRUE(decided(id));
}

TEST_F(Spooled, WaitsForADeadApplicationAndKeepsTheOrder) {
  app_goes();
  up();
  for (int i = 0; i < 5; ++i) {
    const auto id = line->arrive(numbered(i));
    ASSERT_TRUE(decided(id));
    EXPECT_EQ(line->decision(id), LLP_ACCEPT_ANSWER);
  }
  EXPECT_TRUE(until([&] { return n().stored_failed >= 2; }));  // it was tried again
  EXPECT_EQ(service->status().stored, 5U);
  app_comes();
  ASSERT_TRUE(asked(5));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(app->requests[static_cast<std::size_t>(i)], numbered(i));
  EXPECT_TRUE(until([&] { return service->status().stored == 0; }));
  EXPECT_EQ(n().possible_duplicates, 0U);  // nobody had seen any of them
}

TEST_F(Spooled, SurvivesARestart) {
  app_goes();
  up();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(decided(line->arrive(numbered(i))));
  again();
  EXPECT_TRUE(logged("3 messages wait"));
  app_comes();
  ASSERT_TRUE(asked(3));
  EXPECT_EQ(app->requests[0], numbered(0));
  EXPECT_EQ(app->requests[2], numbered(2));
  // Their times are over: what the application said is kept for people.
  EXPECT_TRUE(until([&] { return service->status().stored_late == 3; }));
  EXPECT_EQ(answers(), 0U);
}

TEST_F(Spooled, AFullSpoolMakesTheInstrumentWait) {
  config.spool.max_messages = 2;
  app_goes();
  up();
  ASSERT_TRUE(decided(line->arrive(numbered(1))));
  EXPECT_TRUE(line->ready);
  ASSERT_TRUE(decided(line->arrive(numbered(2))));
  EXPECT_FALSE(line->ready);  // bids are refused
  const auto id = line->arrive(numbered(3));
  ASSERT_TRUE(decided(id));
  EXPECT_EQ(line->decision(id), LLP_REJECT);
  EXPECT_EQ(n().store_refused, 1U);
  EXPECT_TRUE(logged("the spool is full"));
  app_comes();
  ASSERT_TRUE(until([&] { return line->ready; }));
  EXPECT_TRUE(logged("room again"));
  EXPECT_TRUE(until([&] { return app->requests.size() == 2; }));
}

TEST_F(Spooled, ADiskThatTakesNothingMakesTheInstrumentWait) {
  app_goes();
  up();
  // A directory in the place of the file that is to be written.
  const std::filesystem::path queue = config.spool.dir + "/lab/queue";
  std::filesystem::rename(queue, config.runtime_dir / "gone");
  const auto id = line->arrive(kRequest);
  ASSERT_TRUE(decided(id));
  EXPECT_EQ(line->decision(id), LLP_REJECT);
  EXPECT_FALSE(line->ready);
  std::filesystem::rename(config.runtime_dir / "gone", queue);
  ASSERT_TRUE(until([&] { return line->ready; }));
  EXPECT_TRUE(logged("can be written again"));
  ASSERT_TRUE(decided(line->arrive(kRequest)));
  EXPECT_EQ(service->status().stored, 1U);
}

TEST_F(Spooled, OneCopyIsEnoughForASenderThatDoesNotKnow) {
  app_goes();
  up();
  line->settle = LLP_GONE;
  ASSERT_TRUE(decided(line->arrive(kRequest)));
  ASSERT_TRUE(until([&] { return n().too_late == 1; }));
  line->settle = LLP_ACKNOWLEDGED;
  const auto id = line->arrive(kRequest);
  ASSERT_TRUE(decided(id));
  EXPECT_EQ(line->decision(id), LLP_ACCEPT_ANSWER);
  EXPECT_EQ(n().attached, 1U);
  EXPECT_EQ(service->status().stored, 1U);
  app_comes();
  ASSERT_TRUE(until([&] { return answers() == 1; }));
  EXPECT_EQ(app->requests.size(), 1U);
}

TEST_F(Spooled, AReplyForASenderThatDoesNotKnowAnswersItsRepeat) {
  app->answer = [](const std::string&) { return kAnswer; };
  up();
  line->settle = LLP_GONE;
  ASSERT_TRUE(decided(line->arrive(kRequest)));
  ASSERT_TRUE(until([&] { return n().stored_delivered == 1 && n().too_late == 1; }));
  loop.turn();
  EXPECT_EQ(answers(), 0U);
  line->settle = LLP_ACKNOWLEDGED;
  ASSERT_TRUE(decided(line->arrive(kRequest)));
  ASSERT_TRUE(until([&] { return answers() == 1; }));
  EXPECT_EQ(app->requests.size(), 1U);
  EXPECT_EQ(n().answered_again, 1U);
}

TEST_F(Spooled, ARepeatOfWhatWasAcknowledgedIsStoredWithAMark) {
  app_goes();
  up();
  ASSERT_TRUE(decided(line->arrive(kRequest)));
  ASSERT_TRUE(decided(line->arrive(kRequest)));
  const auto letters = loop.run(service->spool()->list(Place::queue));
  ASSERT_TRUE(letters);
  ASSERT_EQ(letters->size(), 2U);
  EXPECT_FALSE(letters->at(0).possible_duplicate);
  EXPECT_TRUE(letters->at(1).possible_duplicate);
  EXPECT_EQ(n().possible_duplicates, 1U);
}

TEST_F(Spooled, AttemptsAreCountedAndTheMessageIsGivenUp) {
  config.spool.max_attempts = 3;
  up();
  ASSERT_TRUE(decided(line->arrive(numbered(1))));
  for (std::size_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(asked(i + 1));
    app->can(i);
  }
  ASSERT_TRUE(until([&] { return service->status().stored_dead == 1; }));
  // The next is not kept from its application.
  ASSERT_TRUE(decided(line->arrive(numbered(2))));
  ASSERT_TRUE(asked(4));
  EXPECT_EQ(app->requests[3], numbered(2));
  app->reply(3, kAnswer);
  ASSERT_TRUE(until([&] { return service->status().stored == 0; }));
  const auto dead = loop.run(service->spool()->list(Place::dead));
  ASSERT_TRUE(dead);
  ASSERT_EQ(dead->size(), 1U);
  EXPECT_EQ(dead->at(0).attempts, 3U);
  EXPECT_NE(dead->at(0).reason.find("3 attempts failed"), std::string::npos);
  // A person decides.
  ASSERT_TRUE(loop.run(service->spool()->retry(dead->at(0).id)));
  ASSERT_TRUE(asked(5));
  EXPECT_EQ(app->requests[4], numbered(1));
  app->reply(4, kAnswer);
  EXPECT_TRUE(until([&] { return service->status().stored == 0 && service->status().stored_dead == 0; }));
}

TEST_F(Spooled, WhatIsTooOldIsGivenUp) {
  config.spool.max_age = 50ms;
  app_goes();
  up();
  ASSERT_TRUE(decided(line->arrive(kRequest)));
  ASSERT_TRUE(until([&] { return service->status().stored_dead == 1; }));
  EXPECT_TRUE(logged("max_age"));
  EXPECT_EQ(service->status().stored, 0U);
}

TEST_F(Spooled, AnAttemptThatIsCutOffIsMarkedAfterTheRestart) {
  for (const bool journal : {true, false}) {
    config.journal.mode = journal ? JournalMode::on : JournalMode::off;
    up();
    ASSERT_TRUE(decided(line->arrive(numbered(journal ? 1 : 2))));
    ASSERT_TRUE(asked());
    // As if killed: nothing is written any more.
    std::filesystem::copy(config.spool.dir, config.runtime_dir / "copy",
                          std::filesystem::copy_options::recursive);
    app->waiting.clear();
    app_goes();
    loop.run(service->stop());
    service.reset();
    std::filesystem::remove_all(config.spool.dir);
    std::filesystem::rename(config.runtime_dir / "copy", config.spool.dir);
    log.clear();
    up();
    EXPECT_TRUE(logged("is a possible duplicate: its delivery was cut off")) << journal;
    app_comes();
    ASSERT_TRUE(asked());
    EXPECT_TRUE(logged("may have been delivered before"));
    EXPECT_TRUE(until([&] { return service->status().stored == 0; }));
    loop.run(service->stop());
    service.reset();
    app_goes();
    app_comes(false);
  }
}

TEST_F(Spooled, TheInstrumentsTimeForAReplyEnds) {
  config.params.reply_timeout = 50'000;
  up();
  ASSERT_TRUE(decided(line->arrive(kRequest)));
  ASSERT_TRUE(asked());
  ASSERT_TRUE(until([&] { return logged("the instrument gets none"); }));
  app->reply(0, kAnswer);
  ASSERT_TRUE(until([&] { return service->status().stored_late == 1; }));
  EXPECT_EQ(answers(), 0U);
}

TEST_F(Spooled, WhereNothingIsAcknowledgedTheMessageIsForgotten) {
  protocol(LLP_PROTO_HLLP);
  config.commit = CommitPoint::spooled;
  config.params.app_timeout = 50'000;
  up();
  const auto id = line->arrive(kRequest);
  ASSERT_TRUE(decided(id));
  EXPECT_EQ(line->decision(id), LLP_ACCEPT_ANSWER);
  ASSERT_TRUE(until([&] { return line->entries[id].verdicts == 2; }));
  EXPECT_EQ(line->decision(id), LLP_FORGET);
}

TEST_F(Spooled, LateRepliesAreKeptOnTheDiskBeforeTheyAreAcknowledged) {
  up();
  const auto id = line->arrive(kResult, [](line::Message& m) { m.late = true; });
  ASSERT_TRUE(decided(id));
  EXPECT_EQ(line->decision(id), LLP_ACCEPT);
  EXPECT_EQ(files("late"), 1U);
  EXPECT_TRUE(service->take_dead_letters().empty());
  EXPECT_EQ(n().late_replies, 1U);
}

TEST_F(Spooled, ATornFileIsReportedAndNotDelivered) {
  app_goes();
  up();
  ASSERT_TRUE(decided(line->arrive(numbered(1))));
  ASSERT_TRUE(decided(line->arrive(numbered(2))));
  loop.run(service->stop());
  service.reset();
  std::filesystem::path first;
  for (const auto& entry : std::filesystem::directory_iterator(config.spool.dir + "/lab/queue")) {
    if (first.empty() || entry.path() < first) first = entry.path();
  }
  std::filesystem::resize_file(first, std::filesystem::file_size(first) - 1);
  up();
  EXPECT_TRUE(logged("was moved aside"));
  EXPECT_EQ(n().torn_files, 1U);
  app_comes();
  ASSERT_TRUE(asked());
  EXPECT_EQ(app->requests[0], numbered(2));
}

TEST_F(Spooled, NeedsItsDirectory) {
  config.commit = CommitPoint::spooled;
  config.spool.dir.clear();
  auto up = try_up();
  ASSERT_FALSE(up);
  EXPECT_NE(up.error().message.find("spool_dir"), std::string::npos);
  config.spool.dir = (config.runtime_dir / "missing" / "spool").string();
  up = try_up();
  ASSERT_FALSE(up);
  EXPECT_EQ(up.error().code, Errc::not_found);
}

}  // namespace
}  // namespace llp::core::test
