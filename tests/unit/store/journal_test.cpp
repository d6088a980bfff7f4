// SPDX-License-Identifier: BSD-3-Clause
// The attempt journal: what is known after a restart, a torn tail, a full disk.
#include "store/journal.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "model_files.hpp"
#include "samples.hpp"

namespace llp::store::test {
namespace {

using namespace std::chrono_literals;
using State = AttemptState;

const Path kPath = "/state/journal";

class JournalTest : public ::testing::Test {
 protected:
  JournalTest() { EXPECT_TRUE(files->make_directory("/state", Files::Access::any)); }

  void open(JournalLimits limits = {}, Time now = kNow) {
    journal.reset();
    notes.clear();
    auto opened = Journal::open(files, kPath, limits, now, notes);
    ASSERT_TRUE(opened) << opened.error().message;
    journal = std::move(*opened);
  }
  Result<AttemptId> begin(const std::string& text, const std::string& line = "lab", Time now = kNow) {
    const JournalEntry entry{JournalEntry::Kind::begin,
                             {journal->next(), line, key_of(bytes(text)), now, State::begun}};
    if (auto done = journal->append(std::span(&entry, 1), now); !done) return std::unexpected(done.error());
    return entry.attempt.id;
  }
  Result<void> end(AttemptId id, State state, Time now = kNow) {
    const JournalEntry entry{JournalEntry::Kind::end, {id, {}, {}, now, state}};
    return journal->append(std::span(&entry, 1), now);
  }
  // What is known of a message.
  State known(const std::string& text, const std::string& line = "lab") {
    for (const AttemptRecord& a : journal->of_line(line)) {
      if (a.key == key_of(bytes(text))) return a.state;
    }
    return State::unseen;
  }
  std::shared_ptr<ModelFiles> files = std::make_shared<ModelFiles>();
  std::unique_ptr<Journal> journal;
  std::vector<std::string> notes;
};

TEST_F(JournalTest, KnowsEachAttemptAfterARestart) {
  open();
  ASSERT_TRUE(begin("unfinished"));
  ASSERT_TRUE(end(*begin("done"), State::done));
  ASSERT_TRUE(end(*begin("failed"), State::failed));
  ASSERT_TRUE(end(*begin("unseen"), State::unseen));
  ASSERT_TRUE(begin("other line", "haem"));
  for (int i = 0; i < 3; ++i) {
    files->restart(Crash::nothing);
    open();
    EXPECT_TRUE(notes.empty());
    EXPECT_EQ(known("unfinished"), State::begun);
    EXPECT_EQ(known("done"), State::done);
    EXPECT_EQ(known("failed"), State::failed);
    EXPECT_EQ(known("unseen"), State::unseen);
    EXPECT_EQ(known("other line"), State::unseen);
    EXPECT_EQ(known("other line", "haem"), State::begun);
    EXPECT_EQ(journal->attempts(), 4U);
  }
}

TEST_F(JournalTest, ALaterAttemptOnTheSameMessageCounts) {
  open();
  ASSERT_TRUE(begin("m"));
  open();
  const auto again = begin("m");
  ASSERT_TRUE(end(*again, State::done));
  EXPECT_EQ(known("m"), State::done);
  // One that nobody saw leaves what was known before.
  ASSERT_TRUE(end(*begin("m"), State::unseen));
  EXPECT_EQ(known("m"), State::done);
  ASSERT_TRUE(begin("n"));
  ASSERT_TRUE(end(*begin("n"), State::unseen));
  open();
  EXPECT_EQ(known("m"), State::done);
  EXPECT_EQ(known("n"), State::begun);
  EXPECT_EQ(journal->attempts(), 2U);
}

TEST_F(JournalTest, WhatEndedIsOfInterestForTheWindowOnly) {
  open({.window = 10min});
  ASSERT_TRUE(begin("unfinished"));
  ASSERT_TRUE(end(*begin("done"), State::done));
  open({.window = 10min}, kNow + 10min - 1s);
  EXPECT_EQ(known("done"), State::done);
  open({.window = 10min}, kNow - 1000h);  // the clock was set back
  EXPECT_EQ(known("done"), State::done);
  open({.window = 10min}, kNow + 10min);
  EXPECT_EQ(known("done"), State::unseen);
  EXPECT_EQ(known("unfinished"), State::begun);
}

TEST_F(JournalTest, TheNumberOfAttemptsIsBoundedTheOldestEndedGoFirst) {
  open({.attempts = 3});
  const auto a = begin("a");
  for (const char* text : {"b", "c", "d", "e"}) ASSERT_TRUE(end(*begin(text), State::done));
  open({.attempts = 3});
  EXPECT_EQ(journal->attempts(), 3U);
  EXPECT_EQ(known("a"), State::begun);
  EXPECT_EQ(known("b"), State::unseen);
  EXPECT_EQ(known("e"), State::done);
  journal->widen({.window = 1h, .attempts = 2});
  ASSERT_TRUE(end(*a, State::failed));
}

TEST_F(JournalTest, IsWrittenAnewBeforeItGrowsForEver) {
  open({.attempts = 10});
  std::uint64_t largest = 0;
  for (int i = 0; i < 1800; ++i) {
    const auto id = begin(std::to_string(i));
    ASSERT_TRUE(id);
    ASSERT_TRUE(end(*id, State::done));
    largest = std::max(largest, journal->file_size());
  }
  EXPECT_LT(largest, 1U << 20);
  EXPECT_GT(largest, 200U << 10);
  open({.attempts = 10});
  EXPECT_EQ(known("1799"), State::done);
  EXPECT_EQ(journal->attempts(), 10U);
}

TEST_F(JournalTest, ATornTailIsTolerated) {
  open();
  ASSERT_TRUE(begin("a"));
  ASSERT_TRUE(begin("b"));
  const std::string whole = files->content(kPath);
  const std::size_t last = whole.rfind("B ");
  for (std::size_t n = last + 1; n < whole.size(); ++n) {
    journal.reset();
    files->set_content(kPath, whole.substr(0, n));
    open();
    EXPECT_EQ(known("a"), State::begun) << n;
    EXPECT_EQ(known("b"), State::unseen) << n;
    EXPECT_EQ(notes.size(), 1U) << n;
    // And what is written after it can be read.
    ASSERT_TRUE(begin("c"));
    open();
    EXPECT_EQ(known("c"), State::begun) << n;
    EXPECT_TRUE(notes.empty());
  }
}

TEST_F(JournalTest, ADamagedRecordIsLeftOutTheOthersStay) {
  open();
  ASSERT_TRUE(begin("a"));
  ASSERT_TRUE(begin("b"));
  ASSERT_TRUE(begin("c"));
  std::string text = files->content(kPath);
  text[text.find("\nB 2") + 12] ^= 1;
  files->set_content(kPath, text);
  open();
  EXPECT_EQ(known("a"), State::begun);
  EXPECT_EQ(known("b"), State::unseen);
  EXPECT_EQ(known("c"), State::begun);
  EXPECT_EQ(notes.size(), 1U);
}

TEST_F(JournalTest, AnotherFileIsNotOverwritten) {
  files->set_content(kPath, "something of value\n");
  std::vector<std::string> said;
  const auto opened = Journal::open(files, kPath, {}, kNow, said);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::malformed);
  EXPECT_EQ(files->content(kPath), "something of value\n");
}

TEST_F(JournalTest, OneProcessAtATime) {
  open();
  std::vector<std::string> said;
  EXPECT_EQ(Journal::open(files, kPath, {}, kNow, said).error().code, Errc::in_use);
}

TEST_F(JournalTest, OnAFullDiskWhatIsKnownIsStillOfUse) {
  open();
  ASSERT_TRUE(begin("a"));
  journal.reset();
  files->fail_writing(ENOSPC);
  open();
  EXPECT_EQ(notes.size(), 1U);
  EXPECT_EQ(known("a"), State::begun);
  EXPECT_FALSE(begin("b"));
  files->mend();
  EXPECT_TRUE(begin("b"));
  open();
  EXPECT_EQ(known("a"), State::begun);
  EXPECT_EQ(known("b"), State::begun);
}

// A life: beginnings that were said to be on the disk, and ends.
struct Told {
  std::vector<std::string> begun;  // append() said yes, and no end was told
  std::vector<std::string> ended;  // an end was told, whatever append() said
};
void live(const std::shared_ptr<ModelFiles>& files, Told& told, const std::string& prefix) {
  std::vector<std::string> notes;
  auto opened = Journal::open(files, kPath, {}, kNow, notes);
  if (!opened) return;
  Journal& journal = **opened;
  for (int i = 0; i < 6; ++i) {
    std::vector<JournalEntry> entries;
    std::vector<std::string> texts;
    for (int j = 0; j < 2; ++j) {
      texts.push_back(fmt::format("{} {}.{}", prefix, i, j));
      entries.push_back({JournalEntry::Kind::begin,
                         {journal.next() + static_cast<AttemptId>(j), "lab", key_of(bytes(texts.back())),
                          kNow, State::begun}});
    }
    if (!journal.append(entries, kNow)) continue;
    told.begun.push_back(texts[0]);
    told.ended.push_back(texts[1]);
    const JournalEntry end{JournalEntry::Kind::end, {entries[1].attempt.id, {}, {}, kNow, State::done}};
    static_cast<void>(journal.append(std::span(&end, 1), kNow));
  }
}

// Every beginning is there; one with an end is known as done or, if that end
// could not be written, as begun: never as unseen.
void expect_known(const std::shared_ptr<ModelFiles>& files, const Told& told, const std::string& where) {
  std::vector<std::string> notes;
  const auto opened = Journal::open(files, kPath, {}, kNow, notes);
  ASSERT_TRUE(opened) << where << ": " << opened.error().message;
  std::map<MessageKey, State> known;
  for (const AttemptRecord& a : (*opened)->of_line("lab")) known[a.key] = a.state;
  for (const std::string& text : told.begun) {
    ASSERT_TRUE(known.contains(key_of(bytes(text)))) << where << ": lost " << text;
    EXPECT_EQ(known[key_of(bytes(text))], State::begun) << where;
  }
  for (const std::string& text : told.ended) {
    ASSERT_TRUE(known.contains(key_of(bytes(text)))) << where << ": lost " << text;
  }
}

TEST(JournalFaults, EveryCallFailsOnce) {
  for (const int error : {ENOSPC, EIO, EROFS}) {
    for (std::size_t n = 1;; ++n) {
      auto files = std::make_shared<ModelFiles>();
      ASSERT_TRUE(files->make_directory("/state", Files::Access::any));
      Told told;
      live(files, told, "before");
      files->fail_at(n, error);
      live(files, told, "with a fault");
      const bool struck = files->struck();
      files->restart(Crash::nothing);
      expect_known(files, told, fmt::format("call {} fails with {}", n, errno_text(error)));
      if (::testing::Test::HasFailure()) return;
      if (!struck) break;
    }
  }
}

TEST(JournalFaults, ThePowerFailsAtEveryCall) {
  for (const Crash crash : kCrashes) {
    for (std::size_t n = 1;; ++n) {
      auto files = std::make_shared<ModelFiles>();
      ASSERT_TRUE(files->make_directory("/state", Files::Access::any));
      Told told;
      live(files, told, "before");
      files->stop_at(n);
      live(files, told, "until it stops");
      const bool struck = files->struck();
      files->restart(crash);
      expect_known(files, told, fmt::format("stopped at call {}, leaving {}", n, static_cast<int>(crash)));
      if (::testing::Test::HasFailure()) return;
      if (!struck) break;
    }
  }
}

}  // namespace
}  // namespace llp::store::test
