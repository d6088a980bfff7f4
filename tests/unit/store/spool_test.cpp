// SPDX-License-Identifier: BSD-3-Clause
// The spool on a file system in memory: order, bounds, marks, what is torn.
#include "store/spool.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "model_files.hpp"
#include "samples.hpp"
#include "store/spool_names.hpp"

namespace llp::store::test {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;

const Path kQueue = "/spool/lab/queue";

class SpoolTest : public ::testing::Test {
 protected:
  void open(SpoolLimits limits = {}) {
    spool.reset();
    notes.clear();
    auto opened = Spool::open(files, kDir, "lab", limits, notes);
    ASSERT_TRUE(opened) << opened.error().message;
    spool = std::move(*opened);
  }
  Result<Letter> put(const std::string& text, Time now = kNow, bool duplicate = false) {
    return spool->put(bytes(text), key_of(bytes(text)), duplicate, now);
  }
  std::string front() {
    const auto letter = spool->state().front;
    if (!letter) return "(none)";
    const auto text = spool->read(Place::queue, letter->id);
    return text ? std::string(text->begin(), text->end()) : text.error().message;
  }
  std::shared_ptr<ModelFiles> files = std::make_shared<ModelFiles>();
  std::unique_ptr<Spool> spool;
  std::vector<std::string> notes;
};

TEST_F(SpoolTest, GivesBackWhatItGotInOrder) {
  open();
  EXPECT_EQ(front(), "(none)");
  ASSERT_TRUE(put("one"));
  ASSERT_TRUE(put("\n\nllp-spool 1\n\0two"s));
  ASSERT_TRUE(put("three"));
  EXPECT_EQ(spool->state().queued, 3U);
  EXPECT_EQ(front(), "one");
  EXPECT_TRUE(spool->remove(spool->state().front->id));
  open();
  EXPECT_TRUE(notes.empty());
  EXPECT_EQ(front(), "\n\nllp-spool 1\n\0two"s);
  EXPECT_TRUE(spool->remove(spool->state().front->id));
  EXPECT_EQ(front(), "three");
  EXPECT_TRUE(spool->remove(spool->state().front->id));
  EXPECT_EQ(front(), "(none)");
  EXPECT_EQ(spool->state().bytes, 0U);
  EXPECT_TRUE(files->names(kQueue).empty());
}

TEST_F(SpoolTest, OrderIsThatOfTheNumbersWhateverTheClockSays) {
  open();
  ASSERT_TRUE(put("first", kNow));
  ASSERT_TRUE(put("second", kNow - 24h));  // the clock was set back
  ASSERT_TRUE(put("third", kNow + 1000h));
  open();
  EXPECT_EQ(front(), "first");
  const auto all = spool->list(Place::queue);
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[1].time, kNow - 24h);
  EXPECT_EQ(all[2].key, key_of(bytes("third")));
}

TEST(Age, IsNeverNegativeAndNeverOverflows) {
  EXPECT_EQ(age(kNow, kNow + 5s), 5s);
  EXPECT_EQ(age(kNow + 5s, kNow), 0s);
  EXPECT_EQ(age(Time(std::chrono::nanoseconds(INT64_MIN)), Time(std::chrono::nanoseconds(INT64_MAX))),
            std::chrono::nanoseconds::max());
}

TEST_F(SpoolTest, RefusesWhatIsBeyondItsMessages) {
  open({.messages = 2});
  EXPECT_TRUE(put("one"));
  EXPECT_TRUE(spool->state().room);
  const auto two = put("two");
  ASSERT_TRUE(two);
  EXPECT_FALSE(spool->state().room);
  const auto third = put("three");
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code, Errc::busy);
  // A dead letter takes its place still.
  ASSERT_TRUE(spool->bury(two->id, "no"));
  EXPECT_FALSE(spool->state().room);
  EXPECT_FALSE(put("three"));
  ASSERT_TRUE(spool->drop(Place::dead, two->id));
  EXPECT_TRUE(spool->state().room);
  EXPECT_TRUE(put("three"));
}

TEST_F(SpoolTest, RefusesWhatIsBeyondItsBytes) {
  open({.bytes = 1000});
  const auto big = put(std::string(2000, 'x'));
  ASSERT_FALSE(big);
  EXPECT_EQ(big.error().code, Errc::too_large);
  ASSERT_TRUE(put(std::string(600, 'x')));
  const auto used = spool->state().bytes;
  EXPECT_GT(used, 600U);
  EXPECT_LE(used, 1000U);
  const auto more = put(std::string(600, 'y'));
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code, Errc::busy);
  open({.bytes = 1000});
  EXPECT_EQ(spool->state().bytes, used);
  ASSERT_TRUE(spool->remove(spool->state().front->id));
  EXPECT_TRUE(put(std::string(600, 'y')));
  open({.bytes = 10});  // made smaller than what is there
  EXPECT_FALSE(spool->state().room);
  EXPECT_EQ(spool->state().queued, 1U);
}

TEST_F(SpoolTest, MarksStayOverARestart) {
  open();
  const auto a = put("one");
  ASSERT_TRUE(a);
  EXPECT_FALSE(a->possible_duplicate);
  ASSERT_TRUE(spool->mark(a->id, true, 7));
  ASSERT_TRUE(put("two", kNow, true));
  open();
  const auto all = spool->list(Place::queue);
  ASSERT_EQ(all.size(), 2U);
  EXPECT_TRUE(all[0].possible_duplicate);
  EXPECT_EQ(all[0].attempts, 7U);
  EXPECT_TRUE(all[1].possible_duplicate);
  EXPECT_EQ(all[1].attempts, 0U);
  EXPECT_EQ(front(), "one");
  const std::string file = files->content(kQueue / message_name(a->id));
  EXPECT_NE(file.find("\npossible-duplicate yes\nattempts 7\n"), std::string::npos) << file;
}

TEST_F(SpoolTest, DeadLettersAreKeptListedAndRetried) {
  open();
  const auto a = put("one");
  ASSERT_TRUE(put("two"));
  ASSERT_TRUE(spool->bury(a->id, "five\nattempts\nfailed"));
  EXPECT_EQ(front(), "two");
  open();
  EXPECT_EQ(spool->state().dead, 1U);
  auto dead = spool->list(Place::dead);
  ASSERT_EQ(dead.size(), 1U);
  EXPECT_EQ(dead[0].reason, "five attempts failed");
  const auto listed = list_spool(*files, kDir, "lab", Place::dead);
  ASSERT_TRUE(listed);
  ASSERT_EQ(listed->size(), 1U);
  EXPECT_EQ(listed->at(0).reason, dead[0].reason);
  const auto shown = show_spooled(*files, kDir, "lab", Place::dead, a->id);
  ASSERT_TRUE(shown);
  EXPECT_EQ(shown->text, bytes("one"));
  ASSERT_TRUE(spool->retry(a->id, kNow + 1h));
  EXPECT_EQ(spool->state().dead, 0U);
  EXPECT_EQ(front(), "one");  // before what came after it
  EXPECT_EQ(spool->list(Place::queue)[0].time, kNow + 1h);
  EXPECT_FALSE(spool->retry(a->id, kNow));
  EXPECT_FALSE(spool->drop(Place::late, a->id));
}

TEST_F(SpoolTest, LateLettersAreBoundedTheOldestGo) {
  open({.late_bytes = 1000, .late = 2});
  EXPECT_EQ(spool->keep(LetterKind::late_reply, bytes("one"), kNow), 0U);
  EXPECT_EQ(spool->keep(LetterKind::stray_acknowledgement, bytes("two"), kNow), 0U);
  EXPECT_EQ(spool->keep(LetterKind::late_answer, bytes("three"), kNow), 1U);
  EXPECT_EQ(spool->keep(LetterKind::late_answer, Bytes(900, 'x'), kNow).error().code, Errc::too_large);
  open({.late_bytes = 1000, .late = 2});
  const auto late = spool->list(Place::late);
  ASSERT_EQ(late.size(), 2U);
  EXPECT_EQ(late[0].kind, LetterKind::stray_acknowledgement);
  EXPECT_EQ(late[1].kind, LetterKind::late_answer);
  EXPECT_EQ(spool->state().bytes, 0U);  // no message's place is taken
  EXPECT_EQ(spool->read(Place::late, late[1].id), bytes("three"));
}

TEST_F(SpoolTest, TornAndForeignFilesAreMovedAside) {
  open();
  const auto a = put("whole");
  const std::string whole = files->content(kQueue / message_name(a->id));
  files->set_content(kQueue / message_name(7),
                     whole.substr(0, whole.size() - 2));  // cut, and of another's number
  files->set_content(kQueue / message_name(8), "");
  files->set_content(kQueue / message_name(9), "llp-spool 2\n\nfrom the future");
  files->set_content(kQueue / temporary_name(10), whole);
  files->set_content(kQueue / "README", "?");
  files->set_content(kQueue / message_name(kMaxNumber + 1), whole);
  files->set_content(kQueue / kProbe, "0000");
  open();
  EXPECT_EQ(notes.size(), 6U);
  EXPECT_EQ(spool->state().queued, 1U);
  EXPECT_EQ(front(), "whole");
  EXPECT_EQ(files->names("/spool/lab/aside").size(), 6U);
  EXPECT_EQ(files->names(kQueue).size(), 1U);
  open();
  EXPECT_TRUE(notes.empty());
}

TEST_F(SpoolTest, EveryTruncationIsSeen) {
  open();
  const std::string text = "MSH|message|of some length\r\n\nand an empty line";
  const auto a = put(text);
  const Path file = kQueue / message_name(a->id);
  const std::string whole = files->content(file);
  for (std::size_t n = 0; n < whole.size(); ++n) {
    files->set_content(file, whole.substr(0, n));
    spool.reset();
    open();
    EXPECT_EQ(spool->state().queued, 0U) << n;
    EXPECT_EQ(notes.size(), 1U) << n;
  }
  files->set_content(file, whole + "x");
  open();
  EXPECT_EQ(spool->state().queued, 0U);
  files->set_content(file, whole);
  open();
  EXPECT_EQ(front(), text);
}

TEST_F(SpoolTest, ChangedContentIsNeverDelivered) {
  open();
  const auto a = put("the right content");
  const Path file = kQueue / message_name(a->id);
  std::string changed = files->content(file);
  changed.back() ^= 1;
  files->set_content(file, changed);
  const auto got = spool->read(Place::queue, a->id);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Errc::malformed);
  EXPECT_EQ(spool->state().queued, 0U);
  EXPECT_EQ(files->names("/spool/lab/aside").size(), 1U);
  EXPECT_EQ(got.error().message.find("content\""), std::string::npos);
}

TEST_F(SpoolTest, WhatSomebodyRemovedIsGone) {
  open();
  const auto a = put("one");
  ASSERT_TRUE(files->remove(kQueue / message_name(a->id)));
  EXPECT_EQ(spool->read(Place::queue, a->id).error().code, Errc::not_found);
  EXPECT_EQ(spool->state().queued, 0U);
  EXPECT_EQ(spool->state().bytes, 0U);
}

TEST_F(SpoolTest, NumbersAreNotGivenTwice) {
  open();
  const auto a = put("one");
  ASSERT_TRUE(spool->bury(a->id, "x"));
  open();
  const auto b = put("two");
  EXPECT_GT(b->id, a->id);
}

TEST_F(SpoolTest, WhatIsAsideIsBounded) {
  open();
  for (unsigned i = 0; i < 250; ++i) files->set_content(kQueue / temporary_name(i + 1), "x");
  open();
  EXPECT_EQ(notes.size(), 250U);
  EXPECT_EQ(files->names("/spool/lab/aside").size(), 100U);
}

TEST_F(SpoolTest, OneProcessAtATime) {
  open();
  std::vector<std::string> more;
  const auto other = Spool::open(files, kDir, "lab", {}, more);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Errc::in_use);
}

TEST(MessageFile, TheHeaderIsReadBack) {
  Letter letter{42, "chem", LetterKind::late_answer, kNow, key_of(bytes("x")), true, 9, "because"};
  const std::string text = header_of(letter) + "x";
  const auto parsed = parse_header(bytes(text));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->size, text.size() - 1);
  EXPECT_EQ(parsed->letter.id, 42U);
  EXPECT_EQ(parsed->letter.line, "chem");
  EXPECT_EQ(parsed->letter.kind, LetterKind::late_answer);
  EXPECT_EQ(parsed->letter.time, kNow);
  EXPECT_EQ(parsed->letter.key, letter.key);
  EXPECT_TRUE(parsed->letter.possible_duplicate);
  EXPECT_EQ(parsed->letter.attempts, 9U);
  EXPECT_EQ(parsed->letter.reason, "because");
  letter.reason = std::string(5000, 'r') + "\n\n";
  EXPECT_LE(header_of(letter).size(), kHeaderMax);
  letter.line = std::string(64, 'l');
  letter.id = letter.key.length = kMaxNumber;
  letter.attempts = UINT32_MAX;
  EXPECT_LE(header_of(letter).size(), kHeaderMax);
}

TEST(MessageFile, EveryWrongValueIsSeen) {
  const Letter letter{42, "chem", LetterKind::message, kNow, key_of(bytes("x")), false, 0, ""};
  const std::string good = header_of(letter);
  ASSERT_TRUE(parse_header(bytes(good)));
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    return parse_header(bytes(text)).has_value();
  };
  EXPECT_TRUE(with("attempts 0", "attempts 0\ncolour red"));  // of a later version
  EXPECT_FALSE(with("llp-spool 1", "llp-spool 2"));
  EXPECT_FALSE(with("id 42", "id 0"));
  EXPECT_FALSE(with("id 42", "id 4x"));
  EXPECT_FALSE(with("id 42\n", ""));
  EXPECT_FALSE(with("line chem", "line "));
  EXPECT_FALSE(with("kind message", "kind letter"));
  EXPECT_FALSE(with("time 1", "time x"));
  EXPECT_FALSE(with("length 1", "length -1"));
  EXPECT_FALSE(with("sha256 2", "sha256 g"));
  EXPECT_FALSE(with("possible-duplicate no", "possible-duplicate maybe"));
}

}  // namespace
}  // namespace llp::store::test
