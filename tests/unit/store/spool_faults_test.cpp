// SPDX-License-Identifier: BSD-3-Clause
// Every call to the file system fails once, and the power fails at every call:
// no acknowledged message is lost, none is invented, none comes twice.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "model_files.hpp"
#include "samples.hpp"
#include "store/spool.hpp"

namespace llp::store::test {
namespace {

using namespace std::chrono_literals;

// What the outside knows.
struct World {
  std::set<std::string> offered;         // put() was called
  std::set<std::string> acknowledged;    // put() said yes
  std::set<std::string> delivered;       // remove() or drop() was called: the application has it
  std::set<std::string> refused;         // put() said no, and the spool does not list it
  std::set<std::string> gone;            // remove() said that it is removed
  std::map<std::string, unsigned> seen;  // at the end: how often
};

std::string text_of(int i) { return fmt::format("MSH|^~\\&|message {}\r{}", i, std::string(100, 'x')); }

// A life with every call in it; stops where the spool cannot be opened.
void live(const std::shared_ptr<ModelFiles>& files, World& world, int first) {
  std::vector<std::string> notes;
  auto opened = Spool::open(files, kDir, "lab", {}, notes);
  if (!opened) return;
  Spool& spool = **opened;
  std::map<MessageNumber, std::string> stored;
  for (const Place place : {Place::queue, Place::dead}) {
    for (const Letter& letter : spool.list(place)) {
      if (auto text = spool.read(place, letter.id))
        stored[letter.id] = std::string(text->begin(), text->end());
    }
  }
  const auto put = [&](int i) -> MessageNumber {
    const std::string text = text_of(i);
    const std::size_t before = spool.list(Place::queue).size();
    world.offered.insert(text);
    auto letter = spool.put(bytes(text), key_of(bytes(text)), false, kNow);
    if (letter) {
      world.acknowledged.insert(text);
      stored[letter->id] = text;
      return letter->id;
    }
    if (spool.list(Place::queue).size() == before) world.refused.insert(text);
    return 0;
  };
  const auto remove = [&](MessageNumber id) {
    if (id == 0) return;
    world.delivered.insert(stored.at(id));
    if (spool.remove(id)) world.gone.insert(stored.at(id));
  };
  const MessageNumber a = put(first);
  const MessageNumber b = put(first + 1);
  remove(a);
  const MessageNumber c = put(first + 2);
  if (b != 0) static_cast<void>(spool.mark(b, true, 3));
  if (c != 0) static_cast<void>(spool.bury(c, "given up"));
  const MessageNumber d = put(first + 3);
  if (c != 0) static_cast<void>(spool.retry(c, kNow));
  static_cast<void>(spool.keep(LetterKind::late_reply, bytes("MSH|late\r"), kNow));
  if (d != 0) static_cast<void>(spool.bury(d, "too old"));
  remove(b);
  static_cast<void>(spool.probe(100000));
  static_cast<void>(spool.tidy());
  put(first + 4);
}

void expect_nothing_lost(const std::shared_ptr<ModelFiles>& files, World& world, const std::string& where) {
  std::vector<std::string> notes;
  auto opened = Spool::open(files, kDir, "lab", {}, notes);
  ASSERT_TRUE(opened) << where << ": " << opened.error().message;
  MessageNumber last = 0;
  for (const Place place : {Place::queue, Place::dead}) {
    last = 0;
    for (const Letter& letter : (*opened)->list(place)) {
      EXPECT_GT(letter.id, last) << where;
      last = letter.id;
      auto text = (*opened)->read(place, letter.id);
      ASSERT_TRUE(text) << where << ": " << text.error().message;
      const std::string s(text->begin(), text->end());
      EXPECT_TRUE(world.offered.contains(s)) << where << ": invented " << s.substr(0, 30);
      EXPECT_EQ(++world.seen[s], 1U) << where << ": twice " << s.substr(0, 30);
    }
  }
  for (const std::string& text : world.acknowledged) {
    if (world.delivered.contains(text)) continue;
    EXPECT_EQ(world.seen[text], 1U) << where << ": lost " << text.substr(0, 30);
  }
  for (const std::string& text : world.gone) {
    EXPECT_EQ(world.seen[text], 0U) << where << ": comes again after it was removed " << text.substr(0, 30);
  }
}

TEST(SpoolFaults, EveryCallFailsOnce) {
  std::size_t calls = 0;
  for (const int error : {ENOSPC, EIO, EROFS}) {
    for (std::size_t n = 1;; ++n) {
      auto files = std::make_shared<ModelFiles>();
      World world;
      live(files, world, 0);  // something is there
      files->fail_at(n, error);
      live(files, world, 10);
      const bool struck = files->struck();
      files->mend();
      const std::string where = fmt::format("call {} fails with {}", n, errno_text(error));
      expect_nothing_lost(files, world, where);
      for (const std::string& text : world.refused) {
        EXPECT_EQ(world.seen[text], 0U) << where << ": refused, and there " << text.substr(0, 30);
      }
      ASSERT_FALSE(HasFailure()) << where;
      if (!struck) {
        calls = n - 1;
        break;
      }
    }
  }
  EXPECT_GT(calls, 80U);  // all of them were there
}

TEST(SpoolFaults, EveryWriteFailsFromHereOn) {
  for (const int error : {ENOSPC, EROFS}) {
    auto files = std::make_shared<ModelFiles>();
    World world;
    live(files, world, 0);
    files->fail_writing(error);
    live(files, world, 10);  // not even opened: a directory cannot be made sure of
    std::vector<std::string> notes;
    files->mend();
    auto opened = Spool::open(files, kDir, "lab", {}, notes);
    ASSERT_TRUE(opened);
    files->fail_writing(error);
    for (int i = 20; i < 30; ++i) {
      const std::string text = text_of(i);
      world.offered.insert(text);
      const auto put = (*opened)->put(bytes(text), key_of(bytes(text)), false, kNow);
      ASSERT_FALSE(put);
      EXPECT_EQ(put.error().sys_errno, error);
    }
    EXPECT_FALSE((*opened)->probe(10));
    // What was delivered meanwhile is not delivered again by this process.
    const auto front = (*opened)->state().front;
    ASSERT_TRUE(front);
    const auto text = (*opened)->read(Place::queue, front->id);
    ASSERT_TRUE(text);
    world.delivered.emplace(text->begin(), text->end());
    EXPECT_FALSE((*opened)->remove(front->id));
    EXPECT_EQ((*opened)->state().finished, 1U);
    EXPECT_FALSE((*opened)->read(Place::queue, front->id));
    files->mend();
    EXPECT_TRUE((*opened)->probe(10));
    EXPECT_TRUE((*opened)->tidy());
    EXPECT_EQ((*opened)->state().finished, 0U);
    opened->reset();
    expect_nothing_lost(files, world, "after the disk is good again");
  }
}

TEST(SpoolFaults, ThePowerFailsAtEveryCall) {
  std::size_t calls = 0;
  for (const Crash crash : kCrashes) {
    for (std::size_t n = 1;; ++n) {
      auto files = std::make_shared<ModelFiles>();
      World world;
      live(files, world, 0);
      files->stop_at(n);
      live(files, world, 10);
      const bool struck = files->struck();
      files->restart(crash);
      expect_nothing_lost(files, world,
                          fmt::format("stopped at call {}, leaving {}", n, static_cast<int>(crash)));
      ASSERT_FALSE(HasFailure());
      // And it goes on from there.
      live(files, world, 20);
      world.seen.clear();
      files->restart(Crash::nothing);
      expect_nothing_lost(files, world, fmt::format("after a life after call {}", n));
      ASSERT_FALSE(HasFailure());
      if (!struck) {
        calls = n - 1;
        break;
      }
    }
  }
  EXPECT_GT(calls, 80U);
}

// The model itself: what is not synced does go.
TEST(SpoolFaults, TheModelLosesWhatWasNotSynced) {
  ModelFiles files;
  ASSERT_TRUE(files.make_directory("/d", Files::Access::ours));
  {
    auto file = files.create("/d/a");
    ASSERT_TRUE(file);
    ASSERT_TRUE(write_all(**file, bytes("text")));
    ASSERT_TRUE(files.sync_directory("/d"));
  }
  files.restart(Crash::names);
  EXPECT_EQ(files.content("/d/a"), "");
  ASSERT_TRUE(files.rename("/d/a", "/d/b"));
  files.restart(Crash::nothing);
  EXPECT_EQ(files.names("/d"), std::set<std::string>{"a"});
}

}  // namespace
}  // namespace llp::store::test
